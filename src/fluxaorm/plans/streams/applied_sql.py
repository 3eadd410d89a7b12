"""SQL of the user's own in records of async flushes, as a consumer runs it: as it is, where it stands. Pure.

It is never a part of a joint statement, nor are changes before it joined with those behind it; and it travels alone,
since what is joined with it in one packet could be swallowed by a comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from fluxaorm.plans.effects import Statement
from fluxaorm.plans.streams.async_record import args_of, statements_of
from fluxaorm.query.own_sql.placeholders import has_several_statements, split_placeholders
from fluxaorm.query.own_sql.raw_statements import Reach, changes_rows_only

if TYPE_CHECKING:
    from fluxaorm.plans.streams.arrivals import Arrival
    from fluxaorm.plans.streams.async_record import AsyncRecord, RowChange
    from fluxaorm.plans.streams.rendering import RenderedTable

USERS: Final = "the user's own"
"""The tag of such a statement."""


def flaw_of(record: AsyncRecord, *, is_signed: bool) -> str:
    """Why a record's SQL must not run here; empty when it may, or there is none."""
    statements = statements_of(record)
    if statements and not is_signed:
        return (
            "it holds SQL, and without a key nobody can tell who wrote it: set AsyncFlushOptions(signing_key=...) in "
            "the consumer too"
        )
    for each in statements:
        if has_several_statements(each.sql) or not changes_rows_only(each.sql):
            return "its SQL is not one statement that changes rows and nothing else"
        if len(split_placeholders(each.sql)) - 1 != len(each.args):
            return "its SQL has other placeholders than values"
    return ""


def statements_in(run: Iterable[Arrival]) -> Iterator[Statement]:
    """What writes records of one table that follow each other."""
    table: RenderedTable | None = None
    changes: list[RowChange] = []
    for arrival in run:
        assert arrival.record is not None
        assert arrival.destination is not None
        table = arrival.destination.table
        changes += arrival.record.changes
        if own := statements_of(arrival.record):
            yield from table.statements(changes)
            yield from [Statement(each.sql, args_of(each), USERS) for each in own]
            changes = []
    if changes and table is not None:
        yield from table.statements(changes)


def packets(statements: Sequence[Statement]) -> Iterator[tuple[Reach, list[Statement]]]:
    """What is sent together, and how far it may go. The last statement is ours, and in the last packet."""
    for is_users, together in groupby(statements, key=lambda statement: statement.tag == USERS):
        if is_users:
            for each in together:
                yield Reach.WRITE, [each]
        else:
            yield Reach.OURS, list(together)
