"""What a flush writes: pending entities turned into statements, in order.

Pure; nothing is changed until the flush succeeded.

DELETEs, UPDATEs, INSERTs in this order, so that a unique value freed by one is there for another. UPDATEs and DELETEs
go by table and id, so that writers of the same rows lock them in the same order and rarely deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from fluxaorm.entity.json_value import JsonValue
from fluxaorm.entity.schema import UNSET, ColumnSchema
from fluxaorm.errors import MissingValueError
from fluxaorm.plans.binding import Binding
from fluxaorm.plans.effects import Statement
from fluxaorm.plans.pipelines import Pipelines
from fluxaorm.plans.tracked import DELETING, GONE, NEW, STORED, TrackedEntity
from fluxaorm.plans.unit import UnitOfWork

ROWS_A_STATEMENT: Final = 1_000
ROWS_A_CASE: Final = 200
"""Rows an UPDATE with CASE changes: the server looks through the branches one by one."""
BYTES_A_STATEMENT: Final = 1 << 20


class FlushResult(msgspec.Struct, frozen=True):
    """How many rows a flush inserted, updated and deleted; a soft delete counts as deleted."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class StatementTag:
    """What a statement of a flush is about, to tell its errors."""

    binding: Binding
    verb: str
    entities: Sequence[TrackedEntity]


@dataclass(slots=True)
class EntityWrite:
    """One entity's part in a flush: the values that its row will have where they differ from now."""

    entity: TrackedEntity
    binding: Binding
    verb: str
    values: dict[int, Any] = field(default_factory=dict[int, Any])
    """Position -> Python form of what is written."""


@dataclass(slots=True)
class PoolWork:
    """What is written to one MySQL pool."""

    pool: str
    statements: list[Statement] = field(default_factory=list[Statement])


class FlushWork:
    """All of a flush: statements by pool, and the writes to settle afterwards."""

    def __init__(self, writes: list[EntityWrite]) -> None:
        self.writes = writes
        self.pools: dict[str, PoolWork] = {}
        self.queued: Pipelines | None = None
        for verb in ("delete", "update", "insert"):
            for binding, group in _by_binding(write for write in writes if write.verb == verb):
                pool = self.pools.setdefault(binding.mysql_pool, PoolWork(binding.mysql_pool))
                pool.statements.extend(_STATEMENTS[verb](binding, group))

    def add_queued(self, queued: Pipelines) -> None:
        """Run the user's own statements after the entities, and what belongs to them."""
        self.queued = queued
        for code, statements in queued.statements.items():
            self.pools.setdefault(code, PoolWork(code)).statements.extend(statements)

    def result(self) -> FlushResult:
        """The counts."""
        inserted = sum(write.verb == "insert" for write in self.writes)
        deleted = sum(write.verb == "delete" or _soft_deletes(write) for write in self.writes)
        return FlushResult(inserted, len(self.writes) - inserted - deleted, deleted)


def _soft_deletes(write: EntityWrite) -> bool:
    position = write.binding.schema.soft_delete_position
    return write.verb == "update" and position is not None and bool(write.values.get(position))


def _by_binding(writes: Iterable[EntityWrite]) -> list[tuple[Binding, list[EntityWrite]]]:
    groups: dict[Binding, list[EntityWrite]] = {}
    for write in writes:
        groups.setdefault(write.binding, []).append(write)
    return sorted(groups.items(), key=lambda item: item[0].schema.table)


def collect(owner: UnitOfWork, entities: Sequence[TrackedEntity]) -> FlushWork:
    """The work of writing these entities; they are not changed.

    MissingValueError and FieldValueError (a Json value that was changed in place) before anything is sent.
    """
    now = owner.engine.clock()
    writes = [write for entity in entities if (write := _write_of(entity, now)) is not None]
    return FlushWork(writes)


def _write_of(entity: TrackedEntity, now: datetime) -> EntityWrite | None:
    binding = entity._unit.binding
    if entity._state == NEW:
        return _insert_of(entity, binding, now)
    if entity._state == DELETING:
        return EntityWrite(entity, binding, "delete")
    if entity._state == STORED and entity._old:
        return _update_of(entity, binding, now)
    return None


def _insert_of(entity: TrackedEntity, binding: Binding, now: datetime) -> EntityWrite:
    values: dict[int, Any] = {}
    schema = binding.schema
    for position in (schema.created_at_position, schema.updated_at_position):
        if position is not None and entity._row[position] is UNSET:
            values[position] = schema.columns[position].check(now.astimezone(UTC))
    if schema.version_position is not None and entity._row[schema.version_position] is UNSET:
        values[schema.version_position] = 1
    _refuse_broken_json(entity, binding, binding.json_positions)
    missing = [
        schema.columns[position].attribute
        for position, value in enumerate(entity._row)
        if value is UNSET and position not in values
    ]
    if missing:
        raise MissingValueError(schema.name, entity._row[0], missing)
    return EntityWrite(entity, binding, "insert", values)


def _update_of(entity: TrackedEntity, binding: Binding, now: datetime) -> EntityWrite:
    schema = binding.schema
    values = {position: entity._row[position] for position in sorted(entity._old or ())}
    _refuse_broken_json(entity, binding, values)
    updated_at = schema.updated_at_position
    if updated_at is not None and updated_at not in values:
        values[updated_at] = schema.columns[updated_at].check(now.astimezone(UTC))
    if schema.version_position is not None:
        values[schema.version_position] = entity._decoded(schema.version_position) + 1
    return EntityWrite(entity, binding, "update", values)


def _refuse_broken_json(entity: TrackedEntity, binding: Binding, positions: Iterable[int]) -> None:
    """A document that was handed out may have been changed to what its column does not take."""
    for position in positions:
        cell = entity._row[position]
        if type(cell) is JsonValue and cell.handed_out:
            _ = entity._checked(binding.schema.columns[position], cell.value)


def encoded(column: ColumnSchema, value: Any) -> Any:
    """The Param of a Python form (JSON in its cell)."""
    if value is None:
        return None
    return column.encode(value.value if type(value) is JsonValue else value)


def _delete_statements(binding: Binding, writes: list[EntityWrite]) -> list[Statement]:
    version = binding.schema.version_position
    writes = sorted(writes, key=lambda write: int(write.entity._row[0]))
    if version is not None:
        return [_versioned_delete(binding, write, version) for write in writes]
    statements: list[Statement] = []
    for start in range(0, len(writes), ROWS_A_STATEMENT):
        entities = [write.entity for write in writes[start : start + ROWS_A_STATEMENT]]
        places = ", ".join("?" * len(entities))
        sql = f"DELETE FROM {binding.quoted_table} WHERE {binding.quoted_id} IN ({places})"
        tag = StatementTag(binding, "delete", entities)
        statements.append(Statement(sql, [entity._row[0] for entity in entities], tag))
    return statements


def _versioned_delete(binding: Binding, write: EntityWrite, version: int) -> Statement:
    column = binding.dialect.quote(binding.schema.columns[version].name)
    sql = f"DELETE FROM {binding.quoted_table} WHERE {binding.quoted_id} = ? AND {column} = ?"
    entity = write.entity
    return Statement(sql, (entity._row[0], entity._decoded(version)), StatementTag(binding, "delete", [entity]))


def _update_statements(binding: Binding, writes: list[EntityWrite]) -> list[Statement]:
    writes = sorted(writes, key=lambda write: int(write.entity._row[0]))
    if binding.schema.version_position is not None:
        return [_update_statement(binding, write, _params(binding, write)) for write in writes]
    by_columns: dict[tuple[int, ...], list[EntityWrite]] = {}
    for write in writes:
        by_columns.setdefault(tuple(write.values), []).append(write)
    return [
        _joint_update(binding, positions, part)
        for positions, group in by_columns.items()
        for part in _parts(group, [_params(binding, write) for write in group], ROWS_A_CASE)
    ]


def _params(binding: Binding, write: EntityWrite) -> list[Any]:
    columns = binding.schema.columns
    return [encoded(columns[position], value) for position, value in write.values.items()]


def _parts(
    writes: Sequence[EntityWrite], rows: Sequence[list[Any]], most: int
) -> Iterator[list[tuple[EntityWrite, list[Any]]]]:
    """Writes, each with its Params, so many to a statement and no longer than one should be; a long row goes alone."""
    part: list[tuple[EntityWrite, list[Any]]] = []
    size = 0
    for write, row in zip(writes, rows, strict=True):
        length = sum([len(value) for value in row if type(value) is str or type(value) is bytes])
        if part and (len(part) == most or size + length > BYTES_A_STATEMENT):
            yield part
            part, size = [], 0
        part.append((write, row))
        size += length
    yield part


def _joint_update(binding: Binding, positions: tuple[int, ...], part: list[tuple[EntityWrite, list[Any]]]) -> Statement:
    """One UPDATE of the same columns of several rows: a server spends less on it than on one statement a row."""
    if len(part) == 1:
        return _update_statement(binding, *part[0])
    changes: list[str] = []
    args: list[Any] = []
    entities = [write.entity for write, _ in part]
    for at, position in enumerate(positions):
        values = [params[at] for _, params in part]
        name = binding.dialect.quote(binding.schema.columns[position].name)
        if all(value == values[0] and type(value) is type(values[0]) for value in values):
            changes.append(f"{name} = ?")
            args.append(values[0])
        else:
            changes.append(f"{name} = CASE {binding.quoted_id}{' WHEN ? THEN ?' * len(part)} END")
            for entity, value in zip(entities, values, strict=True):
                args += (entity._row[0], value)
    places = ", ".join("?" * len(entities))
    sql = f"UPDATE {binding.quoted_table} SET {', '.join(changes)} WHERE {binding.quoted_id} IN ({places})"
    args += [entity._row[0] for entity in entities]
    return Statement(sql, args, StatementTag(binding, "update", entities))


def _update_statement(binding: Binding, write: EntityWrite, params: list[Any]) -> Statement:
    args = [*params, write.entity._row[0]]
    if binding.schema.version_position is not None:
        args.append(write.entity._decoded(binding.schema.version_position))
    return Statement(binding.update_sql(tuple(write.values)), args, StatementTag(binding, "update", [write.entity]))


def _insert_statements(binding: Binding, writes: list[EntityWrite]) -> list[Statement]:
    statements: list[Statement] = []
    for part in _parts(writes, [_inserted_row(binding, write) for write in writes], ROWS_A_STATEMENT):
        tag = StatementTag(binding, "insert", [write.entity for write, _ in part])
        statements.append(Statement(binding.insert_sql, (), tag, [row for _, row in part]))
    return statements


def _inserted_row(binding: Binding, write: EntityWrite) -> list[Any]:
    row = write.entity._row
    if write.values:
        row = row.copy()
        for position, value in write.values.items():
            row[position] = value
    return row_params(binding, row)


def row_params(binding: Binding, row: list[Any]) -> list[Any]:
    """A whole row in the form a driver takes."""
    if binding.json_positions:
        row = [cell.value if type(cell) is JsonValue else cell for cell in row]
    return [
        value if encode is None or value is None else encode(value)
        for encode, value in zip(binding.encoders, row, strict=True)
    ]


_STATEMENTS = {"delete": _delete_statements, "update": _update_statements, "insert": _insert_statements}


def settle(owner: UnitOfWork, writes: Iterable[EntityWrite]) -> None:
    """Written entities are clean, deleted ones gone."""
    for write in writes:
        entity = write.entity
        owner.pending.pop(entity, None)
        if write.verb == "delete":
            entity._state = GONE
            entity._unit.forget(entity._row[0])
            continue
        entity._state = STORED
        entity._old = None
        for position, value in write.values.items():
            entity._row[position] = value
        _settle_json(entity, write.binding)


def _settle_json(entity: TrackedEntity, binding: Binding) -> None:
    for position in binding.json_positions:
        cell = entity._row[position]
        if type(cell) is JsonValue:
            cell.raw = binding.schema.columns[position].encode(cell.value)
