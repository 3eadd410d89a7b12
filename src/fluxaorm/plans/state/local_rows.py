"""The local cache: undecoded rows of one entity in this process, shared by all contexts. No I/O.

A fill is dropped when the row was evicted after its read began: a reader takes a ``mark`` first and hands it back
with the row. While the process may have missed a change of another one the cache is shut: it gives and takes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any, Final

import cachebox

from fluxaorm.plans.state.keys import ABSENT

_STRIPES: Final = 1024
PLACE_BYTES: Final = 1 << 16
_NOTHING: Final = (0.0, None)


class Trust:
    """Until when (in the clock's seconds) this process is known to have heard of every change."""

    __slots__ = ("until",)

    def __init__(self, until: float = 0.0) -> None:
        self.until = until


class LocalRows:
    """An LRU of rows with a time to live. ``limit`` 0: no eviction. Thread-safe.

    A row takes one place for each ``PLACE_BYTES`` that it has, so that a limit of rows is one of bytes too; one that
    is larger than all places together is not kept.

    ``trust``: set by whoever listens for changes; None: there are no other processes.
    """

    __slots__ = ("_clock", "_evictions", "_rows", "_trust", "_ttl", "limit")

    def __init__(self, limit: int, ttl_seconds: float, clock: Callable[[], float], trust: Trust | None = None) -> None:
        self._rows = _empty(limit)
        self.limit = limit
        self._trust = Trust(inf) if trust is None else trust
        self._ttl = ttl_seconds
        self._clock = clock
        # one counter for many ids: an eviction of a neighbour drops a fill for nothing, never the other way round
        self._evictions = [0] * _STRIPES

    def get(self, id: int) -> Any:
        """The row (a tuple), ABSENT, or None when it is not cached."""
        expires, row = self._rows.get(id, _NOTHING)
        if row is None:
            return None
        now = self._clock()
        if expires < now:
            _ = self._rows.pop(id, None)
            return None
        return row if now < self._trust.until else None

    @property
    def is_open(self) -> bool:
        """Whether it serves and keeps rows now."""
        return self._clock() < self._trust.until

    def mark(self, id: int) -> int:
        """What ``put`` needs to know of the time before the read."""
        return self._evictions[id % _STRIPES]

    def put(self, id: int, row: Any, mark: int) -> None:
        """Keep a row unless it was evicted since ``mark``, or the cache is shut."""
        if self._evictions[id % _STRIPES] != mark or not self.is_open:
            return
        try:
            self._rows[id] = (self._clock() + self._ttl, row)
        except OverflowError:
            _ = self._rows.pop(id, None)
            return
        # an eviction between the look and the store would have missed the row
        if self._evictions[id % _STRIPES] != mark:
            _ = self._rows.pop(id, None)

    def evict(self, ids: Iterable[int]) -> None:
        """Forget rows, and every fill of them that is under way."""
        for id in ids:
            self._evictions[id % _STRIPES] += 1
            _ = self._rows.pop(id, None)

    def clear(self) -> None:
        """Forget everything, and every fill that is under way."""
        self._evictions = [count + 1 for count in self._evictions]
        self._rows.clear()

    def reset_after_fork(self) -> None:
        """In a child process: begin empty, with a cache that no thread of the parent was in the middle of."""
        self._evictions = [count + 1 for count in self._evictions]
        self._rows = _empty(self.limit)

    def __len__(self) -> int:
        return len(self._rows)


def _empty(limit: int) -> cachebox.LRUCache[int, tuple[float, Any]]:
    return cachebox.LRUCache(limit, getsizeof=_places_of if limit else None)


def _places_of(_: int, entry: tuple[float, Any]) -> int:
    """How many of the places a row takes."""
    row = entry[1]
    if row is ABSENT:
        return 1
    size = 0
    for cell in row:
        if type(cell) is str or type(cell) is bytes:
            size += len(cell)
    return 1 + size // PLACE_BYTES
