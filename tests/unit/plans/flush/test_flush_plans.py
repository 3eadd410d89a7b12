"""The steps of a flush, with failures at each of them, written down by the test."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm.errors import (
    CacheUnavailableError,
    CommitUnknownError,
    DeadlockError,
    MySQLConnectionError,
    PoolTimeoutError,
    PostCommitError,
    RedisConnectionError,
    ReentrantFlushError,
)
from fluxaorm.plans.cache.functions import INTEND, RELEASE
from fluxaorm.plans.effects import (
    Begin,
    Commit,
    Execute,
    ExecuteBatch,
    RedisRoundTrip,
    Rollback,
    ShieldedRedisRoundTrip,
    Sleep,
)
from fluxaorm.plans.flush.flush import flush_plan
from fluxaorm.plans.state.tracked import NEW, TrackedEntity
from fluxaorm.plans.writes.flush_work import FlushResult
from tests.support.insides import pending, state_of
from tests.unit.plans.world import Thing, World, done, replies, run, words

INTENDED: Any = (RedisRoundTrip, replies(b"ok"))
RELEASED: Any = (ShieldedRedisRoundTrip, replies(b"ok"))


def changed(world: World, *ids: int) -> list[Thing]:
    things = [world.stored(id) for id in ids]
    for thing in things:
        thing.name = f"changed {thing.id}"
    return things


def two_tables_worth(world: World) -> list[TrackedEntity]:
    """A change and an insert: work that needs a transaction."""
    thing = world.identity_map.new_entity(99)
    thing.name = "new"
    return [*changed(world, 1), thing]


def test_a_lone_change_is_intended_written_and_released() -> None:
    """One statement is a transaction by itself: intents before it, releases after it, under one token."""
    world = World()
    (thing,) = changed(world, 1)

    result, effects = run(flush_plan(world.unit_of_work), INTENDED, (Execute, done()), RELEASED)

    assert FlushResult(updated=1) == result
    assert ("UPDATE `thing` SET `name` = ? WHERE `id` = ?", ["changed 1", 1]) == (effects[1].sql, effects[1].args)
    assert (INTEND, RELEASE) == (words(effects[0])[1], words(effects[2])[1])
    assert words(effects[0])[4] == words(effects[2])[4]
    assert not thing.is_dirty


def test_a_transaction_announces_its_keys_right_before_commit() -> None:
    """Statements may take long; intents are short-lived, so they come last."""
    world = World()
    two_tables_worth(world)

    _, effects = run(
        flush_plan(world.unit_of_work),
        (Begin, None),
        (ExecuteBatch, [done(), done()]),
        (RedisRoundTrip, replies(b"ok", b"ok")),
        (Commit, None),
        (ShieldedRedisRoundTrip, replies(b"ok", b"ok")),
    )

    assert ["UPDATE", "INSERT"] == [statement.sql.split()[0] for statement in effects[1].statements]


def test_nothing_pending_sends_nothing() -> None:
    """An empty unit of work is no work."""
    world = World()
    world.stored(1)

    result, effects = run(flush_plan(world.unit_of_work))

    assert (FlushResult(), []) == (result, effects)


def test_a_cache_that_cannot_be_told_rolls_the_flush_back() -> None:
    """Committing without an intent would leave the old row in the cache."""
    world = World()
    things = two_tables_worth(world)

    with pytest.raises(CacheUnavailableError, match="rolled back"):
        run(
            flush_plan(world.unit_of_work),
            (Begin, None),
            (ExecuteBatch, [done(), done()]),
            (RedisRoundTrip, RedisConnectionError("gone")),
            (Rollback, None),
            (ShieldedRedisRoundTrip, RedisConnectionError("gone")),
        )

    assert set(things) == set(pending(world.unit_of_work))
    assert NEW == state_of(things[-1])


def test_the_user_may_choose_to_write_without_the_cache() -> None:
    """on_write_failure="proceed": the row is written, staleness up to the TTL is accepted."""
    world = World()
    world.engine.proceeds = True
    changed(world, 1)

    result, _ = run(
        flush_plan(world.unit_of_work),
        (RedisRoundTrip, RedisConnectionError("gone")),
        (Execute, done()),
        (ShieldedRedisRoundTrip, RedisConnectionError("gone")),
    )

    assert FlushResult(updated=1) == result


def test_a_release_that_fails_is_told_after_the_rows_are_durable() -> None:
    """The caller learns that the rows are there and what did not happen."""
    world = World()
    (thing,) = changed(world, 1)

    with pytest.raises(PostCommitError, match="the rows are committed"):
        run(
            flush_plan(world.unit_of_work),
            INTENDED,
            (Execute, done()),
            (ShieldedRedisRoundTrip, RedisConnectionError("gone")),
        )

    assert not thing.is_dirty


def test_a_deadlock_is_retried_after_a_pause() -> None:
    """Nothing was committed, so the same statements may be sent again."""
    world = World()
    two_tables_worth(world)
    attempt: list[Any] = [(Begin, None), (ExecuteBatch, DeadlockError("deadlock")), (Rollback, None)]

    result, _ = run(
        flush_plan(world.unit_of_work),
        *attempt,
        (Sleep, None),
        (Begin, None),
        (ExecuteBatch, [done(), done()]),
        (RedisRoundTrip, replies(b"ok", b"ok")),
        (Commit, None),
        (ShieldedRedisRoundTrip, replies(b"ok", b"ok")),
    )

    assert FlushResult(inserted=1, updated=1) == result


def test_deadlocks_end_after_three_retries() -> None:
    """A storm must not spin forever."""
    world = World()
    two_tables_worth(world)
    attempt: list[Any] = [(Begin, None), (ExecuteBatch, DeadlockError("deadlock")), (Rollback, None)]

    with pytest.raises(DeadlockError):
        run(flush_plan(world.unit_of_work), *([*attempt, (Sleep, None)] * 3), *attempt)

    assert 2 == len(pending(world.unit_of_work))


def test_a_connection_lost_before_commit_is_retried_once() -> None:
    """COMMIT was not sent: a fresh connection may do it all again."""
    world = World()
    two_tables_worth(world)
    lost: list[Any] = [(Begin, None), (ExecuteBatch, MySQLConnectionError("gone")), (Rollback, None)]

    with pytest.raises(MySQLConnectionError):
        run(flush_plan(world.unit_of_work), *lost, *lost)

    assert 2 == len(pending(world.unit_of_work))


def test_a_pool_without_a_free_connection_is_not_waited_for_twice() -> None:
    """The pool's time-out is what the user chose to wait."""
    world = World()
    two_tables_worth(world)

    with pytest.raises(PoolTimeoutError):
        run(flush_plan(world.unit_of_work), (Begin, PoolTimeoutError("no connection became free")))

    assert 2 == len(pending(world.unit_of_work))


def test_an_unknown_commit_is_neither_retried_nor_released() -> None:
    """The row may be written or not; the intents stay so that no cache holds either."""
    world = World()
    (thing,) = changed(world, 1)

    with pytest.raises(CommitUnknownError):
        run(flush_plan(world.unit_of_work), INTENDED, (Execute, CommitUnknownError("lost")))

    assert thing in pending(world.unit_of_work)


def test_a_cancelled_flush_rolls_back_and_releases() -> None:
    """Cancellation is thrown in at the step it hits; what was opened is closed."""
    world = World()
    two_tables_worth(world)

    # the second is not refused as a flush within a flush
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(
                flush_plan(world.unit_of_work),
                (Begin, None),
                (ExecuteBatch, [done(), done()]),
                (RedisRoundTrip, KeyboardInterrupt()),
                (Rollback, None),
                (ShieldedRedisRoundTrip, replies(b"ok", b"ok")),
            )

    assert 2 == len(pending(world.unit_of_work))


def test_flushing_inside_a_flush_is_told() -> None:
    """A callback that flushes the same context would write half a unit of work."""
    world = World()
    changed(world, 1)
    plan = flush_plan(world.unit_of_work)
    next(plan)

    with pytest.raises(ReentrantFlushError):
        next(flush_plan(world.unit_of_work))
    for reply in (replies(b"ok"), done()):
        plan.send(reply)
    with pytest.raises(StopIteration):
        plan.send(replies(b"ok"))


def test_changes_of_the_same_columns_are_one_statement() -> None:
    """CASE by id: one statement for many rows, in the order of their ids."""
    world = World()
    changed(world, 3, 1, 2)

    _, effects = run(
        flush_plan(world.unit_of_work),
        (Begin, None),
        (ExecuteBatch, [done(3)]),
        (RedisRoundTrip, replies(*[b"ok"] * 3)),
        (Commit, None),
        (ShieldedRedisRoundTrip, replies(*[b"ok"] * 3)),
    )

    (statement,) = effects[1].statements
    assert (
        "UPDATE `thing` SET `name` = CASE `id` WHEN ? THEN ? WHEN ? THEN ? WHEN ? THEN ? END WHERE `id` IN (?, ?, ?)"
        == (statement.sql)
    )
    assert [1, "changed 1", 2, "changed 2", 3, "changed 3", 1, 2, 3] == statement.args


def test_a_value_all_rows_share_is_written_once() -> None:
    """Setting the same value needs no CASE."""
    world = World()
    for id in (1, 2):
        world.stored(id).name = "same"
    kept = list(world.unit_of_work._pending)

    _, effects = run(
        flush_plan(world.unit_of_work),
        (Begin, None),
        (ExecuteBatch, [done(2)]),
        (RedisRoundTrip, replies(b"ok", b"ok")),
        (Commit, None),
        (ShieldedRedisRoundTrip, replies(b"ok", b"ok")),
    )

    assert "UPDATE `thing` SET `name` = ? WHERE `id` IN (?, ?)" == effects[1].statements[0].sql
    assert 2 == len(kept)


def large_new_rows(world: World) -> None:
    for id in range(1, 6):
        world.identity_map.new_entity(id).name = "x" * 400_000


def large_changes(world: World) -> None:
    for id in range(1, 6):
        world.stored(id).name = f"{id}" * 400_000


@pytest.mark.parametrize(
    ("write", "rows_of"),
    [
        (large_new_rows, lambda statement: statement.rows),
        # one UPDATE of many rows must not be refused where one of each would not be
        (large_changes, lambda statement: statement.tag.entities),
    ],
    ids=["new", "changed"],
)
def test_large_rows_are_cut_into_statements_of_a_mebibyte(write: Any, rows_of: Any) -> None:
    """A packet that the server refuses would fail a flush that need not fail."""
    world = World()
    write(world)

    _, effects = run(
        flush_plan(world.unit_of_work),
        (Begin, None),
        (ExecuteBatch, [done(2), done(2), done(1)]),
        (RedisRoundTrip, replies(*[b"ok"] * 5)),
        (Commit, None),
        (ShieldedRedisRoundTrip, replies(*[b"ok"] * 5)),
    )

    assert [2, 2, 1] == [len(rows_of(statement)) for statement in effects[1].statements]
