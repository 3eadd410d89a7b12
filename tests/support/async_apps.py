"""Applications that flush asynchronously: an engine, its topic, and what requests that begin now see.

What it decides: the entities, and that every engine of a test shares tables, caches and topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import AsyncFlushOptions, Entity, Field, Reference, UInt32, UInt64
from fluxaorm.engine import Engine
from fluxaorm.plans.streams.async_record import AsyncRecord, decode
from tests.support.cached import MemberEntity, SeatEntity, ShelfEntity
from tests.support.insides import core
from tests.support.kafka_brokers import Kafka
from tests.support.local_caches import wait_until_open
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import Prepare
from tests.support.sql_servers import Database

UNREACHABLE = "127.0.0.1:1"


class PlainEntity(Entity):
    """Nothing of it is cached."""

    id: UInt64
    text: str = Field(length="max")


class RevisedEntity(Entity):
    """Is locked optimistically."""

    id: UInt64
    text: str = ""
    revision: UInt32 = Field(version=True)


class AuthorEntity(Entity):
    """Books point to it."""

    id: UInt64
    name: str


class BookEntity(Entity):
    """Points to its author."""

    id: UInt64
    author: Reference[AuthorEntity]


ENTITIES = (MemberEntity, ShelfEntity, SeatEntity, PlainEntity, RevisedEntity, AuthorEntity, BookEntity)


@dataclass(slots=True)
class AsyncApp:
    """An engine whose asynchronous flushes go to a topic of the test's, and the shell to use it in."""

    engine: Engine
    shell: Shell
    kafka: Kafka

    def do(self, value: Any) -> Any:
        """The result of a call, blocking or awaited."""
        return self.shell.do(value)

    def context(self) -> Any:
        """A fresh context."""
        return self.shell.context(self.engine)

    def provider(self, entity: type[Any]) -> Any:
        """Of a definition."""
        return self.engine.provider(entity)

    def stored(self, entity: type[Any], **values: Any) -> int:
        """The id of a row that is there."""
        ctx = self.context()
        made = self.do(self.provider(entity).new(ctx, **values))
        self.do(ctx.flush())
        return int(made.id)

    def found(self, entity: type[Any], id: int) -> Any:
        """What a request that begins now sees."""
        return self.do(self.provider(entity).get_by_id(self.context(), id))

    def in_mysql(self, entity: type[Any], id: int) -> Any:
        """What a search finds."""
        return self.do(
            self.provider(entity).search_one(self.context(), fx.Query().filter_where(fx.Where("id = ?", id)))
        )

    @property
    def topic(self) -> str:
        """Where the flushes go."""
        flush: Any = core(self.engine).async_flush
        return str(flush.topic)

    def records(self) -> list[AsyncRecord]:
        """All that is published."""
        return [decode(value) for value in self.kafka.values(self.topic)]

    def apply(self, count: int) -> int:
        """Apply so many records; how many of them became dead letters."""
        applied = dead = 0
        with self.engine.async_flush_consumer() as consumer:
            while applied + dead < count:
                consumed = consumer.consume(100, 1.0)
                applied, dead = applied + consumed.applied, dead + consumed.dead_letters
        return dead


OpenApp = Callable[..., AsyncApp]
"""``open_app(UNREACHABLE, pending_timeout=1)``: brokers, and options of async flush."""


@pytest.fixture
def open_app(mariadb_database: Database, valkey: RedisServer, kafka: Kafka, shell: Shell) -> Iterator[OpenApp]:
    """Opens engines over the same tables, caches and topic; ``brokers``: others than the shared one."""
    engines: list[Engine] = []

    def make(brokers: str = kafka.bootstrap, prepare: Prepare | None = None, **options: Any) -> AsyncApp:
        registry = fx.Registry()
        registry.register_mysql(mariadb_database.url)
        registry.register_redis(valkey.host_port, 0, options=fx.RedisOptions(namespace=valkey.namespace))
        registry.register_kafka([brokers], "events", fx.KafkaPoolOptions(namespace=kafka.namespace))
        registry.register_async_flush("events", AsyncFlushOptions(topic_partitions=2, **options))
        registry.register_entity(*ENTITIES)
        engine = registry.validate(connect=brokers == kafka.bootstrap)
        engines.append(engine)
        if prepare is not None:
            prepare(engine)
        app = AsyncApp(engine, shell, kafka)
        if brokers == kafka.bootstrap:
            with engine.new_context() as ctx:
                for alter in [*fx.get_kafka_alters(ctx), *fx.get_alters(ctx)]:
                    alter.exec(ctx)
            wait_until_open(engine)
            # the first look-up finds an empty topic, and so nothing that Redis could have missed
            app.found(MemberEntity, 1)
        return app

    yield make
    for engine in engines:
        shell.close(engine)
