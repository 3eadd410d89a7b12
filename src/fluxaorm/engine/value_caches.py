"""Local cache pools: plain key-value caches of one process, for users' own values. No I/O; safe for threads."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import cachebox

from fluxaorm.errors import QueryError, shown_value


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """How full a cache is and how it does."""

    size: int
    """Values in it."""
    limit: int
    """Values it holds at most; 0: any number."""
    hits: int
    """How often ``get`` found a value."""
    misses: int
    """How often it found none."""


class LocalCache:
    """A cache of at most ``limit`` values, of which the least recently used go first; 0: of any number.

    QueryError for a key that cannot be one, such as a list.
    """

    __slots__ = ("_hits", "_misses", "_values", "code", "limit")

    def __init__(self, code: str, limit: int) -> None:
        self.code = code
        """The code it was registered under."""
        self.limit = limit
        """Values it holds at most; 0: any number."""
        self._values: cachebox.LRUCache[Hashable, Any] = cachebox.LRUCache(limit)
        self._hits = self._misses = 0

    def __repr__(self) -> str:
        return f"<LocalCache '{self.code}' {len(self)}/{self.limit or 'unlimited'}>"

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The value of a key, or ``default``."""
        try:
            found = self._values.get(key, _MISSING)
        except TypeError as error:
            raise self._refused(key, error) from None
        if found is _MISSING:
            self._misses += 1
            return default
        self._hits += 1
        return found

    def set(self, key: Hashable, value: Any) -> None:
        """Keep a value."""
        try:
            self._values[key] = value
        except TypeError as error:
            raise self._refused(key, error) from None

    def remove(self, *keys: Hashable) -> None:
        """Forget keys; those that are not there do not matter."""
        for key in keys:
            try:
                self._values.pop(key, None)
            except TypeError as error:
                raise self._refused(key, error) from None

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Hashable) -> bool:
        try:
            return key in self._values
        except TypeError as error:
            raise self._refused(key, error) from None

    def _refused(self, key: Hashable, error: TypeError) -> Exception:
        """What a failed access raises: the error itself where the key can be hashed, and says no more."""
        try:
            _ = hash(key)
        except TypeError:
            return QueryError(
                f"local cache '{self.code}': {shown_value(key)} is no key: {error}; take a str or a tuple"
            )
        return error

    def usage(self) -> CacheUsage:
        """Size, limit, hits and misses since it was made."""
        return CacheUsage(len(self._values), self.limit, self._hits, self._misses)


_MISSING: Any = object()
