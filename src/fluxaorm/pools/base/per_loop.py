"""Something that belongs to an event loop, made on first use in each, and ended with it.

``asyncio.run`` ends the asynchronous generators of its loop before it closes it: one of ours is among them, and closes
what is left. A loop that somebody closes without that is let go of when the next one asks.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, ref

T = TypeVar("T")


class PerLoop(Generic[T]):
    """``make`` is called once in every loop that asks; ``close`` ends what it made, in its loop."""

    __slots__ = ("_by_loop", "_close", "_guards", "_last", "_lock", "_make")

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[object]] | None = None) -> None:
        self._make = make
        self._close = close
        self._guards: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = WeakKeyDictionary()
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()
        self._last: tuple[ref[asyncio.AbstractEventLoop], T] | None = None
        self._lock = threading.Lock()

    def get(self) -> T:
        """That of the running loop. RuntimeError when none runs."""
        loop = asyncio.get_running_loop()
        last = self._last
        if last is not None and last[0]() is loop:
            return last[1]
        with self._lock:
            found = self._by_loop.get(loop)
            if found is None:
                self._forget_closed()
                found = self._by_loop[loop] = self._make()
                self._guard(loop)
        self._last = (ref(loop), found)
        return found

    def _guard(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._close is not None:
            guard = self._guards[loop] = self._until_the_end(loop, self._close)
            # its first step makes it the loop's
            with suppress(StopIteration):
                _ = guard.__anext__().send(None)

    async def _until_the_end(
        self, loop: asyncio.AbstractEventLoop, close: Callable[[T], Awaitable[object]]
    ) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._last = None
            with self._lock:
                found = self._by_loop.pop(loop, None)
            if found is not None:
                await close(found)

    def _forget_closed(self) -> None:
        # what is kept for a loop holds on to it, so that it would stay for good
        for loop in [each for each in self._by_loop if each.is_closed()]:
            self._by_loop.pop(loop, None)
            self._guards.pop(loop, None)

    def running(self) -> list[T]:
        """Those of all loops that were not closed; they belong to other threads."""
        with self._lock:
            return [each for loop, each in self._by_loop.items() if not loop.is_closed()]

    def take(self) -> T | None:
        """That of the running loop, if there is one; from now on it has none."""
        self._last = None
        loop = asyncio.get_running_loop()
        with self._lock:
            found = self._by_loop.pop(loop, None)
            guard = self._guards.pop(loop, None)
        if guard is not None:
            # it finds nothing to close, and so does not wait
            with suppress(StopIteration):
                guard.aclose().send(None)
        return found

    def take_all(self) -> list[T]:
        """Those of all loops; from now on no loop has one."""
        self._last = None
        with self._lock:
            found = list(self._by_loop.values())
            self._by_loop.clear()
        return found

    def abandon(self) -> list[object]:
        """In a child process: the same, and what must not be collected either, since it would wake the parent's loop.

        The lock may have been held by a thread that is not there.
        """
        self._lock = threading.Lock()
        guards, self._guards = list(self._guards.values()), WeakKeyDictionary()
        return [*self.take_all(), *guards]
