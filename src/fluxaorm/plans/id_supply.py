"""The ids a process has in hand for one entity: when to ask for more, and for how many. No I/O.

A batch is one id at first and doubles up to 1,000 while batches are used up in quick succession; after a pause it is
one again.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

LARGEST_BATCH: Final = 1_000
QUICK_SECONDS: Final = 1.0


class IdSupply:
    """Ranges of ids nobody else has; shared by the threads and tasks of a process."""

    __slots__ = ("_asked", "_lock", "_next_size", "_ranges")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all ids in hand; a forked child must, since its parent has the same."""
        self._lock = threading.Lock()
        self._ranges: deque[tuple[int, int]] = deque()
        self._next_size = 1
        self._asked = float("-inf")

    def take(self) -> int | None:
        """The next id, or None when none is in hand."""
        with self._lock:
            if not self._ranges:
                return None
            first, last = self._ranges[0]
            if first == last:
                _ = self._ranges.popleft()
            else:
                self._ranges[0] = (first + 1, last)
            return first

    def take_many(self, count: int) -> list[int]:
        """Up to ``count`` ids of those in hand."""
        taken: list[int] = []
        with self._lock:
            while self._ranges and len(taken) < count:
                first, last = self._ranges.popleft()
                end = min(last, first + count - len(taken) - 1)
                taken.extend(range(first, end + 1))
                if end < last:
                    self._ranges.appendleft((end + 1, last))
        return taken

    def add(self, first: int, last: int) -> None:
        """Put a range in hand, both ends included."""
        with self._lock:
            self._ranges.append((first, last))

    def batch_size(self, now: float) -> int:
        """How many ids to ask for at monotonic time ``now``."""
        with self._lock:
            quick = now - self._asked < QUICK_SECONDS
            self._asked = now
            size = self._next_size if quick else 1
            self._next_size = min(size * 2, LARGEST_BATCH)
            return size
