"""What a cancelled task may tear apart, and what it may not: COMMIT, a lone statement, clean-up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fluxaorm.errors import CommitUnknownError
from fluxaorm.plans.effects import (
    Begin,
    CallHandler,
    Commit,
    Execute,
    FetchRows,
    Plan,
    RedisRoundTrip,
    Rollback,
    Session,
    ShieldedRedisRoundTrip,
    Sleep,
)
from tests.unit.runners.doubles import AsyncWorld

SLOW = 0.05


class Slow:
    """Makes the next statement of a connection take its time, and tells when it is under way."""

    def __init__(self, world: AsyncWorld, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.under_way = asyncio.Event()
        self._limit: asyncio.Timeout | None = None
        make = world.connections._make

        def make_slow() -> Any:
            connection = make()
            perform = getattr(connection, name)

            async def slowly(*args: Any) -> Any:
                self.under_way.set()
                if self._limit is not None:
                    self._limit.reschedule(asyncio.get_running_loop().time())
                await asyncio.sleep(SLOW)
                return await perform(*args)

            setattr(connection, name, slowly)
            return connection

        monkeypatch.setattr(world.connections, "_make", make_slow)

    def time_limit(self) -> asyncio.Timeout:
        """A timeout that strikes while the statement is under way, however long it takes to come to it."""
        self._limit = asyncio.timeout(None)
        return self._limit


def transaction(end: Callable[[Session], Any], log: list[str]) -> Plan[str]:
    """A transaction and its clean-up, as the flush has it."""
    session = Session("default")
    yield from Begin(session)
    yield from end(session)
    log.append("committed")
    yield from ShieldedRedisRoundTrip("default", (("RELEASE", "key"),))
    log.append("released")
    return "result"


def test_a_cancelled_commit_is_finished_and_its_result_returned(
    async_world: AsyncWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is durable is not reported as cancelled; the caller's next await is."""
    log: list[str] = []

    async def caller() -> None:
        log.append(await async_world.runner.run(transaction(Commit, log)))
        await asyncio.sleep(0)
        log.append("went on")

    async def scenario() -> None:
        slow = Slow(async_world, monkeypatch, "commit")
        task = asyncio.ensure_future(caller())
        await slow.under_way.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())

    assert ["committed", "released", "result"] == log
    assert [True] == async_world.connections.kept


def test_a_lone_statement_is_finished_too(async_world: AsyncWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is its own COMMIT."""
    async_world.script.answers["execute"] = "done"

    def plan() -> Plan[Any]:
        return (yield from Execute("default", "UPDATE a"))

    async def scenario() -> Any:
        slow = Slow(async_world, monkeypatch, "execute")
        task = asyncio.ensure_future(async_world.runner.run(plan()))
        await slow.under_way.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert "done" == asyncio.run(scenario())
    assert [True] == async_world.connections.kept


def test_the_cancellation_comes_at_the_next_effect_that_can_take_it(
    async_world: AsyncWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work after the commit is not done for a caller who left."""
    log: list[str] = []

    def plan() -> Plan[None]:
        yield from transaction(Commit, log)
        try:
            yield from Sleep(10)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def scenario() -> None:
        slow = Slow(async_world, monkeypatch, "commit")
        task = asyncio.ensure_future(async_world.runner.run(plan()))
        await slow.under_way.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())

    assert ["committed", "released", "cancelled"] == log


def test_a_timeout_that_a_commit_outlived_is_over(async_world: AsyncWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout takes its cancellation back when its block ends, so nothing is cancelled later."""
    log: list[str] = []

    async def scenario() -> str:
        slow = Slow(async_world, monkeypatch, "commit")
        async with slow.time_limit():
            result = await async_world.runner.run(transaction(Commit, log))
        await asyncio.sleep(SLOW)
        return result

    assert "result" == asyncio.run(scenario())


def test_a_timeout_that_goes_on_after_a_commit_strikes(
    async_world: AsyncWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its block waits for something else then."""
    log: list[str] = []

    async def scenario() -> None:
        slow = Slow(async_world, monkeypatch, "commit")
        async with slow.time_limit():
            log.append(await async_world.runner.run(transaction(Commit, log)))
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError):
        asyncio.run(scenario())
    assert "result" == log[-1]


def test_a_failed_commit_is_reported_to_a_cancelled_task(
    async_world: AsyncWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In doubt is never unsaid."""

    async def scenario() -> None:
        slow = Slow(async_world, monkeypatch, "commit")
        async_world.script.answers["commit"] = asyncio.CancelledError("the loop shuts down")
        task = asyncio.ensure_future(async_world.runner.run(transaction(Commit, [])))
        await slow.under_way.wait()
        task.cancel()
        with pytest.raises(CommitUnknownError):
            await task

    asyncio.run(scenario())

    assert [False] == async_world.connections.kept


def test_a_cancelled_read_is_torn_apart_and_cleaned_up(
    async_world: AsyncWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads end at once; what the plan does about it runs to its end."""
    log: list[str] = []

    def plan() -> Plan[None]:
        session = Session("default")
        yield from Begin(session)
        try:
            yield from FetchRows(session, "SELECT SLEEP(10)")
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            yield from Rollback(session)
            log.append("rolled back")

    async def scenario() -> None:
        slow = Slow(async_world, monkeypatch, "fetch")
        task = asyncio.ensure_future(async_world.runner.run(plan()))
        await slow.under_way.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())

    assert ["cancelled", "rolled back"] == log
    assert ["begin", "rollback"] == [name for name, *_ in async_world.script.asked]


def test_an_uncancelled_plan_leaves_the_task_alone(async_world: AsyncWorld) -> None:
    """A cancellation that the caller has handled long ago is not delivered again."""

    async def scenario() -> str:
        try:
            async with asyncio.timeout(0):
                await asyncio.sleep(1)
        except TimeoutError:
            pass
        return await async_world.runner.run(transaction(Commit, []))

    assert "result" == asyncio.run(scenario())


def test_a_handler_may_be_a_coroutine_function(async_world: AsyncWorld) -> None:
    """Callbacks of an AsyncContext may await."""

    async def handler(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    def plan() -> Plan[int]:
        result: int = yield from CallHandler(handler, (1,))
        return result

    assert 2 == asyncio.run(async_world.runner.run(plan()))


def test_many_plans_run_at_once(async_world: AsyncWorld) -> None:
    """One runner serves all tasks."""
    async_world.script.answers["GET"] = b"1"

    def plan() -> Plan[Any]:
        return (yield from RedisRoundTrip("default", (("GET", "a"),))).values

    async def scenario() -> list[Any]:
        return await asyncio.gather(*[async_world.runner.run(plan()) for _ in range(50)])

    assert [[b"1"]] * 50 == asyncio.run(scenario())
