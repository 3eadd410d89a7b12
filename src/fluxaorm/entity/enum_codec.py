"""Check, encode and decode of enum and set columns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from fluxaorm.entity.checks import wrong_type
from fluxaorm.entity.schema import EnumSchema

Codec = tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]
"""check, encode, decode"""


def enum_codec(enum: EnumSchema) -> Codec:
    """A member of the user's StrEnum; of a Literal the plain str."""
    by_text = _members(enum)
    by_raw = {**{text.encode(): member for text, member in by_text.items()}, **by_text}
    texts = {text: text for text in enum.members}

    def decode_enum(raw: Any) -> Any:
        try:
            return by_raw[raw]
        except (KeyError, TypeError):
            raise ValueError(f"{raw!r} is not one of {', '.join(enum.members)}") from None

    return _member_check(enum, by_text), texts.__getitem__, decode_enum


def set_codec(enum: EnumSchema) -> Codec:
    """A frozenset of members, given as any iterable of them."""
    by_text = _members(enum)
    check_member = _member_check(enum, by_text)

    def check_set(value: Any) -> frozenset[Any]:
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise wrong_type(value, "an iterable of members")
        return frozenset(map(check_member, value))

    def encode_set(value: frozenset[str]) -> str:
        return ",".join([text for text in enum.members if text in value])

    def decode_set(raw: Any) -> frozenset[Any]:
        if isinstance(raw, frozenset | set):
            return frozenset(raw)
        text = raw.decode() if type(raw) is bytes else raw
        try:
            return frozenset([by_text[part] for part in text.split(",")]) if text else frozenset()
        except (KeyError, AttributeError):
            raise ValueError(f"{raw!r} is not a set of {', '.join(enum.members)}") from None

    return check_set, encode_set, decode_set


def _members(enum: EnumSchema) -> dict[str, Any]:
    if enum.python_class is None:
        return {text: text for text in enum.members}
    return {text: enum.python_class(text) for text in enum.members}


def _member_check(enum: EnumSchema, by_text: dict[str, Any]) -> Callable[[Any], Any]:
    own = enum.python_class

    def check_member(value: Any) -> Any:
        if not isinstance(value, str):
            raise wrong_type(value, f"one of {', '.join(enum.members)}")
        foreign = own is not None and isinstance(value, Enum) and not isinstance(value, own)
        if foreign or value not in by_text:
            raise ValueError(f"must be one of {', '.join(enum.members)}")
        return by_text[value]

    return check_member
