"""How threads and tasks wait for a connection: in order, for a limited time, losing nothing they were given."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from fluxaorm.errors import MySQLConnectionError, PoolTimeoutError
from fluxaorm.pools.base.blocking import ConnectionPool
from fluxaorm.pools.base.looped import AsyncConnectionPool
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.pools.base.sql_ports import PoolLimits
from tests.support.waiting import wait_until
from tests.unit.pools.doubles import Factory, FakeConnection, refusal


def blocking(factory: Factory, max_open: int = 1, timeout: float = 5.0) -> ConnectionPool[FakeConnection]:
    """A pool for threads."""
    return ConnectionPool(PoolLimits(max_open=max_open, timeout=timeout), factory, refusal)


def looped(factory: Factory, max_open: int = 1, timeout: float = 5.0) -> AsyncConnectionPool[FakeConnection]:
    """A pool for the running loop."""
    return AsyncConnectionPool(PoolLimits(max_open=max_open, timeout=timeout), factory.opened, refusal)


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    """A thread that is waiting for something by the time this returns."""
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_threads_share_connections_one_at_a_time() -> None:
    """Under a crowd no connection is used twice at once, none is lost, and no more are opened than allowed."""
    factory = Factory()
    pool = blocking(factory, max_open=3)
    users: Counter[str] = Counter()
    clashes: list[str] = []

    def work() -> None:
        for turn in range(200):
            connection = pool.acquire()
            users[connection.name] += 1
            if users[connection.name] != 1:
                clashes.append(connection.name)
            if turn % 50 == 49:
                connection.usable = False
            time.sleep(0)
            users[connection.name] -= 1
            pool.release(connection)

    threads = [in_thread(work) for _ in range(8)]
    for thread in threads:
        thread.join()

    assert [] == clashes
    assert pool.stats().open <= 3
    assert pool.stats().open == pool.stats().idle
    assert 0 == pool.stats().waiting


def test_a_greedy_thread_starves_nobody() -> None:
    """Whoever waits is served before the thread that has just given back may take again."""
    pool = blocking(Factory())
    served = threading.Event()

    def patient() -> None:
        pool.release(pool.acquire())
        served.set()

    connection = pool.acquire()
    thread = in_thread(patient)
    wait_until(lambda: pool.stats().waiting == 1)
    turns = 0
    while not served.is_set() and turns < 1000:
        pool.release(connection)
        connection = pool.acquire()
        turns += 1
    thread.join()

    assert turns <= 2


def test_waiting_ends_with_an_error_that_says_why() -> None:
    """Thirty seconds by default; here less."""
    pool = blocking(Factory(), timeout=0.05)
    connection = pool.acquire()

    with pytest.raises(PoolTimeoutError, match=r"no connection became free within 0\.05 s \(all 1 are in use"):
        pool.acquire()
    with pytest.raises(PoolTimeoutError, match=r"within 0\.01 s"):
        pool.acquire(0.01)
    pool.release(connection)

    assert PoolStats(1, 1, 0) == pool.stats()


def test_a_connection_that_cannot_be_opened_leaves_its_place_to_the_next() -> None:
    """A failure does not count as a connection."""
    factory = Factory()
    pool = blocking(factory)
    factory.failure = MySQLConnectionError("refused")

    with pytest.raises(MySQLConnectionError, match="refused"):
        pool.acquire()
    factory.failure = None

    assert "c1" == pool.acquire().name


def test_a_broken_connection_is_replaced_for_who_waits() -> None:
    """The right to open one passes on."""
    factory = Factory()
    pool = blocking(factory)
    broken = pool.acquire()
    got: list[str] = []
    thread = in_thread(lambda: got.append(pool.acquire().name))
    wait_until(lambda: pool.stats().waiting == 1)

    broken.usable = False
    pool.release(broken)
    thread.join()

    assert ["c2"] == got
    assert broken.closed


def test_closing_tells_those_who_wait_and_closes_what_comes_back() -> None:
    """Nothing is left open behind a closed pool."""
    factory = Factory()
    pool = blocking(factory, max_open=2)
    used, idle = pool.acquire(), pool.acquire()
    pool.release(idle)
    pool.acquire()
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            pool.acquire()
        except MySQLConnectionError as error:
            errors.append(error)

    thread = in_thread(wait)
    wait_until(lambda: pool.stats().waiting == 1)
    pool.close()
    thread.join()
    pool.release(used)

    assert "closed" in str(errors[0])
    assert used.closed
    with pytest.raises(MySQLConnectionError, match="closed"):
        pool.acquire()


def test_a_child_process_starts_with_an_empty_pool() -> None:
    """The parent's connections are handed over untouched, also those in use."""
    factory = Factory()
    pool = blocking(factory, max_open=2)
    used, idle = pool.acquire(), pool.acquire()
    pool.release(idle)

    inherited = pool.abandon()

    assert {used, idle} == set(inherited)
    assert [False, False] == [used.closed, idle.closed]
    assert "c3" == pool.acquire().name


def test_tasks_are_served_in_their_order() -> None:
    """Also those that come while others wait."""

    async def scenario() -> list[int]:
        pool = looped(Factory())
        order: list[int] = []

        async def work(number: int) -> None:
            connection = await pool.acquire()
            order.append(number)
            await asyncio.sleep(0)
            pool.release(connection)

        await asyncio.gather(*[work(number) for number in range(5)])
        return order

    assert [0, 1, 2, 3, 4] == asyncio.run(scenario())


def test_tasks_wait_for_a_limited_time() -> None:
    """And leave the queue."""

    async def scenario() -> PoolStats:
        pool = looped(Factory(), timeout=0.02)
        connection = await pool.acquire()
        with pytest.raises(PoolTimeoutError, match=r"within 0\.02 s"):
            await pool.acquire()
        pool.release(connection)
        return pool.stats()

    assert PoolStats(1, 1, 0) == asyncio.run(scenario())


@pytest.mark.parametrize(
    ("steps", "served"),
    [
        # the first was served, else the connection would be lost for good
        ("release cancel", "c1"),
        # the first has not left the queue yet when the connection comes back
        ("cancel release", "c1"),
        # the first was served nothing but the right to open another
        ("break release cancel", "c2"),
    ],
)
def test_what_a_cancelled_task_waited_for_goes_to_the_next(steps: str, served: str) -> None:
    """Whether it is cancelled before it is served or just after; else one cancellation would cost a connection."""

    async def scenario() -> str:
        pool = looped(Factory())
        connection = await pool.acquire()
        first = asyncio.ensure_future(pool.acquire())
        second = asyncio.ensure_future(pool.acquire())
        await asyncio.sleep(0)
        does: dict[str, Callable[[], object]] = {
            "release": lambda: pool.release(connection),
            "cancel": first.cancel,
            "break": lambda: setattr(connection, "usable", False),
        }
        for step in steps.split():
            does[step]()
        return (await second).name

    assert served == asyncio.run(scenario())


def test_a_task_cancelled_while_it_opens_leaves_its_place() -> None:
    """A connection that was never there does not count."""

    async def scenario() -> PoolStats:
        async def never() -> FakeConnection:
            await asyncio.sleep(10)
            raise AssertionError

        pool: AsyncConnectionPool[FakeConnection] = AsyncConnectionPool(PoolLimits(max_open=1), never, refusal)
        task = asyncio.ensure_future(pool.acquire())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return pool.stats()

    assert PoolStats(0, 0, 0) == asyncio.run(scenario())


def test_closing_tells_tasks_that_wait() -> None:
    """And what is in use is closed when it comes back."""

    async def scenario() -> FakeConnection:
        pool = looped(Factory())
        connection = await pool.acquire()
        waiting = asyncio.ensure_future(pool.acquire())
        await asyncio.sleep(0)
        pool.close()
        with pytest.raises(MySQLConnectionError, match="closed"):
            await waiting
        pool.release(connection)
        with pytest.raises(MySQLConnectionError, match="closed"):
            await pool.acquire()
        return connection

    assert asyncio.run(scenario()).closed


def test_tasks_crowd_without_losing_connections() -> None:
    """Cancelled at random, broken now and then: what was opened is idle in the end."""

    async def scenario() -> PoolStats:
        pool = looped(Factory(), max_open=3)

        async def work(number: int) -> None:
            for turn in range(20):
                connection = await pool.acquire()
                try:
                    await asyncio.sleep(0)
                    if (number + turn) % 17 == 0:
                        connection.usable = False
                finally:
                    pool.release(connection)

        tasks = [asyncio.ensure_future(work(number)) for number in range(30)]
        for turn, task in enumerate(tasks):
            if turn % 3 == 0:
                await asyncio.sleep(0)
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return pool.stats()

    stats = asyncio.run(scenario())

    assert stats.open == stats.idle
    assert 0 == stats.waiting
