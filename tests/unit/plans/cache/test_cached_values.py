"""Values of the cache, their bytes altered in any way: what counts is what was stored, or nothing."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.plans.state.keys import ABSENT, decode_ids, decode_row, encode_list, encode_row

STAMP = bytes(range(8))
CELLS = st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()
ID = st.integers(0, 2**64 - 1)
ROWS = st.tuples(ID, st.lists(CELLS, max_size=8)).map(lambda drawn: [drawn[0], *drawn[1]])
IDS = st.lists(ID, max_size=8)


@st.composite
def altered(draw: st.DrawFn, value: bytes) -> bytes:
    """The value with bytes cut off, put in, or changed."""
    start = draw(st.integers(0, len(value)))
    end = draw(st.integers(start, min(len(value), start + 3)))
    return value[:start] + draw(st.binary(max_size=3)) + value[end:]


@given(row=ROWS)
def test_a_value_is_the_row_that_was_stored(row: list[Any]) -> None:
    """Whatever its cells are."""
    assert row == decode_row(encode_row(STAMP, row), STAMP, len(row))


@given(row=ROWS | st.none(), data=st.data())
def test_an_altered_value_is_no_row(row: list[Any] | None, data: st.DataObject) -> None:
    """Nonsense in a cell would come out only when somebody asks for it, and a wrong value never."""
    value, stored = encode_row(STAMP, row), ABSENT if row is None else row

    found = data.draw(altered(value))

    assert (stored if found == value else None) == decode_row(found, STAMP, len(row or "..."))


@given(row=ROWS, data=st.data())
def test_a_cell_that_was_replaced_makes_it_no_row(row: list[Any], data: st.DataObject) -> None:
    """Also where all the rest of the value is right."""
    cells = msgspec.msgpack.decode(encode_row(STAMP, row))
    position = data.draw(st.integers(0, len(row) - 1))
    other = data.draw(CELLS.filter(lambda cell: (type(cell), cell) != (type(row[position]), row[position])))

    cells[position + 1] = other

    assert decode_row(msgspec.msgpack.encode(cells), STAMP, len(row)) is None


@given(ids=IDS, data=st.data())
def test_an_altered_list_of_ids_is_none(ids: list[int], data: st.DataObject) -> None:
    """A row that is missing from the list would be missed by nobody."""
    value = encode_list(STAMP, ids)

    found = data.draw(altered(value))

    assert (ids if found == value else None) == decode_ids(found, STAMP)


@given(junk=st.binary(max_size=40))
def test_junk_is_no_row(junk: bytes) -> None:
    """Whatever lies under a key."""
    assert decode_row(junk, STAMP, 3) is None
