"""Where a database keeps how far async flushes are applied: its table, its statements, on every server."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fluxaorm.alters import Alter
from fluxaorm.dialects.async_offsets import (
    ADVANCE,
    ALL_APPLIED,
    APPLIED,
    failed_offsets,
    failed_text,
    locked_offset_sql,
)
from fluxaorm.plans.tables.alters import get_alters_plan
from tests.support.raw_stores import RawStore
from tests.support.schemas import make_column, make_schema

USER = make_schema("User", [make_column("name", "varchar(100)")])
TOPIC, TOPIC_ID = "_fluxa_async_sql", "AbCdEfGhIjKlMnOpQrStUv"


def _alters(store: RawStore, *, async_flush: bool) -> list[Alter]:
    engine = SimpleNamespace(
        schemas={USER.name: USER}, mysql_pools={"default": store}, namespaces=(), has_async_flush=async_flush
    )
    alters: list[Alter] = store.run(get_alters_plan(engine, own_tables=True))
    return alters


def test_the_table_is_an_alter_where_async_flush_is_registered(raw_store: RawStore) -> None:
    """Whoever flushes nothing asynchronously needs no such table; who does gets it as every other one, once."""
    without = [alter.table for alter in _alters(raw_store, async_flush=False)]
    alters = _alters(raw_store, async_flush=True)
    for alter in alters:
        alter.exec(raw_store)  # type: ignore[call-overload]  # a stand-in for a Context

    again = _alters(raw_store, async_flush=True)

    assert "_fluxa_async_offsets" not in without
    assert [("_fluxa_async_offsets", "safe")] == [
        (alter.table, alter.safety) for alter in alters if alter.table not in without
    ]
    assert [] == again


def test_a_partition_begins_at_0_once_and_is_advanced(raw_store: RawStore) -> None:
    """A second start must not set it back, and a topic that was made anew has rows of its own."""
    dialect, place = raw_store.dialect, (TOPIC, TOPIC_ID, 3)
    raw_store.query(dialect.async_offsets_table_ddl())
    raw_store.query(dialect.async_offsets_first_row(), place)
    raw_store.query(ADVANCE, (2**40, failed_text([12, 7]), *place))

    raw_store.query(dialect.async_offsets_first_row(), place)
    raw_store.query(dialect.async_offsets_first_row(), (TOPIC, TOPIC_ID.lower(), 3))

    [(applied, failed)] = raw_store.query(locked_offset_sql(dialect), place)
    assert (2**40, [7, 12]) == (applied, failed_offsets(failed))
    assert [(2**40,)] == raw_store.query(APPLIED, place)
    assert [(3, 2**40, "7,12")] == raw_store.query(ALL_APPLIED, (TOPIC, TOPIC_ID))
    assert [(3, 0, "")] == raw_store.query(ALL_APPLIED, (TOPIC, TOPIC_ID.lower()))


@pytest.mark.parametrize(("cell", "offsets"), [("", []), ("5", [5]), (b"1,22", [1, 22]), ("x,3,,-1", [3])])
def test_offsets_of_dead_letters_are_read_back(cell: str | bytes, offsets: list[int]) -> None:
    """Nonsense that somebody wrote there by hand must not stop the consumer."""
    assert offsets == failed_offsets(cell)
