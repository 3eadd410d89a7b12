"""Which field holds a column: the annotation, the options and the default that its type means. Pure.

Types that a definition can express give exactly that column. Of others the nearest field is taken, and an alter will
follow; a type that no field holds raises ``NoFieldError``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from fluxaorm.dialects.column_types import INTEGER_BYTES, ParsedType, parse_type
from fluxaorm.dialects.tables import ColumnDefinition
from fluxaorm.entity.values.kinds import LONGEST_VARCHAR
from fluxaorm.entity.values.members import members_problem
from fluxaorm.introspect import defaults
from fluxaorm.introspect.code import Code

Options: TypeAlias = "tuple[tuple[str, str], ...]"


class NoFieldError(Exception):
    """No field can hold the column; the message is the reason."""


@dataclass(frozen=True, slots=True)
class DraftType:
    """What a field says of its type. ``options``: of ``Field()``, as source; ``note``: what a reader should check."""

    annotation: Code
    options: Options = ()
    default: Callable[[str], Code] | None = None
    """Source of a default from its text; None: no constant can be one."""
    note: str = ""
    members: tuple[str, ...] = field(default=())
    """Of an enum or set, whose annotation is made later, when its name is known."""
    is_set: bool = False


UNSHOWN: Final = "holds '?', which is how servers show an emoji or another rare character"

_UNLIMITED: Final[Options] = (("length", '"max"'),)
_INTEGERS: Final = {
    "tinyint": "Int8",
    "smallint": "Int16",
    "mediumint": "MediumInt",
    "int": "Int32",
    "bigint": "Int64",
    "integer": "Int64",  # SQLite's own
}
_UNSIGNED: Final = {"MediumInt": "UMediumInt"}


def integer_name(kind: ParsedType) -> str | None:
    """``UInt32`` for ``int unsigned``; None for another type."""
    name = _INTEGERS.get(kind.name)
    if name is None or not kind.unsigned:
        return name
    return _UNSIGNED.get(name, f"U{name}")


def field_type(column: ColumnDefinition) -> DraftType:
    """What a definition says of a column's type. NoFieldError."""
    if "GENERATED" in column.extra.upper():
        raise NoFieldError("the server computes it; a field is written by the application")
    kind = parse_type(column.type)
    make = _MAKERS.get(kind.name)
    if make is None:
        raise NoFieldError(f"no field holds a {kind.name}")
    return make(kind, column)


def _named(name: str, default: Callable[[str], Code] | None, options: Options = (), note: str = "") -> DraftType:
    return DraftType(Code(name, () if name in ("bool", "str", "bytes", "float") else (name,)), options, default, note)


def _integer(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    if kind.numbers == (1,) and column.default in (None, "0", "1"):
        return _named("bool", defaults.bool_default)
    return _named(integer_name(kind) or "Int64", defaults.int_default)


def _float(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    options: Options = (("unsigned", "True"),) if kind.unsigned else ()
    return _named("Float32" if kind.name == "float" else "float", defaults.float_default, options)


def _decimal(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    precision, scale = kind.numbers if len(kind.numbers) == 2 else (65, 30)
    options = (("precision", str(precision)), ("scale", str(min(scale, 30))))
    return _named("Decimal", defaults.decimal_default, options)


def _varchar(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    (length,) = kind.numbers or (255,)
    if length > LONGEST_VARCHAR:
        return _text(kind, column)
    options: Options = () if length == 255 else (("length", str(max(length, 1))),)
    return _named("str", defaults.str_default, options)


def _text(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    return _named("str", defaults.str_default, _UNLIMITED)


def long_text() -> DraftType:
    """For a varchar that has no room in a row whose characters take 4 bytes each."""
    return _named("str", defaults.str_default, _UNLIMITED, "too long for its row at 4 bytes a character")


def _blob(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    size = {"mediumblob": '"medium"', "longblob": '"long"'}.get(kind.name)
    return _named("bytes", defaults.bytes_default, (("size_class", size),) if size else ())


def _binary(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    if kind.numbers != (16,):
        return _blob(kind, column)
    return _named("UUID", defaults.uuid_default, note="16 bytes, taken for a UUID")


def _varbinary(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    size = None if column.default is None else (len(column.default) - 2) // 2
    if kind.numbers != (16,) or size not in (None, 4, 16):
        return _blob(kind, column)
    name = "IPv4Address" if size == 4 else "IPv6Address"
    return _named(name, defaults.ip_default, note=f"up to 16 bytes, taken for an {name}")


def _fsp(kind: ParsedType) -> Options:
    return (("fsp", str(kind.numbers[0])),) if kind.numbers else ()


def _date(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    return _named("date", defaults.date_default)


def _datetime(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    return _named("datetime", defaults.datetime_default, _fsp(kind))


def _time(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    # a time of the day could not hold all that the column can: negative times, and more than a day
    note = "a duration; if it only holds times of the day, make it a time"
    return _named("timedelta", defaults.timedelta_default, _fsp(kind), note)


def _year(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    return _named("UInt16", defaults.int_default)


def _bit(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    (bits,) = kind.numbers or (1,)
    if bits == 1:
        return _named("bool", defaults.bit_default)
    name = next(f"UInt{size}" for size in (8, 16, 32, 64) if bits <= size)
    return _named(name, defaults.bits_default)


def _members(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    problem = members_problem(kind.name, kind.members)
    if problem:
        longest = max(map(len, kind.members), default=1)
        length = sum(len(member) + 1 for member in kind.members) if kind.name == "set" else longest
        made = _named("str", defaults.str_default, (("length", str(max(1, min(length, LONGEST_VARCHAR)))),))
        return DraftType(made.annotation, made.options, made.default, f"a text, since its {kind.name} {problem}")
    note = "" if not any("?" in member for member in kind.members) else f"a member {UNSHOWN}"
    return DraftType(Code(""), (), None, note, kind.members, kind.name == "set")


def _json(kind: ParsedType, column: ColumnDefinition) -> DraftType:
    return DraftType(Code("Json[Any]", ("Json", "Any")))


Maker: TypeAlias = Callable[[ParsedType, ColumnDefinition], DraftType]
_MAKERS: Final[dict[str, Maker]] = {
    **dict.fromkeys([*INTEGER_BYTES, "integer"], _integer),
    **dict.fromkeys(["float", "double", "real"], _float),
    **dict.fromkeys(["decimal", "numeric"], _decimal),
    "varchar": _varchar,
    "char": _varchar,
    **dict.fromkeys(["tinytext", "text", "mediumtext", "longtext"], _text),
    **dict.fromkeys(["tinyblob", "blob", "mediumblob", "longblob"], _blob),
    "binary": _binary,
    "varbinary": _varbinary,
    "date": _date,
    "datetime": _datetime,
    "timestamp": _datetime,
    "time": _time,
    "year": _year,
    "bit": _bit,
    "enum": _members,
    "set": _members,
    "json": _json,
}
