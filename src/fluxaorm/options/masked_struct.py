"""Structs that may hold secrets: what their ``repr`` shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from fluxaorm.options.masking import MASK, masked_address
from fluxaorm.options.shapes import is_mapping

_SECRET_NAME = re.compile(r"password|secret|token|signing_key|accepted_keys", re.IGNORECASE)
_ADDRESS_NAMES = frozenset({"uri", "url", "address"})


def masked_fields(struct: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    """The fields of a struct that are not at their defaults, and their values, secrets hidden."""
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if value != _default(field):
            yield field.name, masked_value(field.name, value)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def masked_value(name: str, value: Any) -> Any:
    """A field's value as it may be shown."""
    if _SECRET_NAME.search(name):
        return MASK if value else value
    if name in _ADDRESS_NAMES:
        return masked_address(value) if isinstance(value, str) else value
    if is_mapping(value):
        return {key: masked_value(str(key), item) for key, item in value.items()}
    return value


class MaskedStruct(msgspec.Struct, frozen=True):
    """Base of structs that may hold secrets: neither ``repr`` nor rich's shows them."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in masked_fields(self))
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return list(masked_fields(self))
