"""Django's ORM behind django-cacheops: single objects through its Redis cache. It caches no list of random ids."""

from __future__ import annotations

from typing import Any

from benchmarks.subject import Servers
from benchmarks.subjects.django_settings import models_for, prefix
from benchmarks.table import sku_of
from benchmarks.works import CACHED


class Cacheops:
    """Filled once with what is asked for."""

    name = "cacheops"

    def open(self, servers: Servers) -> None:
        product, _ = models_for(servers)
        self._objects = product.objects.cache(ops=["get"])
        for id in range(1, CACHED + 1):
            self._objects.get(id=id)
            self._objects.get(sku=sku_of(id))

    def close(self) -> None:
        from cacheops.redis import redis_client

        for key in redis_client.scan_iter(f"{prefix(None)}*", 1_000):
            redis_client.delete(key)

    def get_redis(self, id: int) -> tuple[int, str, Any]:
        product = self._objects.get(id=id)
        return product.id, product.name, product.price

    def unique_cached(self, sku: str) -> tuple[int, str, Any]:
        product = self._objects.get(sku=sku)
        return product.id, product.name, product.price
