"""Topics and consumer groups that nobody registered: left alone, or deleted when that was asked for, but for some."""

from __future__ import annotations

from typing import Any, cast

import pytest

from fluxaorm.alters.alter import AlterPlans
from fluxaorm.alters.kafka.alter import GroupDeletion, KafkaAlter, TopicDeletion
from fluxaorm.alters.kafka.pool_diff import KafkaDiff
from fluxaorm.alters.kafka.state import KafkaState, TopicState
from fluxaorm.alters.kafka.wanted import WantedKafka, WantedTopic

ORDERS = WantedTopic("orders")
THERE = TopicState(1, 1)


def _alters(there: str = "", found: dict[str, bool] | None = None, **wanted: Any) -> list[KafkaAlter]:
    declared = {"topics": (ORDERS,), "drops_unknown_topics": True, "drops_unknown_groups": True, **wanted}
    state = KafkaState(1, dict.fromkeys(["orders", *there.split()], THERE), found or {})
    return KafkaDiff("events", cast("AlterPlans", None)).alters(WantedKafka(**declared), state)


def test_a_topic_nobody_registered_is_deleted_when_that_was_asked_for() -> None:
    """It is destructive: the records are gone."""
    (alter,) = _alters("old")

    assert ("delete_topic", "destructive", "old", TopicDeletion("old")) == (
        alter.kind, alter.safety, alter.target, alter.change,
    )  # fmt: skip
    assert "nobody registered this topic; keep it with ignored_topics" == alter.reason


def test_nothing_is_deleted_that_nobody_asked_for() -> None:
    """Other applications have topics on the same brokers."""
    kept = {"drops_unknown_topics": False, "drops_unknown_groups": False}

    assert [] == _alters("old", {"old": False}, **kept)


def test_a_pool_without_a_registered_topic_loses_nothing() -> None:
    """Whoever declares none does not mean that all others shall go."""
    own = WantedTopic("_fluxa_async_sql", feature="async flush")

    assert ["create_topic"] == [alter.kind for alter in _alters("old", {"old": False}, topics=(), own_topics=(own,))]


@pytest.mark.parametrize(
    "name",
    [
        "__consumer_offsets", "__transaction_state", "_schemas", "_confluent-metrics",
        "connect-configs", "_connect-offsets", "docker-connect-status", "my_connect_configs",
        "_fluxa_async_sql", "_fluxa_async_sql.shop", "_fluxa_async_sql_failed.other", "_dlq_g", "_retry_g", "_parked_g",
        "fluxa_sales.shop.orders", "fluxa_events.orders",
    ],
)  # fmt: skip
def test_what_brokers_and_the_library_keep_is_never_deleted(name: str) -> None:
    """Offsets, connectors, dead letters and the writes of another namespace are somebody's."""
    assert [] == _alters(name)


@pytest.mark.parametrize("ignored", ["billing.raw", "billing.*", "*"])
def test_ignored_topics_are_kept(ignored: str) -> None:
    """By name or by pattern, as tables are."""
    assert [] == _alters("billing.raw", ignored_topics=(ignored,))


@pytest.mark.parametrize("read", ["prices", "^pri"])
def test_what_a_registered_group_reads_is_kept(read: str) -> None:
    """Another application makes that topic; to lose it would stop this one too."""
    assert ["old"] == [alter.topic for alter in _alters("prices old", read_topics=frozenset({read}))]


def test_a_group_nobody_registered_is_deleted_when_that_was_asked_for() -> None:
    """One with members is told of, too, and the alter says that they have to leave first."""
    found = {"old": False, "busy": True, "mine": True, "mirror": False}

    busy, old = _alters("", found, groups=frozenset({"mine"}), ignored_groups=("mirr*",))

    assert (GroupDeletion("busy"), GroupDeletion("old")) == (busy.change, old.change)
    assert ("delete_consumer_group", "destructive", "old") == (old.kind, old.safety, old.target)
    assert "nobody registered this group; keep it with ignored_consumer_groups" == old.reason
    assert busy.reason.endswith("It has members now, and cannot be deleted before they leave")


@pytest.mark.parametrize("name", ["_fluxa_async_sql", "_fluxa_async_sql.other", "connect-sink", "_retry_g"])
def test_groups_of_connect_and_of_the_library_are_kept(name: str) -> None:
    """Without its offsets a sink or a consumer of writes would begin anew."""
    assert [] == _alters("", {name: False})


def test_what_is_new_comes_first_and_what_goes_last() -> None:
    """A step that fails then leaves more than there was, and not less."""
    grown, made = WantedTopic("grown", 2), WantedTopic("made")
    state = KafkaState(1, {"grown": THERE, "old": THERE}, {"old": False})
    wanted = WantedKafka((grown, made), drops_unknown_topics=True, drops_unknown_groups=True)

    alters = KafkaDiff("events", cast("AlterPlans", None)).alters(wanted, state)

    kinds = ["create_topic", "add_partitions", "delete_consumer_group", "delete_topic"]
    assert kinds == [alter.kind for alter in alters]
