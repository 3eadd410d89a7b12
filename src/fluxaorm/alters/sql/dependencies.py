"""Changes of one table judged together: a safe one that needs a destructive one done first is destructive too. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from fluxaorm.alters.sql.column_order import reordering
from fluxaorm.alters.sql.foreign_keys import End, in_the_way, new_names
from fluxaorm.alters.sql.safety import DESTRUCTIVE, SAFE, Judgement, judge
from fluxaorm.alters.sql.wanted import WantedTable
from fluxaorm.dialects.changes import (
    AddColumn,
    AddIndex,
    Change,
    ChangeColumn,
    ChangePrimaryKey,
    DropIndex,
    RebuildIndex,
    RenameColumn,
    SetDefault,
    applied,
    renamed_columns,
)
from fluxaorm.dialects.tables import TableDefinition

Judged: TypeAlias = "tuple[Change, Judgement]"


def judged_together(
    wanted: WantedTable,
    actual: TableDefinition,
    changes: list[Change],
    ends: Iterable[End] = (),
    going: Iterable[End] = (),
) -> list[Judged]:
    """Every change with its judgement. ``ends``: of foreign keys at this table; ``going``: of those that go.

    A change that one is in the way of waits: a foreign key goes by an alter of its own, which is destructive.
    """
    judged = [(change, judge(change, wanted)) for change in changes]
    held = {id(change) for change, _ in keys_in_the_way(actual, changes, ends)}
    held |= {id(change) for change in changes if isinstance(change, AddIndex) and _serves(change, going)}
    judged = [(change, _delayed(said) if id(change) in held else said) for change, said in judged]
    destructive = [change for change, said in judged if said.safety != SAFE]
    late = {name for change in destructive for name in _columns_after(change)}
    tied = {name for change in destructive for name in _columns_held(change)}
    return [(change, _delayed(said) if _waits(change, late, tied) else said) for change, said in judged]


def keys_in_the_way(
    actual: TableDefinition, changes: Sequence[Change], ends: Iterable[End]
) -> Iterator[tuple[Change, End]]:
    """Each change with each end of a foreign key that the server wants away before."""
    names = new_names(changes)
    renamed = [end.renamed(names) for end in ends]
    before, after = renamed_columns(actual, names), applied(actual, changes)
    for change in changes:
        for end in in_the_way(change, before, after, renamed):
            yield change, end


def with_moves(wanted: WantedTable, actual: TableDefinition, judged: list[Judged]) -> list[Judged]:
    """The same and what brings the columns into the declared order; it waits for columns that are not yet there."""
    in_turn = sorted(judged, key=lambda pair: pair[1].safety != SAFE)
    move = reordering(wanted.table, applied(actual, [change for change, _ in in_turn]))
    if move is None:
        return judged
    waits = any(said.safety != SAFE and _columns_after(change) for change, said in judged)
    said = judge(move, wanted)
    return [*judged, (move, _delayed(said) if waits else said)]


def _serves(change: AddIndex, going: Iterable[End]) -> bool:
    """Whether a server, given this index, would drop that of a foreign key before an alter does."""
    return any(end.refers and change.index.columns[: len(end.columns)] == end.columns for end in going)


def _delayed(said: Judgement) -> Judgement:
    return replace(said, safety=DESTRUCTIVE)


def _waits(change: Change, late: set[str], tied: set[str]) -> bool:
    match change:
        case AddIndex(index) | RebuildIndex(_, index):
            return not late.isdisjoint(index.columns)
        case ChangeColumn(_, column):
            return column.name in late or column.name in tied
        case SetDefault(_, column):
            return column.name in late
        case ChangePrimaryKey(_, columns):
            return not late.isdisjoint(columns)
        case _:
            return False


def _columns_after(change: Change) -> tuple[str, ...]:
    """Columns that are as they should be only after the change."""
    match change:
        case AddColumn(column) | ChangeColumn(_, column) | SetDefault(_, column):
            return (column.name,)
        case RenameColumn(_, new):
            return (new,)
        case _:
            return ()


def _columns_held(change: Change) -> tuple[str, ...]:
    """Columns whose type an index or a key of today keeps from changing until the change is done."""
    match change:
        case DropIndex(index) | RebuildIndex(index, _):
            return index.columns
        case ChangePrimaryKey(columns, _):
            return columns
        case _:
            return ()
