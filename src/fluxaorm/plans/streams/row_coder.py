"""What turns an entity's whole rows into the portable raw form, worked out once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from fluxaorm.entity.schema import ColumnSchema
from fluxaorm.entity.values.encoders import as_is
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.entity.values.unfit_cell import UnfitCell
from fluxaorm.plans.streams.async_record import PLAIN, Raw, raw_value

_WRAPPED: Final = frozenset((JsonValue, UnfitCell))
"""Cells with the value inside; most rows have none."""


class RowCoder:
    """Of one entity. It calls a function for those columns only whose values change their form."""

    def __init__(self, columns: Sequence[ColumnSchema]) -> None:
        self._columns = columns
        self._names = tuple(column.name for column in columns)
        coded = ((column.index, _coder_of(column)) for column in columns)
        self._coders = [(position, code) for position, code in coded if code is not None]

    def values(self, row: Sequence[Any]) -> dict[str, Raw]:
        """Column name -> portable raw form; ``row``: a Python form for each column, documents in their cells."""
        if _WRAPPED.isdisjoint(map(type, row)):
            cells = list(row)
            for position, code in self._coders:
                cell = cells[position]
                if cell is not None:
                    cells[position] = code(cell)
            if PLAIN.issuperset(map(type, cells)):
                return dict(zip(self._names, cells, strict=True))
        return {column.name: raw_value(column, cell) for column, cell in zip(self._columns, row, strict=True)}


def _coder_of(column: ColumnSchema) -> Callable[[Any], Any] | None:
    if column.kind == "decimal":
        return _decimal_text
    return None if column.encode is as_is else column.encode


def _decimal_text(value: Any) -> Any:
    return format(value, "f") if type(value) is Decimal else value
