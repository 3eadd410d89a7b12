"""The groups of a statement with many rows as text, made column by column. No I/O.

The same text as of each value by itself, for less: where all values of a column are of one type they are written by one
loop in C, and texts are searched for what must be escaped all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from fluxaorm.pools.base.values import checked_text, plain_decimal

Column: TypeAlias = "Sequence[Any]"


def groups_of(rows: Sequence[Sequence[Any]], write: Mapping[type, Callable[[Any], str | bytes]]) -> str | None:
    """``(1, 'a'), (2, 'b')``; None when there is a value that has no place in a str.

    ``write``: a type -> what writes one value of it, for columns of several types. Raises what that raises, and
    QueryError.
    """
    places: list[str] = []
    columns: list[Column] = []
    for column in zip(*rows, strict=True):
        kinds = set(map(type, column))
        kind = kinds.pop()
        written = None if kinds else _ALIKE.get(kind)
        place, texts = ("%s", [write[type(value)](value) for value in column]) if written is None else written(column)
        if written is None and bytes in set(map(type, texts)):
            return None
        places.append(place)
        columns.append(texts)
    group = f"({', '.join(places)})"
    return ", ".join([group % row for row in zip(*columns, strict=True)])


def _numbers(column: Column) -> tuple[str, Column]:
    return "%d", column


def _texts(column: Column) -> tuple[str, Column]:
    together = "".join(column)
    if not together.isascii():
        for value in column:
            checked_text(value)
    if "\\" in together or "'" in together:
        column = [value.replace("\\", "\\\\").replace("'", "\\'") for value in column]
    return "'%s'", column


def _decimals(column: Column) -> tuple[str, Column]:
    texts = list(map(Decimal.__str__, column))
    together = "".join(texts)
    # an exponent, an infinity or a NaN
    if "E" in together or "I" in together or "N" in together:
        texts = list(map(plain_decimal, column))
    return "%s", texts


_ALIKE: Final[dict[type, Callable[[Column], tuple[str, Column]]]] = {
    int: _numbers,
    bool: _numbers,
    str: _texts,
    Decimal: _decimals,
}
"""Type -> place in the group and texts for it, of a column that holds nothing else."""
