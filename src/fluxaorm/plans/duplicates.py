"""Whose unique values a server refused: its message turned into entity, index and values. Decides; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fluxaorm.dialects.port import Duplicate
from fluxaorm.entity.json_value import JsonValue
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import DuplicateKeyError, MySQLError
from fluxaorm.plans.effects import FetchRows, Plan, Target
from fluxaorm.plans.flush_work import StatementTag, encoded
from fluxaorm.plans.tracked import TrackedEntity


def explained_plan(target: Target, error: BaseException, tag: object) -> Plan[BaseException]:
    """A duplicate key as a DuplicateKeyError that says which entity, index and values; other errors as they are."""
    if not isinstance(error, MySQLError) or not isinstance(tag, StatementTag):
        return error
    duplicate = tag.binding.dialect.parse_duplicate(error.reason)
    if duplicate is None:
        return error
    schema = tag.binding.schema
    index, positions = _index_of(schema, duplicate)
    entity = yield from _clashing_plan(target, tag, positions, duplicate.value)
    values = {} if entity is None else {_attribute(schema, at): _value(entity, at) for at in positions}
    secret = any(schema.columns[position].secret for position in positions)
    return DuplicateKeyError(schema.name, index, values, errno=error.errno, pool=error.pool, secret=secret)


def _attribute(schema: EntitySchema, position: int) -> str:
    return schema.columns[position].attribute


def _value(entity: TrackedEntity, position: int) -> Any:
    value = entity._current(position)
    return value.value if type(value) is JsonValue else value


def _index_of(schema: EntitySchema, duplicate: Duplicate) -> tuple[str, Sequence[int]]:
    """The index's name and the positions of its fields; a name we never gave has none."""
    if duplicate.index == "PRIMARY" or duplicate.columns == (schema.columns[0].name,):
        return "PRIMARY", (0,)
    for index in schema.indexes:
        if index.name == duplicate.index or (duplicate.columns and index.columns == duplicate.columns):
            return index.name, index.positions
    return duplicate.index or ", ".join(duplicate.columns), ()


def _clashing_plan(
    target: Target, tag: StatementTag, positions: Sequence[int], shown: str | None
) -> Plan[TrackedEntity | None]:
    """Which of a statement's entities has the values that were refused, or None when nobody can tell."""
    if len(tag.entities) == 1 or not positions:
        return tag.entities[0] if len(tag.entities) == 1 else None
    if shown is not None:
        return next((entity for entity in tag.entities if _shows(tag, entity, positions, shown)), None)
    seen: set[tuple[Any, ...]] = set()
    for entity in tag.entities:
        values = _params(tag, entity, positions)
        if None in values:
            continue
        if values in seen or (yield from _is_taken_plan(target, tag, entity, positions, values)):
            return entity
        seen.add(values)
    return None


def _params(tag: StatementTag, entity: TrackedEntity, positions: Sequence[int]) -> tuple[Any, ...]:
    return tuple(encoded(tag.binding.schema.columns[at], entity._current(at)) for at in positions)


def _shows(tag: StatementTag, entity: TrackedEntity, positions: Sequence[int], shown: str) -> bool:
    """Whether MySQL would show the entity's values so: joined by dashes, ``fake_delete`` last where there is one."""
    text = "-".join("NULL" if value is None else str(value) for value in _params(tag, entity, positions))
    return shown == text or shown.startswith(f"{text}-")


def _is_taken_plan(
    target: Target, tag: StatementTag, entity: TrackedEntity, positions: Sequence[int], values: Sequence[Any]
) -> Plan[bool]:
    """Ask the database, where its message shows no values (SQLite)."""
    binding = tag.binding
    names = [binding.dialect.quote(binding.schema.columns[position].name) for position in positions]
    conditions = " AND ".join(f"{name} = ?" for name in names)
    sql = f"SELECT 1 FROM {binding.quoted_table} WHERE {conditions} AND {binding.quoted_id} <> ? LIMIT 1"
    return bool((yield from FetchRows(target, sql, (*values, entity._row[0]))))
