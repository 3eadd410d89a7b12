"""Ours: one context a piece of work, as a request would have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import fluxaorm as fx
from benchmarks.subject import Servers
from benchmarks.table import COLUMNS, Row


class ProductEntity(fx.Entity, table="product"):
    """The definition; no Redis cache, so that every read is MySQL's."""

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


class Fluxa:
    """The library under test."""

    name = "fluxaorm"

    def open(self, servers: Servers) -> None:
        registry = fx.Registry()
        password = f":{servers.password}" if servers.password else ""
        registry.register_mysql(f"mysql://{servers.user}{password}@{servers.host}:{servers.port}/{servers.database}")
        registry.register_entity(ProductEntity)
        self._engine = registry.validate()
        self._provider: Any = self._engine.provider(ProductEntity)

    def close(self) -> None:
        self._engine.close()

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        with self._engine.new_context() as ctx:
            product = self._provider.must_get_by_id(ctx, id)
            return product.id, product.name, product.price

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        with self._engine.new_context() as ctx:
            return [(product.id, product.name) for product in self._provider.get_by_ids(ctx, *ids)]

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

    def prepare_update(self, ids: Sequence[int]) -> None:
        self._ctx = self._engine.new_context()
        self._loaded = self._provider.get_by_ids(self._ctx, *ids)

    def update100(self, ids: Sequence[int], stock: int) -> int:
        for position, product in enumerate(self._loaded):
            product.stock = stock + position
        return self._ctx.flush().updated
