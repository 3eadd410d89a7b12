"""What a cached value says of a row at first sight, and what needs a closer look."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm.plans.state.keys import decode_row, encode_row, plain_row, plain_rows, row_start

STAMP, OTHER = b"12345678", b"87654321"


@pytest.mark.parametrize("width", [1, 2, 14, 15, 16, 200])
def test_a_row_of_any_width_is_known_by_how_its_value_begins(width: int) -> None:
    """MessagePack spells the length of short and long arrays differently; both must be recognized."""
    row = [7, *[f"cell {number}" for number in range(1, width)]]
    value = encode_row(STAMP, row)

    found = plain_row(value, row_start(STAMP, width), 7)

    assert row == found == decode_row(value, STAMP, width)


def test_the_id_of_a_cached_row_is_a_number() -> None:
    """Drivers give ids as bytes; what one process cached, another knows at first sight."""
    value = encode_row(STAMP, (b"7", b"seven"))

    assert [7, b"seven"] == plain_row(value, row_start(STAMP, 2), 7)


GOOD = encode_row(STAMP, (7, "seven"))
DOUBTFUL: dict[str, Any] = {
    "nothing": None,
    "a refusal": RuntimeError("WRONGTYPE"),
    "a lease": b"L0123",
    "intents": b"Waa:99;",
    "a missing row": encode_row(STAMP, None),
    "another stamp": encode_row(OTHER, (7, "seven")),
    "another width": encode_row(STAMP, (7, "seven", "more")),
    "another id": encode_row(STAMP, (8, "seven")),
    "an id that is none": encode_row(STAMP, (7, "seven")).replace(b"\x07", b"\xc0"),
    "cut off": GOOD[:-1],
    "too long": GOOD + b"\x00",
    "bent": GOOD[:-1] + b"\xff",
}


@pytest.mark.parametrize("value", DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_what_does_not_count_is_never_taken_at_first_sight(value: Any) -> None:
    """The short way may only be faster, never more trusting, than the long one."""
    start = row_start(STAMP, 2)

    alone = plain_row(value, start, 7)
    rows, doubtful = plain_rows([(7, value), (8, encode_row(STAMP, (8, "eight")))], start)

    assert alone is None
    assert ({8: [8, "eight"]}, [(7, value)]) == (rows, doubtful)
