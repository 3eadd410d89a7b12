"""Which tables can be entities, which of their columns refer to other entities, and which are soft-deleted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fluxaorm.dialects.column_types import parse_type
from fluxaorm.dialects.tables import ColumnDefinition, ForeignKeyDefinition, TableDefinition
from fluxaorm.entity.resolve.definitions import FAKE_DELETE
from fluxaorm.entity.resolve.names import identifier_problem, table_problem
from fluxaorm.introspect.drafts import Omission
from fluxaorm.introspect.field_types import integer_name

_WANTED = "an entity has a single integer key"


def table_refusal(table: TableDefinition) -> str:
    """Why a table cannot be an entity; "" when it can."""
    if problem := table_problem(table.name):
        return f"its name {problem}"
    if not table.primary_key:
        return f"it has no primary key; {_WANTED}"
    if len(table.primary_key) > 1:
        columns = ", ".join(f"`{name}`" for name in table.primary_key)
        return f"its primary key is made of {columns}; {_WANTED}"
    return _key_refusal(key_of(table))


def _key_refusal(key: ColumnDefinition) -> str:
    if not id_type(key):
        return f"its key `{key.name}` is {key.type}; {_WANTED}"
    problem = identifier_problem(key.name)
    return f"the name of its key `{key.name}` {problem}" if problem else ""


def key_of(table: TableDefinition) -> ColumnDefinition:
    """The column of a primary key of one column."""
    column = table.column(table.primary_key[0])
    assert column is not None, "a key is made of columns"
    return column


def id_type(key: ColumnDefinition) -> str:
    """``UInt32`` for a key of that type; "" for one that cannot be an id."""
    return integer_name(parse_type(key.type)) or ""


def is_soft_deleted(table: TableDefinition) -> bool:
    """Whether ``fake_delete`` is what soft delete would make it: of the key's type, and 0 to begin with."""
    column = table.column(FAKE_DELETE)
    if column is None or column.nullable or column.default not in (None, "0"):
        return False
    return parse_type(column.type) == parse_type(key_of(table).type)


def references_of(table: TableDefinition, entities: Mapping[str, TableDefinition]) -> dict[str, str]:
    """Column -> table of the entity it refers to, where a foreign key says so."""
    found: dict[str, str] = {}
    for key in table.foreign_keys:
        if not _reference_refusal(table, key, entities):
            _ = found.setdefault(key.columns[0], key.target)
    return found


def unreferred(table: TableDefinition, entities: Mapping[str, TableDefinition]) -> Iterator[Omission]:
    """The foreign keys that do not become references."""
    for key in table.foreign_keys:
        if reason := _reference_refusal(table, key, entities):
            yield Omission("foreign key", key.name, reason)


def _reference_refusal(
    table: TableDefinition, key: ForeignKeyDefinition, entities: Mapping[str, TableDefinition]
) -> str:
    if len(key.columns) != 1:
        return f"it is made of {len(key.columns)} columns"
    target = entities.get(key.target)
    if target is None:
        return f"`{key.target}` is no entity of this module"
    if key.target_columns != target.primary_key:
        return f"it points at `{key.target}`.`{', '.join(key.target_columns)}`, which is not the id"
    column = table.column(key.columns[0])
    if key.columns == table.primary_key:
        return "the id itself cannot be a reference"
    if column is None or parse_type(column.type) != parse_type(key_of(target).type):
        return f"its column is not of the type of `{key.target}`'s id"
    return ""
