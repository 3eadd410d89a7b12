"""Pieces of Python source, each with the names it needs imported. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fluxaorm.codegen.import_block import import_block
from fluxaorm.codegen.names import Import

_FLUXAORM: Final = (
    *("Entity", "Field", "Index", "Json", "Reference", "UniqueIndex", "Float32"),
    *("Int8", "Int16", "MediumInt", "Int32", "Int64", "UInt8", "UInt16", "UMediumInt", "UInt32", "UInt64"),
)
MODULES: Final = {
    **dict.fromkeys(_FLUXAORM, "fluxaorm"),
    "Any": "typing",
    "Decimal": "decimal",
    "IPv4Address": "ipaddress",
    "IPv6Address": "ipaddress",
    "Literal": "typing",
    "StrEnum": "enum",
    "UTC": "datetime",
    "UUID": "uuid",
    "date": "datetime",
    "datetime": "datetime",
    "timedelta": "datetime",
}
"""Where each name that a module of definitions may use comes from."""


@dataclass(frozen=True, slots=True)
class Code:
    """Source of an expression or annotation. ``names``: keys of ``MODULES`` that it uses."""

    text: str
    names: tuple[str, ...] = ()


def imports(names: Iterable[str]) -> str:
    """The import statements for these names, in Ruff's order."""
    return import_block((Import(MODULES[name], name, name, False) for name in sorted(set(names))), package="")
