"""Something that belongs to an event loop, made on first use in each. Never keeps a loop alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    """``make`` is called once in every loop that asks."""

    __slots__ = ("_by_loop", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    def get(self) -> T:
        """That of the running loop. RuntimeError when none runs."""
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            found = self._by_loop[loop] = self._make()
        return found

    def take(self) -> T | None:
        """That of the running loop, if there is one; from now on it has none."""
        return self._by_loop.pop(asyncio.get_running_loop(), None)

    def take_all(self) -> list[T]:
        """Those of all loops; from now on no loop has one."""
        found = list(self._by_loop.values())
        self._by_loop.clear()
        return found
