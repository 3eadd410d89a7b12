"""Values as SQL literals of MySQL and MariaDB, and statements with literals in the places of ``?``. No I/O.

The text of ``render`` is for connections in utf8mb4 whose sql_mode lacks NO_BACKSLASH_ESCAPES: there nothing but the
quote and the backslash must be escaped in a quoted text, whatever else it holds. That of ``render_in_hex`` rests on
neither: it is for connections whose session somebody else's SQL may have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

from fluxaorm.errors import QueryError
from fluxaorm.plans.state.keys import duration_text
from fluxaorm.pools.base.values import Writers, checked_float, checked_text, datetime_text, plain_decimal, time_text
from fluxaorm.pools.mysql.row_literals import groups_of
from fluxaorm.query.own_sql.placeholders import PIECES, rows_places, split_placeholders

Sql: TypeAlias = "str | bytes"
"""A rendered statement; bytes when it holds a long binary value."""

_FEW_ROWS: Final = 4
_LONGEST_HEX: Final = 64
"""Longer binary values go as they are, which takes half the space."""


class Render(Protocol):
    """``render`` and ``render_in_hex``."""

    def __call__(self, sql: str, args: Sequence[Any] = (), rows: Sequence[Sequence[Any]] | None = None, /) -> Sql:
        """The statement's text."""
        ...


def render(sql: str, args: Sequence[Any] = (), rows: Sequence[Sequence[Any]] | None = None) -> Sql:
    """``sql`` with a literal in the place of each ``?``; with ``rows`` the groups go behind VALUES or for its ``?``.

    Raises QueryError when there are more or fewer values than placeholders, or a value has no literal.
    """
    if rows is not None:
        return _with_rows(sql, rows)
    pieces = PIECES.get(sql) or split_placeholders(sql)
    count = len(args)
    if len(pieces) != count + 1:
        raise QueryError(f"the SQL has {len(pieces) - 1} placeholders, but {count} values were given")
    try:
        if count == 1:
            value = args[0]
            if type(value) is int:
                return f"{pieces[0]}{value}{pieces[1]}"
        parts: list[Sql] = [""] * (2 * count + 1)
        parts[::2] = pieces
        parts[1::2] = [_LITERALS[type(value)](value) for value in args]
    except ValueError as error:
        raise _too_long(error) from None
    return _joined("", parts)


def render_in_hex(sql: str, args: Sequence[Any] = (), rows: Sequence[Sequence[Any]] | None = None) -> Sql:
    """As ``render``, with texts as ``_utf8mb4 x'...'`` and binary values as ``x'...'``."""
    if rows is not None:
        if not rows:
            raise QueryError("a statement with rows was given none")
        before, after = rows_places(sql)
        return _one_by_one(before, rows, after, _IN_HEX)
    pieces = PIECES.get(sql) or split_placeholders(sql)
    if len(pieces) != len(args) + 1:
        raise QueryError(f"the SQL has {len(pieces) - 1} placeholders, but {len(args)} values were given")
    parts: list[Sql] = [""] * (2 * len(args) + 1)
    parts[::2] = pieces
    try:
        parts[1::2] = [_IN_HEX[type(value)](value) for value in args]
    except ValueError as error:
        raise _too_long(error) from None
    return _joined("", parts)


def _too_long(error: ValueError) -> QueryError:
    """Python spells no int of thousands of digits."""
    return QueryError(f"a value cannot be sent to the database: {error}")


def _with_rows(sql: str, rows: Sequence[Sequence[Any]]) -> Sql:
    if not rows:
        raise QueryError("a statement with rows was given none")
    before, after = rows_places(sql)
    groups = groups_of(rows, _LITERALS) if len(rows) > _FEW_ROWS else None
    return f"{before}{groups}{after}" if groups is not None else _one_by_one(before, rows, after, _LITERALS)


def _one_by_one(before: str, rows: Sequence[Sequence[Any]], after: str, literals: Writers[Sql]) -> Sql:
    groups = [_joined(", ", [literals[type(value)](value) for value in row]) for row in rows]
    return _joined("", [before, "(", _joined("), (", groups), ")", after])


def _joined(separator: str, parts: Sequence[Sql]) -> Sql:
    try:
        return separator.join(parts)  # type: ignore[arg-type]  # bytes among the parts raise the TypeError
    except TypeError:
        return separator.encode().join([part.encode() if isinstance(part, str) else part for part in parts])


def literal(value: Any) -> Sql:
    """One value as a literal: ``NULL``, ``1``, ``1.5e0``, ``'text'``, ``x'00'``. QueryError when it has none."""
    return _LITERALS[type(value)](value)


def _null(_: None) -> str:
    return "NULL"


def _int(value: int) -> str:
    return int.__repr__(value)


def _float(value: float) -> str:
    # without an exponent it would be a DECIMAL to the server
    text = float.__repr__(checked_float(value))
    return text if "e" in text else f"{text}e0"


def _text(value: str) -> str:
    if not value.isascii():
        checked_text(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _binary(value: bytes) -> Sql:
    if len(value) <= _LONGEST_HEX:
        return f"x'{value.hex()}'"
    return b"_binary'" + value.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'"


def _hex_text(value: str) -> str:
    return f"_utf8mb4 x'{checked_text(value).encode().hex()}'"


def _hex_binary(value: bytes | bytearray | memoryview) -> str:
    return f"x'{value.hex()}'"


def _buffer(value: bytearray | memoryview) -> Sql:
    return _binary(bytes(value))


def _datetime(value: datetime) -> str:
    return f"'{datetime_text(value)}'"


def _date(value: date) -> str:
    return f"'{value.isoformat()}'"


def _time(value: time) -> str:
    return f"'{time_text(value)}'"


def _timedelta(value: timedelta) -> str:
    return f"'{duration_text(value)}'"


def _uuid(value: UUID) -> str:
    return f"x'{value.hex}'"


def _address(value: IPv4Address | IPv6Address) -> str:
    return f"x'{value.packed.hex()}'"


_WRITERS: Final[dict[type, Callable[[Any], Sql]]] = {
    type(None): _null,
    int: int.__repr__,
    bool: _int,
    float: _float,
    str: _text,
    bytes: _binary,
    bytearray: _buffer,
    memoryview: _buffer,
    Decimal: plain_decimal,
    datetime: _datetime,
    date: _date,
    time: _time,
    timedelta: _timedelta,
    UUID: _uuid,
    IPv4Address: _address,
    IPv6Address: _address,
}
_LITERALS: Final[Writers[Sql]] = Writers(_WRITERS)
_IN_HEX: Final[Writers[Sql]] = Writers(
    {**_WRITERS, str: _hex_text, bytes: _hex_binary, bytearray: _hex_binary, memoryview: _hex_binary}
)
