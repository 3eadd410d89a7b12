"""Columns and indexes as an ``EntitySchema`` declares them, in the terms of ``tables``. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fluxaorm.dialects.column_types import COLLATED, canonical_default, parse_type
from fluxaorm.dialects.tables import ColumnDefinition, IndexDefinition
from fluxaorm.entity.schema import UNSET

if TYPE_CHECKING:
    from fluxaorm.entity.schema import ColumnSchema, EntitySchema


def declared_columns(schema: EntitySchema, collation: str) -> tuple[ColumnDefinition, ...]:
    """Every column, text in this collation."""
    return tuple(declared_column(column, collation) for column in schema.columns)


def declared_column(column: ColumnSchema, collation: str) -> ColumnDefinition:
    """One column. Its default is the Python default where that is a constant."""
    kind = parse_type(_type_text(column))
    return ColumnDefinition(
        column.name,
        str(kind),
        column.nullable,
        default_text(column),
        collation if kind.name in COLLATED else None,
    )


def _type_text(column: ColumnSchema) -> str:
    """Members come from the enum, so that no member's quotes have to be read back."""
    if column.enum is None or column.reference is not None:
        return column.mysql_type
    name = parse_type(column.mysql_type).name
    return column.mysql_type if name not in ("enum", "set") else _with_members(name, column.enum.members)


def _with_members(name: str, members: tuple[str, ...]) -> str:
    from fluxaorm.dialects.column_types import ParsedType

    return str(ParsedType(name, members=members))


def default_text(column: ColumnSchema) -> str | None:
    """The default as ``ColumnDefinition.default`` wants it."""
    if column.default is UNSET or column.default is None or column.index == 0:
        return None
    return param_text(column, column.encode(column.default))


def filler_text(column: ColumnSchema) -> str | None:
    """What rows that exist get when the column is added without a default; None: what the server takes by itself."""
    if column.nullable or default_text(column) is not None:
        return None
    if column.default_factory is not None:
        return param_text(column, column.encode(column.default_factory()))
    if column.auto == "version":
        return "1"
    return _FILLERS.get(parse_type(column.mysql_type).name)


_FILLERS = {"date": "1970-01-01", "datetime": "1970-01-01 00:00:00", "json": "null"}


def param_text(column: ColumnSchema, param: Any) -> str:
    """A Param as the text of a default."""
    if isinstance(param, bytes):
        text = f"0x{param.hex()}" if param else ""
    elif isinstance(param, Decimal):
        text = f"{param:f}"
    else:
        text = str(int(param)) if isinstance(param, bool) else str(param)
    return canonical_default(parse_type(column.mysql_type), text)


def declared_indexes(schema: EntitySchema) -> tuple[IndexDefinition, ...]:
    """Every index besides the primary key."""
    return tuple(IndexDefinition(index.name, index.columns, index.unique) for index in schema.indexes)


def safe_identifier(name: str) -> bool:
    """Whether a name is one that definitions may use."""
    return re.fullmatch(r"\w+", name, re.ASCII) is not None
