"""What has to change in one table: a pure function of the declared table and the actual one.

The order of columns is not compared. Applying the changes to the actual table gives the declared one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from fluxaorm.alters.sql.attributes import kept_attributes
from fluxaorm.alters.sql.foreign_keys import End, needs_index, new_names
from fluxaorm.alters.sql.wanted import WantedTable
from fluxaorm.dialects.changes import (
    AddColumn,
    AddIndex,
    Change,
    ChangeColumn,
    ChangePrimaryKey,
    ConvertTable,
    DropCheck,
    DropColumn,
    DropIndex,
    RebuildIndex,
    RenameColumn,
    SetDefault,
    applied,
)
from fluxaorm.dialects.column_types import key_bytes
from fluxaorm.dialects.sql_names import names_in
from fluxaorm.dialects.tables import ColumnDefinition, TableDefinition


def diff_table(wanted: WantedTable, actual: TableDefinition, ends: Iterable[End] = ()) -> list[Change]:
    """The changes, in an order in which they can be applied one by one.

    ``ends``: of foreign keys that stay, with the columns as they are named now; an index that one needs stays, too.
    """
    renames = list(_renames(wanted, actual))
    names = new_names(renames)
    actual = applied(actual, renames)
    gone = [column for column in actual.columns if wanted.table.column(column.name) is None]
    changes = [
        *renames,
        *_conversion(wanted.table, actual),
        *_dropped_checks(actual, [column.name for column in gone]),
        *_primary_key(wanted.table, actual),
        *_added_indexes(wanted.table, actual),
    ]
    ends = [end.renamed(names) for end in ends]
    changes += _dropped_indexes(wanted.table, actual, changes[len(renames) :], ends)
    keyed = _keyed(applied(actual, changes[len(renames) :]))
    columns = list(_added_and_changed_columns(wanted, actual, keyed, frozenset(column.name for column in gone)))
    at = next((at for at, change in enumerate(changes) if isinstance(change, _AFTER_COLUMNS)), len(changes))
    return [*changes[:at], *columns, *changes[at:], *(DropColumn(column) for column in gone)]


_AFTER_COLUMNS: Final = (ChangePrimaryKey, AddIndex, RebuildIndex, DropIndex)


def _keyed(table: TableDefinition) -> frozenset[str]:
    """Columns that an index begins with."""
    return frozenset(columns[0] for columns in (table.primary_key, *(i.columns for i in table.indexes)) if columns)


def _renames(wanted: WantedTable, actual: TableDefinition) -> Iterator[RenameColumn]:
    for new, old in wanted.renamed_columns.items():
        if actual.column(old) is not None and actual.column(new) is None and wanted.table.column(old) is None:
            yield RenameColumn(old, new)


def _conversion(wanted: TableDefinition, actual: TableDefinition) -> Iterator[ConvertTable]:
    engine, collation = wanted.engine.lower() != actual.engine.lower(), wanted.collation != actual.collation
    narrow = actual.row_format.lower() in _NARROW_FORMATS and _is_wide(wanted)
    if engine or collation or narrow:
        row_format = wanted.row_format if engine or narrow else actual.row_format
        yield ConvertTable(actual, replace(wanted, row_format=row_format))


_NARROW_FORMATS: Final = frozenset({"compact", "redundant"})
NARROW_KEY: Final = 767
"""Bytes of a column that an index takes in these formats."""


def _is_wide(table: TableDefinition) -> bool:
    """Whether an index is over a column that is too long for these formats."""
    indexed = {name for index in table.indexes for name in index.columns}
    return any(
        key_bytes(column.type, column.collation) > NARROW_KEY for column in table.columns if column.name in indexed
    )


def _dropped_checks(actual: TableDefinition, gone: Sequence[str]) -> Iterator[DropCheck]:
    for check in actual.checks:
        named = [name for name in gone if name in names_in(check.condition)]
        if named:
            yield DropCheck(check, named[0])


def _added_and_changed_columns(
    wanted: WantedTable, actual: TableDefinition, keyed: AbstractSet[str], gone: AbstractSet[str]
) -> Iterator[Change]:
    for column in wanted.table.columns:
        old = actual.column(column.name)
        if old is None:
            yield AddColumn(column, wanted.fillers.get(column.name))
            continue
        kept = replace(column, attributes=kept_attributes(old, column, keyed, gone))
        if old != kept or old.attributes != kept.attributes:
            yield _changed_column(old, kept)


def _changed_column(old: ColumnDefinition, new: ColumnDefinition) -> Change:
    if replace(old, default=new.default) == new and old.attributes == new.attributes:
        return SetDefault(old, new)
    return ChangeColumn(old, new)


def _primary_key(wanted: TableDefinition, actual: TableDefinition) -> Iterator[ChangePrimaryKey]:
    if wanted.primary_key != actual.primary_key:
        yield ChangePrimaryKey(actual.primary_key, wanted.primary_key)


def _added_indexes(wanted: TableDefinition, actual: TableDefinition) -> Iterator[Change]:
    for index in wanted.indexes:
        old = actual.index(index.name)
        if old is None:
            yield AddIndex(index)
        elif old != index:
            yield RebuildIndex(old, index)


def _dropped_indexes(
    wanted: TableDefinition, actual: TableDefinition, changes: Sequence[Change], ends: Sequence[End]
) -> Iterator[DropIndex]:
    """Indexes that nobody declared, but for those that a foreign key would miss.

    One over just its columns is perhaps its own: servers drop such a one themselves, as soon as another serves.
    """
    reached = applied(actual, changes)
    owned = {end.columns for end in ends if end.refers}
    for index in actual.indexes:
        if wanted.index(index.name) is None and index.columns not in owned:
            without = applied(reached, [DropIndex(index)])
            if not needs_index(reached, without, ends):
                reached = without
                yield DropIndex(index)
