"""Connections of one event loop, for its thread alone; how ``ConnectionStack`` decides. Knows no driver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Generic, TypeVar

from fluxaorm.pools.base.blocking import FULL_PAUSE, PROBE_SECONDS, Closable, Refusal, never_full, never_lost
from fluxaorm.pools.base.connection_stack import UNFIT, ConnectionStack
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.pools.base.sql_ports import PoolLimits

C = TypeVar("C", bound=Closable)


async def always_answers_later(connection: Any, seconds: float) -> bool:
    """As ``always_answers``."""
    return True


class AsyncConnectionPool(Generic[C]):
    """``open_connection`` makes one; ``refusal`` makes the error for a caller who gets none."""

    def __init__(
        self,
        limits: PoolLimits,
        open_connection: Callable[[], Awaitable[C]],
        refusal: Refusal,
        is_full: Callable[[Exception], bool] = never_full,
        is_lost: Callable[[C], bool] = never_lost,
        answers: Callable[[C, float], Awaitable[bool]] = always_answers_later,
    ) -> None:
        self._limits = limits
        self._is_lost = is_lost
        self._answers = answers
        self._is_full = is_full
        self._open_connection = open_connection
        self._refusal = refusal
        self._slots: ConnectionStack[C, asyncio.Future[C | None]] = ConnectionStack(limits)
        self.take = self._slots.take
        """An idle connection, or None."""
        self.put = self._slots.put
        """Give a connection back; whatever but 0 it returns is to be told to ``hand_on``."""

    async def acquire(self, seconds: float | None = None) -> C:
        """A connection for the calling task alone. PoolTimeoutError; MySQLConnectionError when none can be opened."""
        return self._slots.take() or await self._acquire_slowly(seconds)

    def release(self, connection: C) -> None:
        """Give it back; it is closed when it is no longer usable."""
        if fate := self.put(connection):
            self.hand_on(connection, fate)

    def hand_on(self, connection: C, fate: int) -> None:
        """What ``put`` left to do."""
        if fate == UNFIT:
            self._drop(connection)
        else:
            self._grant()

    def _drop(self, connection: C) -> None:
        if self._is_lost(connection):
            self._slots.doubt()
        connection.close()
        self._forget()

    async def replace(self, connection: C) -> C:
        """One that is opened in the place of a lost connection. MySQLConnectionError."""
        self._slots.doubt()
        connection.close()
        return await self._open()

    async def _acquire_slowly(self, seconds: float | None) -> C:
        deadline = monotonic() + (self._limits.timeout if seconds is None else seconds)
        while True:
            try:
                return await self._acquire_once(deadline - monotonic())
            except Exception as error:
                if not self._is_full(error) or monotonic() + FULL_PAUSE >= deadline:
                    raise
            await asyncio.sleep(FULL_PAUSE)

    async def _acquire_once(self, seconds: float) -> C:
        for each in self._slots.take_discarded():
            each.close()
        connection = self._slots.take()
        if connection is not None:
            return connection
        while (doubtful := self._slots.take_doubtful()) is not None:
            if await self._check(doubtful):
                return doubtful
        if not self._slots.reserve():
            connection = await self._wait(max(0.0, seconds))
            if connection is not None:
                return connection
        return await self._open()

    async def _open(self) -> C:
        try:
            return await self._open_connection()
        except BaseException:
            self._forget()
            raise

    async def _check(self, connection: C) -> bool:
        """Whether a doubtful connection answers; one that does not is gone."""
        try:
            answers = await self._answers(connection, PROBE_SECONDS)
        except BaseException:
            self._drop(connection)
            raise
        if not answers:
            self._drop(connection)
        return answers

    async def _wait(self, seconds: float) -> C | None:
        """A connection, or None: the right to open one."""
        if self._slots.closed:
            raise self._refusal("the pool is closed", False)
        waiter: asyncio.Future[C | None] = asyncio.get_running_loop().create_future()
        self._slots.waiters.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            self._leave(waiter)
            raise self._refusal(self._slots.exhausted(round(seconds, 2)), True) from None
        except BaseException:
            self._leave(waiter)
            raise

    def _leave(self, waiter: asyncio.Future[C | None]) -> None:
        """Stop waiting; what it was served in the last moment goes to the others."""
        if waiter in self._slots.waiters:
            self._slots.waiters.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            connection = waiter.result()
            if connection is None:
                self._forget()
            else:
                self.release(connection)

    def _forget(self) -> None:
        self._slots.forget()
        self._grant()

    def _grant(self) -> None:
        while True:
            while grant := self._next_grant():
                waiter, connection = grant
                waiter.set_result(connection)
            discarded = self._slots.take_discarded()
            if not discarded:
                return
            # they leave room for others
            for each in discarded:
                each.close()

    def _next_grant(self) -> tuple[asyncio.Future[C | None], C | None] | None:
        """A cancelled task leaves a moment later: it is passed over."""
        waiters = self._slots.waiters
        while waiters and waiters[0].done():
            del waiters[0]
        return self._slots.grant()

    def stats(self) -> PoolStats:
        """The pool at this moment."""
        return self._slots.stats()

    def close(self) -> None:
        """Close the idle connections; those in use are closed when they come back, callers that wait get an error."""
        idle, waiters = self._slots.shut()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(self._refusal("the pool was closed", False))
        for connection in idle:
            connection.close()
