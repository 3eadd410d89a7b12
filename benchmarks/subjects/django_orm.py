"""Django's ORM on mysqlclient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django
from django.conf import settings

from benchmarks.subject import Servers
from benchmarks.table import COLUMNS, STATUSES, Row


class DjangoORM:
    """One persistent connection, autocommit; ``bulk_create`` and ``bulk_update`` for writes."""

    name = "django"

    def open(self, servers: Servers) -> None:
        settings.configure(
            DATABASES={
                "default": {
                    "ENGINE": "django.db.backends.mysql", "HOST": servers.host, "PORT": servers.port,
                    "USER": servers.user, "PASSWORD": servers.password, "NAME": servers.database,
                    "OPTIONS": {"charset": "utf8mb4"}, "CONN_MAX_AGE": None,
                }
            },
            USE_TZ=False,
        )  # fmt: skip
        django.setup()
        self._model = _make_model()
        self._loaded: list[Any] = []

    def close(self) -> None:
        from django.db import connection

        connection.close()

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        product = self._model.objects.get(id=id)
        return product.id, product.name, product.price

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        return [(product.id, product.name) for product in self._model.objects.filter(id__in=ids)]

    def page20(self, price: Any) -> list[int]:
        return [p.id for p in self._model.objects.filter(price__gt=price).order_by("created_at", "id")[:20]]

    def insert1000(self, rows: Sequence[Row]) -> int:
        objects = [self._model(**dict(zip(COLUMNS, row, strict=True))) for row in rows]
        return len(self._model.objects.bulk_create(objects))

    def prepare_update(self, ids: Sequence[int]) -> None:
        self._loaded = list(self._model.objects.filter(id__in=ids))

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        return int(self._model.objects.bulk_update(self._loaded, ["stock"]))


def _make_model() -> Any:
    from django.db import models

    class Product(models.Model):
        """Made here, since Django wants its settings first."""

        id = models.PositiveBigIntegerField(primary_key=True)
        name = models.CharField(max_length=100)
        sku = models.CharField(max_length=32)
        price = models.DecimalField(max_digits=10, decimal_places=2)
        stock = models.PositiveIntegerField()
        weight = models.FloatField()
        active = models.BooleanField()
        status = models.CharField(max_length=10, choices=[(name, name) for name in STATUSES])
        category_id = models.PositiveSmallIntegerField()
        created_at = models.DateTimeField()

        class Meta:
            app_label = "benchmark"
            db_table = "product"
            managed = False

    return Product
