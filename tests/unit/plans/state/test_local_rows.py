"""The cache in the process: what it keeps, for how long, and which fills it refuses."""

from __future__ import annotations

import pytest

from fluxaorm.plans.state.local_rows import PLACE_BYTES, LocalRows


class Clock:
    """Seconds that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_fill_is_dropped_when_the_row_was_evicted_since_its_read_began() -> None:
    """The row was read before the change that evicted it."""
    rows = LocalRows(10, 60, Clock())
    mark = rows.mark(7)

    rows.evict([7])
    rows.put(7, ("old",), mark)

    assert rows.get(7) is None


def test_a_fill_of_another_row_is_kept() -> None:
    """An eviction concerns the rows it names."""
    rows = LocalRows(10, 60, Clock())
    mark = rows.mark(8)

    rows.evict([7])
    rows.put(8, ("row",), mark)

    assert rows.get(8) == ("row",)


def test_rows_end_with_their_time_to_live() -> None:
    """A row nobody evicts does not stay for good."""
    clock = Clock()
    rows = LocalRows(10, 60, clock)
    rows.put(7, ("row",), rows.mark(7))

    clock.now = 59.0
    young = rows.get(7)
    clock.now = 61.0

    assert (("row",), None) == (young, rows.get(7))
    assert 0 == len(rows)


def test_the_least_recently_used_row_makes_room() -> None:
    """The limit is a number of rows."""
    rows = LocalRows(2, 60, Clock())
    for id in (1, 2):
        rows.put(id, (id,), rows.mark(id))

    rows.get(1)
    rows.put(3, (3,), rows.mark(3))

    assert ((1,), None, (3,)) == (rows.get(1), rows.get(2), rows.get(3))


def test_clearing_drops_fills_under_way_too() -> None:
    """After clear() nothing read before it may appear."""
    rows = LocalRows(0, 60, Clock())
    mark = rows.mark(7)

    rows.clear()
    rows.put(7, ("old",), mark)

    assert rows.get(7) is None


@pytest.mark.parametrize("forked", [False, True])
def test_long_rows_take_the_places_of_several(forked: bool) -> None:
    """A limit of rows is one of memory too, whatever somebody puts into a row, and in child processes as well."""
    rows = LocalRows(10, 60, Clock())
    if forked:
        rows.reset_after_fork()
    for id in range(5):
        rows.put(id, ("x" * 2 * PLACE_BYTES,), rows.mark(id))

    rows.put(7, ("x" * 11 * PLACE_BYTES,), rows.mark(7))

    assert 3 == len(rows)
    assert rows.get(7) is None
