"""Columns are moved only on request, and as few as can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.alters import PoolDiff, WantedTable
from fluxaorm.alters.sql.column_order import reordering
from fluxaorm.dialects import ColumnDefinition, TableDefinition, dialect_for
from fluxaorm.dialects.changes import applied
from fluxaorm.dialects.tables import ColumnAttributes


def _table(*names: str) -> TableDefinition:
    return TableDefinition("Thing", tuple(ColumnDefinition(name, "int") for name in names))


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True).flatmap(
        lambda names: st.tuples(st.just(names), st.permutations(names))
    )
)
def test_the_moves_lead_to_the_declared_order(orders: tuple[list[str], list[str]]) -> None:
    """Each is made where the ones before it left the table."""
    wanted, actual = _table(*orders[0]), _table(*orders[1])

    move = reordering(wanted, actual)

    assert wanted == applied(actual, [move] if move else [])


def test_no_more_columns_move_than_have_to() -> None:
    """A column put in front of thirty others is one move, not thirty."""
    move = reordering(_table("id", "z", "a", "b", "c", "y"), _table("id", "a", "b", "c", "y", "z"))

    assert move is not None
    assert [("z", "id")] == [(column.name, after) for column, after in move.moves]


def test_the_order_of_columns_is_changed_only_when_asked_for() -> None:
    """Nothing depends on it, and some servers go through all rows for it."""
    wanted = WantedTable(_table("id", "b", "a"), "ThingEntity")
    actual = {"Thing": _table("id", "a", "b")}
    mysql = dialect_for("9.7.4")

    unasked = PoolDiff("default", mysql).alters([wanted], actual)
    (asked,) = PoolDiff("default", mysql, reorder=True).alters([wanted], actual)

    assert [] == unasked
    assert ("reorder_columns", "safe", "move columns `b`") == (asked.kind, asked.safety, asked.description)
    assert "MODIFY COLUMN `b` int NOT NULL AFTER `id`" in asked.sql


def test_a_moved_column_is_declared_as_its_entity_says() -> None:
    """MySQL shows an emoji of an enum as a question mark; a move that repeated that would turn the stored values."""
    declared = ColumnDefinition("b", "enum('?')", ddl_type="enum('😀')")
    there = ColumnDefinition("b", "enum('?')", attributes=ColumnAttributes(comment="mood"))
    rest = _table("id", "a").columns
    wanted = WantedTable(TableDefinition("Thing", (rest[0], declared, rest[1])), "ThingEntity")
    actual = {"Thing": TableDefinition("Thing", (*rest, there))}

    (alter,) = PoolDiff("default", dialect_for("9.7.4"), reorder=True).alters([wanted], actual)

    assert "MODIFY COLUMN `b` enum('😀') NOT NULL COMMENT 'mood' AFTER `id`" in alter.sql


def test_columns_that_are_not_there_yet_are_waited_for() -> None:
    """A required column comes after the roll-out; the order is mended with it."""
    wanted = WantedTable(_table("id", "new", "b", "a"), "ThingEntity")

    (alter,) = PoolDiff("default", dialect_for("9.7.4"), reorder=True).alters(
        [wanted], {"Thing": _table("id", "a", "b")}
    )

    assert ("destructive", ("add_column", "reorder_columns")) == (alter.safety, alter.kinds)
    assert "ADD COLUMN `new` int NOT NULL AFTER `id`" in alter.sql
