"""Entities of a transaction that is rolled back: their unsaved state is brought back. Pure; no I/O.

What a flush wrote is unsaved again, what was set since then stays set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import ref as weak_reference

from fluxaorm.entity.json_value import JsonValue
from fluxaorm.plans.flush_work import EntityWrite
from fluxaorm.plans.tracked import DELETING, GONE, NEW, STORED, TrackedEntity, same_value
from fluxaorm.plans.unit import UnitOfWork


@dataclass(slots=True)
class Written:
    """One entity as it was before a flush wrote it."""

    entity: TrackedEntity
    pool: str
    state: int
    old: dict[int, Any]
    by_itself: dict[int, Any]
    """Position -> value of columns that the flush set and nobody else: times, the version."""


def note_written(writes: Sequence[EntityWrite]) -> list[Written]:
    """What must be known to take a flush back; to be asked before its entities are settled."""
    return [_noted(write) for write in writes]


def _noted(write: EntityWrite) -> Written:
    entity, old = write.entity, dict(write.entity._old or {})
    by_itself = {position: entity._row[position] for position in write.values if position not in old}
    return Written(entity, write.binding.mysql_pool, entity._state, old, by_itself)


def take_back(owner: UnitOfWork, written: Sequence[Written]) -> None:
    """Undo flushes, the last first."""
    for each in reversed(written):
        if each.state == NEW:
            _as_new(each)
        elif each.state == DELETING:
            _as_deleting(each)
        else:
            _as_changed(each)
        entity = each.entity
        if entity._state in (NEW, DELETING) or entity._old:
            owner.pending[entity] = None
        else:
            owner.pending.pop(entity, None)


def _as_new(written: Written) -> None:
    entity = written.entity
    if entity._state == DELETING:
        # deleting what has no row is no work
        entity._state = GONE
        entity._old = None
        entity._unit.forget(entity._row[0])
        return
    changed = entity._old or {}
    for position, value in written.by_itself.items():
        if position not in changed:
            entity._row[position] = value
    entity._state = NEW
    entity._old = None
    for position in entity._unit.binding.json_positions:
        cell = entity._current(position)
        if type(cell) is JsonValue:
            cell.raw = None


def _as_deleting(written: Written) -> None:
    entity = written.entity
    entity._state = DELETING
    identity = entity._unit.identity
    _ = identity.setdefault(entity._row[0], weak_reference(entity))


def _as_changed(written: Written) -> None:
    entity = written.entity
    if entity._state == GONE:
        entity._state = STORED
    changed = dict(entity._old or {})
    for position, value in written.by_itself.items():
        if position in changed:
            changed[position] = value
        else:
            entity._row[position] = value
    changed |= written.old
    entity._old = {at: old for at, old in changed.items() if not same_value(old, entity._current(at))} or None


class Snapshot:
    """Everything unsaved at one moment, to begin again from there."""

    def __init__(self, owner: UnitOfWork) -> None:
        owner.note_json_changes()
        self._owner = owner
        self._entities = [
            (entity, entity._state, entity._row.copy(), dict(entity._old) if entity._old else None)
            for entity in owner.pending
        ]
        self._chosen_ids = dict(owner.chosen_ids)
        self._pipelines = owner.pipelines.copy() if owner.pipelines is not None else None

    def restore(self) -> None:
        """Forget what was changed or made since; what was unsaved then is unsaved again."""
        owner = self._owner
        owner.note_json_changes()
        for entity in list(owner.pending):
            entity._revert()
            if entity._state == NEW:
                entity._unit.forget(entity._row[0])
        owner.pending.clear()
        for entity, state, row, old in self._entities:
            entity._state, entity._row, entity._old = state, row.copy(), dict(old) if old else None
            entity._unit.identity[entity._row[0]] = weak_reference(entity)
            owner.pending[entity] = None
        owner.chosen_ids = dict(self._chosen_ids)
        owner.pipelines = self._pipelines.copy() if self._pipelines is not None else None
