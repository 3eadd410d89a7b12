"""Foreign keys that are there, seen from a table whose columns they tie: which change needs one away. Pure.

The library makes none, and keeps what it finds. Servers refuse some changes of either end; only for those a key goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fluxaorm.dialects.changes import (
    Change,
    ChangeColumn,
    ChangePrimaryKey,
    DropColumn,
    DropIndex,
    RebuildIndex,
    RenameColumn,
)
from fluxaorm.dialects.tables import ForeignKeyDefinition, TableDefinition


@dataclass(frozen=True, slots=True)
class End:
    """One end of a foreign key. ``owner``: the table that has the key; ``columns``: of the table at this end."""

    owner: str
    key: ForeignKeyDefinition
    columns: tuple[str, ...]
    refers: bool
    """Whether this is the end that has the key, not the one it points at."""

    def renamed(self, names: Mapping[str, str]) -> End:
        """The end with columns under their new names."""
        return replace(self, columns=tuple(names.get(name, name) for name in self.columns))


def ends_at(
    table: TableDefinition, tables: Iterable[TableDefinition], table_key: Callable[[str], str]
) -> tuple[End, ...]:
    """The ends of foreign keys that are at this table. ``tables``: all that there are."""
    own = table_key(table.name)
    found = [End(table.name, key, key.columns, refers=True) for key in table.foreign_keys]
    for other in tables:
        pointing = (key for key in other.foreign_keys if table_key(key.target) == own)
        found += [End(other.name, key, key.target_columns, refers=False) for key in pointing]
    return tuple(found)


def needs_index(before: TableDefinition, after: TableDefinition, ends: Iterable[End]) -> bool:
    """Whether a foreign key loses the index that holds it up, from one state of a table to another."""
    return any(not _stays_held(end, before, after) for end in ends)


def in_the_way(change: Change, before: TableDefinition, after: TableDefinition, ends: Iterable[End]) -> Iterator[End]:
    """The ends whose keys a server wants away before the change. ``after``: the table with all its changes."""
    for end in ends:
        match change:
            case ChangeColumn(old, new) if new.name in end.columns:
                retyped = (old.type, old.collation, old.extra) != (new.type, new.collation, new.extra)
                counted = old.attributes.auto_increment != new.attributes.auto_increment
                emptied = "SET NULL" in (end.key.on_delete, end.key.on_update) and end.refers
                if retyped or counted or (emptied and old.nullable and not new.nullable):
                    yield end
            case DropColumn(column) if column.name in end.columns:
                yield end
            case DropIndex() | RebuildIndex() | ChangePrimaryKey() if not _stays_held(end, before, after):
                yield end
            case _:
                pass


def _stays_held(end: End, before: TableDefinition, after: TableDefinition) -> bool:
    """Whether an index that holds up the key at this end has a successor."""
    strict = not end.refers and _has_unique(before, end.columns)
    found = _has_unique if strict else _has_index
    return found(after, end.columns) or not found(before, end.columns)


def _has_unique(table: TableDefinition, columns: tuple[str, ...]) -> bool:
    return columns == table.primary_key or any(
        index.unique and not index.detail and index.columns == columns for index in table.indexes
    )


def _has_index(table: TableDefinition, columns: tuple[str, ...]) -> bool:
    """One that begins with the columns; where a key points, older servers want no more."""
    plain = (index.columns for index in table.indexes if "prefix" not in index.detail)
    return any(key[: len(columns)] == columns for key in (table.primary_key, *plain))


def new_names(changes: Sequence[Change]) -> dict[str, str]:
    """The new names of renamed columns by the old ones."""
    return {change.old: change.new for change in changes if isinstance(change, RenameColumn)}
