"""How much room a column takes in InnoDB, from its MySQL type: for the limits of keys and rows. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from fluxaorm.entity.schema import ColumnSchema

KEY_LIMIT: Final = 3072
"""Bytes of an index."""
SERVER_ROW_LIMIT: Final = 65_535
"""Bytes of a row as the server counts: text at its longest, but only pointers of TEXT, BLOB and JSON."""
PAGE_ROW_LIMIT: Final = 8126
"""Bytes that a row must stay below when all that can be is stored off the page, as MySQL counts (16 KiB pages, DYNAMIC
rows). MariaDB counts text of less than 256 bytes in full and other text as less."""

_ROW_OVERHEAD: Final = 5 + 6 + 7
"""Record header, transaction id, roll pointer."""
_OFF_PAGE: Final = 40
_FIXED: Final = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8, "float": 4, "double": 8, "date": 3}
_POINTERS: Final = {"blob": 10, "mediumblob": 11, "longblob": 12, "mediumtext": 11, "json": 12}
_DIGIT_BYTES: Final = (0, 1, 1, 2, 2, 3, 3, 4, 4)


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of a column: in an index (None: not without a prefix), as the server counts, and on the page."""

    key: int | None
    server: int
    page: int


def room_of_column(column: ColumnSchema) -> Room:
    """The room of a column."""
    return room_of(column.mysql_type, len(column.enum.members) if column.enum else 0)


@lru_cache(1024)
def room_of(mysql_type: str, members: int = 0) -> Room:
    """The room of a column. ``members``: how many an enum or set has."""
    name, _, rest = mysql_type.partition("(")
    name = name.partition(" ")[0]
    numbers = [int(number) for number in re.findall(r"\d+", rest)] if name not in ("enum", "set") else []
    if name in _POINTERS:
        return Room(None, _POINTERS[name], _OFF_PAGE + 1)
    if name in ("varchar", "varbinary"):
        return _variable(numbers[0] * (4 if name == "varchar" else 1))
    size = _fixed(name, numbers, members)
    return Room(size, size, size)


def _variable(octets: int) -> Room:
    prefix = 1 if octets < 256 else 2
    page = octets + prefix if octets < _OFF_PAGE else _OFF_PAGE + 1
    return Room(octets, octets + prefix, page)


def _fixed(name: str, numbers: list[int], members: int) -> int:
    match name:
        case "decimal":
            whole, fraction = numbers[0] - numbers[1], numbers[1]
            return sum(digits // 9 * 4 + _DIGIT_BYTES[digits % 9] for digits in (whole, fraction))
        case "datetime" | "time":
            return (5 if name == "datetime" else 3) + (sum(numbers) + 1) // 2
        case "enum":
            return 1 if members < 256 else 2
        case "set":
            octets = (members + 7) // 8
            return octets if octets <= 4 else 8
        case "binary":
            return numbers[0]
        case _:
            return _FIXED[name]


def server_row(rooms: list[Room], nullable: int) -> int:
    """Bytes of a row as the server counts them."""
    return sum(room.server for room in rooms) + (nullable + 7) // 8


def page_row(rooms: list[Room], nullable: int) -> int:
    """Bytes of a row on its page at the worst."""
    return _ROW_OVERHEAD + sum(room.page for room in rooms) + (nullable + 7) // 8
