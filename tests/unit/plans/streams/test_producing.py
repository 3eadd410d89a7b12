"""Sending and reading as plans: what is asked of Kafka, and what its replies become."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.plans.streams.consuming import poll_plan
from fluxaorm.plans.streams.effects import EnqueueRecord, PollRecords, ProduceRecords
from fluxaorm.plans.streams.producing import enqueue_plan, produce_plan

GIVEN = [fx.KafkaRecord("orders", value=b"%d" % number) for number in range(3)]


def finished(plan: Any, *replies: Any) -> tuple[list[Any], Any]:
    """The effects that a plan yields when it gets these replies, and its result."""
    effects = [next(plan)]
    for reply in replies:
        try:
            effects.append(plan.send(reply))
        except StopIteration as done:
            return effects, done.value
    raise AssertionError("the plan goes on")


def test_records_are_sent_together() -> None:
    """One effect for all of them: a round trip and not three."""
    stored = [fx.KafkaRecord("orders", value=each.value, partition=0, offset=at) for at, each in enumerate(GIVEN)]

    effects, result = finished(produce_plan("events", GIVEN), stored)

    (sent,) = effects
    assert isinstance(sent, ProduceRecords)
    assert ("events", GIVEN) == (sent.pool, sent.records)
    assert stored == result


def test_the_first_failure_is_raised_with_its_position() -> None:
    """Of what came after it nothing more can be said than how much is stored."""
    outcomes = [GIVEN[0], fx.KafkaError("first"), fx.KafkaError("second")]

    with pytest.raises(fx.KafkaError, match="first") as caught:
        finished(produce_plan("events", GIVEN), outcomes)

    assert 1 == caught.value.position
    assert ["record 1 of 0 to 2; 1 of them are stored"] == caught.value.__notes__


def test_no_records_are_no_effect() -> None:
    """A list that happens to be empty asks no broker."""
    with pytest.raises(StopIteration) as done:
        next(produce_plan("events", []))

    assert [] == done.value.value


def test_a_callback_that_nobody_would_await_is_refused() -> None:
    """It would never run, in silence."""

    async def hear(record: fx.KafkaRecord, error: fx.KafkaError | None) -> None:
        """Never called."""

    with pytest.raises(fx.KafkaError, match="is a coroutine function, which nobody would await"):
        next(enqueue_plan("events", GIVEN[0], hear))
    effects, _ = finished(enqueue_plan("events", GIVEN[0], print), None)
    assert isinstance(effects[0], EnqueueRecord)


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5, "5", None])
def test_a_number_of_records_is_one_from_1(wrong: Any) -> None:
    """A batch of nothing would be polled for ever."""
    with pytest.raises(fx.KafkaError, match="max_records is a number from 1"):
        next(poll_plan(SimpleNamespace(pool="events", group="g"), wrong, 1.0))


@pytest.mark.parametrize("wrong", [-1, True, float("nan"), float("inf"), "5", None])
def test_a_timeout_is_a_number_of_seconds(wrong: Any) -> None:
    """The same for how long it may take."""
    with pytest.raises(fx.KafkaError, match="timeout is a number of seconds from 0"):
        next(poll_plan(SimpleNamespace(pool="events", group="g"), 1, wrong))


def test_a_poll_says_how_it_is_shown() -> None:
    """In the query log: the group, and nothing of what is read."""
    effect = next(poll_plan(SimpleNamespace(pool="events", group="billing"), 5, 0))

    assert isinstance(effect, PollRecords)
    assert ("events", "POLL", "billing") == (effect.pool, effect.operation, effect.subject)
