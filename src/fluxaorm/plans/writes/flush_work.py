"""What a flush writes: pending entities turned into statements, in order.

Pure; nothing is changed until the flush succeeded. In which order rows are written, ``order.rows`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from fluxaorm.entity.schema import UNSET
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.plans.effects import Statement
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.tracked import DELETING, GONE, NEW, STORED, TrackedEntity
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.writes.auto_values import AutoValues
from fluxaorm.plans.writes.entity_write import EntityWrite
from fluxaorm.plans.writes.order.pools import Precedence, in_commit_order, precedences
from fluxaorm.plans.writes.order.rows import DELETE, INSERT, MARK, UPDATE, arranged
from fluxaorm.plans.writes.pipelines import Pipelines
from fluxaorm.plans.writes.row_statements import statements_of

if TYPE_CHECKING:
    from fluxaorm.plans.writes.order.foreign_keys import KnownForeignKeys


class FlushResult(msgspec.Struct, frozen=True):
    """How many rows a flush inserted, updated and deleted; a soft delete counts as deleted."""

    inserted: int = 0
    """Rows that were new."""
    updated: int = 0
    """Rows that were changed, restored ones among them."""
    deleted: int = 0
    """Rows that were removed or marked deleted."""


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
        self._rows: list[tuple[int, int]] = []
        for binding, kind, group in arranged(writes, known):
            pool = self.pools.setdefault(binding.mysql_pool, PoolWork(binding.mysql_pool))
            pool.statements.extend(statements_of(binding, kind, group))
            self._rows.append((kind, len(group)))

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
        return result_of(self._rows)


def result_of(groups: Iterable[tuple[int, int]]) -> FlushResult:
    """The counts of groups of rows: the kind of each (of ``order.rows``), and how many it has."""
    rows: dict[int, int] = dict.fromkeys((INSERT, UPDATE, MARK, DELETE), 0)
    for kind, count in groups:
        rows[kind] += count
    return FlushResult(rows[INSERT], rows[UPDATE], rows[MARK] + rows[DELETE])


def collect(unit_of_work: UnitOfWork, entities: Sequence[TrackedEntity]) -> list[EntityWrite]:
    """What is to be written of these entities; they are not changed.

    FieldValueError (a Json value that was changed in place) before anything is sent.
    """
    moments = AutoValues(unit_of_work._engine.clock())
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


def mark_written(unit_of_work: UnitOfWork, writes: Iterable[EntityWrite]) -> None:
    """Written entities are clean, deleted ones gone."""
    for write in writes:
        entity = write.entity
        unit_of_work._pending.pop(entity, None)
        if write.verb == "delete":
            entity._state = GONE
            entity._identity_map.forget(entity._row[0])
            continue
        if write.verb == "insert" and unit_of_work._dropped:
            unit_of_work._dropped.get(write.binding.schema.name, set()).discard(entity._row[0])
        entity._state = STORED
        entity._old = None
        for position, value in write.values.items():
            entity._row[position] = value
        _keep_written_json(entity, write.binding)
    for entity in [entity for entity in unit_of_work._chosen_ids if entity not in unit_of_work._pending]:
        del unit_of_work._chosen_ids[entity]


def _keep_written_json(entity: TrackedEntity, binding: BoundEntity) -> None:
    for position in binding.json_positions:
        cell = entity._row[position]
        if type(cell) is JsonValue:
            cell.raw = binding.schema.columns[position].encode(cell.value)
