"""Full speed for a while, 8 threads and then 256 asyncio tasks over all kinds of calls: nothing grows, nothing fails.

`FLUXA_SOAK_SECONDS`: how long both take together; `make soak` takes an hour. What is compared is taken after a quarter
of the time, when everything that is kept has its size.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import random
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any, Final

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, UInt32, UInt64
from fluxaorm.engine import Engine
from tests.support.insides import core
from tests.support.redis_servers import RedisServer
from tests.support.server_threads import threads_of
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

SECONDS: Final = float(os.environ.get("FLUXA_SOAK_SECONDS", "40")) / 2
THREADS: Final = 8
TASKS: Final = 256
CONNECTIONS: Final = 16
"""That the tasks share."""
BESIDE: Final = 2
"""Connections for what is done in the background."""
GROWTH: Final = 48 * 2**20
"""Bytes by which a process may be larger: what an allocator keeps differs from run to run."""

pytestmark = [pytest.mark.slow, pytest.mark.fault]


class MarbleEntity(Entity, redis_cache=True, local_cache=200):
    """Kept everywhere; found by its name."""

    id: UInt64
    name: str = Field(unique=True, cached=True, length=40)
    owner: UInt32 = Field(default=0, index=True)
    weight: UInt32 = 0


@pytest.fixture
def engine(mariadb_database: Database, valkey: RedisServer) -> Iterator[Engine]:
    """An engine whose tables are made."""
    registry = fx.Registry()
    registry.register_mysql(mariadb_database.url, options=fx.MySQLOptions(max_open_connections=CONNECTIONS))
    registry.register_redis(valkey.host_port, options=fx.RedisOptions(namespace=valkey.namespace))
    registry.register_entity(MarbleEntity)
    with registry.validate() as made:
        with made.new_context() as ctx:
            for alter in fx.get_alters(ctx):
                alter.exec(ctx)
        yield made


async def given(value: Any) -> Any:
    """What a call gives, to threads at once."""
    return await value if inspect.isawaitable(value) else value


class Worker:
    """One flow of work on rows of its own. Written once: for threads nothing of it ever waits for a loop."""

    def __init__(self, engine: Engine, number: int, new_context: Any) -> None:
        self._marbles: Any = engine.provider(MarbleEntity)
        self._fields = self._marbles.fields
        self._new_context = new_context
        self._number = number
        self._random = random.Random(number)
        self.rounds = 0

    async def play(self) -> None:
        """A row's life, each step in a context of its own."""
        self.rounds += 1
        name, weight = f"{self._number}-{self.rounds}", self._random.randrange(1_000)
        id = await self._step(self._make, name)
        await self._step(self._change, id, weight)
        await self._step(self._find, id, name, weight)
        await self._step(self._search, id, weight)
        await self._step(self._remove, id)

    async def _step(self, step: Any, *args: Any) -> Any:
        ctx = self._new_context(timeout=self._random.choice((None, 120.0)))
        try:
            return await step(ctx, *args)
        finally:
            await given(ctx.close() if hasattr(ctx, "close") else ctx.aclose())

    async def _make(self, ctx: Any, name: str) -> int:
        made = await given(self._marbles.new(ctx, name=name, owner=self._number))
        await given(ctx.flush())
        id: int = made.id
        return id

    async def _change(self, ctx: Any, id: int, weight: int) -> None:
        found = await given(self._marbles.must_get_by_id(ctx, id))
        found.weight = weight
        await given(ctx.flush())

    async def _find(self, ctx: Any, id: int, name: str, weight: int) -> None:
        by_name = await given(self._marbles.get_by_name(ctx, name))
        several = await given(self._marbles.get_by_ids(ctx, id, id + 1_000_000))
        assert (id, weight) == (by_name.id, by_name.weight)
        assert weight == several[0].weight

    async def _search(self, ctx: Any, id: int, weight: int) -> None:
        query = fx.Query().filter(self._fields.owner == self._number)
        assert [id] == [each.id for each in await given(self._marbles.search_many(ctx, query))]
        assert 1 == await given(self._marbles.count(ctx, query))
        row = await given(ctx.mysql().query_row("SELECT weight FROM MarbleEntity WHERE id = ?", id))
        assert weight == row[0]

    async def _remove(self, ctx: Any, id: int) -> None:
        (await given(self._marbles.must_get_by_id(ctx, id))).delete()
        await given(ctx.flush())
        assert await given(self._marbles.get_by_id(ctx, id)) is None


class Size:
    """How much a process holds at one moment."""

    def __init__(self, engine: Engine) -> None:
        gc.collect()
        with open("/proc/self/statm", encoding="ascii") as statm:
            self.memory = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.connections = core(engine).mysql_pool().stats().open, core(engine).redis_pool().stats().open


def driven(work: Coroutine[Any, Any, None]) -> None:
    """Run what never waits to its end."""
    with pytest.raises(StopIteration):
        work.send(None)


def assert_steady(engine: Engine, before: Size, after: Size, database: Database, most: int) -> None:
    """No connection, descriptor or memory more; the server has no connection that the pool knows nothing of."""
    pool = core(engine).mysql_pool()
    # the server is done with a closed connection a moment later
    wait_until(lambda: len(threads_of(database)) <= pool.stats().open, "connections that no pool knows to end")
    assert max(after.connections) <= most
    # `before` was taken in the middle of the work: connections may have been opened since, and nothing else
    assert after.descriptors - before.descriptors <= most
    assert after.memory - before.memory < GROWTH
    assert 0 == core(engine).resources.background.unfinished


def test_threads_at_full_speed(engine: Engine, mariadb_database: Database) -> None:
    """A leak of one connection or kilobyte a thousand calls ends a service in a night."""
    workers = [Worker(engine, number, engine.new_context) for number in range(THREADS)]
    failures: list[BaseException] = []
    begun = time.monotonic()

    def work(worker: Worker) -> None:
        try:
            while time.monotonic() - begun < SECONDS and not failures:
                driven(worker.play())
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    threads[0].join(SECONDS / 4)
    before = Size(engine)
    for thread in threads:
        thread.join()
    after = Size(engine)

    if failures:
        raise failures[0]
    assert all(worker.rounds for worker in workers)
    assert_steady(engine, before, after, mariadb_database, THREADS + BESIDE)


def test_tasks_at_full_speed(engine: Engine, mariadb_database: Database) -> None:
    """The same of many tasks that share few connections."""

    async def scenario() -> tuple[Size, Size]:
        begun = time.monotonic()
        workers = [Worker(engine, number, engine.new_async_context) for number in range(TASKS)]

        async def work(worker: Worker) -> None:
            while time.monotonic() - begun < SECONDS:
                await worker.play()

        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(work(worker))
            await asyncio.sleep(SECONDS / 4)
            before = Size(engine)
        after = Size(engine)
        assert all(worker.rounds for worker in workers)
        await engine.aclose()
        return before, after

    before, after = asyncio.run(scenario())

    assert_steady(engine, before, after, mariadb_database, CONNECTIONS + BESIDE)
