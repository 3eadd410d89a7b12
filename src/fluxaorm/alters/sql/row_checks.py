"""The checks that changes of one table call for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fluxaorm.alters.sql.checks import Check, Spot, duplicates_sql, rows_sql
from fluxaorm.alters.sql.wanted import WantedTable
from fluxaorm.alters.sql.widening import widens
from fluxaorm.dialects.changes import (
    AddColumn,
    AddIndex,
    Change,
    ChangeColumn,
    ChangePrimaryKey,
    DropColumn,
    RebuildIndex,
)
from fluxaorm.dialects.port import Dialect
from fluxaorm.dialects.tables import ColumnDefinition, IndexDefinition, TableDefinition


@dataclass(frozen=True, slots=True)
class RowChecks:
    """Makes the checks of one alter. ``turn``: the table when the alter's turn comes; ``found``: as it is now."""

    dialect: Dialect
    wanted: WantedTable
    turn: TableDefinition
    found: TableDefinition

    def of(self, changes: Sequence[Change]) -> tuple[Check, ...]:
        """What to ask before these changes are made together."""
        return tuple(check for change in changes for check in self._of(change, changes))

    def _of(self, change: Change, changes: Sequence[Change]) -> Iterator[Check]:
        match change:
            case ChangeColumn(old, new):
                yield from self._changed(old, new)
                if (old.type, old.collation) != (new.type, new.collation):
                    yield from self._kept_unique(new, changes)
            case AddColumn(column) if not column.nullable and column.default is None:
                yield self._rows(f"the required column `{column.name}` gets a value that nobody chose", "", "")
            case DropColumn(column):
                turn, early = (f"{sql} IS NOT NULL" for sql in self._values(column.name))
                yield self._rows(f"values of the dropped column `{column.name}`", turn, early)
            case AddIndex(index) | RebuildIndex(_, index) if index.unique:
                yield from self._duplicates(index, changes)
            case ChangePrimaryKey(_, names):
                yield from self._duplicates(IndexDefinition("PRIMARY", names, unique=True), changes)
            case _:
                pass

    def _changed(self, old: ColumnDefinition, new: ColumnDefinition) -> Iterator[Check]:
        now, before = self._values(new.name)
        if old.nullable and not new.nullable:
            what = f"NULL in column `{new.name}`, which becomes NOT NULL"
            yield self._rows(what, f"{now} IS NULL", f"{before} IS NULL", blocking=True)
        if widens(old.type, new.type):
            return
        both = zip(self.dialect.misfits(old, new, now), self.dialect.misfits(old, new, before), strict=True)
        for misfit, early in both:
            what = f"values of `{new.name}` that {misfit.what}"
            yield self._rows(what, misfit.condition, early.condition, misfit.blocking, misfit.unsure)

    def _kept_unique(self, column: ColumnDefinition, changes: Sequence[Change]) -> Iterator[Check]:
        """Another type or collation may find equal what was different."""
        made = {change.new.name for change in changes if isinstance(change, RebuildIndex)}
        for index in self.wanted.table.indexes:
            kept = index.name not in made and self.turn.index(index.name) is not None
            if kept and index.unique and column.name in index.columns:
                yield from self._duplicates(index, changes)

    def _duplicates(self, index: IndexDefinition, changes: Sequence[Change]) -> Iterator[Check]:
        if any(map(self._starts_as_null, index.columns)):
            return
        labels = tuple(name for name in index.columns if name not in self.wanted.secret_columns)
        shown = [name in labels for name in index.columns]
        pairs = [[self._moved(name, sql, changes) for sql in self._values(name)] for name in index.columns]
        now, before = zip(*pairs, strict=True)
        turn = duplicates_sql(self._spot(self.turn), now, shown)
        early = duplicates_sql(self._spot(self.found), before, shown)
        what = f"equal values for the unique index `{index.name}`"
        yield Check(what, turn, "" if early == turn else early, blocking=True, labels=labels)

    def _rows(self, what: str, turn: str, early: str, blocking: bool = False, unsure: bool = False) -> Check:
        now, before = rows_sql(self._spot(self.turn), turn), rows_sql(self._spot(self.found), early)
        return Check(what, now, "" if now == before else before, blocking, unsure)

    def _spot(self, table: TableDefinition) -> Spot:
        return spot_of(self.dialect, table)

    def _values(self, name: str) -> tuple[str, str]:
        """How to read a wanted column at the alter's turn, and now."""
        return self._value(self.turn, name), self._value(self.found, name)

    def _value(self, table: TableDefinition, name: str) -> str:
        for candidate in (name, self.wanted.renamed_columns.get(name)):
            if candidate is not None and table.column(candidate) is not None:
                return self.dialect.quote(candidate)
        column = self.wanted.table.column(name)
        text = self.wanted.fillers.get(name) or (column.default if column else None)
        return self.dialect.text_literal(text or "")

    def _starts_as_null(self, name: str) -> bool:
        """Of a column that is added: every row has NULL in it, and NULLs are never equal."""
        column = self.wanted.table.column(name)
        if column is None or self.turn.column(name) or self.turn.column(self.wanted.renamed_columns.get(name, name)):
            return False
        return column.nullable and column.default is None

    def _moved(self, name: str, sql: str, changes: Sequence[Change]) -> str:
        for change in changes:
            if isinstance(change, ChangeColumn) and change.new.name == name:
                return self.dialect.moved_value(change.old, change.new, sql)
        return sql


def spot_of(dialect: Dialect, table: TableDefinition) -> Spot:
    """Where to look for the rows of a table."""
    key = dialect.quote(table.primary_key[0]) if len(table.primary_key) == 1 else None
    return Spot(dialect.quote(table.name), key)


def dropped_rows(dialect: Dialect, table: TableDefinition) -> tuple[Check, ...]:
    """The rows of a table that is dropped."""
    return (Check(f"rows of the dropped table `{table.name}`", rows_sql(spot_of(dialect, table), "")),)
