"""Check, encode and decode of enum and set columns. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeAlias

from fluxaorm.entity.schema import EnumSchema
from fluxaorm.entity.values.checks import wrong_type
from fluxaorm.entity.values.decoders import decode_str
from fluxaorm.entity.values.guards import is_iterable

Codec: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]
"""check, encode, decode"""

_MOST_LISTED = 12


def listed(enum: EnumSchema) -> str:
    """The members for a sentence."""
    if len(enum.members) <= _MOST_LISTED:
        return ", ".join(enum.members)
    return f"{', '.join(enum.members[:_MOST_LISTED])} and {len(enum.members) - _MOST_LISTED} more"


def enum_codec(enum: EnumSchema) -> Codec:
    """A member of the user's StrEnum; of a Literal the plain str."""
    by_text = _members(enum)
    by_raw: dict[Any, Any] = {text.encode(): member for text, member in by_text.items()}
    by_raw.update(by_text)
    texts = {text: text for text in enum.members}

    def decode_enum(raw: Any) -> Any:
        try:
            return by_raw[raw]
        except (KeyError, TypeError):
            raise ValueError(f"{raw!r} is not one of {listed(enum)}") from None

    return _member_check(enum, by_text), texts.__getitem__, decode_enum


def set_codec(enum: EnumSchema) -> Codec:
    """A frozenset of members, given as any iterable of them."""
    by_text = _members(enum)
    check_member = _member_check(enum, by_text)

    def check_set(value: Any) -> frozenset[Any]:
        if not is_iterable(value):
            raise wrong_type(value, "an iterable of members")
        return frozenset(map(check_member, value))

    def encode_set(value: frozenset[str]) -> str:
        return ",".join([text for text in enum.members if text in value])

    def decode_set(raw: Any) -> Any:
        if is_iterable(raw):
            return raw
        try:
            text = decode_str(raw)
            return frozenset([by_text[part] for part in text.split(",")] if text else ())
        except (KeyError, ValueError):
            raise ValueError(f"{raw!r} is not a set of {listed(enum)}") from None

    return check_set, encode_set, decode_set


def _members(enum: EnumSchema) -> dict[str, Any]:
    if enum.python_class is None:
        return {text: text for text in enum.members}
    return {text: enum.python_class(text) for text in enum.members}


def _member_check(enum: EnumSchema, by_text: dict[str, Any]) -> Callable[[Any], Any]:
    own = enum.python_class

    def check_member(value: Any) -> Any:
        if not isinstance(value, str):
            raise wrong_type(value, f"one of {listed(enum)}")
        foreign = own is not None and isinstance(value, Enum) and not isinstance(value, own)
        if foreign or value not in by_text:
            raise ValueError(f"must be one of {listed(enum)}")
        return by_text[value]

    return check_member
