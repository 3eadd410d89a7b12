"""The steps of a consumer of async flushes, by name, at which its process can be told to stand still.

What it decides: which effects of the consumer's plans a step lies at. A process that is at its step says so and stops
itself; whoever waits for that kills it, or lets it go on when others have what it had.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from fluxaorm.plans.cache.functions import INTEND, TAKE_OUT
from fluxaorm.plans.effects import Begin, CallHandler, Commit, ExecuteBatch, FetchRows, RedisRoundTrip, Session
from fluxaorm.plans.streams.effects import ProduceRecords
from fluxaorm.plans.streams.flush_effects import CommitPositions, PollFlushes, StartPartitions
from tests.support.effects import watch

STARTED: Final = "partitions started"
STEPS: Final = (
    STARTED,
    "records polled",
    "transaction begun",
    "applied locked",
    "rows written",
    "keys intended",
    "before COMMIT",
    "after COMMIT",
    "keys released",
    "handler called",
    "dead letter stored",
    "before the group is told",
    "group told",
)
"""All there are, in the order in which a consumer comes to them."""
OF_CACHED: Final = {"keys intended", "keys released"}
"""Those that only records of tables with a Redis cache lead to."""


def step_before(effect: Any) -> str | None:
    """The step that ends where this effect begins."""
    if isinstance(effect, Commit):
        return "before COMMIT"
    if isinstance(effect, CommitPositions) and not effect.wait:
        return "before the group is told"
    return None


def step_after(effect: Any, reply: Any) -> str | None:
    """The step that is reached with the answer of this effect."""
    match effect:
        case StartPartitions():
            return STARTED
        case PollFlushes():
            return "records polled" if reply.records else None
        case Begin():
            return "transaction begun"
        case FetchRows(target=Session()) if "FOR UPDATE" in effect.sql:
            return "applied locked"
        case ExecuteBatch() if len(effect.statements) > 1:
            # the last one says how far it is
            return "rows written"
        case RedisRoundTrip() if INTEND in effect.commands[0]:
            return "keys intended"
        case Commit():
            return "after COMMIT"
        case RedisRoundTrip() if TAKE_OUT in effect.commands[0]:
            return "keys released"
        case CallHandler():
            return "handler called"
        case ProduceRecords():
            return "dead letter stored"
        case CommitPositions() if not effect.wait:
            return "group told"
        case _:
            return None


class Stopping:
    """Watches a consumer's context in its own process, reports there, and stops the process at the step it is told.

    ``directory``: where it finds a step to stop at, in a file with its process id as its name; looked for at each
    poll, and used once.
    """

    def __init__(self, ctx: Any, directory: Path, report: Callable[[str], object], step: str = "") -> None:
        """``step``: where to stop first."""
        self._told = directory / str(os.getpid())
        self._report = report
        self._step = step
        watch(ctx, self._before, self._after)

    def _before(self, effect: Any) -> None:
        if isinstance(effect, PollFlushes):
            self._look()
        self._reached(step_before(effect))

    def _after(self, effect: Any, reply: Any) -> None:
        if isinstance(effect, PollFlushes):
            # what is published after the file was there does not pass
            self._look()
            for partition in reply.taken:
                self._report(f"taken {partition}")
            for partition in reply.given:
                self._report(f"given {partition}")
        self._reached(step_after(effect, reply))

    def _look(self) -> None:
        if self._told.exists():
            self._step = self._told.read_text()
            self._told.unlink()

    def _reached(self, step: str | None) -> None:
        if step is not None and step == self._step:
            self._step = ""
            self._report(f"at {step}")
            os.kill(os.getpid(), signal.SIGSTOP)


def rounds(count: int) -> Iterator[tuple[str, ...]]:
    """All steps, so many at once; the last round is filled up with first ones."""
    for first in range(0, len(STEPS), count):
        yield tuple(STEPS[number % len(STEPS)] for number in range(first, first + count))
