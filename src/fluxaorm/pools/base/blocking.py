"""Connections shared by threads: waits and opens as ``ConnectionStack`` decides. Knows no driver.

An idle connection is taken and given back without a lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, Final, Generic, Protocol, TypeVar
from weakref import WeakSet

from fluxaorm.pools.base.connection_stack import UNFIT, ConnectionStack
from fluxaorm.pools.base.ports import Pooled, PoolStats
from fluxaorm.pools.base.sql_ports import PoolLimits


class Closable(Pooled, Protocol):
    """A connection that closes at once."""

    def close(self) -> None:
        """Close it; never raises."""
        ...


C = TypeVar("C", bound=Closable)
Refusal = Callable[[str, bool], Exception]
"""(reason, whether time ran out) -> the error of a pool that gives no connection."""
FULL_PAUSE: Final = 0.05
"""Seconds between two questions whether a server that was full has room again."""


PROBE_SECONDS: Final = 1.0
"""How long a doubtful connection has to answer."""


def never_lost(connection: Any) -> bool:
    """Whether the server has ended a connection: of this kind that says nothing of the others."""
    return False


def always_answers(connection: Any, seconds: float) -> bool:
    """Whether a doubtful connection answers in time: of this kind none is doubted."""
    return True


def never_full(error: Exception) -> bool:
    """Whether an error says that the server has no room for a connection now: of this kind none does."""
    return False


class _Waiter(Generic[C]):
    """A thread that waits; ``lock`` is held until it was served."""

    __slots__ = ("closed", "connection", "lock", "served")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.connection: C | None = None
        self.served = False
        self.closed = False

    def serve(self, connection: C | None) -> None:
        self.connection = connection
        self.served = True
        self.lock.release()


class ConnectionPool(Generic[C]):
    """Connections for threads.

    ``open_connection`` makes one, within so many seconds if it is told how many; ``refusal`` makes the error for a
    caller who gets none.
    """

    def __init__(
        self,
        limits: PoolLimits,
        open_connection: Callable[[float | None], C],
        refusal: Refusal,
        is_full: Callable[[Exception], bool] = never_full,
        is_lost: Callable[[C], bool] = never_lost,
        answers: Callable[[C, float], bool] = always_answers,
    ) -> None:
        self._limits = limits
        self._is_lost = is_lost
        self._answers = answers
        self._is_full = is_full
        self._open_connection = open_connection
        self._refusal = refusal
        self._lock = threading.Lock()
        self._start()
        self._alive: WeakSet[C] = WeakSet()

    def _start(self) -> None:
        self._slots: ConnectionStack[C, _Waiter[C]] = ConnectionStack(self._limits)
        self.take = self._slots.take
        """An idle connection, or None."""
        self.put = self._slots.put
        """Give a connection back; whatever but 0 it returns is to be told to ``hand_on``."""

    def acquire(self, seconds: float | None = None) -> C:
        """A connection for the calling thread alone. ``seconds``: waiting for one and opening it take no longer.

        None: the pool's time, and after it that of opening one. PoolTimeoutError; MySQLConnectionError when
        none can be opened.
        """
        return self._slots.take() or self._acquire_slowly(seconds)

    def release(self, connection: C) -> None:
        """Give it back; it is closed when it is no longer usable."""
        if fate := self.put(connection):
            self.hand_on(connection, fate)

    def drop(self, connection: C) -> None:
        """See SyncPool. Where this very thread is at work on the pool, whoever asks for a connection next closes it."""
        if not self._lock.acquire(blocking=False):
            self._slots.discarded.append(connection)
            return
        try:
            self._slots.forget()
            self._grant()
        finally:
            self._lock.release()
        connection.close()

    def hand_on(self, connection: C, fate: int) -> None:
        """What ``put`` left to do."""
        if fate == UNFIT:
            self._drop(connection)
        else:
            self._serve()

    def replace(self, connection: C, seconds: float | None = None) -> C:
        """One that is opened in the place of a lost connection, within ``seconds``. MySQLConnectionError."""
        with self._lock:
            self._slots.doubt()
        connection.close()
        return self._open(seconds)

    def _acquire_slowly(self, seconds: float | None) -> C:
        deadline = monotonic() + (self._limits.timeout if seconds is None else seconds)
        while True:
            try:
                return self._acquire_once(deadline, seconds is not None)
            except Exception as error:
                if not self._is_full(error) or monotonic() + FULL_PAUSE >= deadline:
                    raise
            sleep(FULL_PAUSE)

    def _acquire_once(self, deadline: float, limited: bool) -> C:
        while True:
            connection, doubtful, waiter = self._take_or_queue()
            if doubtful is None:
                break
            if self._check(doubtful):
                return doubtful
        if waiter is not None:
            connection = self._wait(waiter, max(0.0, deadline - monotonic()))
        if connection is not None:
            return connection
        return self._open(max(0.0, deadline - monotonic()) if limited else None)

    def _take_or_queue(self) -> tuple[C | None, C | None, _Waiter[C] | None]:
        """A free connection, or a doubtful one, or a place in the queue; none of the three: the right to open one."""
        doubtful = waiter = None
        with self._lock:
            connection = self._slots.take()
            if connection is None:
                doubtful = self._slots.take_doubtful()
            discarded = self._slots.take_discarded()
            if connection is None and doubtful is None and not self._slots.reserve():
                waiter = self._enqueue()
        for each in discarded:
            each.close()
        return connection, doubtful, waiter

    def _check(self, connection: C) -> bool:
        """Whether a doubtful connection answers; one that does not is gone."""
        try:
            answers = self._answers(connection, PROBE_SECONDS)
        except BaseException:
            self._drop(connection)
            raise
        if not answers:
            self._drop(connection)
        return answers

    def _enqueue(self) -> _Waiter[C]:
        if self._slots.closed:
            raise self._refusal("the pool is closed", False)
        waiter: _Waiter[C] = _Waiter()
        self._slots.waiters.append(waiter)
        # a connection may have come back before anybody could see the waiter
        self._grant()
        return waiter

    def _wait(self, waiter: _Waiter[C], seconds: float) -> C | None:
        """The connection it was served; None: the right to open one."""
        try:
            in_time = waiter.lock.acquire(timeout=seconds)
        except BaseException:
            self._leave(waiter)
            raise
        if not in_time and self._withdraw(waiter):
            raise self._refusal(self._slots.exhausted(round(seconds, 2)), True)
        if waiter.closed:
            raise self._refusal("the pool was closed", False)
        return waiter.connection

    def _withdraw(self, waiter: _Waiter[C]) -> bool:
        """Stop waiting; False when it was served in the last moment."""
        with self._lock:
            if waiter.served:
                return False
            self._slots.waiters.remove(waiter)
            return True

    def _leave(self, waiter: _Waiter[C]) -> None:
        """The thread was interrupted: what it was served goes to the others."""
        if self._withdraw(waiter):
            return
        if waiter.connection is not None:
            self.release(waiter.connection)
        elif not waiter.closed:
            self._forget()

    def _open(self, seconds: float | None) -> C:
        try:
            connection = self._open_connection(seconds)
        except BaseException:
            self._forget()
            raise
        with self._lock:
            self._alive.add(connection)
        return connection

    def _drop(self, connection: C) -> None:
        if self._is_lost(connection):
            with self._lock:
                self._slots.doubt()
        connection.close()
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._slots.forget()
            self._grant()

    def _serve(self) -> None:
        """Give what came back to those who wait; after a close nothing is kept."""
        idle: list[C] = []
        with self._lock:
            if self._slots.closed:
                idle, _ = self._slots.shut()
            else:
                self._grant()
        for each in idle:
            each.close()

    def _grant(self) -> None:
        while True:
            while grant := self._slots.grant():
                waiter, connection = grant
                waiter.serve(connection)
            discarded = self._slots.take_discarded()
            if not discarded:
                return
            # they leave room for others
            for each in discarded:
                each.close()

    def stats(self) -> PoolStats:
        """The pool at this moment."""
        return self._slots.stats()

    def close(self) -> None:
        """Close the idle connections; those in use are closed when they come back, callers that wait get an error."""
        with self._lock:
            idle, waiters = self._slots.shut()
            for waiter in waiters:
                waiter.closed = True
                waiter.serve(None)
        for connection in idle:
            connection.close()

    def abandon(self) -> list[C]:
        """In a child process after a fork: start anew; the parent's connections, which must not be written to."""
        # held before anything lets go of them: the driver of one that is collected says goodbye on the parent's socket
        inherited = list(self._alive)
        self._alive = WeakSet()
        self._lock = threading.Lock()
        self._start()
        return inherited
