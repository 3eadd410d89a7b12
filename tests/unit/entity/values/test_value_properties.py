"""For any value: what a column takes survives being stored and read, in every raw form; the rest is refused."""

from __future__ import annotations

import contextlib
import string
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.entity import Float32, Int8, Int16, Int32, Int64, Json, UInt8, UInt16, UInt32, UInt64
from fluxaorm.entity.schema import ColumnSchema
from tests.unit.entity.definitions import column_of

MEMBERS = ("north", "east", "it's west", "a\\b", "żółw")
COMPASS = Literal["north", "east", "it's west", "a\\b", "żółw"]
PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | PLAIN_TEXT,
    lambda inside: st.lists(inside) | st.dictionaries(PLAIN_TEXT, inside),
    max_leaves=10,
)
LONGEST = timedelta(hours=838, minutes=59, seconds=59)
ZONES: Any = st.timezones() | st.just(UTC) | st.none()
VALUES: dict[str, tuple[ColumnSchema, st.SearchStrategy[Any]]] = {
    "float": (column_of(float), st.floats(allow_nan=False, allow_infinity=False)),
    "Float32": (column_of(Float32), st.floats(-3e38, 3e38)),
    "Decimal": (column_of(Decimal, precision=12, scale=3), st.decimals(-(10**9) + 1, 10**9 - 1, places=3)),
    "str": (column_of(str), PLAIN_TEXT.map(lambda text: text[:255])),
    "text": (column_of(str, length="max"), PLAIN_TEXT),
    "bytes": (column_of(bytes), st.binary()),
    "date": (column_of(date), st.dates()),
    "datetime": (column_of(datetime), st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)),  # noqa: DTZ001
    "datetime(4)": (column_of(datetime, fsp=4), st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)),  # noqa: DTZ001
    "time": (column_of(time, fsp=2), st.times()),
    "timedelta": (column_of(timedelta), st.timedeltas(-LONGEST, LONGEST)),
    "timedelta(6)": (column_of(timedelta, fsp=6), st.timedeltas(-LONGEST, LONGEST)),
    "enum": (column_of(COMPASS), st.sampled_from(MEMBERS)),
    "set": (column_of(frozenset[COMPASS]), st.frozensets(st.sampled_from(MEMBERS))),
    "json": (column_of(Json[object]), JSON.filter(lambda value: value is not None)),
    "uuid": (column_of(UUID), st.uuids()),
    "ipv4": (column_of(IPv4Address), st.ip_addresses(v=4)),
    "ipv6": (column_of(IPv6Address), st.ip_addresses(v=6)),
}
ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.datetimes(timezones=ZONES)
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.ip_addresses()
    | st.lists(st.text() | st.integers())
    | st.just(object())
)
INTEGERS = {
    "Int8": Int8,
    "Int16": Int16,
    "Int32": Int32,
    "Int64": Int64,
    "UInt8": UInt8,
    "UInt16": UInt16,
    "UInt32": UInt32,
    "UInt64": UInt64,
}


@pytest.mark.parametrize("name", VALUES)
@given(data=st.data())
def test_what_is_taken_survives_the_round_trip(name: str, data: st.DataObject) -> None:
    """Getter, cache and database agree on every value."""
    column, strategy = VALUES[name]

    value = column.check(data.draw(strategy))
    param = column.encode(value)
    text = f"{param:f}" if isinstance(param, Decimal) else str(param)
    raw_forms = [param] if isinstance(param, bytes) else [param, text, text.encode()]

    for raw in raw_forms:
        assert value == column.decode(raw)
    assert value == column.check(value)
    assert param == column.encode(column.check(value))


@pytest.mark.parametrize("name", [*VALUES, *INTEGERS])
@given(value=ANYTHING)
def test_anything_else_is_refused_by_a_value_error_alone(name: str, value: Any) -> None:
    """A setter turns ValueError into FieldValueError; any other error would be a bug."""
    column = VALUES[name][0] if name in VALUES else column_of(INTEGERS[name])

    with contextlib.suppress(ValueError):
        checked = column.check(value)
        assert type(checked) is type(column.check(checked))


@pytest.mark.parametrize("name", INTEGERS)
@given(value=st.integers())
def test_integers_are_taken_within_the_range_of_their_type(name: str, value: int) -> None:
    """The range is that of the server's type, so that no statement fails for it."""
    column = column_of(INTEGERS[name])
    bits = int(name.strip(string.ascii_letters))
    low, high = (0, 2**bits - 1) if name.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    if low <= value <= high:
        assert value == column.check(value)
    else:
        with pytest.raises(ValueError, match=f"must be {low} to {high}"):
            column.check(value)


@given(value=st.decimals(allow_nan=False, allow_infinity=False), precision=st.integers(1, 65), data=st.data())
def test_a_decimal_is_taken_exactly_or_not_at_all(value: Decimal, precision: int, data: st.DataObject) -> None:
    """Money is never rounded in silence."""
    column = column_of(Decimal, precision=precision, scale=data.draw(st.integers(0, min(30, precision))))

    try:
        checked = column.check(value)
    except ValueError:
        return

    assert value == checked
    assert len(checked.as_tuple().digits) <= precision
    assert value == column.decode(f"{checked:f}")


@given(raw=st.binary() | PLAIN_TEXT)
@pytest.mark.parametrize("name", [name for name in VALUES if name not in ("str", "text", "bytes")])
def test_a_broken_row_is_a_value_error_alone(name: str, raw: bytes | str) -> None:
    """What a cache or a driver gives is decoded or refused, whatever it is."""
    column = VALUES[name][0]

    with contextlib.suppress(ValueError):
        column.decode(raw)
