"""Django's settings and models, made once for all subjects on it: Django wants its settings first."""

from __future__ import annotations

from functools import cache
from typing import Any

import django
from django.conf import settings

from benchmarks.subject import Servers
from benchmarks.table import STATUSES


@cache
def models_for(servers: Servers) -> tuple[Any, Any]:
    """Product and Category. Nothing is cached by cacheops unless a query asks for it."""
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.mysql", "HOST": servers.host, "PORT": servers.port,
                "USER": servers.user, "PASSWORD": servers.password, "NAME": servers.database,
                "OPTIONS": {"charset": "utf8mb4"}, "CONN_MAX_AGE": None,
            }
        },
        INSTALLED_APPS=["cacheops", "benchmarks"],
        CACHEOPS_REDIS=servers.redis_url,
        CACHEOPS_PREFIX=f"benchmarks.subjects.django_settings.{prefix.__name__}",
        CACHEOPS={"benchmarks.*": {"timeout": 3_600}},
        USE_TZ=False,
    )  # fmt: skip
    _prefixes.append(f"{servers.database}:")
    django.setup()
    return _make_models()


_prefixes: list[str] = []


def prefix(query: Any) -> str:
    """Of cacheops' keys."""
    return _prefixes[0]


def _make_models() -> tuple[Any, Any]:
    from django.db import models

    class Category(models.Model):
        """What products refer to."""

        id = models.PositiveSmallIntegerField(primary_key=True)
        name = models.CharField(max_length=100)

        class Meta:
            app_label = "benchmarks"
            db_table = "category"
            managed = False

    class Product(models.Model):
        """The mapped class."""

        id = models.PositiveBigIntegerField(primary_key=True)
        name = models.CharField(max_length=100)
        sku = models.CharField(max_length=32, unique=True)
        price = models.DecimalField(max_digits=10, decimal_places=2)
        stock = models.PositiveIntegerField()
        weight = models.FloatField()
        active = models.BooleanField()
        status = models.CharField(max_length=10, choices=[(name, name) for name in STATUSES])
        category = models.ForeignKey(Category, models.DO_NOTHING, db_constraint=False)
        created_at = models.DateTimeField()

        class Meta:
            app_label = "benchmarks"
            db_table = "product"
            managed = False

    return Product, Category
