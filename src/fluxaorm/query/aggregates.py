"""What ``aggregate`` computes: ``sum_``, ``avg_``, ``min_``, ``max_`` of a field, ``count`` of rows. Values only."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from fluxaorm.errors import QueryError
from fluxaorm.query.conditions import FieldKey
from fluxaorm.query.fields import (
    DecimalField,
    FloatField,
    IntField,
    NullableDecimalField,
    NullableFloatField,
    NullableIntField,
    OrderedField,
    QueryField,
    key_of,
)

Function: TypeAlias = Literal["count", "sum", "avg", "min", "max"]
NumberField: TypeAlias = (
    IntField | NullableIntField | FloatField | NullableFloatField | DecimalField | NullableDecimalField
)
_NUMBERS: Final = (
    IntField,
    NullableIntField,
    FloatField,
    NullableFloatField,
    DecimalField,
    NullableDecimalField,
)


class Aggregate:
    """A function of a field over rows, or the count of rows; ``aggregate`` takes it."""

    __slots__ = ("_field", "_function")

    def __init__(self, function: Function, field: FieldKey | None = None) -> None:
        self._function: Function = function
        self._field = field

    def __repr__(self) -> str:
        return f"{self._function}({self._field or ''})"


def count(field: QueryField[Any, Any] | None = None) -> Aggregate:
    """The number of rows, or of rows that have a value in ``field``; an int. QueryError for what is no field."""
    return Aggregate("count", None if field is None else key_of(field))


def sum_(field: NumberField) -> Aggregate:
    """The sum of a number field, in its own type; None of no rows. QueryError for what is no number field."""
    return Aggregate("sum", _key(field, "sum_", _NUMBERS))


def avg_(field: NumberField) -> Aggregate:
    """The average of a number field: a Decimal with the digits the server gives, of floats a float; None of no rows.

    QueryError for what is no number field.
    """
    return Aggregate("avg", _key(field, "avg_", _NUMBERS))


def min_(field: OrderedField[Any, Any, Any]) -> Aggregate:
    """The least value of a field, in its own type; None of no rows. QueryError for a field without an order."""
    return Aggregate("min", _key(field, "min_", (OrderedField,)))


def max_(field: OrderedField[Any, Any, Any]) -> Aggregate:
    """The greatest value of a field, in its own type; None of no rows. QueryError for a field without an order."""
    return Aggregate("max", _key(field, "max_", (OrderedField,)))


def _key(field: object, caller: str, kinds: tuple[type[Any], ...]) -> FieldKey:
    key = key_of(field)
    if not isinstance(field, kinds):
        raise QueryError(f"{caller} of {key}: a {type(field).__name__} has none")
    return key
