"""Ours: one context a piece of work, as a request would have; on asyncio one a look-up, on uvloop."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import uvloop

import fluxaorm as fx
from benchmarks.subject import Servers
from benchmarks.subjects.flights_fluxa import FLIGHT_ENTITIES, FluxaFlights
from benchmarks.table import COLUMNS, ROWS, Row, make_rows
from benchmarks.works import HELD
from fluxaorm.errors import UnflushedChangesWarning


class CategoryEntity(fx.Entity, table="category"):
    """What products refer to."""

    id: fx.UInt16
    name: str = fx.Field(length=100)


class ProductEntity(fx.Entity, table="product"):
    """Without caches, so that every read is MySQL's."""

    id: fx.UInt64
    name: str = fx.Field(length=100)
    sku: str = fx.Field(length=32, unique=True)
    price: Decimal = fx.Field(precision=10, scale=2, index=True)
    stock: fx.UInt32
    weight: float
    active: bool
    status: Literal["draft", "active", "archived"]
    category: fx.Reference[CategoryEntity] = fx.Field(column="category_id", index=True)
    created_at: datetime = fx.Field(index=True)


class CachedEntity(fx.Entity, table="product", redis_cache=True):
    """The same rows, cached in Redis."""

    id: fx.UInt64
    name: str = fx.Field(length=100)
    sku: str = fx.Field(length=32, unique=True, cached=True)
    price: Decimal = fx.Field(precision=10, scale=2, index=True)
    stock: fx.UInt32
    weight: float
    active: bool
    status: Literal["draft", "active", "archived"]
    category_id: fx.UInt16 = fx.Field(index=True)
    created_at: datetime = fx.Field(index=True)


class NearEntity(fx.Entity, table="product", redis_cache=True, local_cache=ROWS, local_ttl=86_400):
    """The same rows, cached in the process besides."""

    id: fx.UInt64
    name: str = fx.Field(length=100)
    sku: str = fx.Field(length=32, unique=True)
    price: Decimal = fx.Field(precision=10, scale=2, index=True)
    stock: fx.UInt32
    weight: float
    active: bool
    status: Literal["draft", "active", "archived"]
    category_id: fx.UInt16 = fx.Field(index=True)
    created_at: datetime = fx.Field(index=True)


class Fluxa(FluxaFlights):
    """The library under test."""

    name = "fluxaorm"

    def open(self, servers: Servers) -> None:
        self._engine = _engine(servers, "plain", CategoryEntity, ProductEntity)
        self._cached_engine = _engine(servers, "cached", CachedEntity)
        self._near_engine = _engine(servers, "near", NearEntity)
        self._flights_engine = _engine(servers, "flights", *FLIGHT_ENTITIES)
        self._provider: Any = self._engine.provider(ProductEntity)
        self._cached: Any = self._cached_engine.provider(CachedEntity)
        self._near: Any = self._near_engine.provider(NearEntity)
        for engine, provider in ((self._cached_engine, self._cached), (self._near_engine, self._near)):
            for first in range(1, ROWS + 1, 1_000):
                with engine.new_context() as ctx:
                    provider.get_by_ids(ctx, *range(first, first + 1_000))
        self._near_ctx = self._near_engine.new_context()
        self._held_ctx = self._engine.new_context()
        self._held = self._provider.get_by_ids(self._held_ctx, *range(1, HELD + 1))
        self._loop = uvloop.new_event_loop()

    def close(self) -> None:
        with self._cached_engine.new_context() as ctx:
            self._cached.clear_redis_cache(ctx)
        with self._near_engine.new_context() as ctx:
            self._near.clear_redis_cache(ctx)
        with self._flights_engine.new_context() as ctx:
            for entity in FLIGHT_ENTITIES[:3]:
                self._flights_engine.provider(entity).clear_redis_cache(ctx)
        for engine in (self._engine, self._cached_engine, self._near_engine, self._flights_engine):
            self._loop.run_until_complete(engine.aclose())
        self._loop.close()

    def hold(self, ids: Sequence[int]) -> object:
        ctx = self._engine.new_context()
        return ctx, self._provider.get_by_ids(ctx, *ids)

    def hold_local(self, ids: Sequence[int]) -> object:
        self._near_engine._core.binding(self._near).local.clear()
        with self._near_engine.new_context() as ctx:
            self._near.get_by_ids(ctx, *ids)
        return None

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        with self._engine.new_context() as ctx:
            product = self._provider.must_get_by_id(ctx, id)
            return product.id, product.name, product.price

    def get_redis(self, id: int) -> tuple[int, str, Any]:
        with self._cached_engine.new_context() as ctx:
            product = self._cached.must_get_by_id(ctx, id)
            return product.id, product.name, product.price

    def get_local(self, id: int) -> Any:
        return self._near.get_by_id(self._near_ctx, id)

    def get_context(self, id: int) -> Any:
        return self._provider.get_by_id(self._held_ctx, id)

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        with self._engine.new_context() as ctx:
            return [(product.id, product.name) for product in self._provider.get_by_ids(ctx, *ids)]

    def get100_redis(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        with self._cached_engine.new_context() as ctx:
            return [(product.id, product.name) for product in self._cached.get_by_ids(ctx, *ids)]

    def get100_all_mysql(self, ids: Sequence[int]) -> list[Row]:
        with self._engine.new_context() as ctx:
            return [
                (
                    p.id, p.name, p.sku, p.price, p.stock, p.weight, p.active, p.status, p.category_id,
                    p.created_at.replace(tzinfo=None),
                )
                for p in self._provider.get_by_ids(ctx, *ids)
            ]  # fmt: skip

    def page20(self, price: Any) -> list[int]:
        fields = self._provider.fields
        query = fx.Query().filter(fields.price > price).sort_by_asc(fields.created_at).pager(1, 20)
        with self._engine.new_context() as ctx:
            return [product.id for product in self._provider.search_many(ctx, query)]

    def insert1000(self, rows: Sequence[Row]) -> int:
        with self._engine.new_context() as ctx:
            for row in rows:
                values = dict(zip(COLUMNS, row, strict=True))
                self._provider.new_with_id(ctx, values.pop("id"), **values)
            return ctx.flush().inserted

    def hold_new(self, ids: Sequence[int]) -> object:
        # they are weighed, and never meant to be written
        warnings.simplefilter("ignore", UnflushedChangesWarning)
        ctx = self._engine.new_context()
        for row in make_rows(ids[0] + 1_000_000_000, len(ids)):
            values = dict(zip(COLUMNS, row, strict=True))
            self._provider.new_with_id(ctx, values.pop("id"), **values)
        return ctx

    def insert1000_redis(self, rows: Sequence[Row]) -> int:
        with self._cached_engine.new_context() as ctx:
            for row in rows:
                values = dict(zip(COLUMNS, row, strict=True))
                self._cached.new_with_id(ctx, values.pop("id"), **values)
            inserted: int = ctx.flush().inserted
            return inserted

    def prepare_update_redis(self, ids: Sequence[int], stock: int) -> None:
        self._ctx = self._cached_engine.new_context()
        self._loaded = self._cached.get_by_ids(self._ctx, *ids)

    def update100_redis(self, ids: Sequence[int], stock: int) -> int:
        return self.update100(ids, stock)

    def upsert1000(self, rows: Sequence[Row]) -> int:
        with self._engine.new_context() as ctx:
            return len(self._provider.save_many(ctx, [dict(zip(COLUMNS, row, strict=True)) for row in rows]))

    def delete1000(self, rows: Sequence[Row]) -> int:
        with self._engine.new_context() as ctx:
            for product in self._provider.get_by_ids(ctx, *(row[0] for row in rows)):
                product.delete()
            return ctx.flush().deleted

    def delete_where1000(self, rows: Sequence[Row]) -> int:
        query = fx.Query().filter(self._provider.fields.id.is_in([row[0] for row in rows]))
        with self._engine.new_context() as ctx:
            deleted: int = self._provider.delete_where(ctx, query)
            return deleted

    def prepare_update(self, ids: Sequence[int], stock: int) -> None:
        self._ctx = self._engine.new_context()
        self._loaded = self._provider.get_by_ids(self._ctx, *ids)

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        return self._ctx.flush().updated

    def unique_cached(self, sku: str) -> tuple[int, str, Any]:
        with self._cached_engine.new_context() as ctx:
            product = self._cached.must_get_by_sku(ctx, sku)
            return product.id, product.name, product.price

    def references100(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        with self._engine.new_context() as ctx:
            products = self._provider.get_by_ids(ctx, *ids)
            self._provider.load_category(ctx, products)
            return [(product.id, product.get_category(ctx).name) for product in products]

    def iterate20000(self) -> tuple[int, int]:
        count = stock = 0
        with self._engine.new_context() as ctx:
            for product in self._provider.iterate(ctx):
                count, stock = count + 1, stock + product.stock
        return count, stock

    def async64_mysql(self, ids: Sequence[int]) -> list[str]:
        return self._loop.run_until_complete(_names(self._engine, self._provider, ids))

    def async64_redis(self, ids: Sequence[int]) -> list[str]:
        return self._loop.run_until_complete(_names(self._cached_engine, self._cached, ids))


async def _names(engine: Any, provider: Any, ids: Sequence[int]) -> list[str]:
    async def one(id: int) -> str:
        async with engine.new_async_context() as ctx:
            name: str = (await provider.must_get_by_id(ctx, id)).name
            return name

    return list(await asyncio.gather(*map(one, ids)))


def _engine(servers: Servers, namespace: str, *entities: type[Any]) -> Any:
    registry = fx.Registry()
    options = fx.MySQLOptions(max_open_connections=8)
    registry.register_mysql(f"mysql://{servers.url}", options=options)
    where = f"{servers.redis_host}:{servers.redis_port}"
    registry.register_redis(where, 0, options=fx.RedisOptions(namespace=f"{servers.database}.{namespace}"))
    registry.register_entity(*entities)
    return registry.validate()
