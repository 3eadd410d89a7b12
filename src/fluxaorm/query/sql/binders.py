"""Carries a condition's value to what a driver is handed, by the rules of its column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

from fluxaorm.entity.schema import ColumnSchema
from fluxaorm.errors import QueryError, shown_value
from fluxaorm.query.conditions import FieldKey, Operator
from fluxaorm.query.own_sql.params import datetime_text, duration_text, is_spellable

Binder: TypeAlias = "Callable[[Any], Any]"

_ORDERED: Final = frozenset({"lt", "lte", "gt", "gte", "between"})
_MEMBER: Final = frozenset({"has", "has_any"})


def binder_for(column: ColumnSchema, operator: Operator, key: FieldKey) -> Binder:
    """What turns a value into a Param; it raises QueryError for what the column cannot hold, naming ``key``."""
    if operator == "like":
        return str
    if operator == "starts_with":
        return lambda text: f"{escape_like(text)}%"
    if operator == "contains":
        return lambda text: f"%{escape_like(text)}%"
    if operator in _MEMBER:
        return _member_binder(column, key)
    return _ordered_binder(column, key) if operator in _ORDERED else _exact_binder(column, key)


def as_is(value: Any) -> Any:
    """The binder of values that are Params already."""
    return value


def escape_like(text: str) -> str:
    """``text`` as a pattern that matches it and nothing else."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _exact_binder(column: ColumnSchema, key: FieldKey) -> Binder:
    check, encode = column.check, column.encode

    def bind(value: Any) -> Any:
        try:
            return encode(check(value))
        except ValueError as error:
            raise refused(column, key, value, str(error)) from None

    return bind


def _ordered_binder(column: ColumnSchema, key: FieldKey) -> Binder:
    exact = _exact_binder(column, key)

    def bind(value: Any) -> Any:
        if type(value) in (int, Decimal, str):
            return _placed(value, exact)
        finer = _finer_text(value, column)
        return exact(value) if finer is None else finer

    return bind


def _placed(value: Any, exact: Binder) -> Any:
    """A number or text outside the column's range, scale or length still has its place in the order."""
    try:
        return exact(value)
    except QueryError:
        if type(value) is int and -(2**63) <= value < 2**64:
            return value
        if type(value) is str or (type(value) is Decimal and is_spellable(value)):
            return value
        raise


def _finer_text(value: Any, column: ColumnSchema) -> str | None:
    """The text of a time with parts finer than the column's, which lies between two values the column can hold."""
    if not isinstance(value, (datetime, time, timedelta)):
        return None
    try:
        held = column.check(value)
    except ValueError:
        return None
    if isinstance(value, timedelta):
        return duration_text(value) if held != value else None
    if held.microsecond == value.microsecond:
        return None
    precise = held.replace(microsecond=value.microsecond)
    return datetime_text(precise) if isinstance(precise, datetime) else str(precise.isoformat())


def _member_binder(column: ColumnSchema, key: FieldKey) -> Binder:
    members = frozenset(column.enum.members if column.enum else ())

    def bind(value: Any) -> str:
        if value not in members:
            raise refused(column, key, value, f"is not one of {', '.join(sorted(members))}")
        return str(value)

    return bind


def refused(column: ColumnSchema, key: FieldKey, value: Any, reason: str) -> QueryError:
    """The error for a value that does not fit; it shows no secret."""
    return QueryError(f"{key}: {'the value (secret)' if column.secret else shown_value(value)}: {reason}")
