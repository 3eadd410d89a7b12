"""Literals as real servers read them: what is rendered comes back as it was, and changes nothing around it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxaorm.addresses import parse_mysql
from fluxaorm.options import MySQLOptions
from fluxaorm.pools import make_sql_pool
from fluxaorm.pools.base.sql_ports import SyncSQLConnection
from tests.support.sql_servers import Database

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
NASTY = st.text(alphabet="\\'\"`?%;-#/*\0\n\r\x1a\b\t a_ł🦊", max_size=40)
SETTINGS = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def connection(mysql_database: Database) -> Iterator[SyncSQLConnection]:
    """A connection as pools make them."""
    pool = make_sql_pool("default", parse_mysql("default", mysql_database.url)[0], MySQLOptions())
    pool.connect()
    opened = pool.sync.acquire()
    yield opened
    pool.sync.release(opened)
    pool.close()


def text_of(cell: Any) -> bytes | None:
    """A cell as the server printed it: some drivers make numbers and texts of it."""
    return cell if cell is None or isinstance(cell, bytes) else str(cell).encode()


def selected(connection: SyncSQLConnection, *values: Any) -> list[bytes | None]:
    """What the server makes of values, one row."""
    places = ", ".join("?" * len(values))
    return [text_of(cell) for cell in connection.fetch(f"SELECT {places}", values)[0]]


@SETTINGS
@given(st.lists(st.one_of(TEXT, NASTY), min_size=1, max_size=5))
def test_texts(connection: SyncSQLConnection, values: list[str]) -> None:
    """Any character, any mixture of quotes and backslashes, side by side."""
    assert [value.encode() for value in values] == selected(connection, *values)


@SETTINGS
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), TEXT)
def test_binary_values(connection: SyncSQLConnection, values: list[bytes], text: str) -> None:
    """Short ones in hexadecimal digits, long ones as they are, beside text."""
    assert [*values, text.encode()] == selected(connection, *values, text)


@SETTINGS
@given(st.integers(min_value=-(2**63), max_value=2**64 - 1))
def test_integers(connection: SyncSQLConnection, value: int) -> None:
    """The whole range that MySQL has."""
    assert [str(value).encode()] == selected(connection, value)


@SETTINGS
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats(connection: SyncSQLConnection, value: float) -> None:
    """Bit by bit: through a column, since a literal alone might stay a text."""
    connection.execute("CREATE TABLE IF NOT EXISTS number (f DOUBLE)")
    connection.execute("DELETE FROM number")
    connection.execute("INSERT INTO number VALUES (?)", (value,))

    rows = connection.fetch("SELECT f, f = ? FROM number", (value,))

    assert (value, b"1") == (float(rows[0][0]), text_of(rows[0][1]))


@SETTINGS
@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**20), max_value=10**20))
def test_decimals(connection: SyncSQLConnection, value: Decimal) -> None:
    """Exactly, without an exponent."""
    (text,) = selected(connection, value)

    assert text is not None
    assert value == Decimal(text.decode())


@SETTINGS
@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))  # noqa: DTZ001 - naive on purpose
def test_datetimes(connection: SyncSQLConnection, value: datetime) -> None:
    """Naive ones as they are, aware ones in UTC, both with their microseconds."""
    naive, aware = (
        (text_of(cell) or b"").decode()
        for cell in connection.fetch(
            "SELECT CAST(? AS DATETIME(6)), CAST(? AS DATETIME(6))", (value, value.replace(tzinfo=UTC))
        )[0]
    )

    assert naive == aware
    assert value == datetime.fromisoformat(naive)


@SETTINGS
@given(st.timedeltas(min_value=timedelta(hours=-838), max_value=timedelta(hours=838)))
def test_durations(connection: SyncSQLConnection, value: timedelta) -> None:
    """Negative ones, and more than a day."""
    text = (text_of(connection.fetch("SELECT CAST(? AS TIME(6))", (value,))[0][0]) or b"").decode()

    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = text.lstrip("-").split(":")
    micros = round(float(seconds) * 1_000_000)
    assert value == sign * timedelta(hours=int(hours), minutes=int(minutes), microseconds=micros)


@SETTINGS
@given(NASTY, NASTY)
def test_nothing_leaves_its_quotes(connection: SyncSQLConnection, first: str, second: str) -> None:
    """A value that looks like SQL stays a value: the constants around it come back too."""
    rows = connection.fetch("SELECT 'a?', ?, `b?`.x, ? /* ? */ FROM (SELECT 7 x) `b?` -- ?", (first, second))

    assert [b"a?", first.encode(), b"7", second.encode()] == [text_of(cell) for cell in rows[0]]


@SETTINGS
@given(st.lists(st.tuples(st.integers(0, 2**63), NASTY, st.none() | st.binary(max_size=100)), min_size=1, max_size=8))
def test_rows(connection: SyncSQLConnection, rows: list[tuple[int, str, bytes | None]]) -> None:
    """Many rows of one INSERT."""
    connection.execute("CREATE TABLE IF NOT EXISTS row_table (n BIGINT UNSIGNED, t TEXT, b BLOB, p INT)")
    connection.execute("DELETE FROM row_table")
    numbered = [(*row, position) for position, row in enumerate(rows)]

    connection.execute("INSERT INTO row_table VALUES ", (), numbered)

    stored = connection.fetch("SELECT n, t, b FROM row_table ORDER BY p")
    assert [(str(n).encode(), t.encode(), b) for n, t, b in rows] == [tuple(map(text_of, row)) for row in stored]
