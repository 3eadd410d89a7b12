"""What may have to change in a table, as values: the diff makes them, a dialect renders them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from fluxaorm.dialects.sql_names import renamed_in
from fluxaorm.dialects.tables import (
    CheckDefinition,
    ColumnDefinition,
    ForeignKeyDefinition,
    IndexDefinition,
    TableDefinition,
)


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
    """A foreign key that is in the way of a change."""

    foreign_key: ForeignKeyDefinition


@dataclass(frozen=True, slots=True)
class DropCheck:
    """A CHECK over a column that goes."""

    check: CheckDefinition
    column: str


@dataclass(frozen=True, slots=True)
class ChangePrimaryKey:
    """The primary key is another one, or none."""

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConvertTable:
    """The table's engine or its default collation is another one, or its row format takes no index that is declared."""

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
    | DropCheck
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
            return renamed_columns(table, {old: new})
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
        case DropCheck(dropped_check):
            return replace(table, checks=tuple(check for check in table.checks if check.name != dropped_check.name))
        case ChangePrimaryKey(_, new_key):
            return replace(table, primary_key=new_key)
        case Reorder(moves):
            return _reordered(table, moves)
        case ConvertTable(_, converted):
            return replace(
                table, engine=converted.engine, collation=converted.collation, row_format=converted.row_format
            )


def _reordered(table: TableDefinition, moves: tuple[tuple[ColumnDefinition, str | None], ...]) -> TableDefinition:
    columns = {column.name: column for column in table.columns}
    names = list(columns)
    for moved, after in moves:
        names.remove(moved.name)
        names.insert(0 if after is None else names.index(after) + 1, moved.name)
    return replace(table, columns=tuple(columns[name] for name in names))


def _with_column(table: TableDefinition, column: ColumnDefinition) -> TableDefinition:
    return replace(table, columns=tuple(column if old.name == column.name else old for old in table.columns))


def renamed_columns(table: TableDefinition, names: Mapping[str, str]) -> TableDefinition:
    """The table with some columns, by the names they have, called otherwise."""
    if not names:
        return table
    return replace(
        table,
        columns=tuple(_renamed_column(column, names) for column in table.columns),
        indexes=tuple(replace(index, columns=_replaced(index.columns, names)) for index in table.indexes),
        primary_key=_replaced(table.primary_key, names),
        foreign_keys=tuple(replace(key, columns=_replaced(key.columns, names)) for key in table.foreign_keys),
        checks=tuple(replace(check, condition=renamed_in(check.condition, names)) for check in table.checks),
    )


def _renamed_column(column: ColumnDefinition, names: Mapping[str, str]) -> ColumnDefinition:
    checks = tuple(renamed_in(check, names) for check in column.attributes.checks)
    attributes = replace(column.attributes, checks=checks) if checks else column.attributes
    return replace(column, name=names.get(column.name, column.name), attributes=attributes)


def _replaced(columns: tuple[str, ...], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(names.get(name, name) for name in columns)


def _without_column(table: TableDefinition, name: str) -> TableDefinition:
    """Its indexes lose the column, as on the server."""
    kept = (replace(index, columns=tuple(c for c in index.columns if c != name)) for index in table.indexes)
    return replace(
        table,
        columns=tuple(column for column in table.columns if column.name != name),
        indexes=tuple(index for index in kept if index.columns),
    )
