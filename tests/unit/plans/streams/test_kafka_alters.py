"""Alters of Kafka ask once a pool, run only as far as was allowed, and end when the cluster shows what they did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fluxaorm.alters import Finding, KafkaAlter
from fluxaorm.alters.kafka.alter import GroupDeletion, PartitionGrowth, TopicChange, TopicCreation, TopicDeletion
from fluxaorm.alters.kafka.state import KafkaState, TopicState
from fluxaorm.alters.kafka.wanted import WantedKafka, WantedTopic
from fluxaorm.errors import AlterError, KafkaError, KafkaUnavailableError, TryAgainError
from fluxaorm.plans.effects import Effect, Parallel, Plan, Sleep
from fluxaorm.plans.streams.admin_effects import ChangeKafka, CountRecords, DescribeKafka, DescribeMembers
from fluxaorm.plans.streams.kafka_alter_runs import SHOWN_WITHIN, kafka_precheck_plan, run_kafka_alter_plan
from fluxaorm.plans.streams.kafka_alters import get_kafka_alters_plan

GONE = KafkaState(1, {})
MADE = KafkaState(1, {"orders": TopicState(2, 1, {"retention.ms": "5"})})
CREATE = KafkaAlter(
    "create topic `orders`", "there is no such topic yet", "events", None, "", "create_topic", "safe",
    topic="orders", change=TopicCreation("orders", 2, 0, {}),
)  # fmt: skip
DELETE = replace(CREATE, description="delete topic `orders`", safety="destructive", change=TopicDeletion("orders"))
GROUP = replace(DELETE, description="delete consumer group `g`", topic="", group="g", change=GroupDeletion("g"))


class _Cluster:
    """Answers effects in order. An error among the answers is raised."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[Effect[Any]] = []
        self._answers: Iterator[Any] = iter(answers)

    def run(self, plan: Plan[Any]) -> Any:
        """What the plan returns; a Sleep takes no answer."""
        step, value = plan.send, None
        while True:
            try:
                effect = step(value)
            except StopIteration as done:
                return done.value
            self.asked.append(effect)
            value = None if isinstance(effect, Sleep) else next(self._answers)
            step = plan.throw if isinstance(value, Exception) else plan.send


def test_each_pool_with_a_declaration_is_asked_once() -> None:
    """Also what nobody registered comes with the same answer; where nothing is declared, nobody is asked."""
    wanted = {
        "events": WantedKafka((WantedTopic("orders"),), drops_unknown_topics=True),
        "logs": WantedKafka(own_topics=(WantedTopic("_fluxa_async_sql"),), drops_unknown_groups=True),
        "idle": WantedKafka(drops_unknown_topics=True),
    }
    cluster = _Cluster([GONE, GONE])

    alters = cluster.run(get_kafka_alters_plan(SimpleNamespace(wanted_kafka=wanted)))

    assert [("events", "orders"), ("logs", "_fluxa_async_sql")] == [(each.pool, each.topic) for each in alters]
    (asked,) = cluster.asked
    assert isinstance(asked, Parallel)
    questions = [each for each in asked.effects if isinstance(each, DescribeKafka)]
    assert [("events", ["orders"], True, False), ("logs", ["_fluxa_async_sql"], False, False)] == [
        (each.pool, each.topics, each.all_topics, each.all_groups) for each in questions
    ]
    assert [] == _Cluster().run(get_kafka_alters_plan(SimpleNamespace(wanted_kafka={"idle": wanted["idle"]})))


def test_who_may_not_look_is_told_which_rights_are_needed() -> None:
    """The broker names one topic, and the next right would be missing after it."""
    wanted = {"events": WantedKafka((WantedTopic("orders"),))}
    refused = KafkaError("topic 'orders': not authorized", pool="events", code="TOPIC_AUTHORIZATION_FAILED")

    with pytest.raises(AlterError, match=r"'events': topic 'orders': not authorized .*; alters need Describe"):
        _Cluster(refused).run(get_kafka_alters_plan(SimpleNamespace(wanted_kafka=wanted)))

    down = KafkaUnavailableError("no broker can be reached", pool="events", code="_TRANSPORT")
    with pytest.raises(KafkaUnavailableError):
        _Cluster(down).run(get_kafka_alters_plan(SimpleNamespace(wanted_kafka=wanted)))


def test_an_alter_ends_when_the_cluster_shows_it() -> None:
    """Whoever produces in the next line would meet a broker that knows nothing of the topic yet."""
    no_leader = KafkaState(1, {"orders": TopicState(2, 1, {}, led=False)})
    cluster = _Cluster(None, GONE, no_leader, MADE)

    cluster.run(run_kafka_alter_plan(CREATE, False))

    kinds = [ChangeKafka, DescribeKafka, Sleep, DescribeKafka, Sleep, DescribeKafka]
    assert kinds == [type(effect) for effect in cluster.asked]


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (PartitionGrowth("orders", 2), KafkaState(1, {"orders": TopicState(1, 1)}), MADE),
        (TopicChange("orders", {"retention.ms": " 5"}), KafkaState(1, {"orders": TopicState(2, 1, {})}), MADE),
        (TopicDeletion("orders"), MADE, GONE),
    ],
)
def test_each_change_has_its_end(change: Any, before: KafkaState, after: KafkaState) -> None:
    """The same for more partitions, settings and a topic that goes."""
    cluster = _Cluster(None, before, after)

    cluster.run(run_kafka_alter_plan(replace(CREATE, change=change), True))

    assert 4 == len(cluster.asked)


def test_a_cluster_that_never_shows_it_is_told_of() -> None:
    """For ever would be too long."""
    cluster = _Cluster(None, *[GONE] * 1000)

    with pytest.raises(KafkaError, match=r"have not shown it for 30 s; ask get_kafka_alters"):
        cluster.run(run_kafka_alter_plan(CREATE, False))

    assert SHOWN_WITHIN <= sum(effect.seconds for effect in cluster.asked if isinstance(effect, Sleep)) < 31


def test_a_destructive_alter_runs_only_when_that_is_allowed() -> None:
    """And a manual one never."""
    with pytest.raises(AlterError, match=r"^events.orders: delete topic `orders` may lose data .*allow_destructive"):
        _Cluster().run(run_kafka_alter_plan(DELETE, False))

    manual = replace(DELETE, safety="manual", change=None, reason="move the records yourself")
    with pytest.raises(AlterError, match=r"^events.orders: cannot be done by itself: move the records yourself"):
        _Cluster().run(run_kafka_alter_plan(manual, True))


def test_a_group_with_members_is_never_deleted() -> None:
    """They would begin anew; who they are is in the error, so that they can be stopped."""
    cluster = _Cluster(["client 'a' on /10.0.0.7"])

    with pytest.raises(AlterError, match=r"stop them first: client 'a' on /10.0.0.7"):
        cluster.run(run_kafka_alter_plan(GROUP, True))

    assert [DescribeMembers] == [type(effect) for effect in cluster.asked]
    empty = _Cluster([], None)
    empty.run(run_kafka_alter_plan(GROUP, True))
    assert [DescribeMembers, ChangeKafka] == [type(effect) for effect in empty.asked]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            KafkaError("Unknown topic config name: x", pool="events", code="INVALID_CONFIG"),
            AlterError,
            "events.orders: Kafka refuses 'create topic `orders`': Unknown topic config name: x (INVALID_CONFIG)",
        ),
        (
            KafkaError("no", pool="events", code="CLUSTER_AUTHORIZATION_FAILED"),
            AlterError,
            "events.orders: the pool's user may not do 'create topic `orders`': no; alters need",
        ),
        (
            KafkaUnavailableError("timed out", pool="events", code="_TIMED_OUT"),
            KafkaError,
            "it is not known whether 'create topic `orders`' was done (timed out); ask get_kafka_alters() again",
        ),
    ],
)
def test_a_refusal_says_where_and_what(error: KafkaError, kind: type[Exception], message: str) -> None:
    """Kafka's own words name neither the pool nor the topic."""
    with pytest.raises(kind) as caught:
        _Cluster(error).run(run_kafka_alter_plan(CREATE, False))

    assert message in str(caught.value)
    assert not isinstance(caught.value, TryAgainError)
    assert error is caught.value.__cause__


def test_what_would_be_lost_is_counted_before() -> None:
    """An empty topic goes easier than one with a year's orders."""
    (records,) = _Cluster(12).run(kafka_precheck_plan(DELETE))
    (member,) = _Cluster(["client 'a' on /h"]).run(kafka_precheck_plan(GROUP))
    counted = _Cluster(0)

    assert "the topic's records: 12 records" == str(records)
    assert Finding("client 'a' on /h is in the group, and has to leave it first", 0, (), True) == member
    assert [] == counted.run(kafka_precheck_plan(DELETE))
    assert [CountRecords] == [type(effect) for effect in counted.asked]
    assert [] == _Cluster().run(kafka_precheck_plan(CREATE))
