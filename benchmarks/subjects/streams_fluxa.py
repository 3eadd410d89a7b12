"""Ours: ``flush_async`` and its consumer, beside ``flush``, and beside the consumer with a transaction a record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import uvloop

import fluxaorm as fx
from benchmarks.subject import Servers
from benchmarks.subjects.fluxa import CachedEntity
from benchmarks.table import COLUMNS, Row

A_TRANSACTION: Final = 500
"""Records in a transaction of who consumes many."""
_AT_ONCE: Final = 500
_Values = dict[str, Any]


class PlainEntity(fx.Entity, table="product"):
    """Without caches and references."""

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


class _Side:
    """An engine with one entity, its topic and its consumer."""

    def __init__(self, servers: Servers, entity: type[Any], topic: str, failed_topic: str) -> None:
        registry = fx.Registry()
        registry.register_mysql(f"mysql://{servers.url}", options=fx.MySQLOptions(max_open_connections=8))
        where = f"{servers.redis_host}:{servers.redis_port}"
        registry.register_redis(where, 0, options=fx.RedisOptions(namespace=f"{servers.database}.{topic}"))
        registry.register_kafka([servers.kafka], "events")
        registry.register_async_flush("events")
        registry.register_entity(entity)
        self.engine: Any = registry.validate()
        state = self.engine._core.async_flush
        # other benchmarks of the same stack have the usual names
        state.topic, state.failed_topic, state.group = topic, failed_topic, topic
        self.provider: Any = self.engine.provider(entity)
        with self.engine.new_context() as ctx:
            for alter in fx.get_alters(ctx):
                if alter.pool == "default":
                    alter.exec(ctx)
            # what Redis may have lost is asked for while nothing is published yet
            self.provider.get_by_id(ctx, 1)
        self.consumer: Any = self.engine.async_flush_consumer()

    def new(self, ctx: Any, row: Row) -> Any:
        values: _Values = dict(zip(COLUMNS, row, strict=True))
        return self.provider.new_with_id(ctx, values.pop("id"), **values)

    def flush(self, rows: Sequence[Row], *, later: bool) -> None:
        with self.engine.new_context() as ctx:
            for row in rows:
                self.new(ctx, row)
            if later:
                ctx.flush_async(True)
            else:
                ctx.flush()

    async def flush_each(self, rows: Sequence[Row], *, later: bool) -> None:
        async def one(row: Row) -> None:
            async with self.engine.new_async_context() as ctx:
                await self.new(ctx, row)
                if later:
                    await ctx.flush_async(True)
                else:
                    await ctx.flush()

        await asyncio.gather(*map(one, rows))

    def consume(self, count: int, a_transaction: int) -> None:
        applied = 0
        while applied < count:
            applied += self.consumer.consume(a_transaction).applied
        assert applied == count, f"{applied} records were applied, not {count}"

    def drain(self) -> None:
        """Consume what other works have published."""
        while self.consumer.consume(A_TRANSACTION, 1.0) or sum(self.consumer.lag.values()) or not self.consumer.lag:
            pass


class StreamsFluxa:
    """The library under test. ``topics``: names by what they are for."""

    name = "fluxaorm"

    def __init__(self, topics: Mapping[str, str]) -> None:
        self._topics = topics

    def open(self, servers: Servers) -> None:
        failed = self._topics["failed"]
        self.plain = _Side(servers, PlainEntity, self._topics["plain"], failed)
        self.cached = _Side(servers, CachedEntity, self._topics["cached"], failed)
        self.loop = uvloop.new_event_loop()

    def close(self) -> None:
        with self.cached.engine.new_context() as ctx:
            self.cached.provider.clear_redis_cache(ctx)
        for side in (self.plain, self.cached):
            side.consumer.close()
            self.loop.run_until_complete(side.engine.aclose())
        self.loop.close()

    def flush_async1(self, rows: Sequence[Row]) -> None:
        self.plain.flush(rows, later=True)

    def flush_async1_redis(self, rows: Sequence[Row]) -> None:
        self.cached.flush(rows, later=True)

    flush_async1000 = flush_async1

    def async64_flush_async(self, rows: Sequence[Row]) -> None:
        self.loop.run_until_complete(self.plain.flush_each(rows, later=True))

    def async64_flush_async_redis(self, rows: Sequence[Row]) -> None:
        self.loop.run_until_complete(self.cached.flush_each(rows, later=True))

    def prepare_consume(self, rows: Sequence[Row]) -> None:
        self._publish(self.plain, rows)

    def prepare_consume_redis(self, rows: Sequence[Row]) -> None:
        self._publish(self.cached, rows)

    def _publish(self, side: _Side, rows: Sequence[Row]) -> None:
        side.drain()
        for first in range(0, len(rows), _AT_ONCE):
            self.loop.run_until_complete(side.flush_each(rows[first : first + _AT_ONCE], later=True))

    def consume10000(self, rows: Sequence[Row]) -> None:
        self.plain.consume(len(rows), A_TRANSACTION)

    def consume10000_redis(self, rows: Sequence[Row]) -> None:
        self.cached.consume(len(rows), A_TRANSACTION)

    consume1000 = consume10000


class SyncFlush:
    """``flush`` where ``StreamsFluxa`` has ``flush_async``; shares its engines."""

    name = "flush"

    def __init__(self, fluxa: StreamsFluxa) -> None:
        self._fluxa = fluxa

    def open(self, servers: Servers) -> None:
        pass

    def close(self) -> None:
        pass

    def flush_async1(self, rows: Sequence[Row]) -> None:
        self._fluxa.plain.flush(rows, later=False)

    def flush_async1_redis(self, rows: Sequence[Row]) -> None:
        self._fluxa.cached.flush(rows, later=False)

    flush_async1000 = flush_async1

    def async64_flush_async(self, rows: Sequence[Row]) -> None:
        self._fluxa.loop.run_until_complete(self._fluxa.plain.flush_each(rows, later=False))

    def async64_flush_async_redis(self, rows: Sequence[Row]) -> None:
        self._fluxa.loop.run_until_complete(self._fluxa.cached.flush_each(rows, later=False))


class OneByOne:
    """The consumer of ``StreamsFluxa`` with one transaction a record."""

    name = "fluxaorm_one_by_one"

    def __init__(self, fluxa: StreamsFluxa) -> None:
        self._fluxa = fluxa

    def open(self, servers: Servers) -> None:
        pass

    def close(self) -> None:
        pass

    def prepare_consume(self, rows: Sequence[Row]) -> None:
        self._fluxa.prepare_consume(rows)

    def consume1000(self, rows: Sequence[Row]) -> None:
        self._fluxa.plain.consume(len(rows), 1)
