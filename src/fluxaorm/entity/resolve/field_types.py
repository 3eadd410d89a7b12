"""What an annotation makes of a field: a column of some kind, a group of columns, or a sentence on why neither."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, Literal, get_args, get_origin
from uuid import UUID

from fluxaorm.entity.declare.definition import Entity
from fluxaorm.entity.declare.shape import Shape
from fluxaorm.entity.values.aliases import (
    INT64,
    Float32Marker,
    IntegerType,
    JsonMarker,
    ReferenceMarker,
    ReferencesMarker,
)
from fluxaorm.entity.values.guards import is_class
from fluxaorm.entity.values.members import members_problem
from fluxaorm.entity.values.type_source import class_source, source_of

_PLAIN: Final[dict[Any, tuple[str, Any]]] = {
    int: ("int", INT64),
    float: ("float", None),
    Decimal: ("decimal", None),
    bool: ("bool", None),
    str: ("str", None),
    bytes: ("bytes", None),
    date: ("date", None),
    datetime: ("datetime", None),
    time: ("time", None),
    timedelta: ("timedelta", None),
    UUID: ("uuid", None),
    IPv4Address: ("ipv4", None),
    IPv6Address: ("ipv6", None),
}
_COLUMN_TYPES: Final = (
    "int, Int8 to Int64, UInt8 to UInt64, MediumInt, UMediumInt, float, Float32, Decimal, bool, str, bytes, date, "
    "datetime, time, timedelta, a StrEnum, Literal[...] of strings, frozenset of either, UUID, IPv4Address, "
    "IPv6Address, Reference[...], References[...], Json[...], an Embedded, list[...]"
)


class NotAColumnError(ValueError):
    """No column can be of this type; the message is the rest of a sentence that begins with the field."""


@dataclass(frozen=True, slots=True)
class FieldType:
    """A kind's name, and what its ``make`` needs; ``members`` and ``enum_class`` of enum and set."""

    kind: str
    argument: Any = None
    members: tuple[str, ...] = ()
    enum_class: type[StrEnum] | None = None


def field_type_of(shape: Shape) -> FieldType:
    """The kind of a field that is not a group. NotAColumnError when there is none."""
    marker = shape.marker
    if isinstance(marker, IntegerType):
        return FieldType("uint" if marker.unsigned else "int", marker)
    if isinstance(marker, Float32Marker):
        return FieldType("float32")
    if isinstance(marker, ReferenceMarker):
        return FieldType("reference", _target(shape.type))
    if isinstance(marker, ReferencesMarker):
        return FieldType("references", _target(get_args(shape.type)[0]))
    if isinstance(marker, JsonMarker):
        return FieldType("json", shape.type)
    return _unmarked(shape.type)


def _target(hint: Any) -> Any:
    """T of ``int | T``: what the alias wraps it in."""
    others = [member for member in get_args(hint) if member is not int]
    return others[0] if len(others) == 1 else hint


def _unmarked(hint: Any) -> FieldType:
    try:
        plain = _PLAIN.get(hint)
    except TypeError:
        plain = None
    if plain is not None:
        return FieldType(*plain)
    if get_origin(hint) is frozenset and len(get_args(hint)) == 1:
        return _members_of("set", get_args(hint)[0])
    return _members_of("enum", hint)


def _members_of(kind: str, hint: Any) -> FieldType:
    if get_origin(hint) is Literal:
        return FieldType(kind, None, _literal_members(kind, hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        members = tuple(str(member.value) for member in hint)
        return FieldType(kind, None, _checked_members(kind, members, f"{hint.__name__} "), hint)
    if kind == "set":
        text = f"frozenset[{source_of(hint).text}]"
        raise NotAColumnError(f"type '{text}' is not a column type; use {_instead_of(frozenset)}")
    raise NotAColumnError(f"type '{source_of(hint).text}' is not a column type; use {_instead_of(hint)}")


def _literal_members(kind: str, hint: Any) -> tuple[str, ...]:
    values = get_args(hint)
    for value in values:
        if not isinstance(value, str):
            raise NotAColumnError(f"{source_of(hint).text} holds {value!r}; only strings make an enum")
    return _checked_members(kind, tuple(str(value) for value in values))


def _checked_members(kind: str, members: tuple[str, ...], owner: str = "") -> tuple[str, ...]:
    problem = members_problem(kind, members)
    if problem:
        raise NotAColumnError(owner + problem)
    return members


def _instead_of(hint: Any) -> str:
    """What the user most likely wants, and how to keep the attribute without a column."""
    return f"{_suggestion(hint) or f'one of {_COLUMN_TYPES}'}, or Field(ignore=True)"


def _suggestion(hint: Any) -> str:
    origin = get_origin(hint) or hint
    if not is_class(origin):
        return ""
    if issubclass(origin, Entity):
        return f"Reference[{origin.__name__}]"
    if issubclass(origin, Enum):
        return "a StrEnum"
    if origin in (set, frozenset):
        return "frozenset[...] of a StrEnum or a Literal"
    if issubclass(origin, (dict, tuple)) or _is_struct(origin):
        return f"Json[{source_of(hint).text}]"
    return ""


def _is_struct(cls: type[Any]) -> bool:
    return (
        hasattr(cls, "__struct_fields__") or hasattr(cls, "__dataclass_fields__") or hasattr(cls, "__required_keys__")
    )


def describe(cls: Any) -> str:
    """A class or hint for a sentence."""
    return class_source(cls).text if isinstance(cls, type) else source_of(cls).text
