"""Notes caches that cannot be reached: counts every failure, logs once an outage. Safe for threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

OUTAGE_GAP: Final = 30.0
"""Seconds without a failure after which the next one is a new outage."""

logger = logging.getLogger("fluxaorm.cache")


class CacheOutages:
    """The failures of an engine's Redis pools. ``monotonic``: seconds that never go back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, pool: str, error: BaseException) -> None:
        """Count a failure; log it when it begins an outage."""
        now = self._monotonic()
        with self._lock:
            self._counts[pool] = self._counts.get(pool, 0) + 1
            begins = now - self._last.get(pool, -OUTAGE_GAP) >= OUTAGE_GAP
            self._last[pool] = now
        if begins:
            logger.warning("Redis pool '%s' cannot be used as a cache, MySQL serves its reads: %s", pool, error)

    def counts(self) -> dict[str, int]:
        """Failures so far, by pool."""
        with self._lock:
            return dict(self._counts)

    def reset_after_fork(self) -> None:
        """Make the lock anew: another thread of the parent may have held it."""
        self._lock = threading.Lock()
