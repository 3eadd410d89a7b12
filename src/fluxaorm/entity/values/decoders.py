"""Raw form -> Python form, one function a kind of column. Pure and fast: generated getters call these.

Each takes everything a value can look like: ``bytes`` text (MySQL's text protocol), ``str`` (Redis, SQLite), the
drivers' own Python values (prepared statements), and its own results. What is none of these raises ValueError. None is
never passed.
"""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from uuid import UUID

_MIDNIGHT: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - arithmetic on wall-clock times
_DAY: Final = timedelta(days=1)
_BINARY32: Final = struct.Struct("<f")
_UTC_SUFFIX: Final = "+00:00"


def decode_int(raw: object) -> int:
    """``b"12"``, ``"12"``, 12, Decimal("12"), True."""
    if type(raw) is int:
        return raw
    if type(raw) is bytes or type(raw) is str:
        return int(raw)
    if isinstance(raw, int | Decimal | float) and math.isfinite(raw) and raw == (number := int(raw)):
        return number
    raise _not(raw, "an integer")


def decode_bool(raw: object) -> bool:
    """An integer; every one but 0 is True."""
    if type(raw) is int:
        return raw != 0
    return raw if type(raw) is bool else decode_int(raw) != 0


def decode_float(raw: object) -> float:
    """Text, a float, an int, a Decimal."""
    if isinstance(raw, float | bytes | str | int | Decimal):
        return float(raw)
    raise _not(raw, "a float")


def decode_float32(raw: object) -> float:
    """As ``decode_float``, then rounded to binary32, as the column holds it."""
    try:
        value: float = _BINARY32.unpack(_BINARY32.pack(decode_float(raw)))[0]
    except OverflowError:
        raise _not(raw, "a binary32") from None
    return value


def decode_decimal(raw: object) -> Decimal:
    """Text, a Decimal, an int; a float as it is printed."""
    try:
        if type(raw) is str:
            return Decimal(raw)
        if type(raw) is Decimal:
            return raw
        if type(raw) is bytes:
            return Decimal(raw.decode())
        if isinstance(raw, str | int | Decimal):
            return Decimal(raw)
        if isinstance(raw, float):
            return Decimal(repr(raw))
    except InvalidOperation:
        pass
    raise _not(raw, "a decimal number")


def decode_str(raw: object) -> str:
    """UTF-8 text."""
    if type(raw) is str:
        return raw
    if isinstance(raw, bytes | bytearray):
        return raw.decode()
    raise _not(raw, "text")


def decode_bytes(raw: object) -> bytes:
    """Bytes; a str is its UTF-8."""
    if type(raw) is bytes:
        return raw
    if isinstance(raw, str):
        return raw.encode()
    if isinstance(raw, bytearray):
        return bytes(raw)
    raise _not(raw, "bytes")


def decode_date(raw: object) -> date:
    """``2024-05-01``; of a datetime its day."""
    if type(raw) is bytes:
        return date.fromisoformat(raw.decode())
    if isinstance(raw, str):
        return date.fromisoformat(raw)
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    raise _not(raw, "a date")


def decode_datetime(raw: object) -> datetime:
    """``2024-05-01 12:30:00[.ffffff]`` in UTC; a datetime, naive ones are in UTC."""
    if type(raw) is str:
        return datetime.fromisoformat(raw + _UTC_SUFFIX)
    if type(raw) is bytes:
        return datetime.fromisoformat(raw.decode() + _UTC_SUFFIX)
    if isinstance(raw, str):
        return datetime.fromisoformat(raw + _UTC_SUFFIX)
    if isinstance(raw, datetime):
        return raw.replace(tzinfo=UTC) if raw.tzinfo is None else raw.astimezone(UTC)
    raise _not(raw, "a datetime")


def decode_time(raw: object) -> time:
    """``12:30:00[.ffffff]``; a timedelta within a day, which is what drivers make of TIME."""
    if type(raw) is bytes:
        return time.fromisoformat(raw.decode())
    if isinstance(raw, str):
        return time.fromisoformat(raw)
    if isinstance(raw, time):
        return raw
    if isinstance(raw, timedelta) and timedelta(0) <= raw < _DAY:
        return (_MIDNIGHT + raw).time()
    raise _not(raw, "a time of the day")


def decode_timedelta(raw: object) -> timedelta:
    """``[-]838:59:59[.ffffff]``, or the drivers' own."""
    if isinstance(raw, timedelta):
        return raw
    if isinstance(raw, time):
        return timedelta(hours=raw.hour, minutes=raw.minute, seconds=raw.second, microseconds=raw.microsecond)
    text = decode_str(raw)
    try:
        hours, minutes, seconds = text.removeprefix("-").split(":")
        whole, _, fraction = seconds.partition(".")
        micros = int(f"{fraction:0<6.6}")
        value = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(whole), microseconds=micros)
    except (ValueError, OverflowError):
        raise _not(raw, "a duration") from None
    return -value if text.startswith("-") else value


def decode_uuid(raw: object) -> UUID:
    """16 bytes, or the usual text."""
    if type(raw) is bytes and len(raw) == 16:
        return UUID(bytes=raw)
    if isinstance(raw, UUID):
        return raw
    return UUID(decode_str(raw))


def decode_ipv4(raw: object) -> IPv4Address:
    """4 bytes, or the usual text."""
    if isinstance(raw, IPv4Address):
        return raw
    return IPv4Address(raw if type(raw) is bytes and len(raw) == 4 else decode_str(raw))


def decode_ipv6(raw: object) -> IPv6Address:
    """16 bytes, or the usual text."""
    if isinstance(raw, IPv6Address):
        return raw
    return IPv6Address(raw if type(raw) is bytes and len(raw) == 16 else decode_str(raw))


def _not(raw: object, wanted: str) -> ValueError:
    return ValueError(f"{raw!r} is not {wanted}")
