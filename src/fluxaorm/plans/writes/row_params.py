"""Whole rows in the form drivers take, made column by column, and cut into statements of a sensible size. Pure.

A column that needs no encoding costs nothing; lengths are summed by column, and only where they come near the limit by
row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from fluxaorm.entity.schema import Unset
from fluxaorm.entity.values.json_value import JsonValue

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity

ROWS_A_STATEMENT: Final = 1_000
BYTES_A_STATEMENT: Final = 1 << 20

T = TypeVar("T")
Params: TypeAlias = "Sequence[Any]"
"""A row in the form a driver takes."""


class UnsetValueError(ValueError):
    """A row lacks a value; ``row`` is its number."""

    def __init__(self, row: int) -> None:
        self.row = row
        super().__init__(f"row {row} lacks a value")


def parts_of(
    binding: BoundEntity, items: Sequence[T], rows: Sequence[list[Any]]
) -> Iterator[tuple[Sequence[T], Sequence[Params]]]:
    """Items, each with its row, so many to a statement and no longer than one should be; a long row goes alone.

    UnsetValueError for a row that lacks a value.
    """
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        end = start + ROWS_A_STATEMENT
        try:
            params, length = _params_of(binding, rows[start:end])
        except UnsetValueError as error:
            error.row += start
            raise
        if length <= BYTES_A_STATEMENT:
            yield items[start:end], params
        else:
            yield from cut(items[start:end], params, ROWS_A_STATEMENT)


def _params_of(binding: BoundEntity, rows: Sequence[list[Any]]) -> tuple[list[Params], int]:
    """The rows as Params, and how long their texts and bytes are together."""
    length = 0
    columns: list[Sequence[Any]] = []
    for position, given in enumerate(zip(*rows, strict=True)):
        column: Sequence[Any] = given
        kinds = set(map(type, column))
        if Unset in kinds:
            raise UnsetValueError(next(row for row, value in enumerate(column) if type(value) is Unset))
        if JsonValue in kinds:
            column = [cell.value if type(cell) is JsonValue else cell for cell in column]
        encode = binding.encoders[position]
        if encode is not None:
            column = [None if value is None else encode(value) for value in column]
            kinds = set(map(type, column))
        length += _texts_of(column, kinds)
        columns.append(column)
    return list(zip(*columns, strict=True)), length


def _texts_of(column: Sequence[Any], kinds: set[type] | None = None) -> int:
    """How long the texts and bytes of a column are together. ``kinds``: the types in it, where they are known."""
    kinds = kinds or set(map(type, column))
    if str not in kinds and bytes not in kinds:
        return 0
    return sum([_length(value) for value in column] if len(kinds) > 1 else map(len, column))


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | bytes) else 0


def cut(items: Sequence[T], rows: Sequence[Params], most: int) -> Iterator[tuple[Sequence[T], Sequence[Params]]]:
    """The same of rows that are Params already, ``most`` to a statement."""
    if 0 < len(rows) <= most and sum(map(_texts_of, zip(*rows, strict=True))) <= BYTES_A_STATEMENT:
        yield items, rows
        return
    start = size = 0
    for end, row in enumerate(rows):
        length = sum([len(value) for value in row if type(value) is str or type(value) is bytes])
        if end > start and (end - start == most or size + length > BYTES_A_STATEMENT):
            yield items[start:end], rows[start:end]
            start, size = end, 0
        size += length
    if rows:
        yield items[start:], rows[start:]
