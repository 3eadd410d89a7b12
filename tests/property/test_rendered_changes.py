"""Random changes of a table, applied in joint statements and one by one: the rows are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fluxaorm.errors import MySQLError
from fluxaorm.plans.effects import Statement
from fluxaorm.plans.streams.async_record import RowChange
from fluxaorm.plans.streams.rendering import RenderedTable, RowsToFind
from tests.support.raw_stores import RawStore
from tests.support.schemas import make_column, make_index, make_schema

COLUMNS = {
    "name": st.sampled_from(["", "it's", "\\", "ü", "`"]),
    "age": st.integers(-2, 2),
    "note": st.none() | st.sampled_from(["a", "b"]),
    "code": st.none() | st.integers(0, 2),
}
USER = make_schema(
    "User",
    [
        make_column("name", "varchar(50)"),
        make_column("age", "int"),
        make_column("note", "varchar(50)", nullable=True),
        make_column("code", "int", nullable=True),
    ],
    [make_index("code", unique=True)],
)
FREED = [
    RowChange("u", 2, {"code": 2}),
    RowChange("u", 1, {"age": 0}),
    RowChange("u", 2, {"code": 0}),
    RowChange("u", 1, {"code": 2}),
]
"""A row frees a value for one that a server comes to before it."""


class GoneError(Exception):
    """An UPDATE that finds fewer rows than it should."""


def _changes() -> st.SearchStrategy[list[RowChange]]:
    ids = st.integers(1, 4)
    return st.lists(
        st.one_of(
            st.builds(RowChange, st.just("i"), ids, st.fixed_dictionaries(COLUMNS)),
            st.builds(
                RowChange,
                st.just("u"),
                ids,
                st.fixed_dictionaries({}, optional=COLUMNS).filter(bool),
            ),
            st.builds(RowChange, st.just("d"), ids, st.just({})),
        ),
        max_size=12,
    )


def _run(store: RawStore, statements: Iterable[Statement]) -> None:
    for statement in statements:
        if isinstance(statement.tag, RowsToFind) and statement.tag.count:
            _find(store, statement.args[-statement.tag.count :])
        if statement.rows is None:
            store.query(statement.sql, statement.args)
        else:
            places = ", ".join(f"({', '.join('?' * len(row))})" for row in statement.rows)
            store.query(statement.sql + places, [value for row in statement.rows for value in row])


def _find(store: RawStore, ids: Sequence[Any]) -> None:
    [(found,)] = store.query(f"SELECT COUNT(*) FROM `User` WHERE `id` IN ({', '.join('?' * len(ids))})", ids)
    if found < len(ids):
        raise GoneError


def _outcome(store: RawStore, parts: Sequence[Iterable[Statement]]) -> Any:
    """The table as these statements leave it, or None when one fails; nothing of it stays."""
    store.query("BEGIN")
    try:
        for statements in parts:
            _run(store, statements)
        return sorted(store.query("SELECT * FROM `User`"))
    except (MySQLError, GoneError):
        return None
    finally:
        store.query("ROLLBACK")


def test_joint_statements_leave_what_one_a_change_leaves(raw_store: RawStore) -> None:
    """A consumer that joins changes of many flushes must not be told from one that does not."""
    raw_store.apply(USER)
    raw_store.query("INSERT INTO `User` (`id`, `name`, `age`, `code`) VALUES (1, 'a', 1, 1), (2, 'b', 2, NULL)")
    table = RenderedTable(USER, raw_store.dialect)

    @settings(max_examples=100, deadline=None)
    @given(_changes())
    @example(FREED)
    def agree(changes: list[RowChange]) -> None:
        one_by_one = _outcome(raw_store, [table.statements([change]) for change in changes])
        together = _outcome(raw_store, [table.statements(changes)])

        assert one_by_one == together

    agree()
