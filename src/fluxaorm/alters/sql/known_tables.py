"""The tables of a database beside those that are declared: which entity owns which, what ties them, which are nobody's.

Pure. Tables are told apart as the server tells them apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from fluxaorm.alters.sql.foreign_keys import End, ends_at
from fluxaorm.alters.sql.spelling import spelled_as
from fluxaorm.alters.sql.wanted import WantedTable
from fluxaorm.dialects.port import Dialect
from fluxaorm.dialects.tables import TableDefinition
from fluxaorm.entity.resolve.names import OURS


@dataclass(frozen=True, slots=True)
class Owned:
    """A declared table that is there. ``actual``: as the definition spells it; ``found``: as the server does."""

    wanted: WantedTable
    actual: TableDefinition
    found: TableDefinition
    renamed: bool
    """Whether it is there under its former name."""
    ends: tuple[End, ...]
    """Of the foreign keys at it, with the columns of ``actual``."""


class KnownTables:
    """What is there, by the keys that the server compares names by."""

    def __init__(self, dialect: Dialect, wanted: Sequence[WantedTable], actual: Mapping[str, TableDefinition]) -> None:
        self._dialect = dialect
        self._key = dialect.table_key
        self._tables = {self._key(name): table for name, table in actual.items()}
        self.missing: list[WantedTable] = []
        self.owned: list[Owned] = []
        for table in wanted:
            owned = self._owned(table)
            if owned is None:
                self.missing.append(table)
            else:
                self.owned.append(owned)
        self._by_key = {self._key(owned.found.name): owned for owned in self.owned}

    def _owned(self, wanted: WantedTable) -> Owned | None:
        found = self._tables.get(self._key(wanted.table.name))
        renamed = found is None and wanted.renamed_from is not None
        if wanted.renamed_from is not None and found is None:
            found = self._tables.get(self._key(wanted.renamed_from))
        if found is None:
            return None
        actual = replace(spelled_as(wanted, found, self._dialect.name_key), name=wanted.table.name)
        names = dict(zip((c.name for c in found.columns), (c.name for c in actual.columns), strict=True))
        ends = (end.renamed(names) for end in ends_at(found, self._tables.values(), self._key))
        return Owned(wanted, actual, found, renamed, tuple(ends))

    def entity_of(self, table: str) -> str | None:
        """The entity that owns a table of the database."""
        owned = self._by_key.get(self._key(table))
        return None if owned is None else owned.wanted.entity

    def found(self, table: str) -> TableDefinition | None:
        """A table of the database."""
        return self._tables.get(self._key(table))

    def neighbours(self, table: str) -> tuple[str, ...]:
        """The tables that foreign keys tie to one of the database, and its own name when its entity has another."""
        found = self.found(table)
        if found is None:
            return ()
        tied = {key.target for key in found.foreign_keys}
        tied |= {end.owner for end in ends_at(found, self._tables.values(), self._key)}
        names = {self._called(name) for name in tied if self._key(name) != self._key(table)}
        return tuple(sorted(names | ({self._called(table)} - {table})))

    def _called(self, table: str) -> str:
        owned = self._by_key.get(self._key(table))
        return table if owned is None else owned.wanted.table.name

    def nobodys(self, ignored: Collection[str]) -> list[TableDefinition]:
        """Tables that no entity has, but for the library's own. ``ignored``: names and patterns to leave out."""
        kept = [self._key(pattern) for pattern in ignored]
        return [
            table
            for key, table in sorted(self._tables.items())
            if key not in self._by_key
            and not key.startswith(OURS)
            and not any(fnmatchcase(key, pattern) for pattern in kept)
        ]

    def in_order_to_drop(self, tables: Iterable[TableDefinition]) -> tuple[list[TableDefinition], list[End]]:
        """Tables in an order in which each can be dropped: before those it points at; and what still has to go before.

        That is foreign keys of tables that stay, and of tables that point at each other in a circle.
        """
        left = list(tables)
        dropped = {self._key(table.name) for table in left}
        ways = [end for table in left for end in self._pointing_at(table) if self._key(end.owner) not in dropped]
        ordered: list[TableDefinition] = []
        while left:
            names = {self._key(table.name) for table in left}
            held = [end for table in left for end in self._pointing_at(table) if self._key(end.owner) in names]
            pointed = {self._key(end.key.target) for end in held}
            free = [table for table in left if self._key(table.name) not in pointed]
            if not free:
                ways += held
                free = left
            ordered += free
            left = [table for table in left if table not in free]
        return ordered, ways

    def _pointing_at(self, table: TableDefinition) -> Iterator[End]:
        """Ends of keys that other tables have."""
        for end in ends_at(table, self._tables.values(), self._key):
            if not end.refers and self._key(end.owner) != self._key(table.name):
                yield end
