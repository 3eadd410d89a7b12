"""What is made of a text and kept for the next time: bounded by bytes, since a request may decide how long it is."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

SHORT_TEXT: Final = 2048
"""Texts up to here are kept by caches that count entries, which so bounds their bytes too."""
_SHARE: Final = 4
"""One value takes at most a quarter: it would push out all others."""


class Kept(dict[K, V], Generic[K, V]):
    """At most so many bytes, by the sizes that are told; when they are full, all start anew. For threads too.

    Two threads may count one value twice, which empties it a little sooner.
    """

    __slots__ = ("_bytes", "_limit")

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self._bytes = 0

    def keep(self, key: K, value: V, size: int) -> None:
        """Keep a value of about ``size`` bytes, its key included, unless that is more than a fair share."""
        if size > self._limit // _SHARE:
            return
        if self._bytes + size > self._limit:
            self.clear()
            self._bytes = 0
        self._bytes += size
        self[key] = value


def size_of_pieces(text: str, pieces: tuple[Any, ...]) -> int:
    """About the bytes of a text and the pieces it was cut into."""
    return 2 * len(text) + 64 * len(pieces) + 200
