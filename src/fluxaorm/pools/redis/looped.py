"""The lean path to Redis on asyncio: one connection for all tasks of a loop.

Commands of tasks that run in the same tick leave in one write, and the replies come back in order, so nobody waits for
a free connection. A task that is cancelled leaves its replies to be thrown away. redis-py connects, logs in and finds
the primary.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import hiredis
from redis.exceptions import RedisError as DriverError

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.plans.effects import RedisCommand, RedisReplies
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.pools.redis.wire import (
    CONFIRM_AFTER,
    CONFIRM_COMMAND,
    IDENTITY_COMMANDS,
    NOTHING_YET,
    Refusals,
    driver_reason,
    identity_from,
    identity_renewed,
    pack,
    packed,
    reply_reader,
)

_CONFIRMATION: Final = pack(CONFIRM_COMMAND)


class _Trip:
    """One round trip under way."""

    __slots__ = ("count", "future", "sent", "values")
    confirms = False

    def __init__(self, count: int, future: asyncio.Future[RedisReplies], sent: float) -> None:
        self.count = count
        self.future = future
        self.sent = sent
        self.values: list[Any] = []


class _Confirmation(_Trip):
    """That of the question who the server is, which nobody waits for."""

    __slots__ = ()
    confirms = True


class LoopLink(asyncio.Protocol):
    """A connection that many tasks use at once."""

    def __init__(self, raw: Any, pool: str, timeout: float) -> None:
        """``raw``: redis-py's connection, connected; ``timeout``: seconds to wait for a reply, 0: no limit.

        From time to time it asks the server again who it is, along with what it is sent.
        """
        self._asked = float("inf")
        self.usable = True
        self._raw = raw
        self._pool = pool
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._trips: deque[_Trip] = deque()
        self._outgoing: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None
        self._refusals = Refusals(pool)
        self._reader = reply_reader(self._refusals)
        self._server = b""
        self._transport: asyncio.Transport = raw._writer.transport
        self._transport.set_protocol(self)

    async def learn_identity(self) -> None:
        """Ask who the server is. RedisConnectionError."""
        try:
            asked = self._loop.time()
            self._server = identity_from((await self.send(IDENTITY_COMMANDS)).values)
            self._asked = asked
        except RedisConnectionError:
            raise
        except RedisError as error:
            raise RedisConnectionError(f"the server does not say who it is: {error.reason}", pool=self._pool) from error

    def send(self, commands: Sequence[RedisCommand]) -> asyncio.Future[RedisReplies]:
        """The replies, later."""
        request = packed(commands)
        now = self._loop.time()
        if now - self._asked > CONFIRM_AFTER:
            request = self._confirming(now) + request
        future: asyncio.Future[RedisReplies] = self._loop.create_future()
        if not self._outgoing:
            self._loop.call_soon(self._write)
        self._outgoing.append(request)
        self._trips.append(_Trip(len(commands), future, now))
        if self._watch is None and self._timeout:
            self._watch = self._loop.call_later(self._timeout, self._look_at_the_oldest)
        return future

    def _confirming(self, now: float) -> bytes:
        """What to send first."""
        self._asked = now
        self._trips.append(_Confirmation(1, self._loop.create_future(), now))
        return _CONFIRMATION

    def _write(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if not self._transport.is_closing():
            self._transport.write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._reader.feed(data)
        gets = self._reader.gets
        try:
            while (reply := gets()) is not NOTHING_YET:
                self._take(reply)
        except (hiredis.ProtocolError, IndexError) as error:
            self._fail(f"what the server sends makes no sense: {error}")
        except RedisError as error:
            self._fail(f"the server does not say who it is: {error.reason}")
        if self._refusals.demoted:
            # the next connection finds out who is the primary now
            self.retire()

    def _take(self, reply: Any) -> None:
        trip = self._trips[0]
        trip.values.append(reply)
        if trip.confirms:
            self._server = identity_renewed(self._server, reply)
        if len(trip.values) == trip.count:
            self._trips.popleft()
            if not trip.future.done():
                trip.future.set_result(RedisReplies(trip.values, self._server))

    def retire(self) -> None:
        """Take nothing more; replies on their way are still read."""
        self.usable = False
        self._refusals.demoted = True
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        if not self._trips:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._fail(f"connection lost: {exc or 'the server closed it'}")

    def _look_at_the_oldest(self) -> None:
        self._watch = None
        if not self._trips:
            return
        left = self._trips[0].sent + self._timeout - self._loop.time()
        if left <= 0:
            self._fail("the server did not answer in time")
        else:
            self._watch = self._loop.call_later(left, self._look_at_the_oldest)

    def _fail(self, reason: str) -> None:
        """Everything under way fails, each with an error of its own."""
        trips, self._trips = self._trips, deque()
        self.close()
        for trip in trips:
            if trip.confirms:
                # nobody waits for it
                trip.future.cancel()
            elif not trip.future.done():
                trip.future.set_exception(RedisConnectionError(reason, pool=self._pool))

    def close(self) -> None:
        """Close it; never raises."""
        self.usable = False
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._transport.abort()
        # redis-py's object would warn that its stream was not closed
        self._raw._reader = self._raw._writer = None
        if self._trips:
            self._fail("the pool was closed")

    @property
    def waiting(self) -> int:
        """Round trips under way."""
        return len(self._trips)


class LoopRedis:
    """The link of one pool on one event loop, opened anew when it was lost."""

    def __init__(self, code: str, timeout: float, connect: Callable[[], Awaitable[Any]]) -> None:
        self._code = code
        self._timeout = timeout
        self._connect = connect
        self._link: LoopLink | None = None
        self._opening: asyncio.Task[LoopLink] | None = None
        self._closed = False

    async def round_trip(self, commands: Sequence[RedisCommand]) -> RedisReplies:
        """See AsyncRedis."""
        link = self._link
        if link is None or not link.usable:
            link = await self._opened()
        return await link.send(commands)

    def begin(self, commands: Sequence[RedisCommand]) -> asyncio.Future[RedisReplies]:
        """The same, under way when this returns."""
        link = self._link
        if link is None or not link.usable:
            return asyncio.ensure_future(self.round_trip(commands))
        return link.send(commands)

    def retire(self) -> None:
        """Take nothing more and close when all that is under way is answered."""
        self._closed = True
        if self._link is not None:
            self._link.retire()

    async def _opened(self) -> LoopLink:
        """One task opens it for all; each caller fails with an error of its own."""
        if self._closed:
            raise RedisConnectionError("the pool is closed", pool=self._code)
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
            self._opening.add_done_callback(self._opening_done)
        try:
            return await asyncio.shield(self._opening)
        except RedisConnectionError as error:
            raise RedisConnectionError(error.reason, pool=self._code) from error

    def _opening_done(self, opening: asyncio.Task[LoopLink]) -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._link = opening.result()
            if self._closed:
                self._link.close()

    async def _open(self) -> LoopLink:
        try:
            raw = await self._connect()
        except (DriverError, OSError) as error:
            raise RedisConnectionError(driver_reason(error), pool=self._code) from error
        link = LoopLink(raw, self._code, self._timeout)
        try:
            await link.learn_identity()
        except BaseException:
            link.close()
            raise
        return link

    def stats(self) -> PoolStats:
        """See AsyncRedis."""
        link = self._link
        if link is None or not link.usable:
            return PoolStats(0, 0, 0)
        return PoolStats(1, 0 if link.waiting else 1, link.waiting)

    def refuse(self) -> None:
        """See AsyncRedis."""
        self._closed = True

    async def aclose(self) -> None:
        """See AsyncRedis."""
        self._closed = True
        if self._link is not None:
            self._link.close()
        await asyncio.sleep(0)
