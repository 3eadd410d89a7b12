"""Column defaults as Python source: what a server prints of a constant, in the form a definition gives it. Pure.

Each function raises ValueError for a text that is no value of the type; such a default is left out.
"""

from __future__ import annotations

import math
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

from fluxaorm.codegen.layout import quoted
from fluxaorm.entity.values.decoders import decode_date, decode_datetime, decode_decimal, decode_timedelta
from fluxaorm.introspect.code import Code


def int_default(text: str) -> Code:
    """``'7'`` -> ``7``."""
    return Code(str(int(text)))


def bool_default(text: str) -> Code:
    """``'1'`` -> ``True``."""
    return Code({"0": "False", "1": "True"}[text] if text in ("0", "1") else _refused(text))


def float_default(text: str) -> Code:
    """``'1.5'`` -> ``1.5``; what is no number, and an infinity, has no literal."""
    number = float(text)
    return Code(repr(number) if math.isfinite(number) else _refused(text))


def decimal_default(text: str) -> Code:
    """``'9.90'`` -> ``Decimal("9.90")``."""
    return Code(f"Decimal({quoted(str(decode_decimal(text)))})", ("Decimal",))


def str_default(text: str) -> Code:
    """Any text."""
    return Code(quoted(text))


def bytes_default(text: str) -> Code:
    """``'0x6162'`` -> ``b"ab"``; what is not text becomes ``bytes.fromhex(...)``."""
    octets = _octets(text)
    readable = all(32 <= octet < 127 for octet in octets)
    return Code(f"b{quoted(octets.decode('ascii'))}" if readable else f'bytes.fromhex("{octets.hex()}")')


def _octets(text: str) -> bytes:
    if text[:2] == "0x":
        return bytes.fromhex(text[2:])
    return text.encode("utf-8")


def uuid_default(text: str) -> Code:
    """16 bytes -> ``UUID("...")``."""
    return Code(f'UUID("{UUID(bytes=_octets(text))}")', ("UUID",))


def ip_default(text: str) -> Code:
    """4 or 16 bytes -> ``IPv4Address("...")`` or ``IPv6Address("...")``."""
    octets = _octets(text)
    address = IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets)
    name = type(address).__name__
    return Code(f'{name}("{address}")', (name,))


def date_default(text: str) -> Code:
    """``'2024-05-01'`` -> ``date(2024, 5, 1)``."""
    value = decode_date(text)
    return Code(f"date({value.year}, {value.month}, {value.day})", ("date",))


def datetime_default(text: str) -> Code:
    """``'2024-05-01 12:00:00'`` -> ``datetime(2024, 5, 1, 12, tzinfo=UTC)``."""
    value = decode_datetime(text)
    parts = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
    while len(parts) > 3 and not parts[-1]:
        parts.pop()
    return Code(f"datetime({', '.join(map(str, parts))}, tzinfo=UTC)", ("datetime", "UTC"))


def timedelta_default(text: str) -> Code:
    """``'-10:30:00'`` -> ``-timedelta(hours=10, minutes=30)``."""
    value = decode_timedelta(text)
    seconds, micros = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    hours, minutes = divmod(seconds // 60, 60)
    parts = {"hours": hours, "minutes": minutes, "seconds": seconds % 60, "microseconds": micros}
    said = ", ".join(f"{name}={number}" for name, number in parts.items() if number)
    return Code(f"{'-' if value < timedelta(0) else ''}timedelta({said})", ("timedelta",))


def bits_default(text: str) -> Code:
    """``b'101'`` -> ``5``."""
    return Code(str(_bits(text)))


def bit_default(text: str) -> Code:
    """``b'1'`` -> ``True``."""
    return bool_default(str(_bits(text)))


def _bits(text: str) -> int:
    if text[:2] != "b'":
        _refused(text)
    return int(text[2:].rstrip("'"), 2)


def _refused(text: str) -> str:
    raise ValueError(f"{text!r} is not a value of the type")
