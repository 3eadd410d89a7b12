"""What each kind of column takes, refuses, stores and reads back, at its boundaries."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest

from fluxaorm.entity import (
    Entity,
    Float32,
    Int8,
    Int16,
    Int32,
    Int64,
    Json,
    MediumInt,
    Reference,
    References,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    UMediumInt,
)
from fluxaorm.entity.kinds import KINDS
from fluxaorm.entity.schema import ColumnSchema
from tests.unit.entity.definitions import column_of, entity, schema_of


class Colour(StrEnum):
    """A user's own enum."""

    RED = "red"
    GREEN = "green"


class Other(StrEnum):
    """Another one, with a member of the same text."""

    RED = "red"


class Number(IntEnum):
    """Ints of another class."""

    ONE = 1


class Text(str):
    """A str of another class."""


class Precise(Decimal):
    """A Decimal of another class."""


class Point(msgspec.Struct):
    """A JSON document."""

    x: int
    y: float = 0.0


class Loaded:
    """As an entity that was loaded looks to a References column."""

    _entity_name = "TargetEntity"
    id = 7


class Foreign(Loaded):
    """An entity of another kind."""

    _entity_name = "OtherEntity"


class TargetEntity(Entity):
    """What references refer to."""

    id: UInt16


NAIVE = datetime(2024, 2, 29, 12, 30, 1)  # noqa: DTZ001 - what is under test
CET = timezone(timedelta(hours=1))
TENTH = struct.unpack("<f", struct.pack("<f", 0.1))[0]
LONGEST = timedelta(hours=838, minutes=59, seconds=59)


@dataclass
class Case:
    """A kind of column: assigned values with their Python form and Param, refused ones with the reason."""

    name: str
    hint: Any
    kind: str
    mysql: str
    taken: list[tuple[Any, Any, Any]]
    refused: list[tuple[Any, str]]
    options: dict[str, Any] = field(default_factory=dict)
    native: list[tuple[Any, Any]] = field(default_factory=list)
    """What drivers may give besides text and the Param, and what it means."""

    @property
    def column(self) -> ColumnSchema:
        """The column itself."""
        return column_of(self.hint, TargetEntity, **self.options)


def integer(name: str, hint: Any, kind: str, mysql: str, low: int, high: int) -> Case:
    """The boundaries of an integer type."""
    taken = [(value, value, value) for value in (low, high, 0, 1)]
    reason = f"must be {low} to {high}"
    refused: list[tuple[Any, str]] = [
        (low - 1, reason),
        (high + 1, reason),
        (True, "must be an int, not a bool"),
        (1.0, "must be an int, not a float"),
        ("1", "must be an int, not a str"),
        (Decimal(1), "must be an int, not a Decimal"),
    ]
    return Case(name, hint, kind, mysql, [*taken, (Number.ONE, 1, 1)], refused, {}, [(Decimal(1), 1), (1.0, 1)])


CASES = [
    integer("Int8", Int8, "int", "tinyint", -128, 127),
    integer("Int16", Int16, "int", "smallint", -32768, 32767),
    integer("MediumInt", MediumInt, "int", "mediumint", -8388608, 8388607),
    integer("Int32", Int32, "int", "int", -2147483648, 2147483647),
    integer("Int64", Int64, "int", "bigint", -(2**63), 2**63 - 1),
    integer("int", int, "int", "bigint", -(2**63), 2**63 - 1),
    integer("UInt8", UInt8, "uint", "tinyint unsigned", 0, 255),
    integer("UInt16", UInt16, "uint", "smallint unsigned", 0, 65535),
    integer("UMediumInt", UMediumInt, "uint", "mediumint unsigned", 0, 16777215),
    integer("UInt32", UInt32, "uint", "int unsigned", 0, 4294967295),
    integer("UInt64", UInt64, "uint", "bigint unsigned", 0, 2**64 - 1),
    Case(
        "Reference",
        Reference[TargetEntity],  # type: ignore[misc]  # an alias as a value
        "reference",
        "smallint unsigned",
        [(1, 1, 1), (65535, 65535, 65535)],
        [(0, "must be 1 to 65535"), (65536, "must be 1 to 65535"), ("1", "must be an int, not a str")],
    ),
    Case(
        "bool",
        bool,
        "bool",
        "tinyint(1)",
        [(True, True, 1), (False, False, 0)],
        [(1, "must be a bool, not an int"), ("true", "must be a bool, not a str")],
        native=[(2, True), (b"1", True), ("0", False)],
    ),
    Case(
        "float",
        float,
        "float",
        "double",
        [(1.5, 1.5, 1.5), (3, 3.0, 3.0), (1e308, 1e308, 1e308), (5e-324, 5e-324, 5e-324), (-0.0, 0.0, 0.0)],
        [
            (float("nan"), "must be finite"),
            (float("inf"), "must be finite"),
            (10**400, "is too large for a float"),
            (True, "must be a float, not a bool"),
            ("1.5", "must be a float, not a str"),
            (Decimal("1.5"), "must be a float, not a Decimal"),
        ],
        native=[(Decimal("1.5"), 1.5), (1, 1.0)],
    ),
    Case(
        "unsigned float",
        float,
        "float",
        "double unsigned",
        [(0.0, 0.0, 0.0), (-0.0, 0.0, 0.0), (2.5, 2.5, 2.5)],
        [(-0.1, "must not be negative"), (-5e-324, "must not be negative")],
        {"unsigned": True},
    ),
    Case(
        "Float32",
        Float32,
        "float32",
        "float",
        [(0.1, TENTH, TENTH), (1.5, 1.5, 1.5), (16777217, 16777216.0, 16777216.0), (1e-60, 0.0, 0.0)],
        [(1e39, "is too large for a Float32"), (float("-inf"), "must be finite")],
        native=[("0.1", TENTH), (b"0.1", TENTH)],
    ),
    Case(
        "unsigned Float32",
        Float32,
        "float32",
        "float unsigned",
        [(0.5, 0.5, 0.5)],
        [(-1.0, "must not be negative")],
        {"unsigned": True},
    ),
    Case(
        "Decimal",
        Decimal,
        "decimal",
        "decimal(5,2)",
        [
            (Decimal("999.99"), Decimal("999.99"), Decimal("999.99")),
            (Decimal("-999.99"), Decimal("-999.99"), Decimal("-999.99")),
            (Decimal("1.5"), Decimal("1.50"), Decimal("1.50")),
            (Decimal("1.500"), Decimal("1.50"), Decimal("1.50")),
            (Decimal("1E+2"), Decimal("100.00"), Decimal("100.00")),
            (Decimal("-0"), Decimal("0.00"), Decimal("0.00")),
            (7, Decimal("7.00"), Decimal("7.00")),
            (Precise("2.25"), Decimal("2.25"), Decimal("2.25")),
        ],
        [
            (Decimal("0.005"), "must have at most 2 digits after the point; it would be rounded"),
            (Decimal("1E-1000000"), "must have at most 2 digits after the point; it would be rounded"),
            (Decimal(1000), "must have at most 3 digits before the point"),
            (Decimal("1E+1000000"), "must have at most 3 digits before the point"),
            (Decimal("NaN"), "must be finite"),
            (Decimal("sNaN"), "must be finite"),
            (Decimal("-Infinity"), "must be finite"),
            (1.5, "must be a Decimal, not a float"),
            (True, "must be a Decimal, not a bool"),
            ("1.5", "must be a Decimal, not a str"),
        ],
        {"precision": 5, "scale": 2},
        [(1.5, Decimal("1.5")), (2, Decimal(2))],
    ),
    Case(
        "the longest Decimal",
        Decimal,
        "decimal",
        "decimal(65,30)",
        [(Decimal("9" * 35 + "." + "9" * 30),) * 3],
        [(Decimal("9" * 36), "must have at most 35 digits before the point")],
        {"precision": 65, "scale": 30},
    ),
    Case(
        "Decimal without a fraction",
        Decimal,
        "decimal",
        "decimal(3,0)",
        [(Decimal(999), Decimal(999), Decimal(999))],
        [(Decimal("1.5"), "must have at most 0 digits after the point; it would be rounded")],
        {"precision": 3, "scale": 0},
    ),
    Case(
        "Decimal of a fraction alone",
        Decimal,
        "decimal",
        "decimal(2,2)",
        [(Decimal("0.99"), Decimal("0.99"), Decimal("0.99"))],
        [(Decimal(1), "must have at most 0 digits before the point")],
        {"precision": 2, "scale": 2},
    ),
    Case(
        "str",
        str,
        "str",
        "varchar(3)",
        [
            ("", "", ""),
            ("abc", "abc", "abc"),
            ("żółw"[:3], "żół", "żół"),
            ("🐍🐍🐍", "🐍🐍🐍", "🐍🐍🐍"),
            (" a ", " a ", " a "),
            (Text("abc"), "abc", "abc"),
            (Colour.RED, "red", "red"),
        ],
        [
            ("abcd", "must have at most 3 characters, not 4"),
            ("\ud800", "must be valid Unicode: it holds a lone surrogate"),
            (b"abc", "must be a str, not bytes"),
            (1, "must be a str, not an int"),
        ],
        {"length": 3},
        [(bytearray(b"abc"), "abc")],
    ),
    Case(
        "str without a length",
        str,
        "str",
        "varchar(255)",
        [("x" * 255,) * 3],
        [("x" * 256, "must have at most 255 characters, not 256")],
    ),
    Case(
        "the longest str",
        str,
        "str",
        "mediumtext",
        [("x" * 16_777_215,) * 3],
        [
            ("x" * 16_777_216, "must have at most 16777215 bytes of UTF-8, not 16777216"),
            ("ż" * 8_388_608, "must have at most 16777215 bytes of UTF-8, not 16777216"),
        ],
        {"length": "max"},
    ),
    Case(
        "bytes",
        bytes,
        "bytes",
        "blob",
        [(b"", b"", b""), (b"\x00\xff", b"\x00\xff", b"\x00\xff"), (bytearray(b"a"), b"a", b"a"), (b"x" * 65535,) * 3],
        [(b"x" * 65536, "must have at most 65535 bytes, not 65536"), ("a", "must be bytes, not a str")],
        native=[(bytearray(b"a"), b"a")],
    ),
    Case(
        "medium bytes",
        bytes,
        "bytes",
        "mediumblob",
        [(b"x" * 65536,) * 3],
        [(None, "must be bytes, not None")],
        {"size_class": "medium"},
    ),
    Case(
        "long bytes",
        bytes,
        "bytes",
        "longblob",
        [(b"x" * 65536,) * 3],
        [([], "must be bytes, not a list")],
        {"size_class": "long"},
    ),
    Case(
        "date",
        date,
        "date",
        "date",
        [
            (date(2024, 2, 29), date(2024, 2, 29), "2024-02-29"),
            (date.min, date.min, "0001-01-01"),
            (date.max, date.max, "9999-12-31"),
        ],
        [
            (datetime(2024, 2, 29, tzinfo=UTC), "must be a date, not a datetime"),
            ("2024-02-29", "must be a date, not a str"),
        ],
        native=[(datetime(2024, 2, 29, 5, tzinfo=UTC), date(2024, 2, 29))],
    ),
    Case(
        "datetime",
        datetime,
        "datetime",
        "datetime",
        [
            (
                datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC),
                datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC),
                "2024-02-29 12:30:01",
            ),
            (NAIVE, datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC), "2024-02-29 12:30:01"),
            (
                datetime(2024, 2, 29, 0, 30, tzinfo=CET),
                datetime(2024, 2, 28, 23, 30, tzinfo=UTC),
                "2024-02-28 23:30:00",
            ),
            (
                datetime(2024, 2, 29, 12, 30, 1, 999999, tzinfo=UTC),
                datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC),
                "2024-02-29 12:30:01",
            ),
            (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00:00"),
        ],
        [
            (date(2024, 2, 29), "must be a datetime, not a date"),
            ("2024-02-29 12:30:01", "must be a datetime, not a str"),
            (datetime(1, 1, 1, tzinfo=CET), "must be within the years 1 to 9999 in UTC"),
        ],
        native=[(NAIVE, datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC))],
    ),
    Case(
        "datetime with a fraction",
        datetime,
        "datetime",
        "datetime(3)",
        [
            (
                datetime(2024, 1, 1, 0, 0, 0, 123999, tzinfo=UTC),
                datetime(2024, 1, 1, 0, 0, 0, 123000, tzinfo=UTC),
                "2024-01-01 00:00:00.123",
            )
        ],
        [(0, "must be a datetime, not an int")],
        {"fsp": 3},
    ),
    Case(
        "datetime with all of a fraction",
        datetime,
        "datetime",
        "datetime(6)",
        [
            (
                datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
                datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
                "2024-01-01 00:00:00.000001",
            )
        ],
        [(0.0, "must be a datetime, not a float")],
        {"fsp": 6},
    ),
    Case(
        "time",
        time,
        "time",
        "time",
        [(time(23, 59, 59, 999999), time(23, 59, 59), "23:59:59"), (time(0), time(0), "00:00:00")],
        [(time(1, tzinfo=UTC), "must have no time zone"), (timedelta(hours=1), "must be a time, not a timedelta")],
        native=[(timedelta(hours=23, minutes=1), time(23, 1))],
    ),
    Case(
        "time with a fraction",
        time,
        "time",
        "time(1)",
        [(time(1, 2, 3, 990000), time(1, 2, 3, 900000), "01:02:03.9")],
        [("01:02:03", "must be a time, not a str")],
        {"fsp": 1},
        [(timedelta(seconds=1, microseconds=500000), time(0, 0, 1, 500000))],
    ),
    Case(
        "timedelta",
        timedelta,
        "timedelta",
        "time",
        [
            (LONGEST, LONGEST, "838:59:59"),
            (-LONGEST, -LONGEST, "-838:59:59"),
            (timedelta(seconds=-1, microseconds=-999999), timedelta(seconds=-1), "-00:00:01"),
            (timedelta(microseconds=-1), timedelta(0), "00:00:00"),
            (timedelta(days=1, seconds=1), timedelta(days=1, seconds=1), "24:00:01"),
            (LONGEST + timedelta(microseconds=1), LONGEST, "838:59:59"),
        ],
        [
            (LONGEST + timedelta(seconds=1), "must be within -838:59:59 to 838:59:59"),
            (timedelta.min, "must be within -838:59:59 to 838:59:59"),
            (5, "must be a timedelta, not an int"),
        ],
        native=[(time(1, 2, 3), timedelta(hours=1, minutes=2, seconds=3))],
    ),
    Case(
        "timedelta with a short fraction",
        timedelta,
        "timedelta",
        "time(3)",
        [(timedelta(seconds=-1, milliseconds=-50), timedelta(seconds=-1, milliseconds=-50), "-00:00:01.050")],
        [(None, "must be a timedelta, not None")],
        {"fsp": 3},
        [("00:00:01.5", timedelta(seconds=1.5))],
    ),
    Case(
        "timedelta with a fraction",
        timedelta,
        "timedelta",
        "time(6)",
        [
            (timedelta(microseconds=-1), timedelta(microseconds=-1), "-00:00:00.000001"),
            (-LONGEST, -LONGEST, "-838:59:59.000000"),
        ],
        [(LONGEST + timedelta(microseconds=1), "must be within -838:59:59 to 838:59:59")],
        {"fsp": 6},
    ),
    Case(
        "StrEnum",
        Colour,
        "enum",
        "enum('red','green')",
        [(Colour.RED, Colour.RED, "red"), ("green", Colour.GREEN, "green")],
        [
            ("blue", "must be one of red, green"),
            ("RED", "must be one of red, green"),
            (Other.RED, "must be one of red, green"),
            (1, "must be one of red, green, not an int"),
        ],
    ),
    Case(
        "Literal",
        Literal["it's", "b\\c"],
        "enum",
        "enum('it''s','b\\\\c')",
        [("it's", "it's", "it's"), ("b\\c", "b\\c", "b\\c")],
        [("its", "must be one of it's, b\\c")],
    ),
    Case(
        "set of a StrEnum",
        frozenset[Colour],
        "set",
        "set('red','green')",
        [
            (frozenset(), frozenset(), ""),
            ({"green", Colour.RED}, frozenset(Colour), "red,green"),
            (["green", "green"], frozenset({Colour.GREEN}), "green"),
            (dict.fromkeys(Colour).keys(), frozenset(Colour), "red,green"),
        ],
        [
            ("red", "must be an iterable of members, not a str"),
            (["blue"], "must be one of red, green"),
            ([1], "must be one of red, green, not an int"),
            (None, "must be an iterable of members, not None"),
        ],
    ),
    Case(
        "set of a Literal",
        frozenset[Literal["d", "b", "e", "a", "c"]],
        "set",
        "set('d','b','e','a','c')",
        [(set("abcde"), frozenset("abcde"), "d,b,e,a,c"), ({"a", "b"}, frozenset("ab"), "b,a")],
        [({"f"}, "must be one of d, b, e, a, c")],
    ),
    Case(
        "References",
        References[TargetEntity],
        "references",
        "json",
        [([3, 1], [3, 1], "[3,1]"), ((), [], "[]"), ([Loaded()], [7], "[7]")],
        [
            ([0], "must hold ids of 1 to 65535"),
            ([65536], "must hold ids of 1 to 65535"),
            (["1"], "must hold ids of TargetEntity, not str"),
            ([True], "must hold ids of TargetEntity, not bool"),
            ([Foreign()], "must hold ids of TargetEntity, not a OtherEntity"),
            ("12", "must be a list of ids of TargetEntity, not a str"),
        ],
    ),
    Case(
        "Json",
        Json[dict[str, int]],
        "json",
        "json",
        [
            ({}, {}, "{}"),
            ({"ż": 2**64 - 1, "a": -(2**63)},) * 2 + ('{"ż":18446744073709551615,"a":-9223372036854775808}',),
        ],
        [
            ({"a": 2**64}, "must hold no integer past 64 bits"),
            ({"a": -(2**63) - 1}, "must hold no integer past 64 bits"),
            ({"a": "b"}, "does not fit its type: Expected `int`, got `str` - at `$[...]`"),
            ({"\ud800": 1}, "must be valid Unicode: it holds a lone surrogate"),
            ({"a": object()}, "cannot be JSON: Encoding objects of type object is unsupported"),
        ],
    ),
    Case(
        "Json of a Struct",
        Json[Point],
        "json",
        "json",
        [(Point(1, 2.5), Point(1, 2.5), '{"x":1,"y":2.5}'), ({"x": 1}, Point(1), '{"x":1,"y":0.0}')],
        [
            (Point(1, float("nan")), "must be finite in every number"),
            ([], "does not fit its type: Expected `object`, got `array`"),
        ],
    ),
    Case(
        "Json of anything",
        Json[Any],  # type: ignore[misc]  # an alias as a value
        "json",
        "json",
        [([1, None, "null"], [1, None, "null"], '[1,null,"null"]')],
        [([None, {"a": [float("inf")]}], "must be finite in every number")],
    ),
    Case(
        "UUID",
        UUID,
        "uuid",
        "binary(16)",
        [(UUID(int=1), UUID(int=1), b"\x00" * 15 + b"\x01")],
        [(str(UUID(int=1)), "must be a UUID, not a str")],
        native=[(str(UUID(int=1)), UUID(int=1))],
    ),
    Case(
        "IPv4Address",
        IPv4Address,
        "ipv4",
        "varbinary(16)",
        [(IPv4Address("10.0.0.1"), IPv4Address("10.0.0.1"), b"\x0a\x00\x00\x01")],
        [
            ("10.0.0.1", "must be an IPv4Address, not a str"),
            (IPv6Address("::1"), "must be an IPv4Address, not an IPv6Address"),
            (IPv4Interface("10.0.0.1/8"), "must be an IPv4Address, not an IPv4Interface"),
        ],
        native=[("10.0.0.1", IPv4Address("10.0.0.1"))],
    ),
    Case(
        "IPv6Address",
        IPv6Address,
        "ipv6",
        "varbinary(16)",
        [(IPv6Address("::1"), IPv6Address("::1"), b"\x00" * 15 + b"\x01")],
        [(IPv6Address("fe80::1%eth0"), "must have no zone (%eth0)"), (1, "must be an IPv6Address, not an int")],
        native=[("::1", IPv6Address("::1"))],
    ),
]
EACH = pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])


def raw_forms(case: Case, value: Any, param: Any) -> list[Any]:
    """Everything a driver or a cache may give for what was stored."""
    if isinstance(param, bytes):
        return [param, value]
    text = f"{param:f}" if isinstance(param, Decimal) else repr(param) if isinstance(param, float) else str(param)
    forms: list[Any] = [text, text.encode()]
    return forms if case.kind in ("json", "references") and isinstance(value, str) else [*forms, param, value]


def same(left: Any, right: Any) -> bool:
    """Equal and of one type, and with the same sign of zero and digits."""
    return (
        type(left) is type(right) and repr(left) == repr(right)
        if isinstance(left, float | Decimal)
        else (type(left) is type(right) and left == right)
    )


@EACH
def test_the_column_has_the_type_that_the_server_prints(case: Case) -> None:
    """The schema diff compares this text with the server's."""
    column = case.column

    assert (case.kind, case.mysql) == (column.kind, column.mysql_type)


@EACH
def test_what_fits_is_taken_in_its_python_form(case: Case) -> None:
    """A getter gives after an assignment what it gives after a reload."""
    column = case.column

    for assigned, value, _ in case.taken:
        checked = column.check(assigned)
        assert same(value, checked), (assigned, checked)


@EACH
def test_a_python_form_is_taken_as_it_is(case: Case) -> None:
    """Assigning what was read changes nothing."""
    column = case.column

    for _, value, _ in case.taken:
        assert same(value, column.check(value)), value


@EACH
def test_what_does_not_fit_is_refused_with_the_reason(case: Case) -> None:
    """Nothing is rounded, cut or converted in silence."""
    column = case.column

    for assigned, reason in case.refused:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
            column.check(assigned)
        assert reason == str(caught.value), assigned


@EACH
def test_a_driver_is_handed_plain_values(case: Case) -> None:
    """Drivers look at exact types."""
    column = case.column

    for _, value, param in case.taken:
        encoded = column.encode(value)
        assert same(param, encoded), (value, encoded)
        assert type(encoded) in (int, float, str, bytes, Decimal)


@EACH
def test_every_raw_form_reads_back_as_the_same_value(case: Case) -> None:
    """Text of MySQL, of Redis and SQLite, native values of drivers, and what was decoded before."""
    column = case.column

    for _, value, param in case.taken:
        for raw in raw_forms(case, value, param):
            decoded = column.decode(raw)
            assert same(value, decoded), (raw, decoded)


@EACH
def test_what_drivers_make_of_it_is_understood(case: Case) -> None:
    """Prepared statements give Python values, each driver its own."""
    column = case.column

    for raw, value in case.native:
        decoded = column.decode(raw)
        assert type(value) is type(decoded), raw
        assert value == decoded


@pytest.mark.parametrize(
    ("hint", "options", "raw"),
    [
        (int, {}, b"x"),
        (int, {}, 1.5),
        (int, {}, float("inf")),
        (int, {}, Decimal("NaN")),
        (Float32, {}, b"1e39"),
        (timedelta, {}, b"99999999999999:00:00"),
        (int, {}, None),
        (float, {}, b"x"),
        (float, {}, []),
        (Decimal, {"precision": 5, "scale": 2}, b"x"),
        (Decimal, {"precision": 5, "scale": 2}, []),
        (bool, {}, b"x"),
        (str, {}, 1),
        (bytes, {}, 1),
        (date, {}, b"0000-00-00"),
        (date, {}, 1),
        (datetime, {}, b"0000-00-00 00:00:00"),
        (datetime, {}, date(2024, 1, 1)),
        (time, {}, b"25:00:00"),
        (time, {}, timedelta(days=1)),
        (timedelta, {}, b"1:2"),
        (timedelta, {}, 1),
        (Colour, {}, b"blue"),
        (Colour, {}, []),
        (frozenset[Colour], {}, b"red,blue"),
        (frozenset[Colour], {}, 1),
        (UUID, {}, b"123"),
        (IPv4Address, {}, b"12345"),
        (IPv6Address, {}, b"123"),
        (Json[int], {}, b"x"),
    ],
)
def test_what_no_column_can_hold_is_not_decoded(hint: Any, options: dict[str, Any], raw: Any) -> None:
    """A wrong row is an error, never another value."""
    column = column_of(hint, **options)

    with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
        column.decode(raw)


def test_every_kind_of_the_table_is_tested_here() -> None:
    """A kind that is added gets its boundaries."""
    assert set(KINDS) == {case.kind for case in CASES}


def test_only_json_has_a_type_of_its_own_to_decode() -> None:
    """The runtime keeps such cells in a wrapper, to notice changes in place."""
    types = {case.kind: case.column.json_type for case in CASES if case.name in ("Json", "References", "str")}

    assert {"str": None, "references": list[int], "json": dict[str, int]} == types


def test_an_entity_of_json_is_a_copy() -> None:
    """Changing what was assigned changes no entity behind its back."""
    column, given = column_of(Json[dict[str, int]]), {"a": 1}

    checked = column.check(given)
    given["a"] = 2

    assert {"a": 1} == checked


def test_ids_start_at_one() -> None:
    """0 says that a soft-deleted row is alive."""
    schema = schema_of(entity(fields={"id": UInt8}, soft_delete=True))
    id, fake_delete = schema.columns

    assert (1, 255, 255) == (id.minimum, id.maximum, schema.id_maximum)
    assert (0, 0, "tinyint unsigned") == (fake_delete.check(0), fake_delete.default, fake_delete.mysql_type)
    with pytest.raises(ValueError, match="must be 1 to 255"):
        id.check(0)
