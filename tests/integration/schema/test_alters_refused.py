"""Alters that a server does not make, or that would lose what it does not show: they are manual, all others go on."""

from __future__ import annotations

import pytest

from fluxaorm.alters import Alter
from fluxaorm.errors import AlterError, MySQLError
from tests.support.raw_stores import RawStore
from tests.support.schemas import make_column, make_schema


def _refused(store: RawStore, alter: Alter) -> str:
    with pytest.raises(AlterError, match="cannot be done by itself") as error:
        alter.exec(store, allow_destructive=True)  # type: ignore[call-overload]  # a stand-in for a Context
    assert "manual" == alter.safety
    return str(error.value)


def test_a_column_that_is_computed_when_it_is_read_becomes_no_other(raw_server_store: RawStore) -> None:
    """Servers refuse it for ever; what else the table needs is made."""
    raw_server_store.query(
        "CREATE TABLE `Thing` (`id` bigint unsigned PRIMARY KEY, `a` int, `b` int AS (`a` + 1) VIRTUAL, `c` int)"
    )
    wanted = make_schema("Thing", [make_column("a", "int", nullable=True), make_column("b", "int", nullable=True)])

    refused, dropped = raw_server_store.alters(wanted)
    dropped.exec(raw_server_store, allow_destructive=True)  # type: ignore[call-overload]  # a stand-in for a Context

    assert "drop the column by hand" in _refused(raw_server_store, refused)
    assert ["change_column"] == [alter.kind for alter in raw_server_store.alters(wanted)]


def test_what_has_the_name_of_a_table_and_is_none_is_told(raw_store: RawStore) -> None:
    """CREATE TABLE would fail at every deployment, as a safe alter."""
    raw_store.apply(make_schema("Other", []))
    raw_store.query("CREATE VIEW `Thing` AS SELECT `id` FROM `Other`")

    create, *_ = raw_store.alters(make_schema("Thing", []), make_schema("Other", []))

    assert "`Thing` is there, as a view" in _refused(raw_store, create)


CHECKED = "CREATE TABLE `Thing` (`id` bigint unsigned PRIMARY KEY, `a` varchar(5) CHECK (`a` NOT IN ('é', '😀')))"


@pytest.mark.parametrize("column", ["a", "b"])
def test_a_check_says_afterwards_what_it_said(raw_server_store: RawStore, column: str) -> None:
    """Servers show some characters of a CHECK as others; made anew from that, it would let in what it kept out."""
    raw_server_store.query(CHECKED)
    renamed = None if column == "a" else "a"
    wanted = make_schema("Thing", [make_column(column, "varchar(9)", nullable=True, renamed_from=renamed)])

    for alter in raw_server_store.alters(wanted):
        if alter.safety == "manual":
            assert "as SHOW CREATE TABLE has it" in _refused(raw_server_store, alter)
        else:
            alter.exec(raw_server_store, allow_destructive=True)  # type: ignore[call-overload]  # as above
    there = [name for (name, *_) in raw_server_store.query("SHOW COLUMNS FROM `Thing`")][1]

    for kept_out in ("é", "😀"):
        with pytest.raises(MySQLError, match=r"(?i)constraint"):
            raw_server_store.query(f"INSERT INTO `Thing` (`id`, `{there}`) VALUES (1, '{kept_out}')")
    raw_server_store.query(f"INSERT INTO `Thing` (`id`, `{there}`) VALUES (1, '?')")
    if raw_server_store.dialect.name == "mysql":
        assert column == there


def test_a_column_of_the_key_changes_with_the_key(raw_server_store: RawStore) -> None:
    """No part of a primary key may be NULL, so what is safe by itself has to wait."""
    raw_server_store.query("CREATE TABLE `Thing` (`id` bigint unsigned, `a` int, PRIMARY KEY (`id`, `a`))")
    wanted = make_schema("Thing", [make_column("a", "int", nullable=True)])

    (alter,) = raw_server_store.apply(wanted)

    assert ("destructive", ("change_column", "change_primary_key")) == (alter.safety, alter.kinds)
    assert [] == raw_server_store.alters(wanted)
