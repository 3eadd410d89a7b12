"""SQLite makes a table anew for most changes: what somebody else gave it comes along, or the alter is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fluxaorm.alters import Alter
from fluxaorm.dialects import SQLITE
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import AlterError, MySQLError
from tests.support.raw_stores import RawStore, open_sqlite
from tests.support.schemas import make_column, make_index, make_schema

TABLE = (
    "CREATE TABLE `Box` (`id` INTEGER /* bigint unsigned */ NOT NULL PRIMARY KEY CHECK (`id` >= 0),"
    " `n` TEXT /* varchar(5) */ COLLATE NOCASE CHECK (length(`n`) <= 5), -- a comment, with a comma\n"
    " {0}) STRICT"
)
CONSTRAINTS = "CONSTRAINT few CHECK (id < 100), UNIQUE (n, id), FOREIGN KEY (id) REFERENCES Lid (id)"


def _box(width: int, **special: Any) -> EntitySchema:
    """The entity with a column of this width; SQLite makes the table anew for another one."""
    return make_schema("Box", [make_column("n", f"varchar({width})", nullable=True)], **special)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RawStore]:
    """A database with a table that has more than its definition."""
    opened = open_sqlite(str(tmp_path / "app.db"))
    with closing(opened.connection):
        opened.query("CREATE TABLE `Lid` (id INTEGER PRIMARY KEY)")
        opened.query(TABLE.format(CONSTRAINTS))
        opened.query("INSERT INTO `Box` (id, n) VALUES (1, 'one')")
        yield opened


def _made(store: RawStore, kind: str) -> list[str]:
    return [sql for (sql,) in store.query("SELECT sql FROM sqlite_schema WHERE type = ? ORDER BY name", (kind,))]


def _run(store: RawStore, alters: Sequence[Alter]) -> None:
    for alter in alters:
        alter.exec(store, allow_destructive=True)  # type: ignore[call-overload]  # a stand-in for a Context


def test_constraints_of_a_table_are_kept(store: RawStore) -> None:
    """A wider column must not cost what keeps rows right."""
    alters = store.apply(_box(9))

    assert ["safe"] == [alter.safety for alter in alters]
    assert [(1, "one")] == store.query("SELECT id, n FROM Box")
    assert [("Lid", "id")] == store.query('SELECT "table", "to" FROM pragma_foreign_key_list(\'Box\')')
    for row in ("(100, 'far')", "(1, 'one')"):
        with pytest.raises(MySQLError, match=r"few|UNIQUE"):
            store.query(f"INSERT INTO Box (id, n) VALUES {row}")
    assert [] == store.alters(_box(9))


def test_triggers_and_views_are_kept(store: RawStore) -> None:
    """They go with the table, or keep it from being made anew, also when they name it only through a view."""
    others = (
        "CREATE VIEW names AS SELECT n FROM box",
        "CREATE VIEW longest AS SELECT max(length(n)) AS most FROM names",
        "CREATE TRIGGER counted AFTER INSERT ON Box BEGIN INSERT INTO Lid (id) VALUES (new.id); END",
        "CREATE TRIGGER emptied AFTER DELETE ON Lid BEGIN DELETE FROM Box WHERE id = old.id; END",
        "CREATE TRIGGER written INSTEAD OF INSERT ON names BEGIN INSERT INTO Box (id, n) VALUES (7, new.n); END",
    )
    for sql in others:
        store.query(sql)

    store.apply(_box(9))
    store.query("INSERT INTO names (n) VALUES ('seven')")
    told = store.query("SELECT most FROM longest")
    store.query("DELETE FROM Lid WHERE id = 7")

    assert [(5,)] == told
    assert [(1,)] == store.query("SELECT id FROM Box")
    assert sorted(others) == sorted([*_made(store, "trigger"), *_made(store, "view")])


def test_indexes_of_somebody_else_are_kept_as_they_were_made(store: RawStore) -> None:
    """A unique index over some rows must not become one over all of them."""
    some = "CREATE UNIQUE INDEX short_ones ON Box (id + 1) WHERE (length(n) < 4)"
    store.query(some)
    safe, drop = store.alters(_box(9))

    _run(store, [safe])
    kept = [sql for sql in _made(store, "index") if sql]

    assert ("safe", "drop_index") == (safe.safety, drop.kind)
    assert [some] == kept


def test_a_constraint_that_names_what_goes_is_in_the_way(store: RawStore) -> None:
    """Nobody but its maker knows what it should become; nothing is lost without a word."""
    (alter,) = store.alters(make_schema("Box", []))
    before = _made(store, "table")

    with pytest.raises(AlterError, match=r"`n` is named by what somebody else gave the table: UNIQUE \(n, id\)"):
        _run(store, [alter])

    assert "manual" == alter.safety
    assert before == _made(store, "table")


@pytest.mark.parametrize(
    ("what", "broken"),
    [
        ("view v", "CREATE VIEW v AS SELECT * FROM nowhere"),
        ("trigger t", "CREATE TRIGGER t AFTER INSERT ON Lid BEGIN DELETE FROM nowhere; END"),
    ],
)
def test_what_is_broken_in_the_file_is_named_when_it_is_in_the_way(store: RawStore, what: str, broken: str) -> None:
    """SQLite changes no table then; the advice to run the alters again would lead nowhere."""
    store.query(broken)
    (alter,) = store.alters(_box(9))

    with pytest.raises(MySQLError, match=f"before {what} is dropped or mended") as told:
        _run(store, [alter])

    assert "get_alters" not in str(told.value)
    assert not SQLITE.is_missing_table(told.value)
    assert [(1, "one")] == store.query("SELECT id, n FROM Box")


def test_a_renamed_table_is_made_anew_only_when_its_name_is_known(store: RawStore) -> None:
    """SQLite rewrites triggers of a table that it renames; the old texts would name a table that is gone."""
    store.query("CREATE TRIGGER counted AFTER INSERT ON Box BEGIN INSERT INTO Lid (id) VALUES (new.id); END")
    wanted = _box(9, table="Chest", renamed_from="Box")
    rename, change = store.alters(wanted)

    _run(store, [rename])
    again = store.alters(wanted)
    _run(store, again)
    store.query("INSERT INTO Chest (id) VALUES (2)")

    assert ("manual", ["safe"]) == (change.safety, [alter.safety for alter in again])
    assert "ask get_alters() again" in change.reason
    assert [(2,)] == store.query("SELECT id FROM Lid")
    assert [] == store.alters(wanted)


def test_rows_that_point_at_a_table_outlive_it(store: RawStore) -> None:
    """Where foreign keys are held to, a dropped table takes the rows that point at it; our sessions hold to none."""
    store.query("CREATE TABLE Item (box INTEGER REFERENCES Box (id) ON DELETE CASCADE)")
    store.query("INSERT INTO Item VALUES (1)")
    store.query("PRAGMA foreign_keys = 1")

    for sql in store.dialect.session_statements():
        store.query(sql)
    store.apply(_box(9))

    assert [(1,)] == store.query("SELECT box FROM Item")


def test_a_column_that_the_database_computes_is_not_copied(tmp_path: Path) -> None:
    """It takes no values, and a safe alter has to be one that can be made."""
    store = open_sqlite(str(tmp_path / "app.db"))
    with closing(store.connection):
        store.query(TABLE.format("`twice` TEXT GENERATED ALWAYS AS (n || n)"))
        store.query("INSERT INTO `Box` (id, n) VALUES (1, 'one')")
        safe, drop = store.alters(_box(9))

        _run(store, [safe])

        assert ("safe", "drop_column") == (safe.safety, drop.kind)
        assert [("oneone",)] == store.query("SELECT twice FROM Box")


def test_an_index_that_looks_like_a_declared_one_is_looked_at_closely(store: RawStore) -> None:
    """One of our name that leaves rows out holds nobody to being unique."""
    store.query("CREATE UNIQUE INDEX `Box.n` ON `Box` (`n`) WHERE n > 'm'")
    wanted = make_schema(
        "Box", [make_column("n", "varchar(5)", nullable=True)], [make_index("n", name="n", unique=True)]
    )

    alters = store.apply(wanted)

    assert ["rebuild_index"] == [alter.kind for alter in alters]
    assert ["CREATE UNIQUE INDEX `Box.n` ON `Box` (`n`)"] == [sql for sql in _made(store, "index") if sql]
