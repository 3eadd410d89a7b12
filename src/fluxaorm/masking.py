"""Hides passwords: in addresses of any form, well-formed or not, and in the reprs of structs that hold some.

Errs on the side of hiding: text that might be a password because something is missing around it is hidden too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from fluxaorm.shapes import is_mapping

MASK: Final = "***"
SCHEMES: Final = frozenset(
    {"mysql", "mariadb", "sqlite", "redis", "rediss", "redis+cluster", "rediss+cluster", "unix", "embedded"}
    | {"clickhouse", "clickhouses", "http", "https", "chdb"}
)

_SCHEME = re.compile(r"([a-z][a-z0-9+]*)://", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(r"((?:^|[?&;])[^?&;=@]*(?:pass|pwd|secret|token)[^?&;=]*=)[^&;]*", re.IGNORECASE)
_AFTER_COLON = re.compile(r":(?!//)([^:/,()?\s\[\]]+)")
_SECRET_NAME = re.compile(r"password|secret|token", re.IGNORECASE)
_ADDRESS_NAMES = frozenset({"uri", "url", "address", "brokers", "sentinels"})


def masked_address(text: str, limit: int = 200) -> str:
    """``text`` without the password it may hold, cut to ``limit`` characters."""
    scheme, body = split_scheme(text)
    if scheme.lower() not in SCHEMES:
        scheme, body = "", text
    masked = _SECRET_PARAMETER.sub(rf"\1{MASK}", _without_password(body))
    shown = f"{scheme}://{masked}" if scheme else masked
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def split_scheme(text: str) -> tuple[str, str]:
    """``"mysql://rest"`` -> ``("mysql", "rest")``; the scheme is empty when there is none."""
    match = _SCHEME.match(text)
    return (match[1], text[match.end() :]) if match else ("", text)


def _without_password(body: str) -> str:
    at = body.rfind("@")
    if at < 0:
        return _AFTER_COLON.sub(lambda found: found[0] if _is_number(found[1]) else f":{MASK}", body)
    user, colon, _ = body[:at].partition(":")
    return f"{user}:{MASK}{body[at:]}" if colon else body


def _is_number(text: str) -> bool:
    """Whether this can be a port or a database."""
    return text == "memory" or (text.isascii() and text.isdigit() and len(text) <= 5)


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
