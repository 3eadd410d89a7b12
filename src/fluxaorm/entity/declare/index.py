"""Indexes as a definition declares them: ``indexes = (UniqueIndex("name", "category"), Index("status"))``."""

from __future__ import annotations


class Index:
    """An index over these fields, in this order. ``name``: default, the field names joined by ``_``."""

    __slots__ = ("cached", "fields", "name", "unique")

    def __init__(self, *fields: str, name: str | None = None) -> None:
        self.fields = fields
        self.name = name
        self.unique = False
        self.cached = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.fields))})"


class UniqueIndex(Index):
    """An index that no two living rows have the same values in. ``cached``: look-ups by it are kept in Redis."""

    __slots__ = ()

    def __init__(self, *fields: str, name: str | None = None, cached: bool = False) -> None:
        super().__init__(*fields, name=name)
        self.unique = True
        self.cached = cached
