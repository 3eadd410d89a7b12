"""What a flush writes: pending entities turned into statements, in order.

Pure; nothing is changed until the flush succeeded. In which order rows are written, ``write_order`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fluxaorm.entity.schema import UNSET, ColumnSchema
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.entity.values.unfit_cell import UnfitCell
from fluxaorm.errors import MissingValueError
from fluxaorm.plans.effects import Statement
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.tracked import DELETING, GONE, NEW, STORED, TrackedEntity
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.writes.auto_values import AutoValues
from fluxaorm.plans.writes.entity_write import EntityWrite, StatementTag
from fluxaorm.plans.writes.pipelines import Pipelines
from fluxaorm.plans.writes.pool_order import Precedence, in_commit_order, precedences
from fluxaorm.plans.writes.row_params import ROWS_A_STATEMENT, Params, UnsetValueError, cut, parts_of
from fluxaorm.plans.writes.write_order import DELETE, INSERT, MARK, UPDATE, arranged

if TYPE_CHECKING:
    from fluxaorm.plans.writes.foreign_keys import KnownForeignKeys

ROWS_A_CASE: Final = 200
"""Rows an UPDATE with CASE changes: the server looks through the branches one by one."""


class FlushResult(msgspec.Struct, frozen=True):
    """How many rows a flush inserted, updated and deleted; a soft delete counts as deleted."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(slots=True)
class PoolWork:
    """What is written to one MySQL pool."""

    pool: str
    statements: list[Statement] = field(default_factory=list[Statement])
    queued: list[Statement] = field(default_factory=list[Statement])
    """The user's own, which run after the others."""


class FlushWork:
    """All of a flush: statements by pool, and the writes to mark as written afterwards."""

    def __init__(self, writes: list[EntityWrite], known: KnownForeignKeys) -> None:
        """ReferenceCycleError when foreign keys leave no order."""
        self.writes = writes
        self.pools: dict[str, PoolWork] = {}
        self.queued: Pipelines | None = None
        self._rows: dict[int, int] = dict.fromkeys((INSERT, UPDATE, MARK, DELETE), 0)
        for binding, kind, group in arranged(writes, known):
            pool = self.pools.setdefault(binding.mysql_pool, PoolWork(binding.mysql_pool))
            pool.statements.extend(_STATEMENTS[kind](binding, group))
            self._rows[kind] += len(group)

    def add_queued(self, queued: Pipelines) -> None:
        """Run the user's own statements after the entities, and what belongs to them."""
        self.queued = queued
        for code, statements in queued.statements.items():
            self.pools.setdefault(code, PoolWork(code)).queued.extend(statements)

    def arrange_anew(self, known: KnownForeignKeys) -> None:
        """The same writes in the order of what is known by now."""
        again = FlushWork(self.writes, known)
        if self.queued is not None:
            again.add_queued(self.queued)
        self.pools = again.pools

    def precedences(self) -> set[Precedence]:
        """Which pools must commit before which."""
        return precedences(self.writes) if len(self.pools) > 1 else set()

    def commit_order(self) -> list[str]:
        """The pools in the order in which they commit."""
        return in_commit_order(list(self.pools), self.precedences())

    def result(self) -> FlushResult:
        """The counts."""
        rows = self._rows
        return FlushResult(rows[INSERT], rows[UPDATE], rows[MARK] + rows[DELETE])


def collect(unit_of_work: UnitOfWork, entities: Sequence[TrackedEntity]) -> list[EntityWrite]:
    """What is to be written of these entities; they are not changed.

    FieldValueError (a Json value that was changed in place) before anything is sent.
    """
    moments = AutoValues(unit_of_work.engine.clock())
    return [write for entity in entities if (write := _write_of(entity, moments)) is not None]


def _write_of(entity: TrackedEntity, moments: AutoValues) -> EntityWrite | None:
    binding = entity._identity_map.binding
    if entity._state == NEW:
        return _insert_of(entity, binding, moments)
    if entity._state == DELETING:
        return EntityWrite(entity, binding, "delete")
    if entity._state == STORED and entity._old:
        return _update_of(entity, binding, moments)
    return None


def _insert_of(entity: TrackedEntity, binding: BoundEntity, moments: AutoValues) -> EntityWrite:
    row = entity._row
    automatic = moments.inserted(binding)
    values = {position: value for position, value in automatic if row[position] is UNSET} if automatic else {}
    if binding.json_positions:
        _refuse_broken_json(entity, binding, binding.json_positions)
    return EntityWrite(entity, binding, "insert", values)


def _update_of(entity: TrackedEntity, binding: BoundEntity, moments: AutoValues) -> EntityWrite:
    schema = binding.schema
    values = {position: entity._row[position] for position in sorted(entity._old or ())}
    if binding.json_positions:
        _refuse_broken_json(entity, binding, values)
    for position, value in moments.updated(binding):
        if position not in values:
            values[position] = value
    if schema.version_position is not None:
        values[schema.version_position] = entity._decoded(schema.version_position) + 1
    return EntityWrite(entity, binding, "update", values)


def _refuse_broken_json(entity: TrackedEntity, binding: BoundEntity, positions: Iterable[int]) -> None:
    """A document that was handed out may have been changed to what its column does not take."""
    for position in positions:
        cell = entity._row[position]
        if type(cell) is JsonValue and cell.handed_out:
            _ = entity._checked(binding.schema.columns[position], cell.value)


def encoded(column: ColumnSchema, value: Any) -> Any:
    """The Param of a Python form (JSON in its cell), or of a stored value that does not fit."""
    if value is None:
        return None
    if type(value) is UnfitCell:
        return value.raw
    return column.encode(value.value if type(value) is JsonValue else value)


def _delete_statements(binding: BoundEntity, writes: list[EntityWrite]) -> list[Statement]:
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


def _versioned_delete(binding: BoundEntity, write: EntityWrite, version: int) -> Statement:
    column = binding.dialect.quote(binding.schema.columns[version].name)
    sql = f"DELETE FROM {binding.quoted_table} WHERE {binding.quoted_id} = ? AND {column} = ?"
    entity = write.entity
    return Statement(sql, (entity._row[0], entity._decoded(version)), StatementTag(binding, "delete", [entity]))


def _update_statements(binding: BoundEntity, writes: list[EntityWrite]) -> list[Statement]:
    writes = sorted(writes, key=lambda write: int(write.entity._row[0]))
    if binding.schema.version_position is not None:
        return [_update_statement(binding, write, _params(binding, write)) for write in writes]
    by_columns: dict[tuple[int, ...], list[EntityWrite]] = {}
    for write in writes:
        by_columns.setdefault(tuple(write.values), []).append(write)
    return [
        _joint_update(binding, positions, part, rows)
        for positions, group in by_columns.items()
        for part, rows in cut(group, [_params(binding, write) for write in group], ROWS_A_CASE)
    ]


def _params(binding: BoundEntity, write: EntityWrite) -> list[Any]:
    columns = binding.schema.columns
    return [encoded(columns[position], value) for position, value in write.values.items()]


def _joint_update(
    binding: BoundEntity, positions: tuple[int, ...], writes: Sequence[EntityWrite], rows: Sequence[Params]
) -> Statement:
    """One UPDATE of the same columns of several rows: a server spends less on it than on one statement a row."""
    if len(writes) == 1:
        return _update_statement(binding, writes[0], rows[0])
    changes: list[str] = []
    args: list[Any] = []
    entities = [write.entity for write in writes]
    for position, values in zip(positions, zip(*rows, strict=True), strict=True):
        name = binding.dialect.quote(binding.schema.columns[position].name)
        if all(value == values[0] and type(value) is type(values[0]) for value in values):
            changes.append(f"{name} = ?")
            args.append(values[0])
        else:
            changes.append(f"{name} = CASE {binding.quoted_id}{' WHEN ? THEN ?' * len(writes)} END")
            for entity, value in zip(entities, values, strict=True):
                args += (entity._row[0], value)
    places = ", ".join("?" * len(entities))
    sql = f"UPDATE {binding.quoted_table} SET {', '.join(changes)} WHERE {binding.quoted_id} IN ({places})"
    args += [entity._row[0] for entity in entities]
    return Statement(sql, args, StatementTag(binding, "update", entities))


def _update_statement(binding: BoundEntity, write: EntityWrite, params: Params) -> Statement:
    args = [*params, write.entity._row[0]]
    if binding.schema.version_position is not None:
        args.append(write.entity._decoded(binding.schema.version_position))
    return Statement(binding.update_sql(tuple(write.values)), args, StatementTag(binding, "update", [write.entity]))


def _insert_statements(binding: BoundEntity, writes: list[EntityWrite]) -> list[Statement]:
    entities = [write.entity for write in writes]
    rows = [_inserted_row(write) if write.values else write.entity._row for write in writes]
    try:
        return [
            Statement(binding.insert_sql, (), StatementTag(binding, "insert", part), params)
            for part, params in parts_of(binding, entities, rows)
        ]
    except UnsetValueError as error:
        raise missing_values(binding, rows[error.row]) from None


def _inserted_row(write: EntityWrite) -> list[Any]:
    row = write.entity._row.copy()
    for position, value in write.values.items():
        row[position] = value
    return row


def missing_values(binding: BoundEntity, row: Sequence[Any]) -> MissingValueError:
    """What is to be raised for a row that lacks values."""
    columns = binding.schema.columns
    missing = [columns[position].attribute for position, value in enumerate(row) if value is UNSET]
    return MissingValueError(binding.schema.name, row[0], missing)


_STATEMENTS = {
    DELETE: _delete_statements,
    MARK: _update_statements,
    UPDATE: _update_statements,
    INSERT: _insert_statements,
}


def mark_written(unit_of_work: UnitOfWork, writes: Iterable[EntityWrite]) -> None:
    """Written entities are clean, deleted ones gone."""
    for write in writes:
        entity = write.entity
        unit_of_work.pending.pop(entity, None)
        if write.verb == "delete":
            entity._state = GONE
            entity._identity_map.forget(entity._row[0])
            continue
        if write.verb == "insert" and unit_of_work.dropped:
            unit_of_work.dropped.get(write.binding.schema.name, set()).discard(entity._row[0])
        entity._state = STORED
        entity._old = None
        for position, value in write.values.items():
            entity._row[position] = value
        _keep_written_json(entity, write.binding)
    for entity in [entity for entity in unit_of_work.chosen_ids if entity not in unit_of_work.pending]:
        del unit_of_work.chosen_ids[entity]


def _keep_written_json(entity: TrackedEntity, binding: BoundEntity) -> None:
    for position in binding.json_positions:
        cell = entity._row[position]
        if type(cell) is JsonValue:
            cell.raw = binding.schema.columns[position].encode(cell.value)
