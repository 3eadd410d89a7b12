"""Ends what blocks a thread when its time is over: nothing but another thread can.

A ``Watch`` knows which connection its thread waits on; the ``Watchdog`` looks at the clock. Knows no driver.
"""

from __future__ import annotations

import heapq
import itertools
import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Final, Protocol

from fluxaorm.pools.base.threads import wait_for_end

IDLE_SECONDS: Final = 10.0
"""How long the watchdog's thread stays when there is nothing to watch."""
CLOSING_SECONDS: Final = 1.0
"""How long ``close`` waits for that thread."""


class Abortable(Protocol):
    """A connection."""

    def abort(self) -> None:
        """From another thread: end the wait for the server; the connection is not usable any more."""
        ...


def shut_down(descriptor: int) -> None:
    """End both directions of a socket that somebody else may be blocked on; never raises."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
        same.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_off(descriptor: int, deadline: float | None) -> Generator[None, None, None]:
    """Shut a socket down when the block does not end in time: for what happens once in a connection's life."""
    if deadline is None:
        yield
        return
    timer = threading.Timer(max(0.0, deadline - monotonic()), shut_down, (descriptor,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # from here on the descriptor may become another file's
        timer.join()


class Watch:
    """One thread's time until ``deadline``, in monotonic seconds.

    The thread enters a connection before it waits on it, and leaves it after.
    """

    __slots__ = ("_connection", "_lock", "deadline", "expired")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.expired = False
        self._connection: Abortable | None = None
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds until the deadline; may be negative."""
        return self.deadline - monotonic()

    def enter(self, connection: Abortable) -> None:
        """The thread is about to wait on it."""
        with self._lock:
            self._connection = connection
            if self.expired:
                connection.abort()

    def leave(self) -> None:
        """It waits no more: from here on the connection is not touched."""
        with self._lock:
            self._connection = None

    def expire(self) -> None:
        """The time is over."""
        with self._lock:
            self.expired = True
            if self._connection is not None:
                self._connection.abort()


class Watchdog:
    """Expires watches at their deadlines, in a thread that lives while there are any."""

    def __init__(self) -> None:
        self._start_anew()

    def _start_anew(self) -> None:
        self._changed = threading.Condition()
        self._watches: list[tuple[float, int, Watch]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, watch: Watch) -> None:
        """Expire it at its deadline, unless it is removed before."""
        with self._changed:
            first = self._watches[0][0] if self._watches else None
            heapq.heappush(self._watches, (watch.deadline, next(self._numbers), watch))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="fluxaorm-watchdog", daemon=True)
                self._thread.start()
            elif first is None or watch.deadline < first:
                self._changed.notify()

    def remove(self, watch: Watch) -> None:
        """Its thread is done."""
        with self._changed:
            self._watches = [each for each in self._watches if each[2] is not watch]
            heapq.heapify(self._watches)
            if self._closed:
                self._changed.notify()

    def _work(self) -> None:
        while (watch := self._next()) is not None:
            watch.expire()

    def _next(self) -> Watch | None:
        """The next watch whose time is over; None when there was nothing to do for a while."""
        with self._changed:
            while True:
                if not self._watches:
                    if self._closed or (not self._changed.wait(IDLE_SECONDS) and not self._watches):
                        self._thread = None
                        return None
                    continue
                left = self._watches[0][0] - monotonic()
                if left <= 0:
                    return heapq.heappop(self._watches)[2]
                self._changed.wait(min(left, threading.TIMEOUT_MAX))

    def close(self) -> None:
        """End the thread as soon as it has nothing to watch; whoever is under way is watched to the end."""
        with self._changed:
            self._closed = True
            thread = None if self._watches else self._thread
            self._changed.notify()
        wait_for_end(thread, CLOSING_SECONDS)

    def reset_after_fork(self) -> None:
        """In a child process: its one thread watches nothing."""
        self._start_anew()
