"""Alters of topics and consumer groups on real brokers: asked for again after they ran, there is nothing left to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import fluxaorm as fx
from devstack.kafka_files import PASSWORD, USER
from tests.support.command_line import Command
from tests.support.kafka_brokers import Kafka, StartKafka
from tests.support.kafka_engines import POOL, OpenEvents, member_of, poll_until
from tests.support.shells import Shell
from tests.support.waiting import wait_until

MakeModule = Callable[[str], str]


def _alters(shell: Shell, ctx: Any) -> list[fx.KafkaAlter]:
    found: list[fx.KafkaAlter] = shell.do(fx.get_kafka_alters(ctx))
    return found


def test_a_declared_topic_is_made_and_there_at_once(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Whoever produces in the next line must not meet a broker that knows nothing of it yet."""
    name = kafka.name("orders")
    topic = fx.KafkaTopic(name, POOL, partitions=3, replication_factor=1, retention_ms=-1, configs={"segment.ms": "+9"})
    events = open_events(kafka.bootstrap, topics=[topic])
    ctx = shell.context(events)

    (alter,) = _alters(shell, ctx)
    shell.do(alter.exec(ctx))
    (stored,) = shell.do(events.kafka(POOL).produce_sync(ctx, fx.KafkaRecord(name, value=b"1", partition=2)))

    assert ("safe", "create_topic", name, 2) == (alter.safety, alter.kind, alter.topic, stored.partition)
    assert [0, 1, 2] == kafka.partitions(name)
    assert [] == _alters(shell, ctx)
    assert [] == shell.do(fx.get_all_alters(ctx))


def test_what_the_broker_chose_is_no_difference(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Nobody who left a number out wants an alter for it in each deployment."""
    events = open_events(kafka.bootstrap, topics=[fx.KafkaTopic(kafka.name("orders"), POOL)])
    ctx = shell.context(events)

    for alter in _alters(shell, ctx):
        shell.do(alter.exec(ctx))

    assert [] == _alters(shell, ctx)


def test_a_topic_follows_its_declaration(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Settings and partitions change in place, and only what may be lost has to be allowed."""
    name = kafka.topic("orders", retention_ms="5000", cleanup_policy="compact")
    declared = fx.KafkaTopic(
        name, POOL, partitions=2, retention_ms=4000, max_message_bytes=2_000_000, cleanup_policy="delete,compact"
    )
    ctx = shell.context(open_events(kafka.bootstrap, topics=[declared]))

    alters = _alters(shell, ctx)
    with pytest.raises(fx.AlterError, match="allow_destructive=True"):
        shell.do(alters[1].exec(ctx))
    for alter in alters:
        shell.do(alter.exec(ctx, allow_destructive=True))

    assert ["safe", "destructive", "destructive"] == [alter.safety for alter in alters]
    assert [] == _alters(shell, ctx)
    assert [0, 1] == kafka.partitions(name)
    assert ([alters[0]], alters[1:]) == fx.split_alters(alters)


def test_the_check_of_a_deployment_tells_of_topics(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """A process that starts before its alters were run would fail with its first record."""
    new, grown = kafka.name("new"), kafka.topic("grown")
    topics = [fx.KafkaTopic(new, POOL), fx.KafkaTopic(grown, POOL, partitions=2)]
    drop = fx.KafkaPoolOptions(unknown_topics="drop", unknown_consumer_groups="drop")
    engine = open_events(kafka.bootstrap, topics=topics, options=drop)
    ctx = shell.context(engine)

    missing, differs = shell.do(engine.check(ctx))
    for alter in _alters(shell, ctx):
        if alter.target in (new, grown):
            shell.do(alter.exec(ctx, allow_destructive=True))

    run = "run 'fluxaorm alters --apply' as a user who may make topics"
    assert f"Kafka pool 'events': topic `{new}` is missing; {run}" == missing
    assert differs.startswith(
        f"Kafka pool 'events': topic `{grown}` differs: change topic `{grown}`: 1 -> 2 partitions"
    )
    assert [] == shell.do(engine.check(ctx))


def test_what_cannot_be_done_says_what_to_do(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """A topic with replicas nobody can hold, a setting nobody knows, and fewer partitions."""
    narrow, wide = kafka.name("narrow"), kafka.topic("wide", partitions=2)
    topics = [
        fx.KafkaTopic(narrow, POOL, replication_factor=3),
        fx.KafkaTopic(wide, POOL, partitions=1, configs={"retention.mss": "1"}),
    ]
    ctx = shell.context(open_events(kafka.bootstrap, topics=topics))

    reasons: list[str] = []
    for alter in _alters(shell, ctx):
        with pytest.raises(fx.AlterError, match="cannot be done by itself") as caught:
            shell.do(alter.exec(ctx, allow_destructive=True))
        reasons.append(str(caught.value))

    few, unknown, fewer = reasons
    assert "the cluster has 1: start more of them, or declare a smaller replication_factor" in few
    assert "know no setting 'retention.mss' of a topic; did you mean 'retention.ms'?" in unknown
    assert "Kafka takes no partitions away" in fewer


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"retention.mss": "1"}, r"Kafka refuses 'create topic .*Unknown topic config name: retention.mss"),
        ({"retention.ms": "soon"}, r"Kafka refuses 'create topic .*retention.ms.*\(INVALID_CONFIG\)"),
    ],
)
def test_what_the_broker_refuses_is_told_in_its_words(
    kafka: Kafka, open_events: OpenEvents, shell: Shell, setting: dict[str, str], message: str
) -> None:
    """Only the broker knows its settings and their values; the error says which topic it was."""
    name = kafka.name("orders")
    ctx = shell.context(open_events(kafka.bootstrap, topics=[fx.KafkaTopic(name, POOL, configs=setting)]))
    (alter,) = _alters(shell, ctx)

    with pytest.raises(fx.AlterError, match=rf"^events\.{name}: {message}"):
        shell.do(alter.exec(ctx))

    assert [] == kafka.topics()


def test_somebody_else_was_faster(kafka: Kafka, open_events: OpenEvents, shell: Shell) -> None:
    """Two deployments at once: the second one is told, and has nothing left to do."""
    ctx = shell.context(open_events(kafka.bootstrap, topics=[fx.KafkaTopic(kafka.name("orders"), POOL)]))
    (alter,) = _alters(shell, ctx)
    kafka.topic("orders")

    with pytest.raises(fx.AlterError, match="already exists"):
        shell.do(alter.exec(ctx))

    assert [] == _alters(shell, ctx)


def test_async_flush_has_its_topics_in_its_namespace(kafka: Kafka, shell: Shell) -> None:
    """Writes wait there for those who apply them, so nothing may ever go from them by itself."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_kafka([kafka.bootstrap], POOL, fx.KafkaPoolOptions(namespace=kafka.namespace))
    registry.register_async_flush(POOL, fx.AsyncFlushOptions(topic_partitions=4))
    engine = registry.validate()
    ctx = shell.context(engine)

    for alter in _alters(shell, ctx):
        shell.do(alter.exec(ctx))

    topic, failed = f"_fluxa_async_sql.{kafka.namespace}", f"_fluxa_async_sql_failed.{kafka.namespace}"
    assert [topic, failed] == kafka.topics()
    assert ([0, 1, 2, 3], [0]) == (kafka.partitions(topic), kafka.partitions(failed))
    kept = {"cleanup.policy": "delete", "retention.bytes": "-1", "retention.ms": "-1", "min.insync.replicas": "1"}
    assert kept == {name: value for name, value in _settings(kafka, topic).items() if name in kept}
    assert [] == _alters(shell, ctx)
    shell.close(engine)


def _settings(kafka: Kafka, topic: str) -> dict[str, str | None]:
    from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]  # its types leave it out

    (answer,) = kafka.admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
    return {name: entry.value for name, entry in answer.result(30).items()}


def test_what_nobody_registered_goes_only_when_that_was_asked_for(
    kafka: Kafka, open_events: OpenEvents, shell: Shell
) -> None:
    """What would be lost is counted before; a group that is read by somebody stays, whatever was allowed."""
    old, mine = kafka.topic("old"), kafka.topic("mine")
    kafka.send(old, b"1", b"2", b"3")
    busy, idle = fx.KafkaConsumerGroup(kafka.name("busy"), POOL, topics=[old]), kafka.name("idle")
    drop = fx.KafkaPoolOptions(unknown_topics="drop", unknown_consumer_groups="drop")
    reader = open_events(kafka.bootstrap, busy)
    ctx = shell.context(open_events(kafka.bootstrap, topics=[fx.KafkaTopic(mine, POOL)], options=drop))
    _leave_offsets(kafka, idle, old)

    with member_of(shell, reader, busy.name) as member:
        reading = shell.context(reader)
        poll_until(shell, reading, member, 3)
        shell.do(member.commit(reading))
        # others use these brokers, too
        alters = {alter.target: alter for alter in _alters(shell, ctx) if kafka.namespace in alter.target}
        assert {old, busy.name, idle} == {*alters}
        assert "the topic's records: 3 records" == str(shell.do(alters[old].precheck(ctx))[0])
        assert shell.do(alters[busy.name].precheck(ctx))[0].blocking
        with pytest.raises(
            fx.AlterError, match="a consumer group with members cannot be deleted; stop them first: cli"
        ):
            shell.do(alters[busy.name].exec(ctx, allow_destructive=True))
        shell.do(alters[idle].exec(ctx, allow_destructive=True))

    wait_until(lambda: not shell.do(alters[busy.name].precheck(ctx)), "the group to be empty")
    for target in (busy.name, old):
        shell.do(alters[target].exec(ctx, allow_destructive=True))

    assert [mine] == kafka.topics()
    assert [] == [alter.target for alter in _alters(shell, ctx) if kafka.namespace in alter.target]


def _leave_offsets(kafka: Kafka, group: str, topic: str) -> None:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group, "log_level": "0"})
    consumer.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    consumer.close()


def test_a_deadline_ends_a_question(open_events: OpenEvents) -> None:
    """Alters run in a deployment that must not hang on a broker that says nothing."""
    engine = open_events("127.0.0.1:1", topics=[fx.KafkaTopic("orders", POOL)], connect=False)

    with engine.new_context(timeout=0.2) as ctx, pytest.raises(fx.DeadlineExceededError):
        fx.get_kafka_alters(ctx)


def test_brokers_that_are_down_are_told_of(open_events: OpenEvents, shell: Shell, monkeypatch: Any) -> None:
    """With the pool's name, and in seconds."""
    monkeypatch.setattr("fluxaorm.runners.kafka_admin.ADMIN_SECONDS", 0.3)
    ctx = shell.context(open_events("127.0.0.1:1", topics=[fx.KafkaTopic("orders", POOL)], connect=False))

    with pytest.raises(fx.KafkaUnavailableError, match="Kafka pool 'events': "):
        shell.do(fx.get_kafka_alters(ctx))


APPLICATION = """
import fluxaorm as fx
from fluxaorm import Entity, UInt32

class BookEntity(Entity):
    id: UInt32

registry = fx.Registry()
registry.register_mysql("sqlite://shop.db")
registry.register_kafka([{bootstrap!r}], "events")
registry.register_kafka_topic(fx.KafkaTopic({topic!r}, "events", partitions=2))
registry.register_entity(BookEntity)
"""


def _module(kafka: Kafka) -> str:
    return APPLICATION.format(bootstrap=kafka.bootstrap, topic=kafka.name("orders"))


def test_the_command_line_brings_topics_in_line(kafka: Kafka, command: Command, make_module: MakeModule) -> None:
    """One command for all stores, or for one of them, as a deployment likes."""
    name = f"{make_module(_module(kafka))}:registry"

    checked = command("alters", name, "--store", "kafka", "--check")
    listed = json.loads(command("alters", name, "--json").out)["pending"]
    applied = command("alters", name, "--apply", "--check")
    again = command("alters", name)

    line = f"-- safe, pool events, {kafka.name('orders')}: create topic `{kafka.name('orders')}` with 2 partitions"
    assert (1, True) == (checked.code, checked.out.startswith(line))
    assert ["mysql", "mysql", "mysql", "kafka"] == [alter["store"] for alter in listed]
    assert (kafka.name("orders"), "", "") == (listed[-1]["target"], listed[-1]["table"], listed[-1]["sql"])
    assert (0, "4 applied\n") == (applied.code, applied.out[-10:])
    assert "the tables match the entities, and the topics match what is registered\n" == again.out
    assert [0, 1] == kafka.partitions(kafka.name("orders"))


def test_the_command_line_takes_one_store_or_pool(kafka: Kafka, command: Command, make_module: MakeModule) -> None:
    """A migration file is SQL; a pool that is of another kind of store is a mistake."""
    name = f"{make_module(_module(kafka))}:registry"

    events = json.loads(command("alters", name, "--pool", "events", "--json").out)["pending"]
    written = command("alters", name, "--sql", "001.sql")
    no_sql = command("alters", name, "--store", "kafka", "--sql", "002.sql")
    no_pool = command("alters", name, "--store", "kafka", "--pool", "default")

    assert ["create_topic"] == [alter["kind"] for alter in events]
    assert (0, False) == (written.code, "topic" in written.out)
    assert (2, True) == (no_sql.code, "alters of kafka are no SQL" in no_sql.err)
    assert (2, True) == (no_pool.code, "no Kafka pool 'default'; known: 'events'" in no_pool.err)


AUTHORIZER = (
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users=User:ANONYMOUS",
)


def _allow(kafka: Kafka, *operations: str) -> None:
    from confluent_kafka import admin

    driver: Any = admin
    made = [
        driver.AclBinding(
            driver.ResourceType.TOPIC, kafka.namespace, driver.ResourcePatternType.PREFIXED, f"User:{USER}", "*",
            driver.AclOperation[operation], driver.AclPermissionType.ALLOW,
        )
        for operation in operations
    ]  # fmt: skip
    for answer in kafka.admin.create_acls(made).values():
        answer.result(30)


@pytest.mark.slow
def test_who_may_not_is_told_what_is_missing(private_kafka: StartKafka) -> None:
    """A deployment's user gets its rights once, so all of them are named at once."""
    kafka = private_kafka(1, *AUTHORIZER)
    user = fx.KafkaPoolOptions(sasl_mechanism="PLAIN", sasl_user=USER, sasl_password=PASSWORD)
    registry = fx.Registry()
    registry.register_kafka([f"127.0.0.1:{kafka.brokers[0].ports['sasl']}"], POOL, user)
    registry.register_kafka_topic(fx.KafkaTopic(kafka.name("new"), POOL))

    with registry.validate() as engine, engine.new_context() as ctx:
        with pytest.raises(fx.AlterError, match=rf"'events': topic '{kafka.name('new')}': .*; alters need Describe, "):
            fx.get_kafka_alters(ctx)
        _allow(kafka, "DESCRIBE", "DESCRIBE_CONFIGS")
        (alter,) = wait_until(lambda: _seen(ctx), "the rights to be there")
        with pytest.raises(fx.AlterError, match=r"the pool's user may not do 'create topic .*; alters need Describe, "):
            alter.exec(ctx)
        _allow(kafka, "CREATE")
        wait_until(lambda: _done(alter, ctx), "the right to be there")

    assert [kafka.name("new")] == kafka.topics()


def _seen(ctx: fx.Context) -> list[fx.KafkaAlter]:
    try:
        return fx.get_kafka_alters(ctx)
    except fx.AlterError:
        return []


def _done(alter: fx.KafkaAlter, ctx: fx.Context) -> bool:
    try:
        alter.exec(ctx)
    except fx.AlterError:
        return False
    return True


@pytest.mark.slow
def test_three_brokers_keep_three_copies_of_asynchronous_writes(private_kafka: StartKafka) -> None:
    """One of them may die, and what was acknowledged is still there twice."""
    kafka = private_kafka(3)
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_kafka(kafka.bootstrap.split(","), POOL, fx.KafkaPoolOptions(namespace=kafka.namespace))
    registry.register_async_flush(POOL)

    with registry.validate() as engine, engine.new_context() as ctx:
        for alter in fx.get_kafka_alters(ctx):
            alter.exec(ctx)
        left = fx.get_kafka_alters(ctx)

    topic = f"_fluxa_async_sql.{kafka.namespace}"
    assert [] == left
    assert {0, 1, 2} == kafka.in_sync(topic)
    assert "2" == _settings(kafka, topic)["min.insync.replicas"]
