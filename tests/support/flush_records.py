"""Records of async flushes that a test publishes by itself, and consumers that apply them.

What it decides: the entities, and topics and a group that no other test has.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, UInt64
from fluxaorm.engine import Engine
from fluxaorm.plans.cache.functions import ANNOUNCE, CONFIRM, function_call
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.async_record import AsyncRecord, RowChange, decode, encode, headers_of, record_key
from fluxaorm.plans.streams.effects import PublishRecords
from tests.support.insides import call_in_redis, rename_async_flush
from tests.support.kafka_brokers import Kafka
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from confluent_kafka import Producer
    from prometheus_client import CollectorRegistry


class CounterEntity(Entity, redis_cache=True, soft_delete=True):
    """Rows are kept in Redis."""

    id: UInt64
    name: str = Field(unique=True, cached=True, length=50)
    number: int = 0


class NoteEntity(Entity):
    """No caches."""

    id: UInt64
    text: str = ""


TABLE, NOTES = "CounterEntity", "NoteEntity"


@dataclass
class Flushes:
    """An engine with async flush on servers of the stack, and its topic."""

    engine: Engine
    shell: Shell
    kafka: Kafka
    database: Database
    topic: str
    failed_topic: str
    group: str
    valkey: RedisServer
    signing_key: str = ""
    tokens: Iterator[int] = field(default_factory=itertools.count)
    consumers: list[Any] = field(default_factory=list[Any])

    @property
    def identity(self) -> str:
        """Of the database."""
        [(value,)] = self.database.execute("SELECT value FROM _fluxa_meta")
        return str(value)

    @cached_property
    def producer(self) -> Producer:
        """A client past the code under test, which is ready at once."""
        from confluent_kafka import Producer

        return Producer({"bootstrap.servers": self.kafka.bootstrap, "linger.ms": 0})

    def record(self, *changes: RowChange, table: str = TABLE, **different: Any) -> AsyncRecord:
        """A record as a flush makes it, whose keys are the rows'."""
        binding_keys = [f"{self.row_prefix}{change.id}" for change in changes] if table == TABLE else []
        given: dict[str, Any] = {
            "database": self.identity,
            "pool": "default",
            "table": table,
            "token": f"{next(self.tokens):032x}",
            "at": 0,
            "changes": list(changes),
            "keys": {"default": binding_keys} if binding_keys else {},
            "meta": {},
        }
        return AsyncRecord(**(given | different))

    @property
    def row_prefix(self) -> str:
        """What the cache keys of counters begin with."""
        return f"fx:{self.valkey.namespace}:{TABLE}:"

    def publish(self, *records: AsyncRecord, partition: int = 0, value: bytes | None = None) -> None:
        """Store records; ``value``: in the place of one's own bytes."""
        for record in records:
            body = encode(record) if value is None else value
            headers: dict[str, Any] = {**headers_of(record, body, self.signing_key)}
            self.producer.produce(self.topic, body, record_key([record.table]), partition, headers=headers)
        assert 0 == self.producer.flush(30)

    def publish_together(self, *records: AsyncRecord) -> None:
        """Store records in one transaction of Kafka's."""
        ctx = self.shell.context(self.engine)
        sent = [fx.KafkaRecord(self.topic, b"key", encode(each), headers_of(each, encode(each))) for each in records]
        self.shell.do(ctx._run(_published_plan(sent)))

    def leave(self, ctx: Any, key: str, record: AsyncRecord, offset: int) -> None:
        """Leave a record's entry in Redis, as the flush does that published it."""
        announce = function_call(ANNOUNCE, key, record.token, 30_000)
        identity = self.shell.do(call_in_redis(ctx, announce)).values[0]
        confirm = function_call(CONFIRM, key, record.token, identity, 0, offset, b"")
        assert [1] == self.shell.do(call_in_redis(ctx, confirm)).values

    def rewind(self, offset: int) -> None:
        """Let the group begin at an offset of partition 0 once more."""
        from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

        asked = ConsumerGroupTopicPartitions(self.group, [TopicPartition(self.topic, 0, offset)])
        [job] = self.kafka.admin.alter_consumer_group_offsets([asked]).values()
        job.result(30)

    def consumer(self, **options: Any) -> Any:
        """One that is closed when the test ends."""
        made = self.engine.async_flush_consumer(**options)
        self.consumers.append(made)
        return made

    def consume(self, consumer: Any, **options: Any) -> Any:
        """One round."""
        given = {"block_seconds": 0.2} | options
        if self.shell.name == "sync":
            return consumer.consume(**given)
        return self.shell.do(consumer.aconsume(**given))

    def consume_until(self, consumer: Any, done: Callable[[], bool], what: str) -> Any:
        """Rounds until something is so; the sum of what they did."""
        total = [0, 0, 0]

        def round() -> bool:
            found = self.consume(consumer)
            for at, count in enumerate((found.applied, found.repeated, found.dead_letters)):
                total[at] += count
            return done()

        wait_until(round, what, 20)
        return tuple(total)

    def work(self, consumer: Any, upto: int, partition: int = 0) -> tuple[int, int, int]:
        """Rounds until the partition is applied up to an offset: records applied, repeated, put aside."""
        found: tuple[int, int, int] = self.consume_until(
            consumer, lambda: self.applied(partition) >= upto, f"offset {upto} to be applied"
        )
        return found

    def close(self, consumer: Any) -> None:
        """Leave the group."""
        self.shell.do(consumer.close() if self.shell.name == "sync" else consumer.aclose())

    def offsets(self) -> dict[int, tuple[int, str]]:
        """Partition -> applied and failed, as the database says."""
        return {
            partition: (applied, failed)
            for partition, applied, failed in self.database.execute(
                "SELECT partition_no, applied, failed FROM _fluxa_async_offsets ORDER BY applied"
            )
        }

    def applied(self, partition: int = 0) -> int:
        """How far a partition is applied."""
        return self.offsets().get(partition, (0, ""))[0]

    def records(self) -> list[AsyncRecord]:
        """All that is published."""
        return [decode(value) for value in self.kafka.values(self.topic)]

    def rows(self) -> list[tuple[Any, ...]]:
        """All counters."""
        return self.database.execute("SELECT id, name, number, fake_delete FROM CounterEntity ORDER BY id")

    def dead_letters(self) -> list[dict[str, str]]:
        """Headers of the failed records, as text."""
        found: list[dict[str, str]] = []
        for message in self.kafka.records(self.failed_topic):
            headers: Any = message.headers() or ()
            found.append({name: value.decode() for name, value in headers})
        return found


def _published_plan(records: Sequence[fx.KafkaRecord]) -> Plan[None]:
    _ = yield from PublishRecords("default", records, "test")


OpenFlushes: TypeAlias = "Callable[..., Flushes]"


def insert(id: int, name: str, number: int = 0, fake_delete: int = 0) -> RowChange:
    """A new counter."""
    return RowChange("i", id, {"id": id, "name": name, "number": number, "fake_delete": fake_delete})


def update(id: int, **values: Any) -> RowChange:
    """A counter that is changed."""
    return RowChange("u", id, values)


@pytest.fixture
def open_flushes(mariadb_database: Database, valkey: RedisServer, kafka: Kafka, shell: Shell) -> Iterator[OpenFlushes]:
    """Opens engines on one database, one Valkey and one topic; ``partitions``: of the topic."""
    opened: list[Flushes] = []
    names: list[str] = []

    def make(
        *,
        partitions: int = 1,
        entities: tuple[type[Any], ...] = (CounterEntity, NoteEntity),
        prometheus: CollectorRegistry | None = None,
        **options: Any,
    ) -> Flushes:
        if not names:
            names.extend((kafka.topic("flushes", partitions), kafka.topic("failed"), kafka.name("flushes")))
        registry = fx.Registry()
        registry.register_mysql(mariadb_database.url)
        registry.register_redis(valkey.host_port, 0, options=fx.RedisOptions(namespace=valkey.namespace))
        registry.register_kafka([kafka.bootstrap])
        registry.register_async_flush(options=fx.AsyncFlushOptions(**options))
        registry.register_entity(*entities)
        if prometheus is not None:
            registry.enable_metrics(prometheus)
        engine = registry.validate()
        rename_async_flush(engine, *names)
        with registry.validate() as other, other.new_context() as ctx:
            for alter in fx.get_alters(ctx):
                alter.exec(ctx)
        topic, failed, group = names
        key = options.get("signing_key", "")
        flushes = Flushes(engine, shell, kafka, mariadb_database, topic, failed, group, valkey, key)
        opened.append(flushes)
        return flushes

    yield make
    for flushes in opened:
        for consumer in flushes.consumers:
            flushes.close(consumer)
        shell.close(flushes.engine)
