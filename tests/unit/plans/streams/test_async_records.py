"""Records of asynchronous flushes: what goes in comes out, and anything else is an error of ours."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fluxaorm.errors import BrokenRecordError, NewerRecordError
from fluxaorm.plans.streams.async_record import (
    AsyncRecord,
    RowChange,
    SqlRecord,
    UsersStatement,
    args_of,
    decode,
    encode,
    headers_of,
    is_signed,
    portable,
    record_key,
    row_record_key,
    statements_of,
)

RECORD = AsyncRecord(
    database="5f3c",
    pool="default",
    table="orders",
    token="00ff",
    at=1_700_000_000_000,
    changes=[
        RowChange("i", 1, {"id": 1, "name": "Ann", "data": b"\xff\0", "price": "12.50", "note": None}),
        RowChange("u", -2, {"ratio": 0.5}, {"ratio": 1.25}),
        RowChange("d", 2**64 - 1, {}, {"id": 2**64 - 1}),
    ],
    keys={"default": ["fx:shop:orders:1"]},
    meta={"request": "r1"},
)
WHOLE: list[Any] = msgspec.msgpack.decode(encode(RECORD))
SQL = UsersStatement("UPDATE orders SET price = price * ?, data = ?", [["decimal", "1.10"], b"\xff\0"], [1, 2])
SQL_RECORD = SqlRecord(**{**msgspec.structs.asdict(RECORD), "version": 2}, statements=[SQL])
WHOLE_SQL: list[Any] = msgspec.msgpack.decode(encode(SQL_RECORD))
RAW = st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()
NAMES = st.text(min_size=1, max_size=20)
CHANGES = st.builds(
    lambda operation, id, values, before: RowChange(operation, id, {} if operation == "d" else values, before),
    st.sampled_from(["i", "u", "d"]),
    st.integers(-(2**63), 2**64 - 1),
    st.dictionaries(NAMES, RAW, min_size=1, max_size=4),
    st.none() | st.dictionaries(NAMES, RAW, max_size=3),
)
RECORDS = st.builds(
    AsyncRecord,
    database=st.text(),
    pool=NAMES,
    table=NAMES,
    token=st.text("0123456789abcdef", min_size=1, max_size=64),
    at=st.integers(0, 2**60),
    changes=st.lists(CHANGES, min_size=1, max_size=4),
    keys=st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=2),
    meta=st.dictionaries(st.text(), st.text(), max_size=2),
)
STATEMENTS = st.builds(
    UsersStatement,
    sql=st.text(min_size=1),
    args=st.lists(
        RAW | st.decimals(allow_nan=False, allow_infinity=False, places=4).map(lambda n: ["decimal", f"{n:f}"])
    ),
    rows=st.lists(st.integers(-(2**63), 2**64 - 1), max_size=3),
)
SQL_RECORDS = st.builds(
    lambda record, changes, statements: SqlRecord(
        **{**msgspec.structs.asdict(record), "version": 2, "changes": changes}, statements=statements
    ),
    RECORDS,
    st.lists(CHANGES, max_size=2),
    st.lists(STATEMENTS, min_size=1, max_size=3),
)
ANYTHING = st.recursive(
    RAW | st.booleans() | st.datetimes(timezones=st.just(UTC)),
    lambda inside: st.lists(inside, max_size=10) | st.dictionaries(st.text() | st.integers(0, 9), inside, max_size=4),
    max_leaves=12,
)


@given(RECORDS | SQL_RECORDS)
def test_a_record_is_read_as_it_was_written(record: AsyncRecord) -> None:
    """What a consumer applies is what the flush said."""
    assert record == decode(encode(record))


@given(st.binary(max_size=200))
@example(b"")
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\x91" * 100_000)
@example(b"\x91\xd7\xff" + b"\xff" * 8)
def test_any_bytes_are_a_record_or_an_error_of_ours(value: bytes) -> None:
    """A consumer that fails in another way stands still, or skips what it should not."""
    _decode_or_refuse(value)


@given(st.data())
def test_a_damaged_record_is_a_record_or_an_error_of_ours(data: st.DataObject) -> None:
    """The same of what is nearly one: bytes changed, cut off, put in."""
    value = bytearray(encode(data.draw(RECORDS | SQL_RECORDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value)))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    _decode_or_refuse(bytes(value))


@given(st.integers(0, 9), ANYTHING)
@example(9, [["DELETE", [["decimal", "1e999999999"]], []]])
@example(9, [["DELETE", [["decimal", "sNaN"]], []]])
@example(9, [["DELETE", [["decimal", "none"]], []]])
@example(9, [["DELETE", [{}], []]])
@example(0, 1)
def test_a_record_with_anything_in_a_place_is_a_record_or_an_error_of_ours(place: int, other: object) -> None:
    """Nothing of another shape gets past the reader."""
    parts = [*(WHOLE if place < len(WHOLE) else WHOLE_SQL)]
    parts[place] = other

    _decode_or_refuse(msgspec.msgpack.encode(parts))


def _decode_or_refuse(value: bytes) -> None:
    try:
        record = decode(value)
    except (BrokenRecordError, NewerRecordError):
        return
    assert record == decode(encode(record))
    for statement in statements_of(record):
        assert len(statement.args) == len(args_of(statement))


@pytest.mark.parametrize(
    ("place", "other"),
    [
        (0, 0),
        (0, "1"),
        (2, ""),
        (3, ""),
        (4, "no hex digits"),
        (5, -1),
        (6, []),
        (6, [["x", 1, {"a": 1}, None]]),
        (6, [["u", 1, {"a": [1]}, None]]),
        (6, [["u", 1, {"a": datetime(2024, 1, 1, tzinfo=UTC)}, None]]),
        (6, [["u", 1, {"a": 1}, {"a": {}}]]),
        (6, [["u", 1, {}, None]]),
        (6, [["d", 1, {"a": 1}, None]]),
        (6, [["u", "1", {"a": 1}, None]]),
        (6, [["u", 1, {"a": 1}, None, "more"]]),
        (7, {"default": "key"}),
        (8, {"request": 1}),
    ],
)
def test_what_is_no_record_is_refused(place: int, other: object) -> None:
    """It would be applied in part, or as something it is not."""
    parts = [*WHOLE]
    parts[place] = other

    with pytest.raises(BrokenRecordError):
        decode(msgspec.msgpack.encode(parts))


def test_a_record_with_more_in_it_is_refused() -> None:
    """What an unknown part means is not guessed: a newer format has a newer number."""
    with pytest.raises(BrokenRecordError):
        decode(msgspec.msgpack.encode([*WHOLE, 1]))


def test_sql_keeps_its_values_as_they_are() -> None:
    """Bytes stay bytes, and a decimal a decimal: beside a text the server would count in doubles."""
    [statement] = statements_of(decode(encode(SQL_RECORD)))

    assert [Decimal("1.10"), b"\xff\0"] == args_of(statement)
    assert {"fluxa-token": b"00ff", "fluxa-version": b"2"} == headers_of(SQL_RECORD, encode(SQL_RECORD))


@pytest.mark.parametrize("version", [1, 2])
def test_sql_is_in_the_second_format_only(version: int) -> None:
    """A consumer that knows the first one alone must stop for it, not write the changes and leave the SQL out."""
    parts = WHOLE_SQL if version == 1 else WHOLE

    with pytest.raises(BrokenRecordError):
        decode(msgspec.msgpack.encode([version, *parts[1:]]))


def test_a_record_without_a_value_is_refused() -> None:
    """A tombstone is none of ours."""
    with pytest.raises(BrokenRecordError, match="it has no value"):
        decode(None)


@pytest.mark.parametrize("rest", [[], WHOLE[1:], [object.__name__] * 20])
def test_a_newer_format_says_so_whatever_is_in_it(rest: list[Any]) -> None:
    """The consumer stops for it, instead of putting it away as broken."""
    with pytest.raises(
        NewerRecordError, match="has format 3, and this version of fluxaorm understands up to 2"
    ) as told:
        decode(msgspec.msgpack.encode([3, *rest]))

    assert (3, 2) == (told.value.version, told.value.known)


def test_a_signature_is_of_one_key_and_one_value() -> None:
    """Who can write to the topic could otherwise write to the tables."""
    value = encode(RECORD)
    signature = headers_of(RECORD, value, "key")["fluxa-signature"]

    assert is_signed(value, signature, ["other", "key"])
    assert not is_signed(value, signature, ["other"])
    assert not is_signed(value + b"\0", signature, ["key"])
    assert not is_signed(value, None, ["key"])
    assert not is_signed(value, b"\xff", ["key"])
    assert not is_signed(value, signature, [])


def test_headers_say_token_and_format() -> None:
    """A record can be found, and told from a newer one, without its value being read."""
    assert {"fluxa-token": b"00ff", "fluxa-version": b"1"} == headers_of(RECORD, encode(RECORD))


def test_joined_tables_have_one_key() -> None:
    """They must lie in one partition, in one order."""
    assert b"accounts" == record_key(["orders", "accounts", "users"])
    assert b"orders:7" == row_record_key("orders", 7)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1E-10"), "0.0000000001"),
        (Decimal("-0.50"), "-0.50"),
        (timedelta(hours=-30, microseconds=5), "-29:59:59.999995"),
        (time(1, 2, 3), "01:02:03"),
        (datetime(2024, 5, 1, 12, 30), "2024-05-01 12:30:00"),  # noqa: DTZ001 - as drivers give it
        (date(2024, 5, 1), "2024-05-01"),
        (True, True),
        (b"\xff", b"\xff"),
        (None, None),
    ],
)
def test_what_a_driver_gave_has_a_portable_form(value: object, expected: object) -> None:
    """Values of another form than MessagePack's would be read as something else."""
    assert expected == portable(value)


def test_what_has_no_portable_form_is_refused() -> None:
    """It is a mistake of ours, and must not go into a topic."""
    with pytest.raises(TypeError, match="list has no portable form"):
        portable([])
