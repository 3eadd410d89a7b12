"""What the columns of any SELECT are in Python: from the wire types of MySQL and MariaDB. Tables and pure functions.

For users' own SQL. Numbers, times and texts are what entities have for them (DATETIME: aware, UTC; TIME: a timedelta);
JSON is its text, BIT an int, what has no character set is bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from fluxaorm.entity.values.decoders import (
    decode_bytes,
    decode_date,
    decode_datetime,
    decode_decimal,
    decode_float,
    decode_int,
    decode_str,
    decode_timedelta,
)

Decoder: TypeAlias = "Callable[[Any], Any]"

BINARY_CHARSET: Final = 63
JSON: Final = 245
BIT: Final = 16


def _lenient(decode: Decoder) -> Decoder:
    """A value that Python has no form for (0000-00-00) as the server's text."""

    def decoded(raw: Any) -> Any:
        try:
            return decode(raw)
        except ValueError:
            return decode_str(raw)

    return decoded


def decode_bits(raw: Any) -> int:
    """A BIT's bytes, the highest first, which no decoder of a field could tell from the text of a number."""
    if type(raw) is int:
        return raw
    return int.from_bytes(decode_bytes(raw), "big")


_DECIMALS: Final = (0, 246)
_INTEGERS: Final = (1, 2, 3, 8, 9, 13)
_FLOATS: Final = (4, 5)
_DATETIMES: Final = (7, 12, 17, 18)
_DATES: Final = (10, 14)
DAYS: Final = frozenset((*_DATETIMES, *_DATES))
"""Types whose values may be days that Python does not have, 0000-00-00 or the 30th of February."""
_TIMES: Final = (11, 19)
_TEXTS: Final = (15, 247, 248, 249, 250, 251, 252, 253, 254)

DECODERS: Final[dict[int, Decoder]] = {
    **dict.fromkeys(_DECIMALS, decode_decimal),
    **dict.fromkeys(_INTEGERS, decode_int),
    **dict.fromkeys(_FLOATS, decode_float),
    **dict.fromkeys(_DATETIMES, _lenient(decode_datetime)),
    **dict.fromkeys(_DATES, _lenient(decode_date)),
    **dict.fromkeys(_TIMES, _lenient(decode_timedelta)),
    BIT: decode_bits,
    JSON: decode_str,
}
"""Wire type -> decoder, but for texts and binaries, which one type stands for."""


def decoder_of(wire_type: int, charset: int) -> Decoder:
    """What turns raw values of a column into Python forms."""
    if wire_type in DECODERS:
        return DECODERS[wire_type]
    return decode_str if wire_type in _TEXTS and charset != BINARY_CHARSET else decode_bytes


def decoded_rows(rows: Sequence[Sequence[Any]], decoders: Sequence[Decoder]) -> list[tuple[Any, ...]]:
    """Rows of bytes as tuples of values."""
    return [
        tuple([None if raw is None else decode(raw) for decode, raw in zip(decoders, row, strict=True)]) for row in rows
    ]


_BINARY_FLAG: Final = 128
# mysqlclient sets the flag where the character set is binary, whatever the server said
_CLIENT_TEXTS: Final = dict.fromkeys(_TEXTS, ((_BINARY_FLAG, bytes), (None, str)))
CLIENT_CONVERSIONS: Final[dict[int, Any]] = {**DECODERS, **_CLIENT_TEXTS}
"""The same as mysqlclient wants it."""
ROW_CONVERSIONS: Final[dict[Any, Any]] = {BIT: decode_bits}
"""What every driver converts in entities' rows; the rest is left to their getters."""
CLIENT_ROW_CONVERSIONS: Final[dict[int, Any]] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_FLOATS, float),
    **dict.fromkeys((*_DECIMALS, *_DATETIMES, *_DATES, *_TIMES), str),
    **_CLIENT_TEXTS,
    **ROW_CONVERSIONS,
}
"""What mysqlclient converts by itself, in C, for less than a getter's first look at bytes costs; for entities' rows."""
