"""What has to change in a table follows from what is declared and what is there, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.alters.sql.table_diff import diff_table
from fluxaorm.alters.sql.wanted import WantedTable, wanted_table
from fluxaorm.dialects import ColumnDefinition, ForeignKeyDefinition, IndexDefinition, TableDefinition, dialect_for
from fluxaorm.dialects.changes import (
    AddColumn,
    AddIndex,
    ChangeColumn,
    ChangePrimaryKey,
    ConvertTable,
    DropColumn,
    DropIndex,
    RebuildIndex,
    RenameColumn,
    SetDefault,
    applied,
)
from fluxaorm.entity.schema import EntitySchema
from tests.support.schema_strategies import schemas

ID = ColumnDefinition("id", "bigint unsigned")
NAME = ColumnDefinition("name", "varchar(100)", collation="utf8mb4_0900_ai_ci")
AGE = ColumnDefinition("age", "tinyint unsigned", default="0")
BY_NAME = IndexDefinition("name", ("name",), unique=True)


def _table(*columns: ColumnDefinition, indexes: tuple[IndexDefinition, ...] = ()) -> TableDefinition:
    return TableDefinition("User", (ID, *columns), indexes, engine="InnoDB", collation="utf8mb4_0900_ai_ci")


def _wanted(*columns: ColumnDefinition, indexes: tuple[IndexDefinition, ...] = ()) -> WantedTable:
    return WantedTable(_table(*columns, indexes=indexes), "UserEntity")


def test_nothing_changes_when_all_is_as_declared() -> None:
    """The order of columns and of indexes means nothing."""
    other = IndexDefinition("age", ("age",))
    wanted = _wanted(NAME, AGE, indexes=(BY_NAME, other))
    actual = _table(AGE, NAME, indexes=(other, BY_NAME))

    assert [] == diff_table(wanted, actual)


def test_missing_columns_and_indexes_are_added_and_others_dropped() -> None:
    """Indexes go before the columns they are over."""
    old = IndexDefinition("age", ("age",))
    wanted = _wanted(NAME, indexes=(BY_NAME,))
    actual = _table(AGE, indexes=(old,))

    assert [AddColumn(NAME), AddIndex(BY_NAME), DropIndex(old), DropColumn(AGE)] == diff_table(wanted, actual)


def test_a_new_column_brings_its_filler_along() -> None:
    """Rows that exist need a value that the server would not find by itself."""
    born = ColumnDefinition("born", "date")
    wanted = replace(_wanted(born), fillers={"born": "1970-01-01"})

    assert [AddColumn(born, "1970-01-01")] == diff_table(wanted, _table())


def test_a_default_alone_is_no_change_of_the_column() -> None:
    """Setting a default touches no row."""
    new = replace(AGE, default="18")

    assert [SetDefault(AGE, new)] == diff_table(_wanted(new), _table(AGE))


def test_type_null_and_collation_change_the_column() -> None:
    """Each of them is declared."""
    changes = [{"type": "varchar(200)"}, {"nullable": True}, {"collation": "utf8mb4_bin"}, {"extra": "ON UPDATE x"}]
    olds = [replace(NAME, **change) for change in changes]  # type: ignore[arg-type]  # attributes by name

    found = [diff_table(_wanted(NAME), _table(old)) for old in olds]

    assert [[ChangeColumn(old, NAME)] for old in olds] == found


def test_a_renamed_column_keeps_its_index() -> None:
    """Dropping and adding would lose the values."""
    old = replace(NAME, name="title")
    wanted = replace(_wanted(NAME, indexes=(BY_NAME,)), renamed_columns={"name": "title"})
    actual = _table(old, indexes=(replace(BY_NAME, columns=("title",)),))

    assert [RenameColumn("title", "name")] == diff_table(wanted, actual)


def test_a_renamed_column_that_is_there_already_is_left_alone() -> None:
    """``renamed_from`` stays in the definition after the rename was done."""
    wanted = replace(_wanted(NAME), renamed_columns={"name": "title"})

    assert [] == diff_table(wanted, _table(NAME))


def test_an_index_of_the_same_name_over_other_columns_is_rebuilt() -> None:
    """So is one that lost its uniqueness, and one that somebody gave a prefix."""
    olds = [
        IndexDefinition("name", ("age",), unique=True),
        IndexDefinition("name", ("name",)),
        replace(BY_NAME, detail="prefix 10"),
    ]

    found = [diff_table(_wanted(NAME, indexes=(BY_NAME,)), _table(NAME, indexes=(old,))) for old in olds]

    assert [[RebuildIndex(old, BY_NAME)] for old in olds] == found


def test_what_the_library_never_makes_goes() -> None:
    """Another engine or collation, another primary key; not a foreign key."""
    key = ForeignKeyDefinition("fk", ("age",), "Other")
    actual = replace(_table(AGE), foreign_keys=(key,), engine="MyISAM", primary_key=())
    wanted = _wanted(AGE)

    expected = [ConvertTable(actual, wanted.table), ChangePrimaryKey((), ("id",))]

    assert expected == diff_table(wanted, actual)


@given(before=schemas(), after=schemas())
def test_the_changes_lead_from_any_table_to_any_other(before: EntitySchema, after: EntitySchema) -> None:
    """Applied as values, they give what is declared."""
    dialect = dialect_for("9.7.4")
    wanted = wanted_table(after, dialect, "utf8mb4_0900_ai_ci")
    actual = dialect.define_table(before, "utf8mb4_0900_ai_ci")

    reached = applied(actual, diff_table(wanted, actual))

    assert _unordered(wanted.table) == _unordered(reached)


def _unordered(table: TableDefinition) -> tuple[object, ...]:
    return set(table.columns), set(table.indexes), table.primary_key


@given(schema=schemas(), data=st.data())
def test_a_definition_with_more_in_it_only_adds(schema: EntitySchema, data: st.DataObject) -> None:
    """Nothing that is there is touched when a definition grows."""
    dialect = dialect_for("10.11.6-MariaDB")
    grown = data.draw(schemas(schema))
    wanted = wanted_table(grown, dialect, "utf8mb4_general_ci")
    actual = dialect.define_table(schema, "utf8mb4_general_ci")

    changes = diff_table(wanted, actual)

    assert all(isinstance(change, AddColumn | AddIndex) for change in changes)
