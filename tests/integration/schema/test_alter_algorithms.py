"""What an alter says of how it is made is what the server says: no better way is accepted, and this one is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from fluxaorm.alters import Alter
from fluxaorm.dialects.mysql.algorithms import HINTS
from fluxaorm.entity.schema import ColumnSchema, EntitySchema
from fluxaorm.errors import MySQLError
from tests.support.raw_stores import RawStore
from tests.support.schemas import make_column, make_index, make_members, make_schema

NAME = make_column("name", "varchar(40)")
COUNT = make_column("count", "int", default=0)


def _with(*columns: ColumnSchema, **options: Any) -> EntitySchema:
    return make_schema("Thing", [NAME, COUNT, *columns], **options)


def _member_column(*names: str, kind: str = "enum") -> ColumnSchema:
    return make_column("members", f"{kind}('x')", enum=make_members(*names))


def _members(*names: str, kind: str = "enum") -> EntitySchema:
    return _with(_member_column(*names, kind=kind))


def _typed(mysql_type: str, **special: Any) -> EntitySchema:
    return _with(make_column("typed", mysql_type, **special))


EIGHT = tuple("abcdefgh")
CASES: dict[str, tuple[EntitySchema, EntitySchema, str, str]] = {
    "a column": (_with(), _typed("int", nullable=True), "instant", "instant"),
    "a text with a default": (_with(), _typed("mediumtext", default="é"), "copy", "instant"),
    "a required date": (_with(), _typed("date"), "instant", "instant"),
    "a default": (_with(), make_schema("Thing", [NAME, replace(COUNT, default=7)]), "instant", "instant"),
    "a default of a text": (_typed("mediumtext"), _typed("mediumtext", default="x"), "instant", "instant"),
    "a member": (_members("a"), _members("a", "b"), "instant", "instant"),
    "a ninth member of a set": (_members(*EIGHT, kind="set"), _members(*EIGHT, "i", kind="set"), "copy", "copy"),
    "a member less": (_members("a", "b"), _members("a"), "copy", "copy"),
    "a longer varchar": (_typed("varchar(100)"), _typed("varchar(200)"), "inplace", "instant"),
    "a varchar past 255 bytes": (_typed("varchar(10)"), _typed("varchar(70)"), "copy", "instant"),
    "a longer varchar past 255 bytes": (_typed("varchar(40)"), _typed("varchar(70)"), "copy", "copy"),
    "a shorter varchar": (_typed("varchar(40)"), _typed("varchar(30)"), "copy", "copy"),
    "a wider integer": (_typed("int"), _typed("bigint"), "copy", "copy"),
    "NULL": (_typed("int"), _typed("int", nullable=True), "inplace", "inplace"),
    "no NULL": (_typed("int", nullable=True, default=0), _typed("int", default=0), "inplace", "inplace"),
    "a column's name": (_typed("int"), _with(make_column("other", "int", renamed_from="typed")), "instant", "instant"),
    "a column less": (_typed("int"), _with(), "instant", "instant"),
    "an indexed column less": (
        _with(make_column("typed", "int"), indexes=[make_index("typed")]),
        _with(),
        "inplace",
        "inplace",
    ),
    "an index": (_with(), _with(indexes=[make_index("name")]), "inplace", "inplace"),
    "a unique index": (_with(), _with(indexes=[make_index("name", unique=True)]), "inplace", "inplace"),
    "an index less": (_with(indexes=[make_index("name")]), _with(), "inplace", "inplace"),
}


def test_a_table_is_changed_in_the_best_way_the_server_knows(raw_server_store: RawStore) -> None:
    """A worse one would keep writers waiting; a better one is what the alter would ask for in vain."""
    store = raw_server_store
    named = {f"Thing{at}": case for at, case in enumerate(CASES)}
    store.apply(*(replace(CASES[case][0], name=table, table=table) for table, case in named.items()))
    _fill(store, named)
    wanted = [replace(CASES[case][1], name=table, table=table) for table, case in named.items()]
    alters = {named[alter.table]: alter for alter in store.alters(*wanted)}

    better = {case: [hint for hint in _better(alter) if _accepts(store, alter, hint)] for case, alter in alters.items()}
    store.errors.clear()
    for alter in alters.values():
        alter.exec(store, allow_destructive=True)  # type: ignore[call-overload]  # a stand-in for a Context

    claims = {case: CASES[case][2 + (store.dialect.name == "mariadb")] for case in CASES}
    assert claims == {case: alter.algorithm for case, alter in alters.items()}
    assert {case: [] for case in CASES} == better
    assert ([], []) == (store.errors, store.alters(*wanted))


def _fill(store: RawStore, tables: Iterable[str]) -> None:
    """One row each, whatever is required."""
    store.query("SET SESSION sql_mode = ''")
    for table in tables:
        store.query(f"INSERT INTO `{table}` (`id`) VALUES (1)")
    for sql in store.dialect.session_statements():
        store.query(sql)


def _better(alter: Alter) -> list[str]:
    return ["INSTANT", "INPLACE, LOCK=NONE"][: ["instant", "inplace", "copy"].index(alter.algorithm)]


def _accepts(store: RawStore, alter: Alter, hint: str) -> bool:
    bare = store.dialect.ddl_spellings(alter.statements[0])[-1]
    try:
        store.query(f"{bare}, ALGORITHM={hint}")
    except MySQLError as error:
        if not store.dialect.is_refused_algorithm(error):
            raise
        return False
    return True


FIRST, SECOND = make_column("first", "int"), make_column("second", "int")
TOGETHER: dict[str, tuple[list[ColumnSchema], list[ColumnSchema]]] = {
    "a column": ([], [make_column("added", "int", nullable=True)]),
    "a required column": ([], [make_column("needed", "int")]),
    "a default": ([make_column("valued", "int", default=1)], [make_column("valued", "int", default=2)]),
    "a member": ([_member_column("a")], [_member_column("a", "b")]),
    "a longer varchar": ([make_column("longer", "varchar(20)")], [make_column("longer", "varchar(30)")]),
    "NULL": ([make_column("nothing", "int")], [make_column("nothing", "int", nullable=True)]),
    "NULL in a text": ([make_column("words", "mediumtext")], [make_column("words", "mediumtext", nullable=True)]),
    "a column's name": ([make_column("old", "int")], [make_column("new", "int", renamed_from="old")]),
    "a column less": ([make_column("gone", "int")], []),
    "the order": ([FIRST, SECOND], [SECOND, FIRST]),
    "a varchar": ([make_column("word", "varchar(20)")], [make_column("word", "varchar(20)")]),
    "a text": ([make_column("text", "mediumtext")], [make_column("text", "mediumtext")]),
    "an index": ([make_column("number", "int")], [make_column("number", "int")]),
}
"""What becomes of columns; the last three change where the collation or the indexes do."""


@pytest.mark.parametrize("collation", [None, "utf8mb4_bin"], ids=["the same collation", "another collation"])
def test_two_changes_at_once_are_made_as_the_alter_says(raw_server_store: RawStore, collation: str | None) -> None:
    """What a server makes of each by itself, writers going on, it may not make of both together."""
    store = raw_server_store
    before, after = zip(*(_both(*pair, number) for number, pair in enumerate(combinations(TOGETHER, 2))), strict=True)
    store.apply(*before)
    _fill(store, [schema.table for schema in before])
    store.errors.clear()

    store.collation = collation or store.collation
    store.apply(*after, reorder=True)

    assert ([], []) == (store.errors, store.alters(*after, reorder=True))


def _both(first: str, second: str, number: int) -> tuple[EntitySchema, EntitySchema]:
    (before, after), (before_too, after_too) = TOGETHER[first], TOGETHER[second]
    indexes = [make_index("number")] if "an index" in (first, second) else []
    name = f"Both{number}"
    return make_schema(name, [COUNT, *before, *before_too]), make_schema(name, [COUNT, *after, *after_too], indexes)


def test_an_alter_that_copies_says_so(raw_server_store: RawStore) -> None:
    """Of all that a reader of a migration wants to know it is the first: can it run at noon?"""
    raw_server_store.apply(_typed("int"))

    (alter,) = raw_server_store.alters(_typed("bigint"))

    assert (True, "copy") == (alter.copies, alter.algorithm)
    assert alter.reason.endswith("; the table is copied for it, and writes wait meanwhile")
    assert "ALGORITHM" not in alter.sql


def test_an_alter_goes_on_without_a_hint_that_the_server_refuses(raw_server_store: RawStore) -> None:
    """What a table went through before, such as a FULLTEXT index, may forbid what its definition allows."""
    store = raw_server_store
    store.apply(_typed("int"))
    store.query("ALTER TABLE `Thing` ADD FULLTEXT INDEX `words` (`name`)")
    wanted = _with(make_column("typed", "int", nullable=True), indexes=[make_index("count")])
    (safe, _) = store.alters(wanted)
    bare = store.dialect.ddl_spellings(safe.statements[0])[-1]
    hasty = replace(safe, statements=(bare + HINTS["instant"],))

    store.statements.clear()
    hasty.exec(store)  # type: ignore[call-overload]  # a stand-in for a Context

    tried = [sql.removeprefix(bare) for sql in store.statements if sql.startswith(bare)]
    assert HINTS["instant"] == tried[0]
    assert 1 < len(tried)
    assert ["drop_index"] == [alter.kind for alter in store.alters(wanted)]
