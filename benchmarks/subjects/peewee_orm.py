"""Peewee on mysqlclient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import peewee

from benchmarks.subject import Servers
from benchmarks.subjects.flights_peewee import PeeweeFlights, make_models
from benchmarks.table import COLUMNS, Row

database = peewee.MySQLDatabase(None)


class Category(peewee.Model):  # type: ignore[misc]  # peewee is untyped
    """What products refer to."""

    id = peewee.SmallIntegerField(primary_key=True)
    name = peewee.CharField()

    class Meta:
        database = database
        table_name = "category"


class Product(peewee.Model):  # type: ignore[misc]  # peewee is untyped
    """The mapped class."""

    id = peewee.BigIntegerField(primary_key=True)
    name = peewee.CharField()
    sku = peewee.CharField()
    price = peewee.DecimalField(10, 2)
    stock = peewee.IntegerField()
    weight = peewee.DoubleField()
    active = peewee.BooleanField()
    status = peewee.CharField()
    category = peewee.ForeignKeyField(Category, column_name="category_id")
    created_at = peewee.DateTimeField()

    class Meta:
        database = database
        table_name = "product"


class Peewee(PeeweeFlights):
    """One connection, autocommit for reads; ``insert_many`` and ``bulk_update`` for writes."""

    name = "peewee"

    def open(self, servers: Servers) -> None:
        database.init(
            servers.database, host=servers.host, port=servers.port, user=servers.user, password=servers.password
        )
        database.connect()
        self._flight_models = make_models(database)
        self._loaded: list[Any] = []

    def close(self) -> None:
        database.close()

    def hold(self, ids: Sequence[int]) -> object:
        return list(Product.select().where(Product.id.between(ids[0], ids[-1])))

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        product = Product.get_by_id(id)
        return product.id, product.name, product.price

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        return [(product.id, product.name) for product in Product.select().where(Product.id.in_(ids))]

    def get100_all_mysql(self, ids: Sequence[int]) -> list[Row]:
        return [
            (p.id, p.name, p.sku, p.price, p.stock, p.weight, p.active, p.status, p.category_id, p.created_at)
            for p in Product.select().where(Product.id.in_(ids))
        ]

    def page20(self, price: Any) -> list[int]:
        query = Product.select().where(Product.price > price).order_by(Product.created_at, Product.id).limit(20)
        return [product.id for product in query]

    def insert1000(self, rows: Sequence[Row]) -> int:
        with database.atomic():
            Product.bulk_create([Product(**dict(zip(COLUMNS, row, strict=True))) for row in rows])
        return len(rows)

    def prepare_update(self, ids: Sequence[int], stock: int) -> None:
        self._loaded = list(Product.select().where(Product.id.in_(ids)))

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        with database.atomic():
            Product.bulk_update(self._loaded, [Product.stock])
        return len(self._loaded)

    def upsert1000(self, rows: Sequence[Row]) -> int:
        values = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        Product.insert_many(values).on_conflict(preserve=COLUMNS[1:]).execute()
        return len(rows)

    def delete1000(self, rows: Sequence[Row]) -> int:
        return int(Product.delete().where(Product.id.in_([row[0] for row in rows])).execute())

    def references100(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        query = Product.select(Product, Category).join(Category).where(Product.id.in_(ids))
        return [(product.id, product.category.name) for product in query]

    def iterate20000(self) -> tuple[int, int]:
        count = stock = 0
        for product in Product.select().iterator():
            count, stock = count + 1, stock + product.stock
        return count, stock
