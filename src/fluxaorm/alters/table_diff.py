"""What has to change in one table: a pure function of the declared table and the actual one.

The order of columns is not compared. Applying the changes to the actual table gives the declared one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fluxaorm.alters.wanted import WantedTable
from fluxaorm.dialects.changes import (
    AddColumn,
    AddIndex,
    Change,
    ChangeColumn,
    ChangePrimaryKey,
    ConvertTable,
    DropColumn,
    DropForeignKey,
    DropIndex,
    RebuildIndex,
    RenameColumn,
    SetDefault,
    applied,
)
from fluxaorm.dialects.tables import ColumnDefinition, TableDefinition


def diff_table(wanted: WantedTable, actual: TableDefinition) -> list[Change]:
    """The changes, in an order in which they can be applied one by one."""
    renames = list(_renames(wanted, actual))
    actual = applied(actual, renames)
    return [
        *(DropForeignKey(foreign_key) for foreign_key in actual.foreign_keys),
        *renames,
        *_conversion(wanted.table, actual),
        *_added_and_changed_columns(wanted, actual),
        *_primary_key(wanted.table, actual),
        *_indexes(wanted.table, actual),
        *(DropColumn(column) for column in actual.columns if wanted.table.column(column.name) is None),
    ]


def _renames(wanted: WantedTable, actual: TableDefinition) -> Iterator[RenameColumn]:
    for new, old in wanted.renamed_columns.items():
        if actual.column(old) is not None and actual.column(new) is None and wanted.table.column(old) is None:
            yield RenameColumn(old, new)


def _conversion(wanted: TableDefinition, actual: TableDefinition) -> Iterator[ConvertTable]:
    if (wanted.engine.lower(), wanted.collation) != (actual.engine.lower(), actual.collation):
        yield ConvertTable(actual, wanted)


def _added_and_changed_columns(wanted: WantedTable, actual: TableDefinition) -> Iterator[Change]:
    for column in wanted.table.columns:
        old = actual.column(column.name)
        if old is None:
            yield AddColumn(column, wanted.fillers.get(column.name))
        elif old != column:
            yield _changed_column(old, column)


def _changed_column(old: ColumnDefinition, new: ColumnDefinition) -> Change:
    if replace(old, default=new.default) == new:
        return SetDefault(old, new)
    return ChangeColumn(old, new)


def _primary_key(wanted: TableDefinition, actual: TableDefinition) -> Iterator[ChangePrimaryKey]:
    if wanted.primary_key != actual.primary_key:
        yield ChangePrimaryKey(actual.primary_key, wanted.primary_key)


def _indexes(wanted: TableDefinition, actual: TableDefinition) -> Iterator[Change]:
    for index in wanted.indexes:
        old = actual.index(index.name)
        if old is None:
            yield AddIndex(index)
        elif old != index:
            yield RebuildIndex(old, index)
    for index in actual.indexes:
        if wanted.index(index.name) is None:
            yield DropIndex(index)
