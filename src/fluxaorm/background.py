"""What an engine does beside its callers: finishes what they left undone, renews what they hold for long.

One thread, which lives while there is something to do, and a little longer. Steps are plans; each is run again, after
pauses that grow, until it says that it is done. Decides when; the plans decide what.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, TypeAlias

from fluxaorm.errors import FluxaError
from fluxaorm.plans.effects import Plan

Step: TypeAlias = "Callable[[], Plan[bool]]"

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0
CLOSING_SECONDS: Final = 5.0
"""How long ``close`` waits for a last try."""
RENEWAL_SECONDS: Final = 10.0
"""How often what is held is renewed."""
IDLE_SECONDS: Final = 30.0
"""How long the thread stays when there is nothing to do: starting one costs more than a flush does otherwise."""

logger = logging.getLogger("fluxaorm.background")


@dataclass(slots=True)
class _Task:
    step: Step
    due: float
    pause: float = FIRST_PAUSE


class Background:
    """``run``: drives a plan to its end, in the calling thread. Safe for threads."""

    def __init__(self, run: Callable[[Plan[Any]], Any]) -> None:
        self._run = run
        self._start_anew()

    def _start_anew(self) -> None:
        self._changed = threading.Condition()
        self._tasks: list[_Task] = []
        self._held: dict[Step, float] = {}
        self._idle_since = 0.0
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, step: Step) -> None:
        """Run ``step`` at once and again until it is done. After ``close`` it is dropped."""
        with self._changed:
            if self._closed:
                return
            self._tasks.append(_Task(step, monotonic()))
            self._start()
            self._changed.notify()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="fluxaorm-background", daemon=True)
            self._thread.start()

    def hold(self, renewal: Step) -> None:
        """Run ``renewal`` every ten seconds until it is let go: for flushes that wait long for their COMMIT."""
        self._held[renewal] = monotonic()
        if self._thread is None:
            with self._changed:
                if not self._closed:
                    self._start()

    def let_go(self, renewal: Step) -> None:
        """Not any more. Safe to call twice."""
        self._held.pop(renewal, None)

    @property
    def unfinished(self) -> int:
        """How many steps are not done yet."""
        return len(self._tasks)

    def _work(self) -> None:
        while (due := self._wait()) is not None:
            for task in due:
                if self._is_done(task.step):
                    with self._changed:
                        self._tasks.remove(task)
                else:
                    task.due = monotonic() + task.pause
                    task.pause = min(2 * task.pause, LONGEST_PAUSE)
            for renewal, since in list(self._held.items()):
                if monotonic() - since >= RENEWAL_SECONDS:
                    self._is_done(renewal)
                    if renewal in self._held:
                        self._held[renewal] = monotonic()

    def _wait(self) -> list[_Task] | None:
        """The tasks whose time has come, none when something may have to be renewed; None: the thread ends."""
        with self._changed:
            self._idle_since = monotonic()
            while not self._closed:
                now = monotonic()
                due = [task for task in self._tasks if task.due <= now]
                if due or any(now - since >= RENEWAL_SECONDS for since in list(self._held.values())):
                    return due
                if self._tasks or self._held:
                    self._idle_since = now
                elif now - self._idle_since >= IDLE_SECONDS:
                    break
                self._changed.wait(min([RENEWAL_SECONDS / 4, *(task.due - now for task in self._tasks)]))
            self._thread = None
            return None

    def _is_done(self, step: Step) -> bool:
        try:
            return bool(self._run(step()))
        except FluxaError as error:
            logger.warning("a step in the background failed and is tried again: %s", error)
        except Exception:
            # nobody else would ever hear of it, and the other steps must go on
            logger.exception("a step in the background failed and is tried again")
        return False

    def close(self) -> None:
        """Try everything once more and stop; what is not done by then ends by its own deadline. Safe to call twice."""
        with self._changed:
            self._closed = True
            thread = self._thread
            self._changed.notify()
        if thread is not None:
            thread.join(CLOSING_SECONDS)
        for task in self._tasks:
            self._is_done(task.step)
        self._tasks.clear()

    def reset_after_fork(self) -> None:
        """In a child process: the parent goes on with what was its own."""
        self._start_anew()
