"""Numbers and times that SQLite keeps as text order by value."""

from __future__ import annotations

from decimal import Decimal
from functools import cmp_to_key

from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.dialects.sqlite.collations import compare_decimals, compare_times

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)


@given(left=DECIMALS, right=DECIMALS)
def test_decimals_order_by_value(left: Decimal, right: Decimal) -> None:
    """As text, 10 would come before 9."""
    assert (left > right) - (left < right) == compare_decimals(str(left), str(right))


def test_decimals_of_one_value_are_equal_however_they_are_written() -> None:
    """A unique index takes 1.5 and 1.50 for the same, as MySQL does."""
    assert 0 == compare_decimals("1.5", "1.50")


def test_times_order_by_value() -> None:
    """Negative ones first, hours beyond 99 last."""
    times = ["838:59:59", "09:00:00", "-10:00:00", "-09:59:59.5", "100:00:00", "09:00:00.000001"]

    ordered = sorted(times, key=cmp_to_key(compare_times))

    assert ["-10:00:00", "-09:59:59.5", "09:00:00", "09:00:00.000001", "100:00:00", "838:59:59"] == ordered


def test_what_is_no_number_or_time_comes_last() -> None:
    """So a CHECK for a range refuses it, and comparing never fails."""
    assert [1, 1, 1, 1] == [
        compare_decimals("many", "999999"),
        compare_decimals("Infinity", "999999"),
        compare_decimals("NaN", "999999"),
        compare_times("noon", "838:59:59"),
    ]
    assert 0 == compare_times("25:61:00", "25:61:00")
