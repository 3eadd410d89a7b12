"""Counts what the library sent, from its query log: statements, round trips, hits, misses, rows, by step of the demo.

Knows nothing of servers; ``servers`` has what they counted.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from fluxaorm.observe.query_log import QueryLogEntry

_EXCERPT: Final = 4


@dataclass(slots=True)
class Counts:
    """What one step, or all of them, sent and got."""

    statements: Counter[str] = field(default_factory=Counter[str])
    """SQL verb -> how many."""
    round_trips: Counter[str] = field(default_factory=Counter[str])
    """Store -> how many."""
    commands: Counter[str] = field(default_factory=Counter[str])
    """Redis command -> how many."""
    errors: Counter[str] = field(default_factory=Counter[str])
    """SQL verb -> how many of them the server refused, as the first that needs the table of ids."""
    rows_read: int = 0
    rows_written: int = 0
    hits: int = 0
    """Keys that Redis was asked for and had."""
    misses: int = 0
    seconds: float = 0.0

    def add(self, entry: QueryLogEntry) -> None:
        """Count one entry of the query log."""
        self.round_trips[entry.store] += 1
        if entry.store == "redis":
            self.commands.update(entry.operations)
            self.hits += entry.hits
            self.misses += entry.misses
            return
        self.statements.update(entry.operations)
        if entry.error is not None:
            self.errors[entry.operation] += 1
        if entry.operation == "SELECT":
            self.rows_read += entry.rows or 0
        else:
            self.rows_written += entry.rows or 0


@dataclass(slots=True)
class TourStep:
    """One line of the report."""

    name: str
    rows: int = 0
    """Rows the caller got or wrote, whoever had them."""
    counts: Counts = field(default_factory=Counts)
    excerpt: deque[QueryLogEntry] = field(default_factory=lambda: deque(maxlen=_EXCERPT))

    @property
    def from_redis(self) -> int:
        """Rows that came from Redis: it may also have had values of an earlier run, which do not count."""
        return min(self.counts.hits, max(0, self.rows - self.counts.rows_read))

    @property
    def in_process(self) -> int:
        """Rows that neither SQL nor Redis was needed for: they came from the context or the local cache."""
        return max(0, self.rows - self.counts.rows_read - self.from_redis)


class Tally:
    """The counts of a run, step by step."""

    def __init__(self) -> None:
        self.total = Counts()
        self.steps: list[TourStep] = []
        self._step = TourStep("")

    def watch(self, ctx: Any) -> None:
        """Count what this context sends."""
        ctx.register_query_logger(self._note)

    @contextmanager
    def step(self, name: str, rows: int = 0) -> Generator[TourStep]:
        """Count and time what happens inside as one step."""
        self._step = step = TourStep(name, rows)
        self.steps.append(step)
        started = time.perf_counter()
        try:
            yield step
        finally:
            step.counts.seconds = time.perf_counter() - started
            self.total.seconds += step.counts.seconds
            self._step = TourStep("")

    def _note(self, ctx: Any, entry: QueryLogEntry) -> None:
        self.total.add(entry)
        self._step.counts.add(entry)
        self._step.excerpt.append(entry)
