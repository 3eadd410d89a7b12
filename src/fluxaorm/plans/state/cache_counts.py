"""What look-ups found in each tier, counted for one entity of one engine. No I/O, no lock.

A count is one attribute: under CPython's lock adding to it is not interrupted; a free-threaded Python may lose some.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

RESULTS: Final = {
    "context": ("hit", "miss"),
    "local": ("hit", "miss", "bypass"),
    "redis": ("hit", "miss", "held", "foreign", "broken", "error"),
}
"""Tier -> results. ``bypass``: the process is not told of changes at the moment; ``held``: a lease or intents of
somebody else; ``foreign``: of another schema or server; ``broken``: no value of ours; ``error``: no good answer."""


class CacheCounts:
    """Requests by tier and result; ``context_hit`` and so on are only ever added to."""

    __slots__ = (
        "context_hit",
        "context_miss",
        "local_bypass",
        "local_hit",
        "local_miss",
        "redis_broken",
        "redis_error",
        "redis_foreign",
        "redis_held",
        "redis_hit",
        "redis_miss",
    )

    def __init__(self) -> None:
        self.context_hit = self.context_miss = 0
        self.local_hit = self.local_miss = self.local_bypass = 0
        self.redis_hit = self.redis_miss = self.redis_held = 0
        self.redis_foreign = self.redis_broken = self.redis_error = 0

    def samples(self) -> Iterator[tuple[str, str, int]]:
        """Tier, result and count, of all."""
        for tier, results in RESULTS.items():
            for result in results:
                yield tier, result, getattr(self, f"{tier}_{result}")
