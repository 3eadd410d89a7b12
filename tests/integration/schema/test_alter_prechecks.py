"""Before an alter is run the rows are looked into: what would be lost, and which rows are in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from fluxaorm.alters import Alter, Finding
from fluxaorm.entity.schema import ColumnSchema
from fluxaorm.errors import AlterRowsError, MySQLError
from tests.support.raw_stores import RawStore
from tests.support.schemas import make_column, make_index, make_members, make_schema


def _column(mysql_type: str, **special: Any) -> ColumnSchema:
    return make_column("a", mysql_type, nullable=True, **special)


def _members(kind: str, *members: str) -> ColumnSchema:
    return _column(f"{kind}('x')", enum=make_members(*members))


def _filled(store: RawStore, column: ColumnSchema, values: list[Any]) -> None:
    """A table ``Thing`` whose column ``a`` holds these values, with ids from 1 on."""
    store.apply(make_schema("Thing", [column]))
    for number, value in enumerate(values, 1):
        store.query("INSERT INTO `Thing` (`id`, `a`) VALUES (?, ?)", (number, value))


def _precheck(store: RawStore, alter: Alter) -> list[Finding]:
    findings: list[Finding] = alter.precheck(store)  # type: ignore[call-overload]  # a stand-in for a Context
    return findings


CHANGES: list[tuple[ColumnSchema, list[Any], ColumnSchema, tuple[int, ...]]] = [
    (_column("int"), [1, 127, 128, -129, None], _column("tinyint"), (3, 4)),
    (_column("int"), [0, -1], _column("int unsigned"), (2,)),
    (_column("bigint unsigned"), ["9223372036854775808", "18446744073709551615", "5"], _column("bigint"), (1, 2)),
    (_column("varchar(40)"), ["four", "fives", "éé😀é", ""], _column("varchar(4)"), (2,)),
    (_column("mediumtext"), ["four", "fives"], _column("varchar(4)"), (2,)),
    (_column("mediumblob"), [b"1" * 17, b"1"], _column("varbinary(16)"), (1,)),
    (_column("decimal(6,2)"), ["99.99", "100.00", "-100.00"], _column("decimal(4,2)"), (2, 3)),
    (_column("double"), [-0.5, 0.5], _column("double unsigned"), (1,)),
    (_column("int"), [999, 1000], _column("decimal(5,2)"), (2,)),
    (_column("varchar(40)"), ["12", "x", "-7"], _column("tinyint"), (2,)),
    (_column("varchar(40)"), ["{}", "{"], _column("json"), (2,)),
    (_members("enum", "a", "it's", "é"), ["a", "it's", "é", None], _members("enum", "a"), (2, 3)),
    (_members("set", "a", "it's", "c"), ["a,c", "it's", "a,it's", ""], _members("set", "a", "c"), (2, 3)),
    (_column("varchar(40)"), ["a", "b"], _members("enum", "a"), (2,)),
    (_column("varchar(40)"), ["a,b", "a,x,b", ""], _members("set", "a", "b"), (2,)),
]


def test_rows_that_do_not_fit_the_new_type_are_named(raw_store: RawStore) -> None:
    """The server says at best the first row, and that by a number which is no id."""
    named = [(f"Thing{at}", before, values, after, ids) for at, (before, values, after, ids) in enumerate(CHANGES)]
    raw_store.apply(*(make_schema(table, [before]) for table, before, _, _, _ in named))
    for table, _, values, _, _ in named:
        for number, value in enumerate(values, 1):
            raw_store.query(f"INSERT INTO `{table}` (`id`, `a`) VALUES (?, ?)", (number, value))
    wanted = [make_schema(table, [after]) for table, _, _, after, _ in named]
    alters = {alter.table: alter for alter in raw_store.alters(*wanted)}

    found = {table: _in_the_way(raw_store, alter) for table, alter in alters.items()}
    refused = {table: _refusal(raw_store, alter) for table, alter in alters.items()}
    for table, _, _, _, ids in named:
        raw_store.query(f"DELETE FROM `{table}` WHERE `id` IN ({', '.join(map(str, ids))})")
    raw_store.apply(*wanted)

    assert {table: ids for table, _, _, _, ids in named} == {table: _ids(found[table]) for table in found}
    assert {table: tuple(findings) for table, findings in found.items()} == refused
    assert [] == raw_store.alters(*wanted)


def _in_the_way(store: RawStore, alter: Alter) -> list[Finding]:
    return [finding for finding in _precheck(store, alter) if finding.blocking]


def _refusal(store: RawStore, alter: Alter) -> tuple[Finding, ...]:
    with pytest.raises(AlterRowsError) as error:
        alter.exec(store, allow_destructive=True)  # type: ignore[call-overload]  # a stand-in for a Context
    findings: tuple[Finding, ...] = error.value.findings
    assert str(findings[0]) in str(error.value)
    return findings


def _ids(findings: Sequence[Finding]) -> tuple[int | str, ...]:
    return tuple(sorted({key for finding in findings for key in finding.ids}, key=int))


def test_a_column_that_becomes_required_names_the_rows_without_a_value(raw_store: RawStore) -> None:
    """They have to be filled first."""
    _filled(raw_store, _column("int"), [1, None, 3, None])
    wanted = make_schema("Thing", [make_column("a", "int")])
    (alter,) = raw_store.alters(wanted)

    findings = _precheck(raw_store, alter)

    what = "NULL in column `a`, which becomes NOT NULL"
    assert [Finding(what, 2, ("id 2", "id 4"), True, (2, 4))] == findings
    assert f"{what}: 2 rows (id 2; id 4)" == str(findings[0])


def test_many_rows_are_counted_and_some_are_shown(raw_store: RawStore) -> None:
    """A million rows make no message of a million ids."""
    _filled(raw_store, _column("int"), [None] * 12)
    (alter,) = raw_store.alters(make_schema("Thing", [make_column("a", "int")]))

    (finding,) = _precheck(raw_store, alter)

    assert (12, tuple(range(1, 11))) == (finding.rows, finding.ids)
    assert str(finding).endswith("id 10, ...)")


def test_equal_values_for_a_new_unique_index_are_listed_with_their_rows(raw_store: RawStore) -> None:
    """As the column compares: without regard to case; NULLs are never equal."""
    _filled(raw_store, _column("varchar(40)"), ["ann", "bob", "Ann", None, None, "bob", "eve"])
    wanted = make_schema("Thing", [_column("varchar(40)")], [make_index("a", unique=True)])
    (alter,) = raw_store.alters(wanted)

    (finding,) = _precheck(raw_store, alter)
    with pytest.raises(AlterRowsError, match="bob': ids 2, 6"):
        raw_store.apply(wanted)

    assert ("equal values for the unique index `a`", 4, True) == (finding.what, finding.rows, finding.blocking)
    assert ("a='ann': ids 1, 3", "a='bob': ids 2, 6") == finding.examples


def test_values_of_a_secret_field_are_not_shown(raw_store: RawStore) -> None:
    """Errors end up in logs; the ids say enough."""
    _filled(raw_store, _column("varchar(40)"), ["token", "token"])
    column = replace(_column("varchar(40)"), secret=True)
    (alter,) = raw_store.alters(make_schema("Thing", [column], [make_index("a", unique=True)]))

    (finding,) = _precheck(raw_store, alter)

    assert ("ids 1, 2",) == finding.examples


def test_a_unique_index_over_a_new_column_counts_with_its_default(raw_store: RawStore) -> None:
    """The column is there only after the safe alter; the answer is the same before and after it."""
    _filled(raw_store, _column("int"), [1, 1, 2])
    columns = [_column("int"), make_column("b", "int", default=7)]
    safe, rest = raw_store.alters(make_schema("Thing", columns, [make_index("a", "b", unique=True)]))

    before = _precheck(raw_store, rest)
    safe.exec(raw_store)  # type: ignore[call-overload]  # a stand-in for a Context
    after = _precheck(raw_store, rest)

    assert ("a=1, b='7': ids 1, 2",) == before[0].examples
    assert ("a=1, b=7: ids 1, 2",) == after[0].examples


def test_what_a_drop_would_lose_is_counted(raw_store: RawStore) -> None:
    """A column that holds nothing may go without a thought."""
    raw_store.apply(make_schema("Thing", [_column("int"), make_column("b", "int", nullable=True)]))
    raw_store.query("INSERT INTO `Thing` (`id`, `a`) VALUES (7, 1), (8, NULL)")

    (alter,) = raw_store.alters(make_schema("Thing", []))

    findings = _precheck(raw_store, alter)

    assert [Finding("values of the dropped column `a`", 1, ("id 7",), False, (7,))] == findings


def test_a_dropped_table_tells_how_many_rows_go_with_it(raw_store: RawStore) -> None:
    """An empty one loses nothing."""
    raw_store.apply(make_schema("Full", []), make_schema("Empty", []))
    raw_store.query("INSERT INTO `Full` (`id`) VALUES (7), (8)")
    raw_store.drops_unknown_tables = True

    alters = raw_store.alters(make_schema("Kept", []))

    found = {alter.table: _precheck(raw_store, alter) for alter in alters if alter.kind == "drop_table"}
    assert [] == found["Empty"]
    assert [Finding("rows of the dropped table `Full`", 2, ("id 7", "id 8"), False, (7, 8))] == found["Full"]


def test_a_renamed_table_is_looked_into_before_and_after_its_rename(raw_store: RawStore) -> None:
    """Its second alter knows the table by its new name, which it has not yet."""
    _filled(raw_store, _column("int"), [1, None])
    wanted = make_schema("Other", [make_column("b", "int", renamed_from="a")], renamed_from="Thing")
    rename, change = raw_store.alters(wanted)

    before = _precheck(raw_store, change)
    rename.exec(raw_store, allow_destructive=True)  # type: ignore[call-overload]  # a stand-in for a Context
    after = _precheck(raw_store, change)

    assert [("id 2",)] == [finding.examples for finding in before]
    assert before == after


def test_an_alter_that_was_made_has_nothing_to_lose(raw_store: RawStore) -> None:
    """Asking late is no error."""
    _filled(raw_store, _column("int"), [1])
    (alter,) = raw_store.apply(make_schema("Thing", []))

    assert [] == _precheck(raw_store, alter)


@pytest.mark.parametrize("becomes", ["tinyint", "double", "decimal(4,2)", "date", "datetime(3)", "varchar(3)"])
def test_what_only_the_server_can_judge_is_named_when_it_refuses(raw_server_store: RawStore, becomes: str) -> None:
    """MariaDB tells no row of a document that is no number: whoever deploys would have to guess."""
    _filled(raw_server_store, _column("json"), ['{"a": 1}', None])
    (alter,) = raw_server_store.alters(make_schema("Thing", [_column(becomes)]))

    refused = _refusal(raw_server_store, alter)

    assert (1,) == _ids(refused)


@pytest.mark.parametrize("number", [7.0, 9.3e18])
def test_a_number_that_is_no_member_is_named(raw_server_store: RawStore, number: float) -> None:
    """Past an integer's range MariaDB has an error of its own, that names no row."""
    _filled(raw_server_store, _column("double"), [number, None])
    (alter,) = raw_server_store.alters(make_schema("Thing", [_column("enum('a')")]))

    refused = _refusal(raw_server_store, alter)

    assert (1,) == _ids(refused)


def test_bytes_that_are_no_number_are_named(raw_server_store: RawStore) -> None:
    """Here the servers name not even the column."""
    _filled(raw_server_store, _column("mediumblob"), [b"7", b"P", b"\xff", None])
    wanted = make_schema("Thing", [_column("decimal(10,1)")])
    (alter,) = raw_server_store.alters(wanted)

    findings = [finding for finding in _precheck(raw_server_store, alter) if finding.blocking]
    with pytest.raises(AlterRowsError, match="values of `a` that are no numbers: 2 rows"):
        raw_server_store.apply(wanted)

    assert [(2, 3)] == [finding.ids for finding in findings]


def _with_others(store: RawStore) -> None:
    """A table, a trigger of it, one of another table, a view over it and one over that."""
    store.apply(make_schema("Thing", [_column("int"), make_column("b", "int", nullable=True)]), make_schema("Log", []))
    begin, end = ("BEGIN", "; END") if store.dialect.name == "sqlite" else ("FOR EACH ROW", "")
    for sql in (
        f"CREATE TRIGGER own BEFORE INSERT ON `Thing` {begin} DELETE FROM `Log` WHERE `id` = new.a{end}",
        f"CREATE TRIGGER others BEFORE DELETE ON `Log` {begin} UPDATE `Thing` SET A = 1 WHERE `id` = old.id{end}",
        "CREATE VIEW `first` AS SELECT `id`, `a` AS other FROM `Thing`",
        "CREATE VIEW `second` AS SELECT other FROM `first`",
        "CREATE VIEW `elsewhere` AS SELECT `id` FROM `Log`",
    ):
        store.query(sql)


@pytest.mark.parametrize(
    ("column", "fate"),
    [((), "goes"), ((make_column("c", "int", nullable=True, renamed_from="a"),), "becomes `c`")],
)
def test_triggers_and_views_that_a_column_breaks_are_named(
    raw_store: RawStore, column: tuple[ColumnSchema, ...], fate: str
) -> None:
    """The server makes the alter without a word; every insert fails afterwards."""
    _with_others(raw_store)
    wanted = [make_schema("Thing", [*column, make_column("b", "int", nullable=True)]), make_schema("Log", [])]
    (alter,) = raw_store.alters(*wanted)

    broken = [str(finding) for finding in _precheck(raw_store, alter)]
    raw_store.apply(*wanted)
    with pytest.raises(MySQLError):
        raw_store.query("INSERT INTO `Thing` (`id`) VALUES (1)")

    head = f"names the column `a` of `Thing`, which {fate}"
    assert [f"trigger `others` of `Log` {head}", f"trigger `own` of `Thing` {head}", f"view `first` {head}"] == sorted(
        text.partition(":")[0] for text in broken
    )
    assert all("change or drop it before" in text for text in broken)


def test_columns_that_nothing_names_break_nothing(raw_store: RawStore) -> None:
    """A finding that is always there is read by nobody."""
    _with_others(raw_store)
    (alter,) = raw_store.alters(make_schema("Thing", [_column("int")]), make_schema("Log", []))

    assert [] == _precheck(raw_store, alter)


def test_texts_that_name_a_renamed_table_are_named(raw_server_store: RawStore) -> None:
    """Servers rewrite neither views nor triggers of other tables."""
    _with_others(raw_server_store)
    rename, *_ = raw_server_store.alters(
        make_schema(
            "Thing", [_column("int"), make_column("b", "int", nullable=True)], table="Ding", renamed_from="Thing"
        ),
        make_schema("Log", []),
    )

    broken = [str(finding).partition(" names ")[0] for finding in _precheck(raw_server_store, rename)]

    assert ["trigger `others` of `Log`", "view `first`"] == sorted(broken)
