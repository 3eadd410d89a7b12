"""Changes of a table as SQL: what is joined, and what must not be."""

from __future__ import annotations

from dataclasses import replace

from fluxaorm.dialects import dialect_for
from fluxaorm.entity.schema import ReferenceSchema
from fluxaorm.plans.streams.async_record import RowChange
from fluxaorm.plans.streams.rendering import RenderedTable, RowsToFind
from tests.support.schemas import make_column, make_index, make_schema

MARIADB = dialect_for("10.11.6-MariaDB")
USER = make_schema(
    "User",
    [make_column("name", "varchar(50)"), make_column("age", "int"), make_column("code", "int")],
    [make_index("code", unique=True)],
)
TABLE = RenderedTable(USER, MARIADB)


def _update(id: int, **values: object) -> RowChange:
    return RowChange("u", id, values)


def test_changes_of_one_kind_and_columns_are_one_statement() -> None:
    """A statement a row costs a server most of what it does."""
    changes = [
        RowChange("i", 1, {"id": 1, "name": "a", "age": 1, "code": 1}),
        RowChange("i", 2, {"id": 2, "name": "b", "age": 2, "code": None}),
        _update(1, age=7, name="a"),
        _update(2, name="a", age=8),
        RowChange("d", 1, {}),
        RowChange("d", 2, {}),
    ]

    insert, update, delete = TABLE.statements(changes)

    assert "INSERT INTO `User` (`id`, `name`, `age`, `code`) VALUES " == insert.sql
    assert [(1, "a", 1, 1), (2, "b", 2, None)] == insert.rows
    assert "UPDATE `User` SET `name` = ?, `age` = CASE `id` WHEN ? THEN ? WHEN ? THEN ? END WHERE `id` IN (?, ?)" == (
        update.sql
    )
    assert ["a", 1, 7, 2, 8, 1, 2] == update.args
    assert ("DELETE FROM `User` WHERE `id` IN (?, ?)", [1, 2]) == (delete.sql, delete.args)
    assert [RowsToFind(0), RowsToFind(2), RowsToFind(0)] == [each.tag for each in (insert, update, delete)]


def test_the_same_columns_set_again_are_set_once() -> None:
    """The last value is what one statement a change would have left."""
    [update] = TABLE.statements([_update(1, age=1), _update(2, age=1), _update(1, age=3)])

    assert [1, 3, 2, 1, 1, 2] == update.args


def test_a_row_is_never_changed_out_of_order() -> None:
    """Other columns, another kind: what came between counts."""
    changes = [_update(1, age=1), _update(1, name="x"), _update(1, age=2), RowChange("d", 1, {}), _update(1, age=3)]

    statements = TABLE.statements(changes)

    assert ["UPDATE", "UPDATE", "UPDATE", "DELETE", "UPDATE"] == [each.sql[:6] for each in statements]


def test_a_row_inserted_twice_is_told_by_the_server() -> None:
    """Nobody may lose one of the two in silence."""
    twice = [RowChange("i", 1, {"name": name, "age": 1, "code": 1}) for name in "ab"]

    assert 2 == len(TABLE.statements(twice))


def test_unique_values_are_set_row_by_row() -> None:
    """One row may free what the next one takes, and a server goes through a statement's rows in an order of its own."""
    assert 2 == len(TABLE.statements([_update(5, code=2), _update(3, code=1)]))


def test_rows_that_point_at_their_table_are_removed_one_by_one() -> None:
    """A row goes after those that point at it."""
    tree = replace(USER, references=(ReferenceSchema("parent", "User", 1),))

    statements = RenderedTable(tree, MARIADB).statements([RowChange("d", 5, {}), RowChange("d", 3, {})])

    assert [[5], [3]] == [each.args for each in statements]


def test_a_great_many_rows_are_several_statements() -> None:
    """No packet is larger than servers take, and no CASE longer than they like."""
    updates = TABLE.statements([_update(id, age=id) for id in range(450)])
    inserts = TABLE.statements([RowChange("i", id, {"name": "x" * 400_000, "age": 1, "code": id}) for id in range(5)])

    assert [RowsToFind(200), RowsToFind(200), RowsToFind(50)] == [each.tag for each in updates]
    assert [2, 2, 1] == [len(each.rows or ()) for each in inserts]


def test_a_column_that_is_not_the_tables_is_named() -> None:
    """No name comes into SQL but from the schema."""
    evil = "age` = 1; --"

    assert evil == TABLE.unknown_column([_update(1, age=1), _update(2, **{evil: 1})])
    assert TABLE.unknown_column([RowChange("i", 1, {"id": 1, "age": 3})]) is None
