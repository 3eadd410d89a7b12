"""Look-ups that tasks make in the same tick of the loop: who is merged with whom, and what goes wrong for whom."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import pytest

from fluxaorm.errors import MySQLError
from fluxaorm.plans.effects import Effect, FetchRows, LookUpRows, Plan, Row
from tests.unit.runners.doubles import AsyncWorld

REFUSED = MySQLError("refused", errno=1045, pool="default")

LIMIT = 30
"""Seconds after which whoever still waits was forgotten."""


class Reader:
    """Reads rows ``(id,)``; notes what it is asked for."""

    def __init__(self, most: int = 1_000) -> None:
        self.most = most
        self.read: list[list[int]] = []
        self.reading = asyncio.Event()

    def plan(self, ids: Sequence[int]) -> Plan[Mapping[int, Row]]:
        self.read.append(list(ids))
        self.reading.set()
        yield from FetchRows("default", "SELECT")
        return {id: (id,) for id in ids}


def look_up(reader: Reader, *ids: int) -> Plan[list[Row] | None]:
    rows = yield from LookUpRows(reader, ids)
    return None if rows is None else [rows[id] for id in ids]


class Log:
    """Observes for one context."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(
        self, effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
    ) -> None:
        self.seen.append(type(effect).__name__)

    def shared_with(self, others: Sequence[Log]) -> SharedLog:
        return SharedLog([self, *others])


class SharedLog:
    """Observes for several."""

    def __init__(self, logs: Sequence[Log]) -> None:
        self.logs = logs

    def __call__(
        self, effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
    ) -> None:
        for log in self.logs:
            log(effect, reply, error, microseconds, started)

    def shared_with(self, others: Sequence[Log]) -> SharedLog:
        return SharedLog([*self.logs, *others])


def together(*runs: Coroutine[Any, Any, Any]) -> list[Any]:
    async def gathered() -> list[Any]:
        async with asyncio.timeout(LIMIT):
            return list(await asyncio.gather(*runs, return_exceptions=True))

    return asyncio.run(gathered())


def test_look_ups_of_one_tick_are_one_read_and_each_caller_gets_its_rows(async_world: AsyncWorld) -> None:
    """A thousand requests at once cost a handful of statements."""
    reader = Reader()
    run = async_world.runner.run

    found = together(run(look_up(reader, 1)), run(look_up(reader, 2, 3)), run(look_up(reader, 1)))

    assert [[(1,)], [(2,), (3,)], [(1,)]] == found
    assert [[2, 3, 1]] == reader.read


def test_different_entities_are_read_apart(async_world: AsyncWorld) -> None:
    """One statement reads one table."""
    one, other = Reader(), Reader()
    run = async_world.runner.run

    together(*(run(look_up(reader, id)) for reader in (one, other) for id in (1, 2)))

    assert ([[2, 1]], [[2, 1]]) == (one.read, other.read)


def test_a_task_that_nobody_joins_goes_on_by_itself(async_world: AsyncWorld) -> None:
    """It reads as it would without merging, in the fewest round trips for one row."""
    reader = Reader()

    async def other_work() -> None:
        await asyncio.sleep(0)

    alone = together(async_world.runner.run(look_up(reader, 1)))
    beside = together(async_world.runner.run(look_up(reader, 1)), other_work())

    assert ([None], [None, None], []) == (alone, beside, reader.read)


def test_a_look_up_never_joins_a_read_that_was_sent(async_world: AsyncWorld) -> None:
    """What is on its way may be older than a change its caller has seen: it must be read again."""
    reader = Reader()
    run = async_world.runner.run

    async def late() -> list[Any]:
        await reader.reading.wait()
        return list(await asyncio.gather(run(look_up(reader, 1)), run(look_up(reader, 2))))

    found = together(run(look_up(reader, 1)), run(look_up(reader, 2)), late())

    assert [[(1,)], [(2,)], [[(1,)], [(2,)]]] == found
    assert [[2, 1], [2, 1]] == reader.read


def test_ids_that_do_not_fit_into_one_read_are_read_in_several_at_once(async_world: AsyncWorld) -> None:
    """A statement has a length limit, and nobody waits for the reads of others."""
    reader = Reader(most=3)
    run = async_world.runner.run

    found = together(*(run(look_up(reader, id, id + 100)) for id in range(4)))

    assert [[(id,), (id + 100,)] for id in range(4)] == found
    assert [2, 2, 2, 2] == [len(ids) for ids in reader.read]


def test_a_read_that_fails_fails_every_caller_with_an_error_of_its_own(async_world: AsyncWorld) -> None:
    """Callers add notes and tracebacks to what they catch; those of others are none of theirs."""
    reader = Reader()
    async_world.script.answers["fetch"] = REFUSED
    run = async_world.runner.run

    errors = together(*(run(look_up(reader, id)) for id in range(3)))

    assert [("refused", 1045, "default")] * 3 == [(error.reason, error.errno, error.pool) for error in errors]
    assert 3 == len({id(error) for error in errors})
    assert all(error.__cause__ is REFUSED for error in errors)


@pytest.mark.parametrize("victim", [0, 1], ids=["the first to ask", "one that joined"])
@pytest.mark.parametrize("turns", [1, 3], ids=["before it is sent", "while it is under way"])
def test_a_cancelled_caller_leaves_the_others_alone(async_world: AsyncWorld, victim: int, turns: int) -> None:
    """A request that was given up must not take those of others with it."""
    reader = Reader()

    async def cancel_one() -> list[Any]:
        tasks = [asyncio.ensure_future(async_world.runner.run(look_up(reader, id))) for id in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks[victim].cancel()
        async with asyncio.timeout(LIMIT):
            return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(cancel_one())

    assert isinstance(found[victim], asyncio.CancelledError)
    assert [[(id,)] for id in range(3) if id != victim] == [rows for rows in found if isinstance(rows, list)]
    assert 0 == async_world.connections.out


def test_a_loop_that_ends_cancels_the_callers_of_a_read_under_way(async_world: AsyncWorld) -> None:
    """Nobody hangs, and no error of a task goes unheard, when a program stops."""
    reader = Reader()
    ends: list[str] = []

    def hang(*_: Any) -> Any:
        raise asyncio.CancelledError

    async_world.script.answers["fetch"] = hang

    async def caller(id: int) -> None:
        try:
            await async_world.runner.run(look_up(reader, id))
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    found = together(caller(1), caller(2))

    assert [asyncio.CancelledError] * 2 == [type(end) for end in found]
    assert ["cancelled"] * 2 == ends


def test_every_observed_context_sees_a_merged_read_once(async_world: AsyncWorld) -> None:
    """A query log shows what was sent, not how many asked."""
    reader = Reader()
    one, other = Log(), Log()
    run = async_world.runner.run

    together(
        run(look_up(reader, 1), one), run(look_up(reader, 2), one), run(look_up(reader, 3), other),
        run(look_up(reader, 4)),
    )  # fmt: skip

    assert (["FetchRows"], ["FetchRows"]) == (one.seen, other.seen)


def test_loops_of_several_threads_do_not_meet(async_world: AsyncWorld) -> None:
    """A future belongs to its loop: what one loop asks for is nothing to another."""
    reader = Reader()
    found: list[list[Any]] = []

    def look_ups() -> list[Coroutine[Any, Any, Any]]:
        return [async_world.runner.run(look_up(reader, id)) for id in (1, 2)]

    async def another_loop_while_the_first_task_waits_for_its_turn() -> None:
        thread = threading.Thread(target=lambda: found.append(together(*look_ups())))
        thread.start()
        thread.join()

    first, *_, last = together(*look_ups(), another_loop_while_the_first_task_waits_for_its_turn())

    assert [[[(1,)], [(2,)]]] == found
    assert ([(1,)], None) == (first, last)
    assert 2 == len(reader.read)
