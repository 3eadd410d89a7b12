"""Triggers and views that a change breaks: whoever fires or reads them later gets the error, not the alter. Pure.

Their texts are not parsed: one that holds the word counts as naming it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fluxaorm.alters.sql.finding import Finding
from fluxaorm.dialects.changes import Change, DropColumn, RenameColumn
from fluxaorm.dialects.sql_names import words_in
from fluxaorm.dialects.tables import DependentDefinition, TableDefinition


def broken_by_changes(table: TableDefinition, changes: Sequence[Change]) -> tuple[Finding, ...]:
    """What renamed and dropped columns of a table break. ``table``: as the server has it."""
    return tuple(
        _finding(dependent, f"the column `{name}` of `{table.name}`, which {fate}")
        for name, fate in _fates(changes)
        for dependent in table.dependents
        if words_in(name) <= words_in(dependent.sql)
    )


def broken_without(table: TableDefinition, fate: str) -> tuple[Finding, ...]:
    """What breaks when nothing has the table's name any more; its own triggers share its fate."""
    return tuple(
        _finding(dependent, f"the table `{table.name}`, which {fate}")
        for dependent in table.dependents
        if words_in(table.name) <= words_in(dependent.sql) and dependent.table != table.name
    )


def _fates(changes: Sequence[Change]) -> Iterator[tuple[str, str]]:
    for change in changes:
        match change:
            case DropColumn(column):
                yield column.name, "goes"
            case RenameColumn(old, new):
                yield old, f"becomes `{new}`"
            case _:
                pass


def _finding(dependent: DependentDefinition, what: str) -> Finding:
    of = f" of `{dependent.table}`" if dependent.table else ""
    fails = "statements that fire it fail" if dependent.kind == "trigger" else "it cannot be read"
    advice = "change or drop it before, and make it again afterwards"
    return Finding(f"{dependent.kind} `{dependent.name}`{of} names {what}: {fails} from then on; {advice}", 0, ())
