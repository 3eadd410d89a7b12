"""Column types as MySQL 8+ prints them: read, compared, and given one spelling. Pure.

``parse_type("enum('a','it''s')")`` is ``ParsedType("enum", members=("a", "it's"))``; ``str()`` of it is the text again.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

INTEGER_BYTES: Final = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8}
TEXT_BYTES: Final = {"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215, "longtext": 4_294_967_295}
BLOB_BYTES: Final = {"tinyblob": 255, "blob": 65_535, "mediumblob": 16_777_215, "longblob": 4_294_967_295}
COLLATED: Final = frozenset({"char", "varchar", "enum", "set", *TEXT_BYTES})
BINARY: Final = frozenset({"binary", "varbinary", *BLOB_BYTES})


@dataclass(frozen=True, slots=True)
class ParsedType:
    """A type in parts: ``decimal(10,2)`` has the numbers 10 and 2, ``set('a','b')`` its members."""

    name: str
    numbers: tuple[int, ...] = ()
    members: tuple[str, ...] = ()
    unsigned: bool = False
    rest: str = ""

    def __str__(self) -> str:
        inside = ",".join(map(quoted, self.members)) or ",".join(map(str, self.numbers))
        words = [f"{self.name}({inside})" if inside else self.name, "unsigned" if self.unsigned else "", self.rest]
        return " ".join(word for word in words if word)


def quoted(text: str) -> str:
    """A text literal that MySQL and MariaDB read back as it is, while backslashes escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0") + "'"


_ESCAPES: Final = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "b": "\b", "Z": "\x1a"}


def unescaped(text: str) -> str:
    """What a text literal says, given what is between its quotes."""
    return re.sub(
        r"\\(.)|''", lambda found: _ESCAPES.get(found[1], found[1]) if found[1] else "'", text, flags=re.DOTALL
    )


_LITERAL: Final = r"'((?:[^'\\]|\\.|'')*)'"
_TYPE: Final = re.compile(rf"(\w+)\s*(?:\(((?:{_LITERAL}|[^)'])*)\))?\s*(.*)", re.DOTALL)


@lru_cache(4096)
def parse_type(text: str) -> ParsedType:
    """A type from its text; display widths of integers other than ``tinyint(1)`` are dropped, as MySQL 8 does."""
    found = _TYPE.fullmatch(text.strip())
    if found is None:
        return ParsedType(text)
    name, inside, rest = found[1].lower(), found[2], found[4].lower().split()
    unsigned = "unsigned" in rest
    rest_text = " ".join(word for word in rest if word != "unsigned")
    if name in ("enum", "set"):
        return ParsedType(name, (), tuple(unescaped(m[1]) for m in re.finditer(_LITERAL, inside or "", re.DOTALL)))
    numbers = tuple(int(part) for part in (inside or "").split(",") if part.strip().isdigit())
    return ParsedType(name, _numbers(name, numbers, unsigned), (), unsigned, rest_text)


def _numbers(name: str, numbers: tuple[int, ...], unsigned: bool) -> tuple[int, ...]:
    if name in INTEGER_BYTES:
        return (1,) if name == "tinyint" and numbers == (1,) and not unsigned else ()
    if name == "year":
        return ()
    if name == "decimal" and len(numbers) == 1:
        return (*numbers, 0)
    return () if numbers == (0,) and name in ("datetime", "time", "timestamp") else numbers


def integer_range(kind: ParsedType) -> tuple[int, int]:
    """The least and the greatest number of an integer type; of a bool 0 and 1."""
    if kind.numbers == (1,):
        return 0, 1
    bits = 8 * INTEGER_BYTES[kind.name]
    return (0, 2**bits - 1) if kind.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


_EXACT: Final = Context(prec=100)


def canonical_default(kind: ParsedType, text: str) -> str:
    """One spelling for a default of this type: ``0`` and ``0.00`` are the same decimal(10,2)."""
    try:
        return _canonical(kind, text)
    except (ValueError, InvalidOperation, OverflowError):
        return text


def _canonical(kind: ParsedType, text: str) -> str:
    if kind.name in INTEGER_BYTES:
        return str(int(Decimal(text)))
    if kind.name == "decimal":
        return f"{Decimal(text).quantize(Decimal(1).scaleb(-kind.numbers[1]), context=_EXACT):f}"
    if kind.name == "double":
        return repr(float(text))
    if kind.name == "float":
        return shortest_float32(float(text))
    if kind.name in BINARY and text[:2].lower() == "0x":
        return text.lower()
    if kind.name in ("datetime", "timestamp", "time"):
        return _with_fraction(text, kind.numbers[0] if kind.numbers else 0)
    return text


def _with_fraction(text: str, digits: int) -> str:
    if re.fullmatch(r"[-\d: ]*\d(\.\d*)?", text) is None:
        return text
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<{digits}.{digits}}" if digits else whole


def shortest_float32(value: float) -> str:
    """The fewest digits that give the same binary32."""
    wanted = struct.pack("f", value)
    (exact,) = struct.unpack("f", wanted)
    texts = (f"{exact:.{digits}g}" for digits in range(1, 10))
    return next((text for text in texts if _packed(text) == wanted), repr(exact))


def exact_float32(text: str) -> str:
    """The binary32 that a text means, in the digits of the double that equals it."""
    return repr(struct.unpack("f", struct.pack("f", float(text)))[0])


def _packed(text: str) -> bytes:
    try:
        return struct.pack("f", float(text))
    except OverflowError:  # rounded up past the largest
        return b""


_CHARACTER_BYTES: Final = {"utf8mb4": 4, "utf8mb3": 3, "utf8": 3, "latin1": 1, "ascii": 1}


def key_bytes(type_text: str, collation: str | None) -> int:
    """The bytes that an index keeps at most of a text or of bytes; 0 of other types."""
    kind = parse_type(type_text)
    if not kind.numbers or kind.name not in ("char", "varchar", "binary", "varbinary"):
        return 0
    width = _CHARACTER_BYTES.get((collation or "").partition("_")[0], 4) if kind.name in COLLATED else 1
    return width * kind.numbers[0]
