"""How values are spelt in SQL. Whether servers read them as meant is tested on servers: ``test_pools_literals``."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.errors import QueryError
from fluxaorm.pools.mysql.literals import literal, render, render_in_hex


class Colour(StrEnum):
    RED = "red's"


class Level(IntEnum):
    HIGH = 3


class Size(Enum):
    LARGE = Decimal("1.5")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        (0, "0"),
        (-5, "-5"),
        (2**64 - 1, "18446744073709551615"),
        (True, "1"),
        (False, "0"),
        (0.1, "0.1e0"),
        (-0.0, "-0.0e0"),
        (1e300, "1e+300"),
        (5e-324, "5e-324"),
        ("", "''"),
        ("it's", r"'it\'s'"),
        ("a\\'b", r"'a\\\'b'"),
        ('line\nfeed\0\x1a"`', "'line\nfeed\0\x1a\"`'"),
        ("zażółć 🦊", "'zażółć 🦊'"),
        (b"", "x''"),
        (b"\x00\xff'", "x'00ff27'"),
        (bytearray(b"a"), "x'61'"),
        (memoryview(b"a"), "x'61'"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("-0"), "-0"),
        (date(2026, 1, 31), "'2026-01-31'"),
        (datetime.fromisoformat("2026-01-31 12:00:01"), "'2026-01-31 12:00:01'"),
        (datetime.fromisoformat("2026-01-31 12:00:01.000005"), "'2026-01-31 12:00:01.000005'"),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "'2026-01-31 12:00:00'"),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2))), "'2026-01-31 10:00:00'"),
        (time(1, 2, 3), "'01:02:03'"),
        (timedelta(hours=-30, microseconds=-5), "'-30:00:00.000005'"),
        (UUID("00112233-4455-6677-8899-aabbccddeeff"), "x'00112233445566778899aabbccddeeff'"),
        (IPv4Address("127.0.0.1"), "x'7f000001'"),
        (IPv6Address("::1"), "x'00000000000000000000000000000001'"),
        (Colour.RED, r"'red\'s'"),
        (Level.HIGH, "3"),
        (Size.LARGE, "1.5"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_type_has_its_literal(value: Any, expected: str) -> None:
    """The spelling that MySQL and MariaDB both read as the value."""
    assert expected == literal(value)


def test_a_long_binary_value_goes_as_it_is() -> None:
    """Hexadecimal digits would double it; then the statement is bytes."""
    value = bytes(range(256))

    text = literal(value)

    assert b"_binary'" + value.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'" == text


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("-Infinity"),
        "half \ud800",
        time(1, tzinfo=UTC),
        object(),
        [1],
        {"a": 1},
        1j,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_database_can_store_is_refused(value: Any) -> None:
    """Before anything is sent, and without showing the value."""
    with pytest.raises(QueryError):
        literal(value)


def test_values_take_the_places_of_the_placeholders() -> None:
    """Those in quotes and comments are no placeholders."""
    sql = "SELECT ?, '?', `?` /* ? */ FROM t WHERE a = ? AND b = ?"

    assert r"SELECT 1, '?', `?` /* ? */ FROM t WHERE a = 'x\'y' AND b = NULL" == render(sql, (1, "x'y", None))


def test_one_number_is_the_common_case() -> None:
    """It has a path of its own, which a subclass of int does not take."""
    assert ["SELECT 7", "SELECT 1", "SELECT 3"] == [render("SELECT ?", (value,)) for value in (7, True, Level.HIGH)]


def test_a_statement_without_values_stays_as_it_is() -> None:
    """Percent signs and quotes included."""
    assert "SELECT '100%' LIKE '%'" == render("SELECT '100%' LIKE '%'")


@pytest.mark.parametrize("args", [(), (1,), (1, 2, 3)], ids=len)
def test_as_many_values_as_placeholders(args: tuple[int, ...]) -> None:
    """The message counts both."""
    with pytest.raises(QueryError, match=f"has 2 placeholders, but {len(args)} values"):
        render("SELECT ?, ?", args)


def test_rows_are_appended_in_groups() -> None:
    """For INSERTs of many rows, whose SQL ends in VALUES and is not searched for placeholders."""
    rows = [(1, "a'", None), (2, "?", Decimal("1.5"))]

    assert r"INSERT INTO t VALUES (1, 'a\'', NULL), (2, '?', 1.5)" == render("INSERT INTO t VALUES ", (), rows)


def test_long_binary_values_among_rows_and_arguments() -> None:
    """Text around them is spelt in UTF-8."""
    blob = b"'\\" * 50
    escaped = b"\\'\\\\" * 50

    assert b"SELECT 'z\xc5\x82', _binary'" + escaped + b"', 1" == render("SELECT ?, ?, ?", ("zł", blob, 1))
    assert b"INSERT VALUES (1, _binary'" + escaped + b"'), (2, NULL)" == render(
        "INSERT VALUES ", (), [(1, blob), (2, None)]
    )


def test_no_rows_is_no_statement() -> None:
    """``VALUES`` with nothing behind it would be the server's syntax error."""
    with pytest.raises(QueryError):
        render("INSERT INTO t VALUES ", (), [])


def mysql_unquoted(text: str) -> str:
    """What MySQL's lexer reads from a quoted text, backslash escapes on."""
    assert text[0] == text[-1] == "'"
    assert re.fullmatch(r"'(?:[^'\\]|\\.)*'", text, re.DOTALL), "the text ends early"
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_read_back_as_it_was(value: str) -> None:
    """Whatever quotes, backslashes and control characters it has."""
    text = literal(value)

    assert isinstance(text, str)
    assert value == mysql_unquoted(text)


@given(st.binary(min_size=65))
def test_a_binary_value_is_read_back_as_it_was(value: bytes) -> None:
    """The same for bytes that are no text."""
    spelt = literal(value)

    assert isinstance(spelt, bytes)
    assert value == mysql_unquoted(spelt.removeprefix(b"_binary").decode("latin-1")).encode("latin-1")


@given(st.lists(st.one_of(st.none(), st.integers(), st.text(alphabet="a?'\\\"`#-/*; "), st.binary(max_size=5))))
def test_values_never_change_the_statement_around_them(values: list[Any]) -> None:
    """Each value is one literal between the pieces of the SQL."""
    sql = "SELECT " + ", ".join("?" * len(values)) + " END"

    assert "SELECT " + ", ".join(str(literal(value)) for value in values) + " END" == render(sql, values)


_ANY_VALUE = st.one_of(
    st.none(),
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(alphabet="a?%s'\\\"`#-/*; \x00ł"),
    st.binary(max_size=100),
)
_COLUMNS = st.lists(
    st.one_of(
        st.lists(st.integers(), min_size=6, max_size=6),
        st.lists(st.text(alphabet="a%s'\\?ł"), min_size=6, max_size=6),
        st.lists(st.decimals(allow_nan=False, allow_infinity=False), min_size=6, max_size=6),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=6, max_size=6),
        st.lists(_ANY_VALUE, min_size=6, max_size=6),
    ),
    min_size=1,
    max_size=4,
)


@given(_COLUMNS)
def test_many_rows_are_written_as_each_value_by_itself(columns: list[list[Any]]) -> None:
    """Rows are written by column, which must not be seen in the statement."""
    rows = list(zip(*columns, strict=True))

    text = render("INSERT INTO t VALUES ", (), rows)

    groups = [[literal(value) for value in row] for row in rows]
    spelt = [b", ".join([one if isinstance(one, bytes) else one.encode() for one in group]) for group in groups]
    expected = b"INSERT INTO t VALUES (" + b"), (".join(spelt) + b")"
    assert expected == (text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    "value", ["half \ud800", float("nan"), Decimal("NaN"), Decimal("Infinity"), Decimal("sNaN"), 1j], ids=repr
)
def test_many_rows_with_what_no_database_can_store_are_refused(value: Any) -> None:
    """A column that is written in one go is looked at as closely as a single value."""
    with pytest.raises(QueryError):
        render("INSERT INTO t VALUES ", (), [(value,)] * 6)


def test_in_a_session_of_unknown_mode_texts_are_in_hex() -> None:
    """Neither a mode without backslash escapes nor another character set can then end a text early."""
    sql = "SELECT ?, ?, ?, ?"

    assert "SELECT _utf8mb4 x'5c27e4b8ad', x'275c', 7, NULL" == render_in_hex(sql, ("\\'中", b"'\\", 7, None))
    assert "INSERT INTO t VALUES (1, _utf8mb4 x''), (2, _utf8mb4 x'61')" == render_in_hex(
        "INSERT INTO t VALUES ", (), [(1, ""), (2, "a")]
    )
    with pytest.raises(QueryError, match="placeholders"):
        render_in_hex("SELECT ?", ())
    with pytest.raises(QueryError, match="none"):
        render_in_hex("INSERT INTO t VALUES ", (), [])
