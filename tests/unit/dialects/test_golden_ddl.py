"""The SQL of a table with every type, as a reviewer would read it; run with ``REGENERATE=1`` to write it anew.

That the servers take it, and print it back unchanged, is tested in ``tests/integration/schema/test_alters*.py``.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from fluxaorm.dialects import SQLITE, Dialect, dialect_for
from fluxaorm.dialects.async_offsets import ADVANCE, ALL_APPLIED, APPLIED, locked_offset_sql
from fluxaorm.dialects.changes import (
    AddColumn,
    AddIndex,
    Change,
    ChangeColumn,
    DropColumn,
    DropForeignKey,
    DropIndex,
    RebuildIndex,
    RenameColumn,
    SetDefault,
)
from fluxaorm.dialects.tables import ColumnDefinition, ForeignKeyDefinition, IndexDefinition, TableDefinition
from tests.support.schemas import make_column, make_index, make_members, make_schema

GOLDEN = Path(__file__).parent / "golden"
STATUS = make_members("draft", "it's", "back\\slash", "😀")
EVERYTHING = make_schema(
    "Everything",
    [
        make_column("int8", "tinyint", default=-3),
        make_column("int16", "smallint"),
        make_column("int32", "int", nullable=True),
        make_column("int64", "bigint"),
        make_column("medium", "mediumint"),
        make_column("uint8", "tinyint unsigned", default=0),
        make_column("uint64", "bigint unsigned", default=2**64 - 1),
        make_column("umedium", "mediumint unsigned"),
        make_column("double", "double", default=0.1),
        make_column("positive", "double unsigned"),
        make_column("single", "float", default=3.1415927410125732),
        make_column("price", "decimal(10,2)", default=Decimal("0")),
        make_column("active", "tinyint(1)", default=1),
        make_column("name", "varchar(100)", default="it's \\ é"),
        make_column("smile", "varchar(10)", default="😀"),
        make_column("bio", "mediumtext", nullable=True),
        make_column("text", "mediumtext", default=""),
        make_column("photo", "mediumblob"),
        make_column("born", "date"),
        make_column("created_at", "datetime"),
        make_column("precise", "datetime(6)", default="2020-01-02 03:04:05"),
        make_column("length", "time(3)"),
        make_column("status", "enum('x')", default="draft", enum=STATUS),
        make_column("tags", "set('x')", default="", enum=make_members("sale", "new")),
        make_column("attributes", "json", nullable=True),
        make_column("uuid", "binary(16)", default=bytes(range(16))),
        make_column("ip", "varbinary(16)"),
        make_column("category", "int unsigned", reference="CategoryEntity"),
    ],
    [make_index("name", "status", "fake_delete", unique=True), make_index("category")],
    soft_delete=True,
)
DIALECTS = pytest.mark.parametrize(
    ("dialect", "collation"),
    [
        (dialect_for("9.7.4"), "utf8mb4_0900_ai_ci"),
        (dialect_for("10.11.6-MariaDB"), "utf8mb4_general_ci"),
        (SQLITE, "NOCASE"),
    ],
    ids=["mysql", "mariadb", "sqlite"],
)


def _check(name: str, statements: tuple[str, ...]) -> None:
    path, actual = GOLDEN / f"{name}.sql", "".join(f"{statement};\n" for statement in statements)
    if os.environ.get("REGENERATE"):
        path.write_text(actual)
    assert path.read_text() == actual


@DIALECTS
def test_every_type_has_its_column(dialect: Dialect, collation: str) -> None:
    """The text is what users review in a migration; it changes only on purpose."""
    table = dialect.define_table(EVERYTHING, collation)

    _check(f"create_{dialect.name}", dialect.create_table(table))


def _column(name: str, kind: str = "int", **special: object) -> ColumnDefinition:
    return ColumnDefinition(name, kind, **special)  # type: ignore[arg-type]  # defaults and nulls by keyword


BEFORE = TableDefinition(
    "Product",
    (_column("id", "bigint unsigned"), _column("a"), _column("b", "varchar(10)"), _column("c"), _column("old")),
    (IndexDefinition("a_b", ("a", "b")), IndexDefinition("c", ("c",), unique=True), IndexDefinition("d", ("a",))),
    foreign_keys=(ForeignKeyDefinition("fk_1", ("a",), "Other"),),
)
CHANGES: list[Change] = [
    DropForeignKey(BEFORE.foreign_keys[0]),
    RenameColumn("old", "new"),
    AddColumn(_column("born", "date"), "1970-01-01"),
    AddColumn(_column("count", "int unsigned", default="0")),
    ChangeColumn(_column("b", "varchar(10)"), _column("b", "varchar(20)", nullable=True)),
    SetDefault(_column("a"), _column("a", default="7")),
    AddIndex(IndexDefinition("count", ("count", "born"))),
    RebuildIndex(BEFORE.indexes[0], IndexDefinition("a_b", ("b", "a"), unique=True)),
    DropIndex(BEFORE.indexes[1]),
    DropColumn(_column("c")),
]


@DIALECTS
def test_changes_of_a_table_go_into_one_alter(dialect: Dialect, collation: str) -> None:
    """One ALTER copies a table once; SQLite makes it anew."""
    _check(f"alter_{dialect.name}", dialect.alter_table(BEFORE, CHANGES))


@DIALECTS
def test_columns_with_defaults_and_indexes_are_added_in_place(dialect: Dialect, collation: str) -> None:
    """SQLite too adds these without touching the rows."""
    in_place = [change for change in CHANGES if isinstance(change, AddColumn | AddIndex)]

    _check(f"add_{dialect.name}", dialect.alter_table(BEFORE, in_place[1:]))


@DIALECTS
def test_tables_are_renamed_and_dropped(dialect: Dialect, collation: str) -> None:
    """SQLite's indexes carry the table's name, so they are made again."""
    _check(f"rename_{dialect.name}", (*dialect.rename_table(BEFORE, "Article"), *dialect.drop_table("Old")))


@DIALECTS
def test_ids_have_their_table_and_statements(dialect: Dialect, collation: str) -> None:
    """Blocks of ids are reserved by one statement that tells the new value."""
    statements = (dialect.ids_table_ddl(), dialect.largest_id("Product", "id"), dialect.ids_first_row())

    _check(f"ids_{dialect.name}", (*statements, dialect.ids_reserve(), dialect.ids_lift()))


@DIALECTS
def test_offsets_of_async_flushes_have_their_table_and_statements(dialect: Dialect, collation: str) -> None:
    """How far records are applied is stored beside the rows they change, and locked before it is compared."""
    statements = (dialect.async_offsets_table_ddl(), dialect.async_offsets_first_row(), locked_offset_sql(dialect))

    _check(f"async_offsets_{dialect.name}", (*statements, ADVANCE, APPLIED, ALL_APPLIED))


def test_a_server_that_takes_one_change_at_a_time_gets_them_one_by_one() -> None:
    """Vitess runs DDL shard by shard: what fails halfway must be one change."""
    vitess = dialect_for("8.4.6-Vitess")

    groups = vitess.changes_together(CHANGES)

    assert [[change] for change in CHANGES] == groups


def test_an_index_over_a_new_column_comes_in_a_second_alter_on_tidb() -> None:
    """TiDB does not see the column within the same ALTER (error 1072)."""
    tidb = dialect_for("8.0.11-TiDB-v8.5.0")

    groups = tidb.changes_together(CHANGES)

    assert [8, 2] == [len(group) for group in groups]
    assert all(isinstance(change, AddIndex | RebuildIndex) for change in groups[1])


def test_a_server_without_expression_defaults_gets_none() -> None:
    """TiDB takes no default for text, JSON and bytes; new rows get theirs from the entity anyway."""
    tidb = dialect_for("8.0.11-TiDB-v8.5.0")

    table = tidb.define_table(EVERYTHING, "utf8mb4_bin")

    assert {"text": None, "uuid": None, "uint8": "0"} == {
        column.name: column.default for column in table.columns if column.name in ("text", "uuid", "uint8")
    }
