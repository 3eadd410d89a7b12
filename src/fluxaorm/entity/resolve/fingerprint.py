"""A hash of everything that generated code and cached rows depend on: the same in every process and Python."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from fluxaorm.entity.schema import UNSET, ColumnSchema, EntitySchema, GroupSchema

if TYPE_CHECKING:
    from collections.abc import Iterable


def fingerprint_of(schema: EntitySchema) -> str:
    """16 hex digits. Cache times, other stores, the docstring, and the modules that types come from do not count."""
    text = json.dumps(_entity(schema), separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:16]


def _entity(schema: EntitySchema) -> list[Any]:
    return [
        schema.name,
        schema.table,
        schema.mysql_pool,
        schema.soft_delete,
        [_column(column) for column in schema.columns],
        [_group(group) for group in schema.groups],
        [[index.name, index.fields, index.columns, index.unique, index.cached] for index in schema.indexes],
        [[ref.field, ref.target, ref.position, ref.many, ref.nullable] for ref in schema.references],
    ]


def _column(column: ColumnSchema) -> list[Any]:
    enum = column.enum
    return [
        *(column.name, column.field, column.attribute, column.kind, column.annotation),
        *(column.nullable, column.mysql_type, column.has_default, _default(column), column.reference),
        None if enum is None else [enum.name, enum.members, enum.python_class is None],
        *(column.auto, column.secret, column.searchable, column.sortable),
    ]


def _default(column: ColumnSchema) -> str | None:
    if column.default is UNSET or column.default is None:
        return None
    param = column.encode(column.default)
    return f"{type(param).__name__} {param.hex() if isinstance(param, bytes) else param}"


def _group(group: GroupSchema) -> list[Any]:
    return [group.name, group.annotation, list(_members(group))]


def _members(group: GroupSchema) -> Iterable[Any]:
    for name, member in group.members:
        yield [name, _group(member) if isinstance(member, GroupSchema) else member]
