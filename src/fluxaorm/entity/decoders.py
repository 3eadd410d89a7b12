"""Raw form -> Python form, one function a kind of column. Pure and fast: generated getters call these.

Each takes everything a value can look like: ``bytes`` text (MySQL's text protocol), ``str`` (Redis, SQLite), the drivers' own
Python values (prepared statements), and its own results. What is none of these raises ValueError. None is never passed.
"""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final
from uuid import UUID

_MIDNIGHT: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - arithmetic on wall-clock times
_DAY: Final = timedelta(days=1)
_BINARY32: Final = struct.Struct("<f")
_UTC_SUFFIX: Final = "+00:00"


def decode_int(raw: Any) -> int:
    """``b"12"``, ``"12"``, 12, Decimal("12"), True."""
    kind = type(raw)
    if kind is int:
        return raw  # type: ignore[no-any-return]  # kind is int
    if kind is bytes or kind is str:
        return int(raw)
    if isinstance(raw, int | Decimal | float) and raw == (number := int(raw)):
        return number
    raise _not(raw, "an integer")


def decode_bool(raw: Any) -> bool:
    """An integer; every one but 0 is True."""
    return raw if type(raw) is bool else decode_int(raw) != 0


def decode_float(raw: Any) -> float:
    """Text, a float, an int, a Decimal."""
    if isinstance(raw, float | bytes | str | int | Decimal):
        return float(raw)
    raise _not(raw, "a float")


def decode_float32(raw: Any) -> float:
    """As ``decode_float``, then rounded to binary32, as the column holds it."""
    value: float = _BINARY32.unpack(_BINARY32.pack(decode_float(raw)))[0]
    return value


def decode_decimal(raw: Any) -> Decimal:
    """Text, a Decimal, an int; a float as it is printed."""
    kind = type(raw)
    if kind is Decimal:
        return raw  # type: ignore[no-any-return]  # kind is Decimal
    text = raw.decode() if kind is bytes else repr(raw) if kind is float else raw
    try:
        return Decimal(text)
    except (InvalidOperation, TypeError):
        raise _not(raw, "a decimal number") from None


def decode_str(raw: Any) -> str:
    """UTF-8 text."""
    kind = type(raw)
    if kind is str:
        return raw  # type: ignore[no-any-return]  # kind is str
    if kind is bytes:
        return raw.decode()  # type: ignore[no-any-return]  # kind is bytes
    if isinstance(raw, bytearray | memoryview):
        return bytes(raw).decode()
    raise _not(raw, "text")


def decode_bytes(raw: Any) -> bytes:
    """Bytes; a str is its UTF-8."""
    kind = type(raw)
    if kind is bytes:
        return raw  # type: ignore[no-any-return]  # kind is bytes
    if kind is str:
        return raw.encode()  # type: ignore[no-any-return]  # kind is str
    if isinstance(raw, bytearray | memoryview):
        return bytes(raw)
    raise _not(raw, "bytes")


def decode_date(raw: Any) -> date:
    """``2024-05-01``; of a datetime its day."""
    kind = type(raw)
    if kind is bytes:
        return date.fromisoformat(raw.decode())
    if kind is str:
        return date.fromisoformat(raw)
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    raise _not(raw, "a date")


def decode_datetime(raw: Any) -> datetime:
    """``2024-05-01 12:30:00[.ffffff]`` in UTC; a datetime, naive ones are in UTC."""
    kind = type(raw)
    if kind is bytes:
        return datetime.fromisoformat(raw.decode() + _UTC_SUFFIX)
    if kind is str:
        return datetime.fromisoformat(raw + _UTC_SUFFIX)
    if isinstance(raw, datetime):
        return raw.replace(tzinfo=UTC) if raw.tzinfo is None else raw.astimezone(UTC)
    raise _not(raw, "a datetime")


def decode_time(raw: Any) -> time:
    """``12:30:00[.ffffff]``; a timedelta within a day, which is what drivers make of TIME."""
    kind = type(raw)
    if kind is bytes:
        return time.fromisoformat(raw.decode())
    if kind is str:
        return time.fromisoformat(raw)
    if kind is time:
        return raw  # type: ignore[no-any-return]  # kind is time
    if isinstance(raw, timedelta) and timedelta(0) <= raw < _DAY:
        return (_MIDNIGHT + raw).time()
    raise _not(raw, "a time of the day")


def decode_timedelta(raw: Any) -> timedelta:
    """``[-]838:59:59[.ffffff]``, or the drivers' own."""
    if isinstance(raw, timedelta):
        return raw
    if isinstance(raw, time):
        return timedelta(hours=raw.hour, minutes=raw.minute, seconds=raw.second, microseconds=raw.microsecond)
    text = decode_str(raw)
    try:
        hours, minutes, seconds = text.removeprefix("-").split(":")
        whole, _, fraction = seconds.partition(".")
        parts = int(whole), int(f"{fraction:0<6.6}")
        value = timedelta(hours=int(hours), minutes=int(minutes), seconds=parts[0], microseconds=parts[1])
    except ValueError:
        raise _not(raw, "a duration") from None
    return -value if text.startswith("-") else value


def decode_uuid(raw: Any) -> UUID:
    """16 bytes, or the usual text."""
    if type(raw) is bytes and len(raw) == 16:
        return UUID(bytes=raw)
    if isinstance(raw, UUID):
        return raw
    return UUID(decode_str(raw))


def decode_ipv4(raw: Any) -> IPv4Address:
    """4 bytes, or the usual text."""
    if isinstance(raw, IPv4Address):
        return raw
    return IPv4Address(raw if type(raw) is bytes and len(raw) == 4 else decode_str(raw))


def decode_ipv6(raw: Any) -> IPv6Address:
    """16 bytes, or the usual text."""
    if isinstance(raw, IPv6Address):
        return raw
    return IPv6Address(raw if type(raw) is bytes and len(raw) == 16 else decode_str(raw))


def _not(raw: object, wanted: str) -> ValueError:
    return ValueError(f"{raw!r} is not {wanted}")
