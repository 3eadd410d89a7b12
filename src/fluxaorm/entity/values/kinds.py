"""The one table of what a column can be: its Python type, its MySQL type, and how values are checked and carried.

``KINDS`` maps a kind's name to its ``Kind``. A kind's ``make`` turns what a field says (its options and the argument of
its annotation) into a ``ColumnType``; it raises OptionError, a sentence, for options that make no sense.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from fluxaorm.entity.schema import EnumSchema
from fluxaorm.entity.values import checks, decoders, encoders
from fluxaorm.entity.values.aliases import IntegerType
from fluxaorm.entity.values.enum_codec import enum_codec, listed, set_codec
from fluxaorm.entity.values.json_codec import json_codec, references_codec
from fluxaorm.entity.values.type_source import source_of

Options: TypeAlias = Mapping[str, Any]
Convert: TypeAlias = Callable[[Any], Any]

TEXT_BYTES: Final = 16_777_215
BLOBS: Final = {None: ("blob", 65_535), "medium": ("mediumblob", 16_777_215), "long": ("longblob", 4_294_967_295)}
LONGEST_VARCHAR: Final = 16_383
SAFE_INTEGER: Final = 2**53
"""Redis Search keeps numbers as doubles: integers are exact up to here."""


class OptionError(ValueError):
    """An option of ``Field()`` makes no sense; the message is the rest of a sentence that begins with the field."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """What a column of a kind is once its options are known; see ``ColumnSchema`` for the fields."""

    mysql_type: str
    check: Convert
    encode: Convert
    decode: Convert
    description: str = ""
    length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    unsearchable: str = ""
    """Why the Redis Search index cannot hold it, when it is this type and not the kind that forbids it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table. ``make(options, argument)``; what the argument is depends on the kind."""

    name: str
    make: Callable[[Options, Any], ColumnType]
    annotation: str = ""
    """Source of the Python type; "" when it depends on the field."""
    module: str = ""
    """Where the annotation's name is imported from; "": a builtin."""
    options: frozenset[str] = frozenset()
    """Options of ``Field()`` that only some kinds take."""
    search: Literal["", "numeric", "text", "tag"] = ""
    """How a Redis Search index holds it; "": not at all."""
    sortable: bool = True

    @property
    def imports(self) -> tuple[tuple[str, str], ...]:
        """(module, name) pairs that the annotation needs."""
        return ((self.module, self.annotation),) if self.module else ()


def _int(options: Options, argument: IntegerType) -> ColumnType:
    return _integer(argument)


_TOO_WIDE: Final = "holds integers past 2**53, which Redis Search cannot tell apart; use one of 32 bits or less"


@lru_cache
def _integer(integer: IntegerType, minimum: int | None = None) -> ColumnType:
    low = integer.minimum if minimum is None else minimum
    wide = integer.maximum > SAFE_INTEGER
    return ColumnType(
        integer.mysql,
        checks.int_check(low, integer.maximum),
        encoders.as_is,
        decoders.decode_int,
        f"{low} to {integer.maximum}",
        minimum=low,
        maximum=integer.maximum,
        unsearchable=_TOO_WIDE if wide else "",
    )


def id_type(integer: IntegerType) -> ColumnType:
    """The column ``id``."""
    return _integer(integer, integer.lowest_id)


def _float(options: Options, argument: Any) -> ColumnType:
    return _floating(False, _flag(options, "unsigned"))


def _float32(options: Options, argument: Any) -> ColumnType:
    return _floating(True, _flag(options, "unsigned"))


@lru_cache
def _floating(single: bool, unsigned: bool) -> ColumnType:
    return ColumnType(
        ("float" if single else "double") + (" unsigned" if unsigned else ""),
        checks.float_check(single, unsigned),
        encoders.as_is,
        decoders.decode_float32 if single else decoders.decode_float,
        ("binary32" if single else "binary64") + (", not negative" if unsigned else ""),
    )


def _decimal(options: Options, argument: Any) -> ColumnType:
    if "precision" not in options or "scale" not in options:
        raise OptionError("a Decimal needs Field(precision=, scale=): all its digits, and those after the point")
    precision, scale = _number(options, "precision", 1, 65), _number(options, "scale", 0, 30)
    if scale > precision:
        raise OptionError(f"Field(scale={scale}) is more than Field(precision={precision}), which counts all digits")
    return _decimal_type(precision, scale)


@lru_cache
def _decimal_type(precision: int, scale: int) -> ColumnType:
    return ColumnType(
        f"decimal({precision},{scale})",
        checks.decimal_check(precision, scale),
        encoders.as_is,
        decoders.decode_decimal,
        f"{precision} digits, {scale} of them after the point",
        unsearchable="has more than 15 digits, which Redis Search cannot tell apart" if precision > 15 else "",
    )


_BOOL: Final = ColumnType("tinyint(1)", checks.check_bool, int, decoders.decode_bool)


def _str(options: Options, argument: Any) -> ColumnType:
    if options.get("length", 255) == "max":
        return _text()
    return _varchar(_number(options, "length", 1, LONGEST_VARCHAR, 255, ' or "max"'))


@lru_cache
def _text() -> ColumnType:
    check = checks.str_check(None, TEXT_BYTES)
    return ColumnType("mediumtext", check, encoders.as_is, decoders.decode_str, f"up to {TEXT_BYTES} bytes of UTF-8")


@lru_cache
def _varchar(length: int) -> ColumnType:
    return ColumnType(
        f"varchar({length})",
        checks.str_check(length),
        encoders.as_is,
        decoders.decode_str,
        f"up to {length} character{'' if length == 1 else 's'}",
        length,
    )


def _bytes(options: Options, argument: Any) -> ColumnType:
    size_class = options.get("size_class")
    if size_class not in BLOBS:
        raise OptionError(f'Field(size_class={size_class!r}): must be "medium" or "long"')
    mysql_type, limit = BLOBS[size_class]
    check = checks.bytes_check(limit)
    return ColumnType(mysql_type, check, encoders.as_is, decoders.decode_bytes, f"up to {limit} bytes")


_DATE: Final = ColumnType("date", checks.check_date, lambda value: value.isoformat(), decoders.decode_date)


def _datetime(options: Options, argument: Any) -> ColumnType:
    fsp = _number(options, "fsp", 0, 6, 0)
    codec = checks.datetime_check(fsp), encoders.datetime_encoder(fsp), decoders.decode_datetime
    return ColumnType(_with_fsp("datetime", fsp), *codec, f"UTC, {_seconds(fsp)}")


def _time(options: Options, argument: Any) -> ColumnType:
    fsp = _number(options, "fsp", 0, 6, 0)
    codec = checks.time_check(fsp), encoders.time_encoder(fsp), decoders.decode_time
    return ColumnType(_with_fsp("time", fsp), *codec, _seconds(fsp))


def _timedelta(options: Options, argument: Any) -> ColumnType:
    fsp = _number(options, "fsp", 0, 6, 0)
    codec = checks.timedelta_check(fsp), encoders.timedelta_encoder(fsp), decoders.decode_timedelta
    return ColumnType(_with_fsp("time", fsp), *codec, f"-838:59:59 to 838:59:59, {_seconds(fsp)}")


def _with_fsp(name: str, fsp: int) -> str:
    return f"{name}({fsp})" if fsp else name


def _seconds(fsp: int) -> str:
    return f"{fsp} digit{'' if fsp == 1 else 's'} of the second" if fsp else "whole seconds"


def _enum(options: Options, argument: EnumSchema) -> ColumnType:
    return ColumnType(_members_type("enum", argument.members), *enum_codec(argument), listed(argument))


def _set(options: Options, argument: EnumSchema) -> ColumnType:
    return ColumnType(_members_type("set", argument.members), *set_codec(argument), listed(argument))


_ESCAPES: Final = str.maketrans({"'": "''", "\\": "\\\\", "\0": "\\0", "\n": "\\n", "\r": "\\r"})


def _members_type(name: str, members: tuple[str, ...]) -> str:
    quoted = ",".join(f"'{member.translate(_ESCAPES)}'" for member in members)
    return f"{name}({quoted})"


@dataclass(frozen=True, slots=True)
class Target:
    """The entity that a reference refers to."""

    name: str
    id: IntegerType


def _reference(options: Options, argument: Target) -> ColumnType:
    return _reference_type(argument.name, argument.id)


@lru_cache
def _reference_type(name: str, integer: IntegerType) -> ColumnType:
    plain = id_type(integer)
    return ColumnType(
        plain.mysql_type,
        plain.check,
        plain.encode,
        plain.decode,
        f"id of {name}",
        minimum=plain.minimum,
        maximum=plain.maximum,
    )


def _references(options: Options, argument: Target) -> ColumnType:
    return ColumnType(
        "json",
        *references_codec(argument.name, argument.id.lowest_id, argument.id.maximum),
        f"ids of {argument.name}, in order",
    )


def _json(options: Options, argument: Any) -> ColumnType:
    try:
        return ColumnType("json", *json_codec(argument), "JSON")
    except Exception as error:  # noqa: BLE001 - msgspec looks into classes of the user's
        raise OptionError(f"Json[{source_of(argument).text}]: {error}") from None


_UUID: Final = ColumnType("binary(16)", checks.check_uuid, encoders.encode_uuid, decoders.decode_uuid)
_IPV4: Final = ColumnType("varbinary(16)", checks.check_ipv4, encoders.encode_ip, decoders.decode_ipv4)
_IPV6: Final = ColumnType("varbinary(16)", checks.check_ipv6, encoders.encode_ip, decoders.decode_ipv6)


def _always(column_type: ColumnType) -> Callable[[Options, Any], ColumnType]:
    return lambda options, argument: column_type


def _number(options: Options, name: str, low: int, high: int, default: int | None = None, also: str = "") -> int:
    value = options.get(name, default)
    if type(value) is int and low <= value <= high:
        return value
    raise OptionError(f"Field({name}={value!r}): must be {low} to {high}{also}")


def _flag(options: Options, name: str) -> bool:
    value = options.get(name, False)
    if type(value) is bool:
        return value
    raise OptionError(f"Field({name}={value!r}): must be True or False")


_FSP: Final = frozenset({"fsp"})
_ENUM_NAME: Final = frozenset({"enum_name"})
_UNSIGNED: Final = frozenset({"unsigned"})

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("int", _int, "int", search="numeric"),
        Kind("uint", _int, "int", options=frozenset({"version"}), search="numeric"),
        Kind("float", _float, "float", options=_UNSIGNED, search="numeric"),
        Kind("float32", _float32, "float", options=_UNSIGNED, search="numeric"),
        Kind("decimal", _decimal, "Decimal", "decimal", frozenset({"precision", "scale"}), "numeric"),
        Kind("bool", _always(_BOOL), "bool", search="numeric"),
        Kind("str", _str, "str", options=frozenset({"length"}), search="text"),
        Kind("bytes", _bytes, "bytes", options=frozenset({"size_class"})),
        Kind("date", _always(_DATE), "date", "datetime", search="numeric"),
        Kind("datetime", _datetime, "datetime", "datetime", _FSP, "numeric"),
        Kind("time", _time, "time", "datetime", _FSP),
        Kind("timedelta", _timedelta, "timedelta", "datetime", _FSP),
        Kind("enum", _enum, options=_ENUM_NAME, search="tag"),
        Kind("set", _set, options=_ENUM_NAME, search="tag", sortable=False),
        Kind("reference", _reference, "int", search="numeric"),
        Kind("references", _references, "list[int]"),
        Kind("json", _json),
        Kind("uuid", _always(_UUID), "UUID", "uuid"),
        Kind("ipv4", _always(_IPV4), "IPv4Address", "ipaddress"),
        Kind("ipv6", _always(_IPV6), "IPv6Address", "ipaddress"),
    )
}
"""Kind by name."""
