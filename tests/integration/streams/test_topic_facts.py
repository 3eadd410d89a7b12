"""What brokers say of a topic: who it is, and where it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import KafkaError
from fluxaorm.engine import Engine
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.topic_effects import DescribeTopic, HighWatermarks
from tests.support.insides import core
from tests.support.kafka_brokers import Kafka
from tests.support.shells import Shell
from tests.support.waiting import wait_until


@pytest.fixture
def engine(kafka: Kafka, shell: Shell) -> Iterator[Engine]:
    registry = fx.Registry()
    registry.register_kafka([kafka.bootstrap], "events")
    engine = registry.validate()
    yield engine
    shell.close(engine)


def _asked(engine: Engine, shell: Shell, effect: Any) -> Any:
    def plan() -> Plan[Any]:
        return (yield from effect)

    runner: Any = core(engine).sync_runner if shell.name == "sync" else core(engine).async_runner
    return shell.do(runner.run(plan()))


def test_a_topic_that_is_made_anew_is_another_one(engine: Engine, kafka: Kafka, shell: Shell) -> None:
    """Its offsets begin again, so that what was noted of the old one must not count."""
    topic = kafka.topic(partitions=3)
    first = _asked(engine, shell, DescribeTopic("events", topic))
    kafka.drop(topic)
    _ = kafka.topic(partitions=2)

    wait_until(lambda: topic in kafka.admin.list_topics(timeout=30).topics, "the broker to know the topic")
    again = _asked(engine, shell, DescribeTopic("events", topic))

    assert (3, 2) == (first.partitions, again.partitions)
    assert first.topic_id != again.topic_id
    assert 22 == len(first.topic_id)


def test_a_topic_ends_after_its_last_record(engine: Engine, kafka: Kafka, shell: Shell) -> None:
    """Whoever has applied up to there has applied all."""
    topic = kafka.topic(partitions=2)
    kafka.send(topic, b"a", b"b", partition=1)

    assert {0: 0, 1: 2} == _asked(engine, shell, HighWatermarks("events", topic))


@pytest.mark.parametrize("effect", [DescribeTopic, HighWatermarks])
def test_a_topic_that_is_not_there_is_told(engine: Engine, kafka: Kafka, shell: Shell, effect: type[Any]) -> None:
    """The error names it, and what to do."""
    with pytest.raises(KafkaError, match=f"topic '{kafka.name('nothing')}': the topic is not there") as told:
        _asked(engine, shell, effect("events", kafka.name("nothing")))

    assert "UNKNOWN_TOPIC_OR_PART" == told.value.code
