"""Assigned value -> Python form, or ValueError with the reason alone: ``must be 0 to 255``. Pure; None is never passed.

Nothing is rounded or cut in silence but what the kind says it drops: parts of the second that its column has no digits
for.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any, Final
from uuid import UUID

_WITHOUT_ARTICLE: Final = {"NoneType": "None", "bytes": "bytes"}
_MOST_BITS: Final = 1024
"""More than any DECIMAL has; thousands of digits take long to convert."""
_BINARY32: Final = struct.Struct("<f")
_LONGEST: Final = timedelta(hours=838, minutes=59, seconds=59)
_EXACT: Final = Context(prec=80, traps=[Inexact, InvalidOperation, Overflow])


def wrong_type(value: object, wanted: str) -> ValueError:
    """The reason when a value is of another type."""
    name = type(value).__name__
    article = "an" if name[0] in "aeiouAEIOU" else "a"
    return ValueError(f"must be {wanted}, not {_WITHOUT_ARTICLE.get(name, f'{article} {name}')}")


@lru_cache
def int_check(minimum: int, maximum: int) -> Callable[[Any], int]:
    """An int in this range; a bool is none."""

    def check_int(value: object) -> int:
        if type(value) is int:
            if minimum <= value <= maximum:
                return value
            raise ValueError(f"must be {minimum} to {maximum}")
        if isinstance(value, int) and not isinstance(value, bool):
            return check_int(int(value))
        raise wrong_type(value, "an int")

    return check_int


def check_bool(value: object) -> bool:
    """True or False; 1 and 0 are neither."""
    if value is True or value is False:
        return bool(value)
    raise wrong_type(value, "a bool")


@lru_cache
def float_check(single: bool, unsigned: bool) -> Callable[[Any], float]:
    """A finite float or int; ``single``: rounded to binary32. -0.0 becomes 0.0, since servers lose its sign."""

    def check_float(value: object) -> float:
        number = _finite(value)
        if single:
            try:
                number = _BINARY32.unpack(_BINARY32.pack(number))[0]
            except OverflowError:
                raise ValueError("is too large for a Float32") from None
        if unsigned and number < 0:
            raise ValueError("must not be negative")
        return number or 0.0

    return check_float


def _finite(value: object) -> float:
    if type(value) is float:
        number = value
    elif not isinstance(value, float | int) or isinstance(value, bool):
        raise wrong_type(value, "a float")
    else:
        try:
            number = float(value)
        except OverflowError:
            raise ValueError("is too large for a float") from None
    if not math.isfinite(number):
        raise ValueError("must be finite")
    return number


@lru_cache
def decimal_check(precision: int, scale: int) -> Callable[[Any], Decimal]:
    """A Decimal or int that fits exactly, brought to ``scale`` digits after the point."""
    step = Decimal(1).scaleb(-scale)
    limit = Decimal(10) ** (precision - scale)

    def check_decimal(value: object) -> Decimal:
        if type(value) is Decimal:
            number = value
        elif not isinstance(value, Decimal | int) or isinstance(value, bool):
            raise wrong_type(value, "a Decimal")
        elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise ValueError(f"must have at most {precision - scale} digits before the point")
        else:
            number = Decimal(value)
        if not number.is_finite():
            raise ValueError("must be finite")
        if number.copy_abs() >= limit:
            raise ValueError(f"must have at most {precision - scale} digits before the point")
        try:
            return (number if number else number.copy_abs()).quantize(step, context=_EXACT)
        except (Inexact, InvalidOperation):
            raise ValueError(f"must have at most {scale} digits after the point; it would be rounded") from None

    return check_decimal


@lru_cache
def str_check(characters: int | None, octets: int | None = None) -> Callable[[Any], str]:
    """A str of at most so many characters, or bytes of UTF-8; one that is not valid Unicode is refused."""

    def check_str(value: object) -> str:
        if not isinstance(value, str):
            raise wrong_type(value, "a str")
        text = value if type(value) is str else str.__str__(value)
        if characters is not None and len(text) > characters:
            raise ValueError(f"must have at most {characters} characters, not {len(text)}")
        size = len(text) if text.isascii() else _utf8_length(text)
        if octets is not None and size > octets:
            raise ValueError(f"must have at most {octets} bytes of UTF-8, not {size}")
        return text

    return check_str


def _utf8_length(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it holds a lone surrogate") from None


@lru_cache
def bytes_check(limit: int) -> Callable[[Any], bytes]:
    """Bytes, also of a bytearray."""

    def check_bytes(value: object) -> bytes:
        if not isinstance(value, bytes | bytearray):
            raise wrong_type(value, "bytes")
        octets = value if type(value) is bytes else bytes(value)
        if len(octets) > limit:
            raise ValueError(f"must have at most {limit} bytes, not {len(octets)}")
        return octets

    return check_bytes


def check_date(value: object) -> date:
    """A date; a datetime is none."""
    if isinstance(value, datetime) or not isinstance(value, date):
        raise wrong_type(value, "a date")
    return value if type(value) is date else date(value.year, value.month, value.day)


@lru_cache
def datetime_check(fsp: int) -> Callable[[Any], datetime]:
    """A datetime, in UTC; a naive one is taken as UTC. Finer parts of the second are dropped."""
    step = 10 ** (6 - fsp)

    def check_datetime(value: object) -> datetime:
        if not isinstance(value, datetime):
            raise wrong_type(value, "a datetime")
        if value.tzinfo is not UTC and value.utcoffset() is not None:
            try:
                value = value.astimezone(UTC)
            except OverflowError:
                raise ValueError("must be within the years 1 to 9999 in UTC") from None
        micros = value.microsecond - value.microsecond % step
        return datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, micros, UTC)

    return check_datetime


@lru_cache
def time_check(fsp: int) -> Callable[[Any], time]:
    """A time without a zone. Finer parts of the second are dropped."""
    step = 10 ** (6 - fsp)

    def check_time(value: object) -> time:
        if not isinstance(value, time):
            raise wrong_type(value, "a time")
        if value.tzinfo is not None:
            raise ValueError("must have no time zone")
        return time(value.hour, value.minute, value.second, value.microsecond - value.microsecond % step)

    return check_time


@lru_cache
def timedelta_check(fsp: int) -> Callable[[Any], timedelta]:
    """A timedelta within what TIME holds. Finer parts of the second are dropped, towards zero."""
    step = timedelta(microseconds=10 ** (6 - fsp))

    def check_timedelta(value: object) -> timedelta:
        if not isinstance(value, timedelta):
            raise wrong_type(value, "a timedelta")
        whole = abs(value) // step * step
        if whole > _LONGEST:
            raise ValueError("must be within -838:59:59 to 838:59:59")
        return -whole if value < timedelta(0) else whole

    return check_timedelta


def check_uuid(value: object) -> UUID:
    """A UUID."""
    if isinstance(value, UUID):
        return value
    raise wrong_type(value, "a UUID")


def check_ipv4(value: object) -> IPv4Address:
    """An IPv4Address."""
    if isinstance(value, IPv4Address) and not isinstance(value, IPv4Interface):
        return value
    raise wrong_type(value, "an IPv4Address")


def check_ipv6(value: object) -> IPv6Address:
    """An IPv6Address without a zone, which the column has no room for."""
    if not isinstance(value, IPv6Address) or isinstance(value, IPv6Interface):
        raise wrong_type(value, "an IPv6Address")
    if value.scope_id is not None:
        raise ValueError(f"must have no zone (%{value.scope_id})")
    return value
