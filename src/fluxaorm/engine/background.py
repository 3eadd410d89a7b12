"""What an engine does beside its callers: finishes what they left undone.

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
from fluxaorm.pools.base.threads import wait_for_end

FinishStep: TypeAlias = "Callable[[], Plan[bool]]"

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0
CLOSING_SECONDS: Final = 5.0
"""How long ``close`` waits for a last try of everything."""
IDLE_SECONDS: Final = 30.0
"""How long the thread stays when there is nothing to do: starting one costs more than a flush does otherwise."""

logger = logging.getLogger("fluxaorm.engine.background")


@dataclass(slots=True)
class _Task:
    step: FinishStep
    due: float
    pause: float = FIRST_PAUSE
    failure: tuple[Any, ...] | None = None
    """How its last run failed, if it did."""


class Background:
    """``run``: drives a plan to its end, in the calling thread. Safe for threads."""

    def __init__(self, run: Callable[[Plan[Any]], Any]) -> None:
        self._run = run
        self._start_anew()

    def _start_anew(self) -> None:
        self._changed = threading.Condition()
        self._tasks: list[_Task] = []
        self._idle_since = 0.0
        self._thread: threading.Thread | None = None
        self._closed = False
        self._left = 0
        """Steps that ``close`` gave up."""

    def add(self, step: FinishStep) -> None:
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

    @property
    def unfinished(self) -> int:
        """How many steps are not done yet."""
        return len(self._tasks)

    def _work(self) -> None:
        while self._take_steps():
            pass

    def _take_steps(self) -> bool:
        """Wait for steps that are due, and take them; False: the thread ends, having tried everything once more."""
        due, last = self._wait()
        for task in due:
            if self._left:
                break
            if self._is_done(task):
                self._forget(task)
            else:
                task.due = monotonic() + task.pause
                task.pause = min(2 * task.pause, LONGEST_PAUSE)
        return not last

    def _forget(self, task: _Task) -> None:
        with self._changed:
            if task in self._tasks:
                self._tasks.remove(task)

    def _wait(self) -> tuple[list[_Task], bool]:
        """The tasks whose time has come, and whether the thread ends after them.

        While it waits, the thread holds nothing that holds the engine: an engine that is forgotten can be collected.
        """
        with self._changed:
            self._idle_since = monotonic()
            while not self._closed:
                now = monotonic()
                due = [task for task in self._tasks if task.due <= now]
                if due:
                    return due, False
                if self._tasks:
                    self._idle_since = now
                elif now - self._idle_since >= IDLE_SECONDS:
                    break
                self._changed.wait(min([IDLE_SECONDS / 4, *(task.due - now for task in self._tasks)]))
            if not self._closed:
                self._thread = None
            return list(self._tasks), True

    def _is_done(self, task: _Task) -> bool:
        try:
            done = bool(self._run(task.step()))
        except FluxaError as error:
            failure = (type(error), getattr(error, "pool", ""), getattr(error, "errno", 0))
            if self._is_news(task, failure):
                logger.warning("a step in the background failed and is tried again: %s", error)
        except Exception as error:
            # nobody else would ever hear of it, and the other steps must go on
            if self._is_news(task, (type(error),)):
                logger.exception("a step in the background failed and is tried again")
        else:
            task.failure = None
            return done
        return False

    def _is_news(self, task: _Task, failure: tuple[Any, ...]) -> bool:
        """Whether no step failed like this the last time already: an outage is told once."""
        known = any(each.failure == failure for each in list(self._tasks))
        task.failure = failure
        return not known

    def close(self, seconds: float = CLOSING_SECONDS) -> None:
        """Try everything once more and stop. Safe to call twice.

        What is not done within ``seconds`` is left to end by its own deadline, which is told in the log.
        """
        with self._changed:
            self._closed = True
            thread = None if self._left else self._thread
            self._changed.notify()
        wait_for_end(thread, seconds)
        with self._changed:
            left, self._tasks = self._tasks, []
            self._left += len(left)
        if left:
            logger.warning(
                "the engine ends with %d %s in the background unfinished, which a server holds up: write intents end "
                "by their own deadlines, and statements that nobody waits for go on",
                len(left),
                "step" if len(left) == 1 else "steps",
            )

    def reset_after_fork(self) -> None:
        """In a child process: the parent goes on with what was its own."""
        self._start_anew()
