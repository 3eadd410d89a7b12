"""What an engine knows of asynchronous flushes: asked once, and again when somebody finds it wrong."""

from __future__ import annotations

import pytest

from fluxaorm.errors import KafkaError, KafkaUnavailableError, NotSupportedError
from fluxaorm.options import AsyncFlushOptions
from fluxaorm.plans.effects import Execute, FetchRows
from fluxaorm.plans.streams.async_state import AsyncFlushState
from fluxaorm.plans.streams.topic_effects import DescribeTopic, HighWatermarks, TopicInfo
from tests.unit.plans.world import World, done, run


@pytest.fixture
def state() -> AsyncFlushState:
    return AsyncFlushState("events", AsyncFlushOptions(), "shop")


def test_a_namespace_is_in_every_name(state: AsyncFlushState) -> None:
    """Applications that share brokers must not apply each other's flushes."""
    names = (state.topic, state.failed_topic, state.group)

    assert ("_fluxa_async_sql.shop", "_fluxa_async_sql_failed.shop", "_fluxa_async_sql.shop") == names


def test_a_topic_is_asked_for_once_until_it_is_forgotten(state: AsyncFlushState) -> None:
    """A topic that is made anew has another id, and what was applied of the old one counts for nothing."""
    first, _ = run(state.topic_id_plan(), (DescribeTopic, TopicInfo("a", 2)))
    again, _ = run(state.topic_id_plan())
    state.forget_topic()
    other, _ = run(state.topic_plan(), (DescribeTopic, TopicInfo("b", 3)))

    assert ("a", "a", TopicInfo("b", 3)) == (first, again, other)


def test_a_topic_that_is_not_there_has_no_records(state: AsyncFlushState) -> None:
    """Before the alters have run nothing can be on its way."""
    missing = KafkaError("no such topic", code="UNKNOWN_TOPIC_OR_PART")

    assert {} == run(state.high_watermarks_plan(), (HighWatermarks, missing))[0]


def test_brokers_that_do_not_answer_may_hold_records(state: AsyncFlushState) -> None:
    """Nobody may conclude from it that nothing is on its way."""
    with pytest.raises(KafkaUnavailableError):
        run(state.high_watermarks_plan(), (HighWatermarks, KafkaUnavailableError("no broker")))


def test_a_database_without_an_identity_gets_one(state: AsyncFlushState) -> None:
    """Records carry it, so that they are never applied to another database."""
    engine = World().engine

    identity, _ = run(
        state.database_plan(engine, "default"), (FetchRows, []), (Execute, done()), (FetchRows, [(b"db1",)])
    )
    again, _ = run(state.database_plan(engine, "default"))

    assert ("db1", "db1") == (identity, again)


def test_a_database_that_keeps_none_is_told(state: AsyncFlushState) -> None:
    """What has to be done is to run the alters."""
    with pytest.raises(NotSupportedError, match="run get_alters"):
        run(state.database_plan(World().engine, "default"), (FetchRows, []), (Execute, done(0)), (FetchRows, []))
