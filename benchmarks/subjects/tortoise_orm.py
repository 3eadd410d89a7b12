"""Tortoise on asyncmy, driven on one event loop (uvloop)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import uvloop
from tortoise import Tortoise, fields, models
from tortoise.context import TortoiseContext
from tortoise.transactions import in_transaction

from benchmarks.subject import Servers
from benchmarks.table import COLUMNS, Row

T = TypeVar("T")


class Category(models.Model):
    """What products refer to."""

    id = fields.SmallIntField(primary_key=True, generated=False)
    name = fields.CharField(100)

    class Meta:
        table = "category"


class Product(models.Model):
    """The mapped class."""

    id = fields.BigIntField(primary_key=True, generated=False)
    name = fields.CharField(100)
    sku = fields.CharField(32)
    price = fields.DecimalField(10, 2)
    stock = fields.IntField()
    weight = fields.FloatField()
    active = fields.BooleanField()
    status = fields.CharField(10)
    category: Any = fields.ForeignKeyField("models.Category", db_constraint=False)
    created_at = fields.DatetimeField()

    class Meta:
        table = "product"


class TortoiseORM:
    """Each piece of work is one ``run_until_complete``."""

    name = "tortoise"

    def open(self, servers: Servers) -> None:
        self._loop = uvloop.new_event_loop()
        self._context = TortoiseContext()
        self._context.__enter__()
        password = f":{servers.password}" if servers.password else ":"
        url = f"mysql://{servers.user}{password}@{servers.host}:{servers.port}/{servers.database}?minsize=8&maxsize=8"
        self._do(Tortoise.init(db_url=url, modules={"models": [__name__]}, use_tz=False))
        self._loaded: list[Product] = []

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        self._do(Tortoise.close_connections())
        self._context.__exit__(None, None, None)
        self._loop.close()

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        async def work() -> tuple[int, str, Any]:
            product = await Product.get(id=id)
            return product.id, product.name, product.price

        return self._do(work())

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        async def work() -> list[tuple[int, str]]:
            return [(product.id, product.name) for product in await Product.filter(id__in=list(ids))]

        return self._do(work())

    def get100_all_mysql(self, ids: Sequence[int]) -> list[Row]:
        async def work() -> list[Row]:
            return [
                (p.id, p.name, p.sku, p.price, p.stock, p.weight, p.active, p.status, p.category_id, p.created_at)
                for p in await Product.filter(id__in=list(ids))
            ]

        return self._do(work())

    def page20(self, price: Any) -> list[int]:
        async def work() -> list[int]:
            found = await Product.filter(price__gt=price).order_by("created_at", "id").limit(20)
            return [product.id for product in found]

        return self._do(work())

    def insert1000(self, rows: Sequence[Row]) -> int:
        async def work() -> int:
            async with in_transaction():
                await Product.bulk_create([Product(**dict(zip(COLUMNS, row, strict=True))) for row in rows])
            return len(rows)

        return self._do(work())

    def prepare_update(self, ids: Sequence[int], stock: int) -> None:
        async def work() -> None:
            self._loaded = list(await Product.filter(id__in=list(ids)))

        self._do(work())

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position

        async def work() -> int:
            async with in_transaction():
                await Product.bulk_update(self._loaded, fields=["stock"])
            return len(self._loaded)

        return self._do(work())

    def delete1000(self, rows: Sequence[Row]) -> int:
        async def work() -> int:
            return await Product.filter(id__in=[row[0] for row in rows]).delete()

        return self._do(work())

    def references100(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        async def work() -> list[tuple[int, str]]:
            found = await Product.filter(id__in=list(ids)).prefetch_related("category")
            return [(product.id, product.category.name) for product in found]

        return self._do(work())

    def async64_mysql(self, ids: Sequence[int]) -> list[str]:
        async def one(id: int) -> str:
            return (await Product.get(id=id)).name

        async def work() -> list[str]:
            return list(await asyncio.gather(*map(one, ids)))

        return self._do(work())
