"""Which columns have to move so that all stand in the declared order: as few as possible. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from fluxaorm.dialects.changes import Reorder
from fluxaorm.dialects.tables import TableDefinition


def reordering(wanted: TableDefinition, reached: TableDefinition) -> Reorder | None:
    """The moves that are left when the columns are the wanted ones; None when their order is right."""
    places = {column.name: place for place, column in enumerate(reached.columns)}
    order = [places[column.name] for column in wanted.columns]
    staying = set(_longest_increasing(order))
    before = [None, *(column.name for column in wanted.columns)]
    # as declared, since servers do not give back every character of a type; with all that the definition does not say
    columns = [
        replace(column, attributes=reached.columns[place].attributes)
        for column, place in zip(wanted.columns, order, strict=True)
    ]
    moves = tuple(
        (column, after) for column, after, place in zip(columns, before, order, strict=False) if place not in staying
    )
    return Reorder(moves) if moves else None


def _longest_increasing(numbers: Sequence[int]) -> list[int]:
    """The longest increasing subsequence, by patience sorting: a number goes on the first pile with a larger top."""
    tops: list[int] = []
    below: dict[int, int | None] = {}
    for number in numbers:
        pile = bisect_left(tops, number)
        below[number] = tops[pile - 1] if pile else None
        tops[pile : pile + 1] = [number]
    found: list[int] = []
    number_or_end = tops[-1] if tops else None
    while number_or_end is not None:
        found.append(number_or_end)
        number_or_end = below[number_or_end]
    return found[::-1]
