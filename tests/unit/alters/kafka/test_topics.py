"""What is declared of a topic, and what the brokers have of it: every difference has its safety, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import pytest

from fluxaorm.alters.alter import AlterPlans
from fluxaorm.alters.kafka.alter import KafkaAlter, PartitionGrowth, TopicChange, TopicCreation
from fluxaorm.alters.kafka.pool_diff import KafkaDiff
from fluxaorm.alters.kafka.state import KafkaState, TopicState
from fluxaorm.alters.kafka.wanted import WantedKafka, WantedTopic

DIFF = KafkaDiff("events", cast("AlterPlans", None))
SETTINGS = {
    "retention.ms": "1000",
    "retention.bytes": "-1",
    "max.message.bytes": "5000",
    "cleanup.policy": "delete",
    "min.insync.replicas": "1",
    "compression.type": "producer",
    "unclean.leader.election.enable": "false",
    "remote.storage.enable": "true",
    "delete.retention.ms": "1000",
    "min.cleanable.dirty.ratio": "0.5",
    "follower.replication.throttled.replicas": "1:2,3:4",
}


def _alters(wanted: WantedTopic, brokers: int = 3, **actual: Any) -> list[KafkaAlter]:
    """Those of a topic; ``actual``: what it has, nothing when it is not there."""
    own = bool(wanted.feature)
    declared = WantedKafka(own_topics=(wanted,)) if own else WantedKafka(topics=(wanted,))
    topics = {wanted.name: TopicState(**actual)} if actual else {}
    return DIFF.alters(declared, KafkaState(brokers, topics))


def _of_settings(
    new: Mapping[str, str], old: Mapping[str, str] = MappingProxyType({}), replicas: int = 3
) -> list[KafkaAlter]:
    settings = {**SETTINGS, **old}
    return _alters(WantedTopic("orders", settings=new), partitions=1, replicas=replicas, settings=settings)


def test_a_missing_topic_is_made_as_it_is_declared() -> None:
    """What is made has every number that was given, and the alter shows them before."""
    wanted = WantedTopic("orders", 6, 3, {"retention.ms": "1000"})

    (alter,) = _alters(wanted)

    assert ("create_topic", "safe", "events", "orders", "kafka") == (
        alter.kind, alter.safety, alter.pool, alter.target, alter.store,
    )  # fmt: skip
    assert "create topic `orders` with 6 partitions, 3 replicas, retention.ms=1000" == alter.description
    assert TopicCreation("orders", 6, 3, {"retention.ms": "1000"}) == alter.change
    assert ("", "", None) == (alter.sql, alter.table, alter.entity)


def test_what_was_not_said_is_no_difference() -> None:
    """Whoever leaves a number to the brokers does not want to be told which one they chose."""
    assert [] == _alters(WantedTopic("orders"), partitions=7, replicas=2, settings=SETTINGS)
    assert "create topic `orders`" == _alters(WantedTopic("orders"))[0].description


def test_more_replicas_than_brokers_cannot_be_made() -> None:
    """The broker's own refusal says nothing of what to do."""
    (alter,) = _alters(WantedTopic("orders", replicas=3), brokers=2)

    assert ("manual", None) == (alter.safety, alter.change)
    assert (
        "3 replicas need as many brokers, and the cluster has 2: start more of them, or declare a smaller "
        "replication_factor"
    ) == alter.reason


def test_more_partitions_move_keys() -> None:
    """Records of a key that are in two partitions have no order among each other."""
    (alter,) = _alters(WantedTopic("orders", 6), partitions=2, replicas=1)

    assert ("add_partitions", "destructive", PartitionGrowth("orders", 6)) == (alter.kind, alter.safety, alter.change)
    assert "change topic `orders`: 2 -> 6 partitions" == alter.description


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (WantedTopic("orders", 1), "Kafka takes no partitions away: make another topic and move the records, or"),
        (WantedTopic("orders", 2, 2), "move its partitions with kafka-reassign-partitions.sh, or declare 1"),
    ],
)
def test_what_kafka_cannot_do_is_manual(wanted: WantedTopic, reason: str) -> None:
    """An alter that would fail when it is run is worth less than one that says what to do instead."""
    (alter,) = _alters(wanted, partitions=2, replicas=1)

    assert ("manual", None) == (alter.safety, alter.change)
    assert alter.reason.startswith(reason)


@pytest.mark.parametrize(
    ("name", "value", "lost"),
    [
        ("retention.ms", "999", "records older than that are deleted"),
        ("retention.bytes", "10", "the oldest records of a partition that is larger are deleted"),
        ("max.message.bytes", "4999", "larger records, which can be written now, are refused"),
        ("cleanup.policy", "compact,delete", "keeps the last record of each key, and refuses those without one"),
        ("unclean.leader.election.enable", "TRUE", "written records may be lost"),
        ("remote.storage.enable", "false", "what is stored remotely cannot be read any more"),
        ("delete.retention.ms", "1", "a reader that is slower than that misses deletions"),
        ("min.insync.replicas", "3", "nothing can be written while one of the 3 replicas is away"),
    ],
)
def test_a_setting_that_loses_something_is_destructive(name: str, value: str, lost: str) -> None:
    """A retention is one digit away from an empty topic."""
    (alter,) = _of_settings({name: value})

    assert ("change_topic", "destructive") == (alter.kind, alter.safety)
    assert f"change topic `orders`: {name} {SETTINGS[name]} -> {value}" == alter.description
    assert alter.reason.endswith(lost)
    assert TopicChange("orders", {name: value}) == alter.change


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("retention.ms", "1000", "-1"),
        ("retention.ms", "1000", "1001"),
        ("max.message.bytes", "5000", "5001"),
        ("cleanup.policy", "compact,delete", "compact"),
        ("cleanup.policy", "compact,delete", "delete"),
        ("compression.type", "producer", "zstd"),
        ("min.insync.replicas", "1", "2"),
        ("unclean.leader.election.enable", "true", "false"),
        ("remote.storage.enable", "false", "true"),
    ],
)
def test_a_setting_that_loses_nothing_is_safe(name: str, old: str, new: str) -> None:
    """It can be applied while the version that runs now goes on running."""
    (alter,) = _of_settings({name: new}, {name: old})

    assert "safe" == alter.safety


def test_fewer_copies_before_a_record_counts_are_destructive() -> None:
    """What was acknowledged may then be on one disk only."""
    (alter,) = _of_settings({"min.insync.replicas": "1"}, {"min.insync.replicas": "2"})

    assert ("destructive", "min.insync.replicas=1: a record counts as written with fewer copies") == (
        alter.safety,
        alter.reason,
    )


def test_adding_delete_to_a_compacted_topic_is_destructive() -> None:
    """Keys that are not written for a while would be gone."""
    (alter,) = _of_settings({"cleanup.policy": "compact,delete"}, {"cleanup.policy": "compact"})

    assert ("destructive", "cleanup.policy=delete deletes records past the retention") == (alter.safety, alter.reason)


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("retention.ms", " +1000 "),
        ("unclean.leader.election.enable", "False"),
        ("min.cleanable.dirty.ratio", ".50"),
        ("follower.replication.throttled.replicas", "1:2, 3:4"),
    ],
)
def test_another_spelling_is_no_difference(name: str, spelling: str) -> None:
    """Brokers write down what they read, and an alter that comes again with every deployment is never looked at."""
    assert [] == _of_settings({name: spelling})


def test_policies_have_no_order() -> None:
    """Neither in a declaration nor on the broker."""
    assert [] == _of_settings({"cleanup.policy": "delete, compact"}, {"cleanup.policy": "compact,delete"})


def test_large_numbers_are_told_apart() -> None:
    """As floats these two are the same."""
    assert 1 == len(_of_settings({"retention.ms": "9007199254740993"}, {"retention.ms": "9007199254740992"}))


def test_safe_and_destructive_settings_are_alters_of_their_own() -> None:
    """What is harmless need not wait for a decision."""
    alters = _of_settings({"max.message.bytes": "9000", "retention.ms": "5", "nothing.ms": "1"})

    assert ["safe", "destructive", "manual"] == [alter.safety for alter in alters]
    assert TopicChange("orders", {"max.message.bytes": "9000"}) == alters[0].change


def test_a_setting_nobody_knows_cannot_be_changed() -> None:
    """A typing error is told before anything runs, with the name that was meant."""
    (alter,) = _of_settings({"retention.mss": "5"})

    assert ("manual", "the brokers know no setting 'retention.mss' of a topic; did you mean 'retention.ms'?") == (
        alter.safety,
        alter.reason,
    )


def test_more_copies_than_replicas_cannot_be_asked_for() -> None:
    """Kafka takes the setting and refuses every record from then on."""
    (alter,) = _of_settings({"min.insync.replicas": "2"}, replicas=1)

    assert "manual" == alter.safety
    assert alter.reason.startswith("the topic has 1 replica, and nothing could be written")


OWN = WantedTopic("_fluxa_async_sql", 6, 3, {"retention.ms": "-1", "min.insync.replicas": "2"}, "async flush")


@pytest.mark.parametrize(("brokers", "replicas", "in_sync"), [(1, 1, "1"), (2, 2, "1"), (3, 3, "2"), (5, 3, "2")])
def test_a_topic_of_the_library_fits_the_brokers_there_are(brokers: int, replicas: int, in_sync: str) -> None:
    """It must be writable on one broker, and survive the death of one of three."""
    (alter,) = _alters(OWN, brokers)

    settings = {"retention.ms": "-1", "min.insync.replicas": in_sync}
    assert TopicCreation("_fluxa_async_sql", 6, replicas, settings) == alter.change
    assert "async flush needs it" == alter.reason


def test_a_topic_of_the_library_is_as_it_should_be_while_a_broker_is_away() -> None:
    """A restart of a broker is no reason for an alter."""
    settings = {"retention.ms": "-1", "min.insync.replicas": "2"}

    assert [] == _alters(OWN, 2, partitions=6, replicas=3, settings=settings)


def test_a_topic_of_the_library_with_too_few_replicas_stays_writable() -> None:
    """More brokers came: it has to be moved by hand, and until then no setting may stop it."""
    settings = {"retention.ms": "-1", "min.insync.replicas": "1"}

    (alter,) = _alters(OWN, 3, partitions=6, replicas=1, settings=settings)

    assert ("manual", "change topic `_fluxa_async_sql`: 1 -> 3 replicas") == (alter.safety, alter.description)


def test_the_topic_of_async_flush_is_drained_before_it_grows() -> None:
    """Two writes of a row in two partitions could be applied in the wrong order."""
    settings = {"retention.ms": "-1", "min.insync.replicas": "2"}

    (alter,) = _alters(OWN, 3, partitions=3, replicas=3, settings=settings)

    assert ("manual", None) == (alter.safety, alter.change)
    assert "let the consumers reach the end of the topic" in alter.reason
    assert "kafka-topics.sh --alter --topic _fluxa_async_sql --partitions 6" in alter.reason
