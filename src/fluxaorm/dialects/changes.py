"""What may have to change in a table, as values: the diff makes them, a dialect renders them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from fluxaorm.dialects.tables import ColumnDefinition, ForeignKeyDefinition, IndexDefinition, TableDefinition


@dataclass(frozen=True, slots=True)
class AddColumn:
    """A new column. ``filler``: what rows that exist get when it is NOT NULL without a default."""

    column: ColumnDefinition
    filler: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeColumn:
    """A column gets another type, nullability, collation or default."""

    old: ColumnDefinition
    new: ColumnDefinition


@dataclass(frozen=True, slots=True)
class SetDefault:
    """Only the default of a column changes, or goes."""

    old: ColumnDefinition
    new: ColumnDefinition


@dataclass(frozen=True, slots=True)
class RenameColumn:
    """A column gets another name; what else differs is a change of its own."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DropColumn:
    """A column that nobody declared."""

    column: ColumnDefinition


@dataclass(frozen=True, slots=True)
class AddIndex:
    """A new index."""

    index: IndexDefinition


@dataclass(frozen=True, slots=True)
class RebuildIndex:
    """An index of this name is there, but over other columns or of another kind."""

    old: IndexDefinition
    new: IndexDefinition


@dataclass(frozen=True, slots=True)
class DropIndex:
    """An index that nobody declared."""

    index: IndexDefinition


@dataclass(frozen=True, slots=True)
class DropForeignKey:
    """A foreign key, which the library never makes."""

    foreign_key: ForeignKeyDefinition


@dataclass(frozen=True, slots=True)
class ChangePrimaryKey:
    """The primary key is another one, or none."""

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConvertTable:
    """The table's engine or its default collation is another one."""

    old: TableDefinition
    new: TableDefinition


@dataclass(frozen=True, slots=True)
class Reorder:
    """Columns stand in another order. ``moves``: each column that moves, as it will be, and the name it will follow.

    None: it comes first. In the order in which they have to be moved.
    """

    moves: tuple[tuple[ColumnDefinition, str | None], ...]


Change: TypeAlias = (
    AddColumn
    | ChangeColumn
    | SetDefault
    | RenameColumn
    | DropColumn
    | AddIndex
    | RebuildIndex
    | DropIndex
    | DropForeignKey
    | ChangePrimaryKey
    | ConvertTable
    | Reorder
)


def applied(table: TableDefinition, changes: Iterable[Change]) -> TableDefinition:
    """The table after these changes."""
    for change in changes:
        table = _applied(table, change)
    return table


def _applied(table: TableDefinition, change: Change) -> TableDefinition:
    match change:
        case AddColumn(column):
            return replace(table, columns=(*table.columns, column))
        case ChangeColumn(_, new) | SetDefault(_, new):
            return _with_column(table, new)
        case RenameColumn(old, new):
            return _renamed(table, old, new)
        case DropColumn(column):
            return _without_column(table, column.name)
        case AddIndex(index):
            return replace(table, indexes=(*table.indexes, index))
        case RebuildIndex(old, new):
            return replace(table, indexes=tuple(new if index.name == old.name else index for index in table.indexes))
        case DropIndex(dropped):
            return replace(table, indexes=tuple(index for index in table.indexes if index.name != dropped.name))
        case DropForeignKey(dropped_key):
            keys = tuple(key for key in table.foreign_keys if key.name != dropped_key.name)
            return replace(table, foreign_keys=keys)
        case ChangePrimaryKey(_, new_key):
            return replace(table, primary_key=new_key)
        case Reorder(moves):
            return _reordered(table, moves)
        case ConvertTable(_, converted):
            return replace(table, engine=converted.engine, collation=converted.collation)


def _reordered(table: TableDefinition, moves: tuple[tuple[ColumnDefinition, str | None], ...]) -> TableDefinition:
    columns = {column.name: column for column in table.columns}
    names = list(columns)
    for moved, after in moves:
        names.remove(moved.name)
        names.insert(0 if after is None else names.index(after) + 1, moved.name)
    return replace(table, columns=tuple(columns[name] for name in names))


def _with_column(table: TableDefinition, column: ColumnDefinition) -> TableDefinition:
    return replace(table, columns=tuple(column if old.name == column.name else old for old in table.columns))


def _renamed(table: TableDefinition, old: str, new: str) -> TableDefinition:
    return replace(
        table,
        columns=tuple(replace(column, name=new) if column.name == old else column for column in table.columns),
        indexes=tuple(replace(index, columns=_replaced(index.columns, old, new)) for index in table.indexes),
        primary_key=_replaced(table.primary_key, old, new),
    )


def _replaced(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in names)


def _without_column(table: TableDefinition, name: str) -> TableDefinition:
    """Its indexes lose the column, as on the server."""
    kept = (replace(index, columns=tuple(c for c in index.columns if c != name)) for index in table.indexes)
    return replace(
        table,
        columns=tuple(column for column in table.columns if column.name != name),
        indexes=tuple(index for index in kept if index.columns),
    )
