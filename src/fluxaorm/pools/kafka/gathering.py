"""A thread that does for several callers at once what they have asked for meanwhile. Decides not what.

It lives from the first item to ``close``. What ``work`` raises is logged: it answers for its items.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from fluxaorm.pools.base.threads import wait_for_end

T = TypeVar("T")

logger: Final = logging.getLogger("fluxaorm.kafka")


class Gathering(Generic[T]):
    """``work`` gets all that came since it was called last; ``idle`` is called each second without any."""

    def __init__(self, name: str, work: Callable[[list[T]], None], idle: Callable[[], object] | None = None) -> None:
        self._name = name
        self._work = work
        self._idle = idle
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, item: T) -> bool:
        """Let it be worked on; False: too late, it is closed."""
        with self._changed:
            if self._closed:
                return False
            self._items.append(item)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._items and not self._closed:
                    _ = self._changed.wait(1.0)
                items, self._items = self._items, []
                if not items and self._closed:
                    return
            try:
                if items:
                    self._work(items)
                elif self._idle is not None:
                    _ = self._idle()
            except Exception:
                logger.exception("%s: a step failed", self._name)

    def close(self, seconds: float) -> None:
        """Work on what is there, for so long at most."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        wait_for_end(self._thread, seconds)
