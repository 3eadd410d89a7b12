"""What `validate()` finds without a network: every problem at once, the exact texts kept in `golden/problems.txt`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxaorm import (
    AsyncFlushOptions,
    ClickhouseTable,
    Column,
    KafkaConsumerGroup,
    KafkaPoolOptions,
    KafkaTopic,
    MySQLOptions,
    RedisOptions,
    Registry,
)
from fluxaorm.errors import RegistryError
from tests.support.golden_texts import assert_golden
from tests.unit.registry import models

GOLDEN = Path(__file__).parent / "golden" / "problems.txt"
ID = Column("id", "UInt64")

CASES: dict[str, Callable[[Registry], object]] = {}


def case(name: str) -> Callable[[Callable[[Registry], object]], Callable[[Registry], object]]:
    """Notes what a case registers."""

    def note(register: Callable[[Registry], object]) -> Callable[[Registry], object]:
        CASES[name] = register
        return register

    return note


@case("every kind of pool twice")
def _(registry: Registry) -> None:
    for _ in range(2):
        registry.register_mysql("root:hunter2@/app")
        registry.register_redis("localhost:6379")
        registry.register_local_cache()
        registry.register_clickhouse("chdb://memory")
        registry.register_kafka(["a:1"])
    registry.register_kafka(["a:1"])


@case("Kafka: options that contradict each other")
def _(registry: Registry) -> None:
    registry.register_kafka(["a:1"], "a", KafkaPoolOptions(producer_linger_ms=60_000))
    registry.register_kafka(["a:1"], "b", KafkaPoolOptions(sasl_mechanism="PLAIN", sasl_user="app"))
    registry.register_kafka(["a:1"], "c", KafkaPoolOptions(sasl_user="app", sasl_password="hunter2"))
    short = KafkaConsumerGroup("short", "a", topics=["t"], rebalance_timeout_ms=10_000, session_timeout_ms=20_000)
    default = KafkaConsumerGroup("default", "a", topics=["t"], rebalance_timeout_ms=10_000)
    long = KafkaConsumerGroup("long", "a", topics=["t"], session_timeout_ms=400_000)
    for group in (short, default, long):
        registry.register_kafka_consumer_group(group)


@case("an entity twice")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_entity(models.PlainEntity, models.PlainEntity)


@case("no MySQL pool at all")
def _(registry: Registry) -> None:
    registry.register_entity(models.PlainEntity)


@case("unknown pools of an entity")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_mysql("root@/log", "log")
    registry.register_redis("localhost:6379")
    registry.register_entity(models.LogEntity)


@case("caches without Redis")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_entity(models.PlainEntity, models.CachedEntity, models.LocalEntity)


@case("a broken definition beside a missing pool")
def _(registry: Registry) -> None:
    registry.register_entity(models.BrokenEntity, models.PlainEntity)


@case("search: unknown pool")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_entity(models.SearchEntity)


@case("search: a cluster")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_redis("redis+cluster://a,b", 0, "search")
    registry.register_entity(models.SearchEntity)


@case("search: another database")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_redis("localhost:6379", 3, "search")
    registry.register_entity(models.SearchEntity)


@case("MySQL: several hosts, idle above open")
def _(registry: Registry) -> None:
    registry.register_mysql("mysql://root:hunter2@a,b/app")
    options = MySQLOptions(max_open_connections=5, max_idle_connections=6)
    registry.register_mysql("root@/log", "log", options)


@case("Redis: reserved codes and namespaces")
def _(registry: Registry) -> None:
    registry.register_redis("localhost:6379", 0, "intents")
    registry.register_redis("localhost:6379", 0, "mysql")
    registry.register_redis("localhost:6379", 0, "spaced", RedisOptions(namespace="my app"))


@case("Kafka: topics")
def _(registry: Registry) -> None:
    registry.register_kafka(["a:1"], "events")
    for _ in range(2):
        registry.register_kafka_topic(KafkaTopic("orders", "events"))
    registry.register_kafka_topic(KafkaTopic("orders", "event"))
    registry.register_kafka_topic(KafkaTopic("or ders", "events"))
    registry.register_kafka_topic(KafkaTopic("__offsets", "events"))
    registry.register_kafka_topic(KafkaTopic("_fluxa_async_sql", "events"))
    registry.register_kafka_topic(KafkaTopic("a", "events", retention_ms=5, configs={"retention.ms": "6"}))
    registry.register_kafka_topic(KafkaTopic("b", "events", replication_factor=2, min_insync_replicas=3))
    registry.register_kafka_topic(KafkaTopic("c", "events", replication_factor=1, configs={"min.insync.replicas": "2"}))
    registry.register_kafka_topic(KafkaTopic("new.orders", "events"))
    registry.register_kafka_topic(KafkaTopic("new_orders", "events"))


@case("Kafka: consumer groups")
def _(registry: Registry) -> None:
    registry.register_kafka(["a:1"], "events")
    for _ in range(2):
        registry.register_kafka_consumer_group(KafkaConsumerGroup("g", "events", topics=["orders"]))
    registry.register_kafka_consumer_group(KafkaConsumerGroup("h", "event", topics=["orders"]))
    registry.register_kafka_consumer_group(KafkaConsumerGroup("i", "events"))
    registry.register_kafka_consumer_group(KafkaConsumerGroup("", "events", topics=["orders"]))
    registry.register_kafka_consumer_group(KafkaConsumerGroup("j", "events", debezium=[models.PlainEntity]))


@case("Kafka: a group of entities that are not streamed there")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_kafka(["a:1"], "events")
    registry.register_entity(models.PlainEntity)
    registry.register_kafka_consumer_group(KafkaConsumerGroup("g", "events", debezium=[models.PlainEntity, "orders"]))


@case("async flush without a Kafka pool")
def _(registry: Registry) -> None:
    registry.register_async_flush("events", AsyncFlushOptions(topic_partitions=6))


@case("async flush twice")
def _(registry: Registry) -> None:
    registry.register_kafka(["a:1"], "events")
    registry.register_async_flush("events")
    registry.register_async_flush("events")


@case("async flush by row of an entity with a unique index")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_kafka(["a:1"], "events")
    registry.register_async_flush("events", AsyncFlushOptions(order_by="row"))
    registry.register_entity(models.PlainEntity, models.UniqueEntity)


@case("debezium without a connect URL")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_kafka(["a:1"], "events")
    registry.register_entity(models.StreamedEntity)


@case("debezium without anything")
def _(registry: Registry) -> None:
    registry.register_mysql("sqlite://:memory:")
    registry.register_entity(models.StreamedEntity)


@case("debezium to two Kafka pools")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    for code in ("events", "other"):
        registry.register_kafka(["a:1"], code)
        registry.register_debezium_connect_url("http://u:hunter2@h", code)
    registry.register_entity(models.StreamedEntity, models.OtherStreamedEntity)


@case("a connect URL twice, and of an unknown pool")
def _(registry: Registry) -> None:
    registry.register_kafka(["a:1"], "events")
    registry.register_debezium_connect_url("http://h", "events")
    registry.register_debezium_connect_url("http://i", "events")
    registry.register_debezium_connect_url("http://h", "orders")


@case("an outbox without a Kafka pool")
def _(registry: Registry) -> None:
    registry.register_mysql("root@/app")
    registry.register_entity(models.EventsEntity)


@case("ClickHouse tables")
def _(registry: Registry) -> None:
    registry.register_clickhouse("chdb://memory", "analytics")
    for _ in range(2):
        registry.register_clickhouse_table(
            ClickhouseTable("twice", "analytics", columns=[ID], engine="MergeTree", order_by=["id"])
        )
    registry.register_clickhouse_table(ClickhouseTable("", "analytic"))
    registry.register_clickhouse_table(ClickhouseTable("unordered", "analytics", columns=[ID], engine="MergeTree"))
    registry.register_clickhouse_table(
        ClickhouseTable("keys", "analytics", columns=[ID], engine="MergeTree", order_by=["id", "a"], primary_key=["a"])
    )
    registry.register_clickhouse_table(
        ClickhouseTable(
            "columns",
            "analytics",
            columns=[ID, ID, Column("", "String"), Column("a", ""), Column("b", "Int8", default="1", alias="2")],
            engine="Memory",
        )
    )


def _problems(register: Callable[[Registry], object]) -> str:
    registry = Registry()
    register(registry)
    with pytest.raises(RegistryError) as caught:
        registry.validate(connect=False)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


def test_everything_wrong_with_a_registry_is_said_at_once(no_sockets: None) -> None:
    """Whoever sets an application up fixes ten things in one go, not one a run; and no server is needed to know."""
    assert_golden(GOLDEN, {name: _problems(register) for name, register in CASES.items()})


def test_what_async_flush_will_refuse_is_told_beforehand(caplog: pytest.LogCaptureFixture) -> None:
    """Otherwise the first request that flushes such an entity tells it."""
    registry = Registry()
    registry.register_mysql("root@/app")
    registry.register_kafka(["a:1"])
    registry.register_entity(models.VersionedEntity)
    with caplog.at_level(logging.INFO, logger="fluxaorm.registry"):
        registry.validate(connect=False).close()
        assert "flush_async" not in caplog.text
        registry.register_async_flush()

        registry.validate(connect=False).close()

    assert (
        "VersionedEntity: ctx.flush_async() will refuse it, since VersionedEntity.revision is a version" in caplog.text
    )


def test_problems_are_kept_as_data() -> None:
    """The command line and editors list them."""
    registry = Registry()
    registry.register_async_flush("events")

    with pytest.raises(RegistryError) as caught:
        registry.validate(connect=False)

    expected = "async flush: no Kafka pool 'events' is registered (register_kafka); known: none is registered"
    assert (expected,) == caught.value.problems
