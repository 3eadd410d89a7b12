"""The alters of a pool: how safe each is, which changes go together, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fluxaorm.alters import Alter, PoolDiff, WantedTable, split_alters
from fluxaorm.dialects import ColumnDefinition, ForeignKeyDefinition, IndexDefinition, TableDefinition, dialect_for
from tests.support.insides import neighbours_of

MYSQL = dialect_for("9.7.4")
ID = ColumnDefinition("id", "bigint unsigned")
NAME = ColumnDefinition("name", "varchar(100)")
NOTE = ColumnDefinition("note", "varchar(255)", nullable=True)
REQUIRED = ColumnDefinition("required", "int")


def _table(
    *columns: ColumnDefinition, name: str = "User", indexes: tuple[IndexDefinition, ...] = ()
) -> TableDefinition:
    return TableDefinition(name, (ID, *columns), indexes, engine="InnoDB", collation="utf8mb4_bin")


def _alters(
    wanted: TableDefinition | WantedTable | None, *actual: TableDefinition, ignored: tuple[str, ...] = ()
) -> list[Alter]:
    if isinstance(wanted, TableDefinition):
        wanted = WantedTable(wanted, f"{wanted.name}Entity")
    tables = [] if wanted is None else [wanted]
    return PoolDiff("default", MYSQL, drop_unknown=True).alters(
        tables, {table.name: table for table in actual}, ignored
    )


def test_a_missing_table_is_created() -> None:
    """The alter says for which entity, in which pool, and why."""
    (alter,) = _alters(_table(NAME))

    assert ("create_table", "safe", "default", "UserEntity", "User") == (
        alter.kind,
        alter.safety,
        alter.pool,
        alter.entity,
        alter.table,
    )
    assert "create table `User`" == alter.description
    assert "UserEntity has no table yet" == alter.reason
    assert alter.sql.startswith("CREATE TABLE `User`")


@pytest.mark.parametrize(
    ("old", "new", "safety"),
    [
        (NAME, replace(NAME, type="varchar(200)"), "safe"),
        (NAME, replace(NAME, type="varchar(50)"), "destructive"),
        (NAME, replace(NAME, nullable=True), "safe"),
        (replace(NAME, nullable=True), NAME, "destructive"),
        (NAME, replace(NAME, default="x"), "safe"),
        (replace(NAME, default="x"), NAME, "safe"),
        (replace(NAME, collation="utf8mb4_bin"), replace(NAME, collation="utf8mb4_general_ci"), "destructive"),
        (replace(NAME, extra="auto_increment"), NAME, "destructive"),
    ],
)
def test_a_change_is_safe_when_no_value_is_lost_or_refused(
    old: ColumnDefinition, new: ColumnDefinition, safety: str
) -> None:
    """The version that runs now goes on working after all safe alters."""
    (alter,) = _alters(_table(new), _table(old))

    assert safety == alter.safety


@pytest.mark.parametrize(
    ("column", "safety"),
    [(NOTE, "safe"), (replace(REQUIRED, default="0"), "safe"), (REQUIRED, "destructive")],
)
def test_a_new_column_is_safe_when_old_code_can_still_insert(column: ColumnDefinition, safety: str) -> None:
    """A required one without a default breaks one of the two versions, and says how to do it in two releases."""
    (alter,) = _alters(_table(column), _table())

    assert ("add_column", safety) == (alter.kind, alter.safety)
    assert (safety == "destructive") == ("in two releases" in alter.reason)


PLAIN, UNIQUE = IndexDefinition("i", ("name",)), IndexDefinition("i", ("name",), unique=True)
WIDER = IndexDefinition("i", ("name", "id"))


@pytest.mark.parametrize(
    ("old", "new", "kind", "safety"),
    [
        (None, PLAIN, "add_index", "safe"),
        (None, UNIQUE, "add_unique_index", "destructive"),
        (PLAIN, None, "drop_index", "destructive"),
        (PLAIN, WIDER, "rebuild_index", "safe"),
        (PLAIN, UNIQUE, "rebuild_index", "destructive"),
        (UNIQUE, PLAIN, "rebuild_index", "destructive"),
    ],
)
def test_an_index_is_safe_when_it_refuses_no_row(
    old: IndexDefinition | None, new: IndexDefinition | None, kind: str, safety: str
) -> None:
    """A new unique index may find rows that are the same."""
    (alter,) = _alters(_table(NAME, indexes=(new,) if new else ()), _table(NAME, indexes=(old,) if old else ()))

    assert (kind, safety) == (alter.kind, alter.safety)


def test_soft_delete_added_to_a_unique_index_is_safe() -> None:
    """What was unique stays so among rows that are not deleted."""
    deleted = ColumnDefinition("fake_delete", "bigint unsigned", default="0")
    index = IndexDefinition("i", ("name", "fake_delete"), unique=True)
    wanted = WantedTable(_table(NAME, deleted, indexes=(index,)), "UserEntity", soft_delete_column="fake_delete")

    (alter,) = _alters(wanted, _table(NAME, indexes=(UNIQUE,)))

    assert ("safe", ("add_column", "rebuild_index")) == (alter.safety, alter.kinds)


def test_changes_of_one_table_go_into_one_alter_a_safety_class() -> None:
    """A table is copied at most twice, and what is safe does not wait for what is not."""
    wanted = _table(NOTE, REQUIRED, replace(NAME, type="varchar(200)"), indexes=(PLAIN,))
    actual = _table(NAME, ColumnDefinition("old", "int"), indexes=(IndexDefinition("gone", ("old",)),))

    alters = _alters(wanted, actual)

    assert [
        ("safe", ("add_column", "change_column", "add_index")),
        ("destructive", ("add_column", "drop_index", "drop_column")),
    ] == [(alter.safety, alter.kinds) for alter in alters]


def test_an_index_over_a_column_that_waits_waits_too() -> None:
    """It could not be made before the column is there."""
    wanted = _table(REQUIRED, indexes=(IndexDefinition("i", ("required",)),))

    (alter,) = _alters(wanted, _table())

    assert ("destructive", ("add_column", "add_index")) == (alter.safety, alter.kinds)


def test_a_column_held_by_an_index_that_goes_waits_for_it() -> None:
    """MySQL refuses to make a text of an indexed varchar."""
    text = replace(NAME, type="mediumtext")

    (alter,) = _alters(_table(text), _table(NAME, indexes=(PLAIN,)))

    assert ("destructive", ("change_column", "drop_index")) == (alter.safety, alter.kinds)


def test_a_column_tied_by_a_foreign_key_waits_for_it() -> None:
    """MySQL refuses to change either end of a foreign key, which goes by an alter of its own."""
    tied = replace(_table(NAME), foreign_keys=(ForeignKeyDefinition("fk", ("name",), "Other"),))

    key, column = _alters(_table(replace(NAME, type="varchar(200)")), tied)

    assert ("destructive", ("drop_foreign_key",)) == (key.safety, key.kinds)
    assert ("destructive", ("change_column",)) == (column.safety, column.kinds)


def test_a_foreign_key_that_is_in_the_way_of_nothing_stays_with_its_index() -> None:
    """Somebody wanted it; the library has no opinion."""
    held = IndexDefinition("fk", ("note",))
    tied = replace(
        _table(NAME, NOTE, indexes=(held,)), foreign_keys=(ForeignKeyDefinition("fk", ("note",), "Other", ("id",)),)
    )

    alters = _alters(_table(replace(NAME, type="varchar(200)"), NOTE), tied, _table(name="Other"), ignored=("Other",))

    assert [("User", "change_column", "safe")] == [(a.table, a.kind, a.safety) for a in alters if a.table == "User"]


def test_tables_that_foreign_keys_tie_know_each_other() -> None:
    """When an alter of one fails, destructive ones of the other must not run."""
    tied = replace(_table(NAME), foreign_keys=(ForeignKeyDefinition("fk", ("name",), "Other", ("id",)),))

    alters = _alters(_table(NAME, NOTE), tied, _table(name="Other"), ignored=("Other",))

    assert [("User", ("Other",))] == [(a.table, neighbours_of(a)) for a in alters if a.table == "User"]


def test_alters_come_in_the_order_to_run_them() -> None:
    """New tables, safe changes, renames, other changes, drops."""
    diff = PoolDiff("default", MYSQL, drop_unknown=True)
    renamed = WantedTable(_table(NOTE, name="Renamed"), "RenamedEntity", renamed_from="Before")
    wanted = [
        WantedTable(_table(NOTE, name="Grown"), "GrownEntity"),
        WantedTable(_table(name="Shrunk"), "ShrunkEntity"),
        renamed,
        WantedTable(_table(name="Young"), "YoungEntity"),
    ]
    actual = [_table(name="Grown"), _table(NOTE, name="Shrunk"), _table(name="Before"), _table(name="Gone")]

    alters = diff.alters(wanted, {table.name: table for table in actual})
    safe, rest = split_alters(alters)

    assert [("Young", "create_table"), ("Grown", "add_column")] == [(alter.table, alter.kind) for alter in safe]
    assert [
        ("Renamed", "rename_table"),
        ("Shrunk", "drop_column"),
        ("Renamed", "add_column"),
        ("Gone", "drop_table"),
    ] == [(alter.table, alter.kind) for alter in rest]
    assert [*safe, *rest] == alters


def test_a_rename_that_was_done_leaves_the_old_name_to_be_dropped() -> None:
    """``renamed_from`` may stay in the definition; a table that somebody makes there again is nobody's."""
    wanted = WantedTable(_table(name="Renamed"), "RenamedEntity", renamed_from="Before")

    done = _alters(wanted, _table(name="Renamed"))
    again = _alters(wanted, _table(name="Renamed"), _table(name="Before"))

    assert ([], [("drop_table", "Before")]) == (done, [(alter.kind, alter.table) for alter in again])


def test_tables_that_nobody_owns_are_left_alone() -> None:
    """A database is often shared with programs that declare nothing here."""
    assert [] == PoolDiff("default", MYSQL).alters([], {"Old": _table(name="Old")})


def test_tables_that_nobody_owns_are_dropped_on_demand_unless_ignored_or_ours() -> None:
    """``_fluxa_*`` tables come and go with the library; those of other tools are ignored by name or pattern."""
    tables = [_table(name=name) for name in ("alembic_version", "_fluxa_ids", "django_log", "Old")]

    alters = _alters(None, *tables, ignored=("alembic_version", "django_*"))

    assert [("drop_table", "Old", None, "destructive")] == [
        (alter.kind, alter.table, alter.entity, alter.safety) for alter in alters
    ]


def test_tables_are_dropped_before_those_they_point_at() -> None:
    """MySQL refuses to drop a table that a foreign key points at."""
    parent = _table(name="A")
    child = replace(_table(name="B"), foreign_keys=(ForeignKeyDefinition("fk", ("id",), "A"),))

    assert ["B", "A"] == [alter.table for alter in _alters(None, parent, child)]


def test_several_statements_make_one_script() -> None:
    """``sql`` can be pasted into a client as it is."""
    filled = WantedTable(_table(ColumnDefinition("born", "date")), "UserEntity", fillers={"born": "1970-01-01"})

    (alter,) = _alters(filled, _table())

    assert 2 == len(alter.statements)
    assert alter.sql == f"{alter.statements[0]};\n{alter.statements[1]};\n"
