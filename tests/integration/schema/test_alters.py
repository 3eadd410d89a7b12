"""Alters on real databases: every type is made and read back, rows survive, errors are the library's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fluxaorm.alters import split_alters
from fluxaorm.entity.schema import UNSET, ColumnSchema
from fluxaorm.errors import AlterError, AlterRowsError, MySQLError
from tests.support.raw_stores import RawStore
from tests.support.schemas import make_column, make_index, make_schema
from tests.unit.dialects.test_golden_ddl import EVERYTHING

USER = make_schema("User", [make_column("name", "varchar(100)"), make_column("age", "tinyint unsigned", default=0)])


def _grown(*columns: ColumnSchema, **options: Any) -> Any:
    return make_schema("User", [*USER.columns[1:], *columns], **options)


def test_a_table_with_every_type_is_made_and_needs_nothing_more(raw_store: RawStore) -> None:
    """What the server says it has must read as what was declared."""
    first = raw_store.apply(EVERYTHING)

    again = raw_store.alters(EVERYTHING)

    assert ["create_table"] == [alter.kind for alter in first]
    assert [] == again


def test_asking_takes_one_query(raw_store: RawStore) -> None:
    """Not one a table."""
    schemas = [make_schema(f"Table{number}", [make_column("a", "int")]) for number in range(20)]
    raw_store.apply(*schemas)
    raw_store.statements.clear()

    alters = raw_store.alters(*schemas)

    assert ([], 1) == (alters, len(raw_store.statements))


def test_a_growing_table_keeps_its_rows(raw_store: RawStore) -> None:
    """New columns get their default; all of it is safe."""
    raw_store.apply(USER)
    raw_store.query("INSERT INTO `User` (`id`, `name`, `age`) VALUES (1, 'Alice', 30), (2, 'Bob', 40)")
    grown = _grown(
        make_column("note", "varchar(255)", nullable=True),
        make_column("active", "tinyint(1)", default=1),
        make_column("bio", "mediumtext", default="é"),
        indexes=[make_index("name", "age"), make_index("active")],
    )

    alters = raw_store.alters(grown)
    for alter in alters:
        alter.exec(raw_store)  # type: ignore[call-overload]  # a stand-in for a Context

    assert ["safe"] == [alter.safety for alter in alters]
    assert [] == raw_store.alters(grown)
    assert [(1, "Alice", 30, None, 1, "é"), (2, "Bob", 40, None, 1, "é")] == raw_store.query(
        "SELECT `id`, `name`, `age`, `note`, `active`, `bio` FROM `User` ORDER BY `id`"
    )


def test_required_columns_are_filled_in_rows_that_exist(raw_store: RawStore) -> None:
    """Strict servers have no zero date; a factory's value is better than an empty JSON."""
    raw_store.apply(USER)
    raw_store.query("INSERT INTO `User` (`id`, `name`) VALUES (1, 'Alice')")
    grown = _grown(
        make_column("born", "date"),
        make_column("created_at", "datetime", auto="created_at"),
        make_column("number", "int"),
        make_column("attributes", "json", default_factory=dict, encode=lambda value: "{}"),
        make_column("version", "int unsigned", auto="version"),
    )

    raw_store.apply(grown)

    assert [] == raw_store.alters(grown)
    row = raw_store.query("SELECT `born`, `created_at`, `number`, `attributes`, `version` FROM `User`")[0]
    assert ("1970-01-01", "1970-01-01 00:00:00", "0", "{}", "1") == tuple(map(str, row))


def test_a_required_column_stays_required(raw_store: RawStore) -> None:
    """The filler is for rows that exist, not a default for new ones."""
    raw_store.apply(USER)
    raw_store.apply(_grown(make_column("born", "date")))

    with pytest.raises(MySQLError):
        raw_store.query("INSERT INTO `User` (`id`, `name`) VALUES (1, 'Alice')")


def test_columns_change_and_go_and_rows_stay(raw_store: RawStore) -> None:
    """On SQLite the table is made anew for it."""
    raw_store.apply(_grown(make_column("old", "int", default=5), indexes=[make_index("name", unique=True)]))
    raw_store.query("INSERT INTO `User` (`id`, `name`, `age`) VALUES (1, 'Alice', 30)")
    changed = make_schema(
        "User",
        [make_column("name", "varchar(200)", nullable=True), make_column("age", "int", default=18)],
        [make_index("age", name="name")],
    )

    safe, rest = split_alters(raw_store.apply(changed))

    assert (["change_column"], ["drop_column"]) == ([alter.kind for alter in safe], [alter.kind for alter in rest])
    assert [] == raw_store.alters(changed)
    assert [(1, "Alice", 30)] == raw_store.query("SELECT * FROM `User`")


@pytest.mark.parametrize(
    ("mysql_type", "one", "two"),
    [
        ("mediumtext", "it's", "日本😀"),
        ("json", '{"a": "it\'s"}', '["é"]'),
        ("blob", b"\x00\xff", b""),
        ("varchar(20)", "😀", "'\\"),
        ("float", 3.1415927410125732, 16777216.0),
        ("int", 1, -2),
    ],
)
def test_a_default_is_set_changed_and_taken_away(raw_store: RawStore, mysql_type: str, one: Any, two: Any) -> None:
    """Each kind of type has its own words for it, and its own way to print it back."""
    for default in (one, two, UNSET, one):
        schema = make_schema("Thing", [make_column("a", mysql_type, default=default)])
        raw_store.apply(schema)

        assert [] == raw_store.alters(schema)

    raw_store.query("INSERT INTO `Thing` (`id`) VALUES (1)")
    ((stored,),) = raw_store.query("SELECT `a` FROM `Thing`")
    assert one == stored or mysql_type in ("float", "json")


def test_renames_keep_what_is_there(raw_store: RawStore) -> None:
    """A column and its table, with the index over it."""
    raw_store.apply(replace(USER, indexes=(make_index("name", unique=True),)))
    raw_store.query("INSERT INTO `User` (`id`, `name`, `age`) VALUES (1, 'Alice', 30)")
    renamed = make_schema(
        "Person",
        [make_column("title", "varchar(100)", renamed_from="name"), USER.columns[2]],
        [make_index("title", name="name", unique=True)],
        renamed_from="User",
    )

    alters = raw_store.apply(renamed)

    assert [("rename_table", "destructive"), ("rename_column", "destructive")] == [
        (alter.kind, alter.safety) for alter in alters
    ]
    assert [] == raw_store.alters(renamed)
    assert [(1, "Alice", 30)] == raw_store.query("SELECT `id`, `title`, `age` FROM `Person`")


def test_a_document_keeps_its_type_when_its_column_is_renamed(raw_store: RawStore) -> None:
    """MariaDB's JSON is a check, whose name stays the old column's: taken for text, it would be altered for ever."""
    raw_store.apply(make_schema("Thing", [make_column("a", "json")]))
    renamed = make_schema("Thing", [make_column("b", "json", renamed_from="a")])

    alters = raw_store.apply(renamed)

    assert ["rename_column"] == [alter.kind for alter in alters]
    assert [] == raw_store.alters(renamed)


def test_a_drop_needs_to_be_allowed(raw_store: RawStore) -> None:
    """Nothing that loses data happens by accident."""
    raw_store.apply(USER)
    (alter,) = raw_store.alters(make_schema("User", [USER.columns[1]]))

    with pytest.raises(AlterError, match="allow_destructive=True"):
        alter.exec(raw_store)  # type: ignore[call-overload]  # a stand-in for a Context

    assert [] == raw_store.alters(USER)


def test_a_failing_alter_leaves_the_table_as_it_was(raw_store: RawStore) -> None:
    """A unique index over rows that are the same, together with a change that would work."""
    raw_store.apply(USER)
    raw_store.query("INSERT INTO `User` (`id`, `name`) VALUES (1, 'Alice'), (2, 'Alice')")
    wanted = make_schema("User", [USER.columns[1]], [make_index("name", unique=True)])

    with pytest.raises(AlterRowsError, match="name='Alice': ids 1, 2"):
        raw_store.apply(wanted)

    assert [] == raw_store.alters(USER)
    assert [(1, "Alice", 0), (2, "Alice", 0)] == raw_store.query("SELECT * FROM `User` ORDER BY `id`")


def test_tables_of_others_are_dropped_on_demand_unless_ignored(raw_store: RawStore) -> None:
    """And those of the library's own are never looked at."""
    raw_store.query(raw_store.dialect.ids_table_ddl())
    for name in ("legacy", "kept"):
        raw_store.query(f"CREATE TABLE `{name}` (`id` INTEGER NOT NULL PRIMARY KEY, `x` varchar(10) DEFAULT 'a''b')")
    left_alone = raw_store.alters(USER)
    raw_store.ignored_tables, raw_store.drops_unknown_tables = frozenset({"k*"}), True

    alters = raw_store.apply(USER)

    assert [("create_table", "User")] == [(alter.kind, alter.table) for alter in left_alone]
    assert [("create_table", "User"), ("drop_table", "legacy")] == [(alter.kind, alter.table) for alter in alters]
    assert {"User", "kept", "_fluxa_ids"} == set(raw_store.tables())


def test_a_table_made_by_hand_is_brought_in_line(raw_store: RawStore) -> None:
    """Whatever SQL made it: other types, defaults, names of constraints."""
    raw_store.query(
        "CREATE TABLE `User` (`id` INTEGER NOT NULL, `name` varchar(50) NOT NULL DEFAULT 'x, y (z)', "
        "`made` timestamp DEFAULT CURRENT_TIMESTAMP, CONSTRAINT `key` PRIMARY KEY (`id`))"
    )
    raw_store.query("CREATE INDEX `by_hand` ON `User` (`name`)")
    raw_store.query("INSERT INTO `User` (`id`, `name`) VALUES (1, 'Alice')")

    raw_store.apply(USER)

    assert [] == raw_store.alters(USER)
    assert [(1, "Alice", 0)] == raw_store.query("SELECT `id`, `name`, `age` FROM `User`")


def test_ids_are_reserved_from_the_largest_on(raw_store: RawStore) -> None:
    """The first row of a table's ids starts behind the rows that exist."""
    raw_store.apply(USER)
    raw_store.query("INSERT INTO `User` (`id`, `name`) VALUES (41, 'Alice')")
    dialect = raw_store.dialect
    [(largest,)] = raw_store.query(dialect.largest_id("User", "id"))

    raw_store.query(dialect.ids_table_ddl())
    raw_store.query(dialect.ids_table_ddl())
    for _ in range(2):
        raw_store.query(dialect.ids_first_row(), ("User", largest))
    raw_store.query(dialect.ids_reserve(), (10, "User"))
    raw_store.query(dialect.ids_lift(), (45, "User", 45))
    raw_store.query(dialect.ids_lift(), (100, "User", 100))

    assert [("User", 100)] == raw_store.query("SELECT `entity`, `reserved` FROM `_fluxa_ids`")


def test_a_duplicate_key_is_told_by_every_server(raw_store: RawStore) -> None:
    """MySQL and MariaDB name the index, SQLite its columns."""
    raw_store.apply(replace(USER, indexes=(make_index("name", "age", name="person", unique=True),)))
    insert = "INSERT INTO `User` (`id`, `name`, `age`) VALUES ({}, 'it''s', 7)"
    raw_store.query(insert.format(1))

    with pytest.raises(MySQLError) as error:
        raw_store.query(insert.format(2))

    duplicate = raw_store.dialect.parse_duplicate(error.value.reason)
    assert duplicate is not None
    assert "person" == duplicate.index or ("name", "age") == duplicate.columns


def test_engines_of_others_are_taken_back_and_their_foreign_keys_kept(raw_server_store: RawStore) -> None:
    """The library keeps its rows in InnoDB; a foreign key does no harm, and its index is not in the way either."""
    store = raw_server_store
    store.query("CREATE TABLE `Parent` (`id` bigint unsigned NOT NULL PRIMARY KEY) ENGINE=InnoDB")
    store.query(
        "CREATE TABLE `User` (`id` bigint unsigned NOT NULL PRIMARY KEY, `name` varchar(100) NOT NULL, "
        "`age` tinyint unsigned NOT NULL DEFAULT 0, `parent` bigint unsigned, INDEX (`parent`), "
        "CONSTRAINT `to_parent` FOREIGN KEY (`parent`) REFERENCES `Parent` (`id`)) ENGINE=InnoDB"
    )
    store.query("CREATE TABLE `Old` (`id` bigint unsigned NOT NULL PRIMARY KEY) ENGINE=MyISAM")
    wanted = [_grown(make_column("parent", "bigint unsigned")), make_schema("Old", []), make_schema("Parent", [])]

    alters = store.apply(*wanted)

    assert [] == store.alters(*wanted)
    assert "drop_foreign_key" not in {kind for alter in alters for kind in alter.kinds}
    assert "convert_table" in {kind for alter in alters for kind in alter.kinds}
    assert ["to_parent"] == [key.name for key in store.tables()["User"].foreign_keys]


def test_a_schema_is_compared_on_mariadb_as_on_mysql(raw_server_store: RawStore) -> None:
    """MariaDB prints types, defaults and JSON otherwise; the original's comparison fails there altogether."""
    store = raw_server_store
    store.apply(EVERYTHING)
    columns = [column for column in EVERYTHING.columns[1:] if column.name not in ("bio", "fake_delete")]
    changed = [
        replace(column, default=5) if column.name == "uint8" else replace(column, nullable=True)
        for column in columns
        if column.name in ("uint8", "attributes", "price")
    ]
    others = [column for column in columns if column.name not in {new.name for new in changed}]
    wanted = make_schema("Everything", [*others, *changed, make_column("more", "json", nullable=True)])

    unchanged = store.alters(EVERYTHING)
    alters = store.alters(wanted)

    assert [] == unchanged
    assert [
        ("safe", ("change_column", "set_default", "add_column")),
        ("destructive", ("drop_index", "drop_column")),
    ] == [(alter.safety, tuple(sorted(alter.kinds, key=_KINDS.index))) for alter in alters]


_KINDS = ["change_column", "set_default", "add_column", "drop_index", "drop_column"]
