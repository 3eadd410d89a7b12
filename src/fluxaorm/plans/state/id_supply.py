"""The ids a process has in hand for one entity: when to ask for more, and for how many. No I/O.

A batch is one id at first and doubles up to 1,000 while ids are taken in quick succession. Where a large one lasts, the
next is as many as are taken in a second or so, that ids stay near the order of time across processes. After a pause, in
which nobody took any, it is one again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

LARGEST_BATCH: Final = 1_000
QUICK_SECONDS: Final = 1.0
"""A batch should last no longer; nobody taking an id for so long is a pause."""


class IdSupply:
    """Ranges of ids nobody else has; shared by the threads and tasks of a process."""

    __slots__ = ("_asked", "_asking", "_lock", "_ranges", "_reserving", "_size", "_taken", "blocks", "known_block")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all ids in hand; a forked child must, since its parent has the same."""
        self._lock = threading.Lock()
        self._ranges: deque[tuple[int, int]] = deque()
        self.known_block: tuple[int, int] | None = None
        """Ends of the block in Redis of which it is known that it was reserved."""
        self._asking = 0
        """How many ask for a batch at this moment."""
        self._reserving = False
        self.blocks = 0
        """How often somebody in this process has reserved a block, or could not."""
        self._size = 0
        """Of the last batch."""
        self._asked = self._taken = float("-inf")

    @property
    def is_empty(self) -> bool:
        """Whether none is in hand."""
        return not self._ranges

    def begin_block(self, blocks: int) -> bool:
        """Whether it is the caller who reserves a block, and calls ``end_block`` then.

        False: somebody else does, or has since there were ``blocks`` of them.
        """
        with self._lock:
            if self._reserving or self.blocks != blocks:
                return False
            self._reserving = True
            return True

    def end_block(self) -> None:
        """The block is there, or could not be had."""
        with self._lock:
            self._reserving = False
            self.blocks += 1

    def take(self, now: float) -> int | None:
        """The next id, or None when none is in hand, at monotonic time ``now``."""
        with self._lock:
            if not self._ranges:
                return None
            first, last = self._ranges[0]
            if first == last:
                _ = self._ranges.popleft()
            else:
                self._ranges[0] = (first + 1, last)
            self._taken = now
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

    def add_all(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Put ranges in hand, in this order."""
        with self._lock:
            self._ranges.extend(ranges)

    def put_back(self, ids: Iterable[int]) -> None:
        """Put ids that were taken, and are nobody's after all, in hand again: the next ones to be taken."""
        runs: list[tuple[int, int]] = []
        for id in ids:
            if runs and runs[-1][1] == id - 1:
                runs[-1] = (runs[-1][0], id)
            else:
                runs.append((id, id))
        with self._lock:
            self._ranges.extendleft(reversed(runs))

    def drop(self) -> None:
        """Give none of those in hand to anybody."""
        with self._lock:
            self._ranges.clear()
            self.known_block = None

    def leave_out(self, ids: Sequence[int]) -> None:
        """Do not give these: somebody chose them for rows of his own."""
        with self._lock:
            for id in ids if self._ranges else ():
                for at, (first, last) in enumerate(self._ranges):
                    if first <= id <= last:
                        del self._ranges[at]
                        rest = [run for run in ((first, id - 1), (id + 1, last)) if run[0] <= run[1]]
                        for run in reversed(rest):
                            self._ranges.insert(at, run)
                        break

    def begin_batch(self, now: float) -> int:
        """As ``batch_size``, of which each call is followed by ``end_batch``.

        Those who ask while somebody does ask for as many: that they are several says nothing of how long one lasts.
        """
        with self._lock:
            is_first, size = not self._asking, self._size
            self._asking += 1
        return self.batch_size(now) if is_first or not size else size

    def end_batch(self) -> None:
        """It is there, or could not be had."""
        with self._lock:
            # in a forked child the asking of the parent's threads ends here
            self._asking = max(0, self._asking - 1)

    def batch_size(self, now: float) -> int:
        """How many ids to ask for at monotonic time ``now``."""
        with self._lock:
            lasted, paused = now - self._asked, now - max(self._taken, self._asked)
            if paused >= QUICK_SECONDS or not self._size:
                self._size = 1
            elif lasted < QUICK_SECONDS:
                self._size = min(self._size * 2, LARGEST_BATCH)
            else:
                self._size = max(1, int(self._size * QUICK_SECONDS / lasted))
            self._asked = now
            return self._size
