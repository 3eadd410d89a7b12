"""Renews what flushes hold for long: a thread for each Redis pool, which nothing else that is slow can delay.

Neither a background step that hangs, nor another pool's server, nor a blocked event loop. A thread lives while there is
something to renew, and a little longer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, TypeAlias

from fluxaorm.plans.effects import Plan
from fluxaorm.pools.base.threads import wait_for_end

Renewal: TypeAlias = "Callable[[], Plan[bool]]"

RENEWAL_SECONDS: Final = 10.0
"""How often what is held is renewed."""
IDLE_SECONDS: Final = 30.0
"""How long a thread stays when there is nothing to renew: starting one costs more than a flush does otherwise."""
CLOSING_SECONDS: Final = 1.0
"""How long ``close`` waits for renewals that are under way."""

logger = logging.getLogger("fluxaorm.engine.background")


class _Renewer:
    """What is held at one Redis pool, and the thread that renews it."""

    def __init__(self, pool: str, run: Callable[[Plan[Any]], Any]) -> None:
        self.held: dict[Renewal, float] = {}
        """When each was announced last, in monotonic seconds."""
        self._pool = pool
        self._run = run
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._failing = False

    def hold(self, renewal: Renewal) -> None:
        self.held[renewal] = monotonic()
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._changed:
            if self._thread is None and not self._closed:
                name = f"fluxaorm-renewals-{self._pool}"
                self._thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while self._wait():
            self._renew_what_is_due()
        if self.held:
            # it was held just when the thread made up its mind to end
            self._start()

    def _renew_what_is_due(self) -> None:
        for renewal, since in list(self.held.items()):
            if self._closed:
                return
            if monotonic() - since >= RENEWAL_SECONDS:
                self._renew(renewal)
                if renewal in self.held:
                    self.held[renewal] = monotonic()

    def _wait(self) -> bool:
        """Until something may have to be renewed; False: the thread ends."""
        with self._changed:
            idle_since = monotonic()
            while not self._closed:
                now = monotonic()
                if any(now - since >= RENEWAL_SECONDS for since in list(self.held.values())):
                    return True
                if self.held:
                    idle_since = now
                elif now - idle_since >= IDLE_SECONDS:
                    break
                self._changed.wait(RENEWAL_SECONDS / 4)
            self._thread = None
            return False

    def _renew(self, renewal: Renewal) -> None:
        try:
            self._run(renewal())
        except Exception as error:  # noqa: BLE001 - nobody else would hear of it, and the others must be renewed
            if not self._failing:
                logger.warning("write intents at Redis pool '%s' could not be renewed: %s", self._pool, error)
            self._failing = True
        else:
            self._failing = False

    def end(self) -> threading.Thread | None:
        """Renew nothing more; the thread, which ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            return self._thread

    def tell_what_is_held(self) -> None:
        if held := len(self.held):
            self.held.clear()
            logger.warning(
                "the engine ends while %d %s under way; write intents at Redis pool '%s' are renewed no more",
                held,
                "flush is" if held == 1 else "flushes are",
                self._pool,
            )


class Renewals:
    """``run``: drives a plan to its end, in the calling thread. Safe for threads."""

    def __init__(self, run: Callable[[Plan[Any]], Any]) -> None:
        self._run = run
        self._renewers: dict[str, _Renewer] = {}

    def hold(self, pool: str, renewal: Renewal) -> None:
        """Run ``renewal``, which speaks to this Redis pool alone, every ten seconds until it is let go."""
        renewer = self._renewers.get(pool)
        if renewer is None:
            renewer = self._renewers.setdefault(pool, _Renewer(pool, self._run))
        renewer.hold(renewal)

    def let_go(self, pool: str, renewal: Renewal) -> None:
        """Not any more. Safe to call twice."""
        renewer = self._renewers.get(pool)
        if renewer is not None:
            renewer.held.pop(renewal, None)

    def close(self) -> None:
        """Stop; what is still held ends by its own deadline, which is told in the log. Safe to call twice."""
        renewers = list(self._renewers.values())
        threads = [renewer.end() for renewer in renewers]
        deadline = monotonic() + CLOSING_SECONDS
        for thread in threads:
            wait_for_end(thread, max(0.0, deadline - monotonic()))
        for renewer in renewers:
            renewer.tell_what_is_held()

    def reset_after_fork(self) -> None:
        """In a child process: the parent goes on with what was its own."""
        self._renewers = {}
