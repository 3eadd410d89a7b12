"""Which connection a caller gets: decided once for threads and for asyncio. No I/O, no waiting.

Idle connections are used newest first, so that what is not needed grows old and goes. Waiting callers are served in
their order; a connection that comes back while somebody waits is never taken by a newcomer. ``take`` and ``put`` may
be called by many threads at once, everything else under the pool's lock (asyncio needs none): they rest on ``list.pop``
and ``list.append`` being atomic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final, Generic, TypeVar

from fluxaorm.pools.base.ports import Pooled, PoolStats
from fluxaorm.pools.base.sql_ports import PoolLimits

KEPT: Final = 0
WANTED: Final = 1
UNFIT: Final = 2

C = TypeVar("C", bound=Pooled)
W = TypeVar("W")


class ConnectionStack(Generic[C, W]):
    """The connections of one pool. ``W``: what stands for a waiting caller."""

    __slots__ = (
        "_clock",
        "_liveness_after",
        "_max_idle",
        "_max_open",
        "closed",
        "discarded",
        "doubtful",
        "idle",
        "open",
        "waiters",
    )

    def __init__(self, limits: PoolLimits, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._max_open = limits.max_open
        self._max_idle = limits.max_idle
        self._liveness_after = limits.liveness_after
        self.idle: list[C] = []
        self.doubtful: list[C] = []
        """Idle ones to be asked for an answer before they are used: the server has ended another of their age."""
        self.waiters: deque[W] = deque()
        self.discarded: list[C] = []
        """Found unfit for use; whoever called closes them. They no longer count as open."""
        self.open = 0
        """Connections that exist or are being opened."""
        self.closed = False

    def take(self) -> C | None:
        """The newest idle connection that is fit for use, or None: then wait, or ``reserve`` and open one."""
        if self.waiters:
            return None
        try:
            connection = self.idle.pop()
        except IndexError:
            return None
        now = self._clock()
        if now < connection.expires and (now - connection.taken < self._liveness_after or connection.is_alive()):
            connection.taken = now
            return connection
        return self._take_another(connection, now)

    def _take_another(self, connection: C | None, now: float) -> C | None:
        while connection is not None:
            if now < connection.expires and connection.is_alive():
                connection.taken = now
                break
            self.discarded.append(connection)
            connection = self._pop()
        self._sweep(now)
        return connection

    def _sweep(self, now: float) -> None:
        """Let go of what grew old at the bottom of the pile; one look each time a connection was replaced."""
        for pile in (self.idle, self.doubtful):
            for old in [each for each in pile if now >= each.expires]:
                try:
                    pile.remove(old)
                except ValueError:
                    continue
                self.discarded.append(old)

    def doubt(self) -> None:
        """The server has ended a connection: perhaps it has ended the idle ones too."""
        self.doubtful += _drain(self.idle)

    def take_doubtful(self) -> C | None:
        """One that is used only if it answers; else it is closed, and ``forget`` called."""
        now = self._clock()
        while self.doubtful:
            connection = self.doubtful.pop()
            if now < connection.expires:
                connection.taken = now
                return connection
            self.discarded.append(connection)
        return None

    def _pop(self) -> C | None:
        try:
            return self.idle.pop()
        except IndexError:
            return None

    def put(self, connection: C) -> int:
        """Take a connection back: KEPT; WANTED, kept but somebody waits; UNFIT, to be closed, and ``forget`` called."""
        idle = self.idle
        if not connection.usable or connection.touched or len(idle) >= self._max_idle:
            return UNFIT
        idle.append(connection)
        return WANTED if self.waiters or self.closed else KEPT

    def reserve(self) -> bool:
        """Whether one more may be opened; it counts from now on."""
        if self.closed or self.open >= self._max_open:
            return False
        self.open += 1
        return True

    def forget(self, count: int = 1) -> None:
        """Connections are gone, or could not be opened."""
        self.open -= count

    def take_discarded(self) -> list[C]:
        """The unfit ones, which no longer count as open: the caller closes them."""
        discarded = _drain(self.discarded)
        self.open -= len(discarded)
        return discarded

    def grant(self) -> tuple[W, C | None] | None:
        """Who waits and can be served now: with a connection, or with None for the right to open one.

        None when nobody can: but look again when something was discarded.
        """
        if not self.waiters:
            return None
        connection = self._pop()
        now = self._clock()
        while connection is not None and now >= connection.expires:
            self.discarded.append(connection)
            connection = self._pop()
        if connection is None and not self.reserve():
            return None
        if connection is not None:
            connection.taken = now
        return self.waiters.popleft(), connection

    def exhausted(self, seconds: float) -> str:
        """What to tell a caller who waited in vain."""
        return (
            f"no connection became free within {seconds:g} s (all {self.open} are in use, {len(self.waiters)} more "
            "callers wait); hold connections for a shorter time, or allow more of them"
        )

    def shut(self) -> tuple[list[C], list[W]]:
        """No connection is kept from now on: the idle ones, to be closed, and the waiting callers, to be told."""
        self.closed = True
        self._max_idle = 0
        idle = _drain(self.idle) + _drain(self.doubtful)
        waiters = list(self.waiters)
        self.waiters.clear()
        self.open -= len(idle)
        return idle, waiters

    def stats(self) -> PoolStats:
        """The pool at this moment."""
        return PoolStats(self.open, len(self.idle) + len(self.doubtful), len(self.waiters))


def _drain(connections: list[C]) -> list[C]:
    """Take all out one by one, since others may append meanwhile."""
    drained: list[C] = []
    while connections:
        try:
            drained.append(connections.pop())
        except IndexError:
            break
    return drained
