"""Python form (checked, never None) -> what a driver is handed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final
from uuid import UUID

_MICROSECOND: Final = timedelta(microseconds=1)


def as_is(value: Any) -> Any:
    """Of kinds whose Python form is handed out as it is."""
    return value


def encode_uuid(value: UUID) -> bytes:
    """Its 16 bytes."""
    return value.bytes


def encode_ip(value: IPv4Address | IPv6Address) -> bytes:
    """Its 4 or 16 bytes."""
    return value.packed


@lru_cache
def datetime_encoder(fsp: int) -> Callable[[datetime], str]:
    """``2024-05-01 12:30:00`` and ``fsp`` digits of the second."""
    unit, end = ("microseconds", 20 + fsp) if fsp else ("seconds", 19)

    def encode_datetime(value: datetime) -> str:
        return value.isoformat(" ", unit)[:end]

    return encode_datetime


@lru_cache
def time_encoder(fsp: int) -> Callable[[time], str]:
    """``12:30:00`` and ``fsp`` digits of the second."""
    unit, end = ("microseconds", 9 + fsp) if fsp else ("seconds", 8)

    def encode_time(value: time) -> str:
        return value.isoformat(unit)[:end]

    return encode_time


@lru_cache
def timedelta_encoder(fsp: int) -> Callable[[timedelta], str]:
    """``-838:59:59`` and ``fsp`` digits of the second."""

    def encode_timedelta(value: timedelta) -> str:
        micros = value // _MICROSECOND
        seconds, fraction = divmod(abs(micros), 1_000_000)
        text = f"{'-' if micros < 0 else ''}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{text}.{fraction:06}"[: len(text) + 1 + fsp] if fsp else text

    return encode_timedelta
