"""What a block of a transaction did to the entities of its context, and how a rollback takes it back. Pure; no I/O.

Entities made in the block are forgotten, changes made in it are undone, and what waited for a flush when it began waits
again as it was. Columns that are not undone by that were read: the next look-up reads them again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from weakref import ref as weak_reference

from fluxaorm.entity.values.json_codec import same_json
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.plans.state.tracked import DELETING, NEW, STORED, TrackedEntity
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.writes.entity_write import EntityWrite
from fluxaorm.plans.writes.pipelines import pipelines_of


@dataclass(slots=True)
class Written:
    """One entity as it was before a flush wrote it."""

    entity: TrackedEntity
    pool: str
    state: int
    values: dict[int, Any]
    """Position -> value before the changes, of all columns that the flush set."""


def note_written(writes: Sequence[EntityWrite]) -> list[Written]:
    """What must be known to take a flush back; to be asked before its entities are marked as written."""
    return [_noted(write) for write in writes]


def _noted(write: EntityWrite) -> Written:
    entity, old = write.entity, write.entity._old or {}
    by_itself = {position: entity._row[position] for position in write.values if position not in old}
    return Written(entity, write.binding.mysql_pool, entity._state, by_itself | old)


@dataclass(slots=True)
class _Document:
    """A Json value that may change in place, as it was."""

    cell: JsonValue
    raw: Any
    value: Any

    def restored(self) -> JsonValue:
        """The same cell if it still says the same, so that who holds its value goes on changing this one."""
        if same_json(self.cell.value, self.value):
            self.cell.raw = self.raw
            return self.cell
        return JsonValue(self.raw, self.value)


class _PendingEntity:
    """One entity that waits for a flush, as it is."""

    def __init__(self, entity: TrackedEntity) -> None:
        self.entity = entity
        self._state = entity._state
        self._row = entity._row.copy()
        self._old = dict(entity._old) if entity._old else None
        self._documents = {
            position: _Document(cell, cell.raw, deepcopy(cell.value))
            for position in entity._identity_map.binding.json_positions
            if type(cell := self._row[position]) is JsonValue
        }

    def restore(self) -> None:
        entity = self.entity
        for position, document in self._documents.items():
            self._row[position] = document.restored()
        entity._state, entity._row, entity._old = self._state, self._row, self._old
        _know_again(entity)


class Unsaved:
    """Everything that waits for a flush at one moment; serves one ``take_back``."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        unit_of_work._note_json_changes()
        self._entities = [_PendingEntity(entity) for entity in unit_of_work._pending]
        self._chosen_ids = tuple(unit_of_work._chosen_ids)
        queued = pipelines_of(unit_of_work)
        self._pipelines = queued.copy() if queued is not None else None

    def restore(self, unit_of_work: UnitOfWork, done: Collection[str], written: Collection[TrackedEntity]) -> None:
        """Let it wait again, but for what was ``written`` to MySQL pools that are done with."""
        unit_of_work._pending.clear()
        for waiting in self._entities:
            if waiting.entity not in written:
                waiting.restore()
                unit_of_work._pending[waiting.entity] = None
        unit_of_work._chosen_ids = {entity: None for entity in self._chosen_ids if entity in unit_of_work._pending}
        unit_of_work._pipelines = self._pipelines
        if self._pipelines is not None:
            self._pipelines.wait_again(done)


def take_back(
    unit_of_work: UnitOfWork, before: Unsaved, written: Sequence[Written], *, done: Collection[str] = frozenset()
) -> None:
    """Go back to ``before``, undoing the flushes since; ``done``: MySQL pools where they stay.

    Every row that the context knows is read again by the next look-up.
    """
    unit_of_work._note_json_changes()
    drop_changes(unit_of_work._pending)
    for each in reversed(written):
        if each.pool not in done:
            _undo(each)
    before.restore(unit_of_work, done, {each.entity for each in written if each.pool in done})
    unit_of_work._make_stale()


def drop_changes(entities: Iterable[TrackedEntity]) -> None:
    """Give entities that wait for a flush their loaded values back, and forget new ones."""
    for entity in list(entities):
        entity._revert()
        if entity._state == NEW:
            entity._identity_map.drop_new(entity._row[0])


def _undo(written: Written) -> None:
    entity = written.entity
    for position, value in written.values.items():
        entity._row[position] = value
    entity._old = None
    if written.state == NEW:
        _make_new(entity)
        return
    entity._state = STORED
    if written.state == DELETING:
        _know_again(entity)


def _make_new(entity: TrackedEntity) -> None:
    """Nobody's business again: an entity without a row that no flush looks at."""
    entity._state = NEW
    entity._identity_map.drop_new(entity._row[0])
    for position in entity._identity_map.binding.json_positions:
        cell = entity._current(position)
        if type(cell) is JsonValue:
            cell.raw = None


def _know_again(entity: TrackedEntity) -> None:
    identity_map, id = entity._identity_map, entity._row[0]
    identity_map.forget(id)
    identity_map.current[id] = weak_reference(entity)
