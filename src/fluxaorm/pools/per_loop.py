"""Something that belongs to an event loop, made on first use in each. Lets go of loops that were closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, ref

T = TypeVar("T")


class PerLoop(Generic[T]):
    """``make`` is called once in every loop that asks."""

    __slots__ = ("_by_loop", "_last", "_lock", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
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
        self._last = (ref(loop), found)
        return found

    def _forget_closed(self) -> None:
        # what is kept for a loop holds on to it, so that it would stay for good
        for loop in [each for each in self._by_loop if each.is_closed()]:
            self._by_loop.pop(loop, None)

    def running(self) -> list[T]:
        """Those of all loops that were not closed; they belong to other threads."""
        with self._lock:
            return [each for loop, each in self._by_loop.items() if not loop.is_closed()]

    def take(self) -> T | None:
        """That of the running loop, if there is one; from now on it has none."""
        self._last = None
        with self._lock:
            return self._by_loop.pop(asyncio.get_running_loop(), None)

    def take_all(self) -> list[T]:
        """Those of all loops; from now on no loop has one."""
        self._last = None
        with self._lock:
            found = list(self._by_loop.values())
            self._by_loop.clear()
        return found

    def abandon(self) -> list[T]:
        """In a child process: the same; the lock may have been held by a thread that is not there."""
        self._lock = threading.Lock()
        return self.take_all()
