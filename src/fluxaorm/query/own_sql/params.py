"""Turns a value of the user's own SQL into what a driver is handed. Knows no column: ``ColumnSchema`` does those."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from fluxaorm.errors import QueryError, with_article

MOST_DIGITS: Final = 1000
"""Of a number before the point, and behind it; the servers know 65."""
_READY: Final = frozenset({int, float, str, bytes, Decimal, type(None)})


def to_param(value: Any) -> Any:
    """The Param of a value: datetimes in UTC (a naive one is taken as UTC), enums as their value, an entity as its id.

    Raises QueryError for a value no column type has.
    """
    if type(value) in _READY:
        return value
    for kind, convert in _CONVERTERS:
        if isinstance(value, kind):
            return convert(value)
    if is_entity(value):
        return value.id
    raise QueryError(f"{with_article(value)} cannot be a parameter of an SQL text")


def is_entity(value: Any) -> bool:
    """Whether a value is an entity, which stands for its id."""
    return bool(getattr(value, "_entity_name", ""))


def no_row_error(where: object, entity: Any) -> QueryError:
    """What to raise where an entity that is new is asked for.

    Nothing can be found, and None would say so of the row that it will have.
    """
    return QueryError(f"{where}: {entity._entity_name} {entity.id} is new, so no row refers to it yet; flush it first")


def is_spellable(value: Decimal) -> bool:
    """Whether it is a number that is written in some digits: ten characters of an exponent can stand for gigabytes."""
    exponent = value.as_tuple().exponent if value.is_finite() else None
    return isinstance(exponent, int) and exponent >= -MOST_DIGITS and value.adjusted() <= MOST_DIGITS


def datetime_text(value: datetime) -> str:
    """``2024-05-01 12:30:00``, with six digits of the second where it has a fraction; in UTC."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(sep=" ")


def duration_text(value: timedelta) -> str:
    """``-838:59:59``, with six digits of the second where it has a fraction."""
    micros = value // timedelta(microseconds=1)
    seconds, fraction = divmod(abs(micros), 1_000_000)
    text = f"{'-' if micros < 0 else ''}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}" if fraction else text


_CONVERTERS: Final[tuple[tuple[type[Any], Callable[[Any], Any]], ...]] = (
    (bool, int),
    (Enum, lambda value: to_param(value.value)),
    (int, int),
    (float, float),
    (str, str),
    (Decimal, Decimal),
    (bytearray, bytes),
    (memoryview, bytes),
    (bytes, bytes),
    (datetime, datetime_text),
    (date, date.isoformat),
    (time, time.isoformat),
    (timedelta, duration_text),
    (uuid.UUID, lambda value: value.bytes),
    (ipaddress.IPv4Address, lambda value: value.packed),
    (ipaddress.IPv6Address, lambda value: value.packed),
)
