"""Pools that perform nothing: they note what they are asked, and answer or fail as the test wrote down.

The same script serves both runners; the asyncio twins give the loop a turn before each answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from fluxaorm.errors import MySQLConnectionError
from fluxaorm.plans.effects import Effect, Plan, RedisReplies
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.runners.asyncio import AsyncRunner
from fluxaorm.runners.observer import Observer
from fluxaorm.runners.sync import SyncRunner

T = TypeVar("T")
Answer = Callable[..., Any]


class Script:
    """What connections were asked, in order, and what they answer: a value, or an exception to raise."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers: dict[str, Any] = {}

    def perform(self, name: str, *args: Any) -> Any:
        self.asked.append((name, *args))
        answer = self.answers.get(name)
        if callable(answer) and not isinstance(answer, type):
            answer = answer(*args)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class FakeConnection:
    """A connection for threads."""

    thread = 7
    server = "here"
    interrupted = False
    rollbacks = 0
    opened = 0.0
    touched = lost = False

    def __init__(self, script: Script) -> None:
        self.script = script
        self.usable = True
        self.expires = float("inf")
        self.taken = 0.0

    def is_alive(self) -> bool:
        return True

    def _perform(self, name: str, *args: Any) -> Any:
        try:
            return self.script.perform(name, *args)
        except MySQLConnectionError:
            self.usable = False
            raise

    def fetch(self, sql: str, args: Sequence[Any] = ()) -> Any:
        return self._perform("fetch", sql, tuple(args))

    def execute(self, sql: str, args: Sequence[Any] = (), rows: Any = None) -> Any:
        return self._perform("execute", sql, tuple(args))

    def execute_batch(self, statements: Any) -> Any:
        return self._perform("batch", *(statement.sql for statement in statements))

    def begin(self, isolation: str | None = None, read_only: bool = False) -> Any:
        return self._perform("begin", isolation, read_only)

    def commit(self) -> Any:
        return self._perform("commit")

    def rollback(self) -> Any:
        return self._perform("rollback")


class FakeAsyncConnection:
    """The same on asyncio."""

    thread = FakeConnection.thread
    opened = FakeConnection.opened
    touched = lost = False
    server = FakeConnection.server
    interrupted = False
    rollbacks = 0

    def __init__(self, script: Script) -> None:
        self._inner = FakeConnection(script)

    def is_alive(self) -> bool:
        return True

    @property
    def usable(self) -> bool:
        return self._inner.usable

    @usable.setter
    def usable(self, value: bool) -> None:
        self._inner.usable = value

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def later(*args: Any) -> Any:
            await asyncio.sleep(0)
            return getattr(self._inner, name)(*args)

        return later


class FakeConnections:
    """A pool's connections: ``out`` are with somebody; ``kept`` tells of each that came back if it was in order."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.out = 0
        self.kept: list[bool] = []
        self.failure: Exception | None = None

    def acquire(self, seconds: float | None = None) -> Any:
        if self.failure is not None:
            raise self.failure
        self.out += 1
        return self._make()

    def take(self) -> Any:
        return None

    def release(self, connection: Any) -> None:
        self.out -= 1
        self.kept.append(connection.usable)

    def put(self, connection: Any) -> int:
        # a connection that is not in order is left to hand_on()
        if not connection.usable:
            return 2
        self.release(connection)
        return 0

    def hand_on(self, connection: Any, fate: int) -> None:
        self.release(connection)

    def drop(self, connection: Any) -> None:
        self.out -= 1


class FakeAsyncConnections(FakeConnections):
    """The same on asyncio."""

    async def acquire(self, seconds: float | None = None) -> Any:
        await asyncio.sleep(0)
        return super().acquire(seconds)


class FakeRedis:
    """A Redis for threads: answers each command with ``answers[its first word]``."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def round_trip(self, commands: Sequence[Any]) -> RedisReplies:
        self._script.asked.append(("redis", *commands))
        values = [self._script.answers.get(command[0]) for command in commands]
        for value in values:
            if isinstance(value, BaseException):
                raise value
        return RedisReplies(values, b"run repl")

    def stats(self) -> PoolStats:
        return PoolStats(0, 0, 0)


class FakeAsyncRedis(FakeRedis):
    """The same on asyncio."""

    async def round_trip(self, commands: Sequence[Any]) -> RedisReplies:  # type: ignore[override]  # the awaited twin
        await asyncio.sleep(0)
        return super().round_trip(commands)


class FakePool:
    """A pool of either kind, in both worlds."""

    def __init__(self, script: Script) -> None:
        self.sql = FakeConnections(lambda: FakeConnection(script))
        self.async_sql = FakeAsyncConnections(lambda: FakeAsyncConnection(script))


class SQLFake:
    """What the runners see of a MySQL pool."""

    def __init__(self, pool: FakePool) -> None:
        self.sync: Any = pool.sql
        self.asyncio: Any = pool.async_sql


class RedisFake:
    """What the runners see of a Redis pool."""

    def __init__(self, script: Script) -> None:
        self.sync: Any = FakeRedis(script)
        self.asyncio: Any = FakeAsyncRedis(script)


class World(Protocol):
    """One runner over fake pools ``default`` and ``other``."""

    name: str
    script: Script

    def run(self, plan: Plan[T], observer: Observer | None = None) -> T: ...

    @property
    def connections(self) -> FakeConnections: ...


class Watching:
    """An observer that hands on what it is told."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell

    def __call__(
        self, effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
    ) -> None:
        self._tell(effect, reply, error, microseconds, started)

    def shared_with(self, others: Sequence[Any]) -> Observer:
        raise AssertionError("nothing is looked up here")


class SyncWorld:
    """Plans run in this thread."""

    name = "sync"

    def __init__(self) -> None:
        self.script = Script()
        pool = FakePool(self.script)
        self.connections: FakeConnections = pool.sql
        pools: Any = {"default": SQLFake(pool), "other": SQLFake(pool)}
        redis: Any = {"default": RedisFake(self.script), "other": RedisFake(self.script)}
        self._runner = SyncRunner(pools, redis)

    def run(self, plan: Plan[T], observer: Observer | None = None) -> T:
        return self._runner.run(plan, observer)


class AsyncWorld:
    """Plans run on a loop of the test's own."""

    name = "asyncio"

    def __init__(self) -> None:
        self.script = Script()
        pool = FakePool(self.script)
        self.connections: FakeConnections = pool.async_sql
        pools: Any = {"default": SQLFake(pool), "other": SQLFake(pool)}
        redis: Any = {"default": RedisFake(self.script), "other": RedisFake(self.script)}
        self.runner = AsyncRunner(pools, redis)

    def run(self, plan: Plan[T], observer: Observer | None = None) -> T:
        return asyncio.run(self.runner.run(plan, observer))
