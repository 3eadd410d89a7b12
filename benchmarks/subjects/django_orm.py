"""Django's ORM on mysqlclient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.subject import Servers
from benchmarks.subjects.django_settings import models_for
from benchmarks.subjects.flights_django import DjangoFlights, make_flight_model
from benchmarks.table import COLUMNS, Row


class DjangoORM(DjangoFlights):
    """One persistent connection, autocommit; ``bulk_create`` and ``bulk_update`` for writes."""

    name = "django"

    def open(self, servers: Servers) -> None:
        self._model, _ = models_for(servers)
        self._flight = make_flight_model()
        self._loaded: list[Any] = []

    def close(self) -> None:
        from django.db import connection

        connection.close()

    def hold(self, ids: Sequence[int]) -> object:
        return list(self._model.objects.filter(id__range=(ids[0], ids[-1])))

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        product = self._model.objects.get(id=id)
        return product.id, product.name, product.price

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        return [(product.id, product.name) for product in self._model.objects.filter(id__in=ids)]

    def get100_all_mysql(self, ids: Sequence[int]) -> list[Row]:
        return [
            (p.id, p.name, p.sku, p.price, p.stock, p.weight, p.active, p.status, p.category_id, p.created_at)
            for p in self._model.objects.filter(id__in=ids)
        ]

    def page20(self, price: Any) -> list[int]:
        return [p.id for p in self._model.objects.filter(price__gt=price).order_by("created_at", "id")[:20]]

    def insert1000(self, rows: Sequence[Row]) -> int:
        objects = [self._model(**dict(zip(COLUMNS, row, strict=True))) for row in rows]
        return len(self._model.objects.bulk_create(objects))

    def prepare_update(self, ids: Sequence[int], stock: int) -> None:
        self._loaded = list(self._model.objects.filter(id__in=ids))

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        return int(self._model.objects.bulk_update(self._loaded, ["stock"]))

    def upsert1000(self, rows: Sequence[Row]) -> int:
        objects = [self._model(**dict(zip(COLUMNS, row, strict=True))) for row in rows]
        return len(self._model.objects.bulk_create(objects, update_conflicts=True, update_fields=COLUMNS[1:]))

    def delete1000(self, rows: Sequence[Row]) -> int:
        deleted, _ = self._model.objects.filter(id__in=[row[0] for row in rows]).delete()
        return int(deleted)

    def references100(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        found = self._model.objects.filter(id__in=ids).prefetch_related("category")
        return [(product.id, product.category.name) for product in found]

    def iterate20000(self) -> tuple[int, int]:
        count = stock = 0
        for product in self._model.objects.iterator(1_000):
            count, stock = count + 1, stock + product.stock
        return count, stock
