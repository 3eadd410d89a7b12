"""Values as drivers take them: one table of types a driver, found by the class of a value or of its bases. No I/O.

What is no Param (an enum member, a UUID, an IP address, an aware datetime) is understood too, for users' own SQL.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

from fluxaorm.errors import QueryError, shown_value
from fluxaorm.plans.state.keys import duration_text
from fluxaorm.query.own_sql.params import is_spellable

T = TypeVar("T")
Writer: TypeAlias = "Callable[[Any], T]"


class Writers(dict[type, Callable[[Any], T]], Generic[T]):
    """How to write values, by their type; of subclasses by their first base that is known, looked up once."""

    def __init__(self, known: Mapping[type, Writer[T]]) -> None:
        super().__init__(known)

    def __missing__(self, kind: type) -> Writer[T]:
        if issubclass(kind, Enum):
            # an IntEnum is its value, and so is any other
            found: Writer[T] = self._write_member
        else:
            found = next((self[base] for base in kind.__mro__ if base in self), _refuse)
        self[kind] = found
        return found

    def _write_member(self, member: Enum) -> T:
        return self[type(member.value)](member.value)


def _refuse(value: object) -> Any:
    raise QueryError(f"a value of type {type(value).__name__} cannot be sent to the database")


def checked_text(value: str) -> str:
    """A text as it is. QueryError when it holds half of a surrogate pair, which UTF-8 cannot spell."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise QueryError("a text holds half of a surrogate pair, which no database can store") from None
    return value


def checked_int(value: int) -> int:
    """A number as it is. QueryError when it has more than 64 bits, which drivers cannot bind."""
    if not -(2**63) <= value < 2**64:
        raise QueryError(f"{shown_value(value)} is no number that a database can store")
    return value


def checked_float(value: float) -> float:
    """A number as it is. QueryError for infinities and NaN."""
    if not math.isfinite(value):
        raise QueryError(f"{value!r} is no number that a database can store")
    return value


def plain_decimal(value: Decimal) -> str:
    """``1.50``, without an exponent. QueryError for infinities, NaN and what has thousands of digits."""
    if not is_spellable(value):
        raise QueryError(f"{shown_value(value)} is no number that a database can store")
    return format(value, "f")


def datetime_text(value: datetime) -> str:
    """``2026-01-31 12:00:00[.5]``; an aware one in UTC."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(" ")


def time_text(value: time) -> str:
    """``12:00:00[.5]``. QueryError for an aware one, since a time of day has no date to convert it with."""
    if value.tzinfo is not None:
        raise QueryError("a time with a timezone cannot be sent to the database")
    return duration_text(value)


def _packed(value: IPv4Address | IPv6Address) -> bytes:
    return value.packed


def _uuid_bytes(value: UUID) -> bytes:
    return value.bytes


def _itself(value: Any) -> Any:
    return value


NATIVE: Writers[Any] = Writers(
    {
        type(None): _itself,
        int: checked_int,
        bool: int,
        float: checked_float,
        str: checked_text,
        bytes: _itself,
        bytearray: bytes,
        memoryview: bytes,
        Decimal: plain_decimal,
        datetime: datetime_text,
        date: date.isoformat,
        time: time_text,
        timedelta: duration_text,
        UUID: _uuid_bytes,
        IPv4Address: _packed,
        IPv6Address: _packed,
    }
)
"""For drivers that bind values: None, int, float, str and bytes only, everything else as one of these."""
