"""Look-ups by id and by unique index: identity map, caches, MySQL, and what must not be missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from fluxaorm.errors import (
    EntityError,
    EntityGoneError,
    EntityNotFoundError,
    ForeignEntityError,
    NotPersistedError,
    ReadOnlyEntityError,
    UnsavedChangesError,
)
from fluxaorm.plans.cache.many_rows import BATCH, select_rows_plan
from fluxaorm.plans.cache.one_row import read_row_plan
from fluxaorm.plans.effects import Plan, Row
from fluxaorm.plans.reads.row_reader import find_row_plan, find_rows_plan
from fluxaorm.plans.state.given_ids import LARGEST_ID, checked_ids
from fluxaorm.plans.state.keys import ABSENT
from fluxaorm.plans.state.tracked import DELETING, GONE, NEW, SNAPSHOT, STORED, TrackedEntity
from fluxaorm.plans.state.unit import EntityUnit, UnitOfWork

_INT: Final = {int}


def get_by_id_plan(unit: EntityUnit, id: int, must: bool = False, include_deleted: bool = False) -> Plan[Any]:
    """The entity of an id, or None; ``must``: or EntityNotFoundError."""
    entity: Any = None
    if (type(id) is int and 0 <= id <= LARGEST_ID) or checked_ids(unit, (id,)):
        counts = unit.binding.counts
        if id in unit.identity:
            entity = unit.fresh(id)
        if entity is not None:
            counts.context_hit += 1
        else:
            counts.context_miss += 1
            since = unit.writes_seen
            # no plan of its own: this is the shortest way to one row
            if unit.owner.merges_look_ups:
                row = yield from find_row_plan(unit, id)
            else:
                row = yield from read_row_plan(unit.owner.engine, unit.target, unit.binding, id)
            if row is not None:
                entity = unit.entity_from_row(row, since, read_at(unit))
    if entity is not None and (include_deleted or not unit.is_hidden(entity)):
        return entity
    if must:
        raise EntityNotFoundError(unit.schema.name, id)
    return None


def entity_at_hand(unit: EntityUnit, id: int, include_deleted: bool = False) -> Any:
    """The entity of an id that the context has, or whose row the local cache has, found without a plan.

    None: let the plan look.
    """
    if type(id) is not int:
        # True and 1.0 would find the entity of 1
        return None
    owner, binding, mark = unit.owner, unit.binding, unit.mark
    ref = unit.identity.get(id)
    if ref is not None and owner.plain_identity:
        entity = ref()
        if entity is not None:
            if not include_deleted and (entity._state == DELETING or (mark is not None and entity._row[mark])):
                return None
            binding.counts.context_hit += 1
            return entity
    local = binding.local
    if local is None or owner.in_use_by is not None or owner.sessions or not owner.plain_identity:
        return None
    row = local.get(id)
    if row is None or row is ABSENT:
        return None
    if mark is not None and not include_deleted and unit.python_value(mark, row[mark]):
        return None
    if unit.stale:
        entity = unit.entity_from_row(row, unit.writes_seen)
        if not include_deleted and unit.is_hidden(entity):
            return None
    else:
        cells = list(row)
        cells[0] = id
        entity = unit.adopt(id, cells, STORED, 0.0)
    binding.counts.context_miss += 1
    binding.counts.local_hit += 1
    return entity


def get_by_ids_plan(unit: EntityUnit, ids: Sequence[int], include_deleted: bool = False) -> Plan[list[Any]]:
    """Found entities in the order of the ids, each once."""
    if not set(map(type, ids)) <= _INT or (ids and not (min(ids) >= 0 and max(ids) <= LARGEST_ID)):
        ids = checked_ids(unit, ids)
    entities: dict[int, Any] = dict.fromkeys(ids)
    missing: Sequence[int] = list(entities)
    if not unit.identity.keys().isdisjoint(missing):
        identity = unit.identity
        entities.update({id: unit.fresh(id) for id in missing if id in identity})
        missing = [id for id, known in entities.items() if known is None]
    unit.binding.counts.context_hit += len(entities) - len(missing)
    unit.binding.counts.context_miss += len(missing)
    if missing:
        since = unit.writes_seen
        rows = yield from find_rows_plan(unit, missing)
        found = unit.entities_from_rows(rows.values(), since, own=not unit.owner.merges_look_ups)
        entities.update(zip(rows, found, strict=True))
    return unit.shown([entity for entity in entities.values() if entity is not None], include_deleted)


def read_at(unit: EntityUnit) -> float:
    """The time that entities made of rows read now get."""
    return 0.0 if unit.owner.identity_ttl is None else unit.owner.engine.monotonic()


def reload_plan(owner: UnitOfWork, entities: Sequence[TrackedEntity], discard: bool = False) -> Plan[None]:
    """Read entities again from MySQL in place, past every cache, inside an open transaction if there is one.

    One statement per 1,000 of a kind. Raises UnsavedChangesError for dirty ones unless ``discard``, NotPersistedError
    for new ones, EntityGoneError, ForeignEntityError, ReadOnlyEntityError; then none was changed.
    """
    for entity in entities:
        if problem := _no_reload(owner, entity, discard):
            raise problem(entity._unit.schema.name, entity._row[0])
    by_unit: dict[EntityUnit, dict[int, TrackedEntity]] = {}
    for entity in entities:
        by_unit.setdefault(entity._unit, {})[entity._row[0]] = entity
    newer: list[tuple[TrackedEntity, list[Any]]] = []
    since = {unit: unit.writes_seen for unit in by_unit}
    for unit, known in by_unit.items():
        rows = yield from _newest_rows_plan(unit, list(known))
        newer.extend((entity, [id, *rows[id][1:]]) for id, entity in known.items())
    for entity, cells in newer:
        entity._revert()
        owner.pending.pop(entity, None)
        owner.json_read.pop(entity, None)
        unit = entity._unit
        unit.refresh(entity, cells[0], cells, read_at(unit))
        if unit.is_overtaken(cells[0], since[unit]):
            unit.make_stale((cells[0],))


def _no_reload(
    owner: UnitOfWork, entity: TrackedEntity, discard: bool
) -> Callable[[str, int | None], EntityError] | None:
    if entity._unit.owner is not owner:
        return ForeignEntityError
    if entity._state == NEW:
        return NotPersistedError
    if entity._state == GONE:
        return EntityGoneError
    if entity._state == SNAPSHOT:
        return ReadOnlyEntityError
    entity._note_json_changes()
    return UnsavedChangesError if entity in owner.pending and not discard else None


def _newest_rows_plan(unit: EntityUnit, ids: Sequence[int]) -> Plan[dict[int, Row]]:
    """The rows of these ids in MySQL; EntityGoneError when there is none of one of them."""
    rows: dict[int, Row] = {}
    for start in range(0, len(ids), BATCH):
        rows.update((yield from select_rows_plan(unit.target, unit.binding, ids[start : start + BATCH])))
    for id in ids:
        if id not in rows:
            raise EntityGoneError(unit.schema.name, id)
    return rows


def load_reference_plan(
    unit: EntityUnit, position: int, target: EntityUnit, entities: Sequence[Any]
) -> Plan[list[Any]]:
    """Load what a reference column of many entities refers to, deleted or not, in one batch; the distinct targets.

    The context holds them, so that each entity's own look-up finds them, until ``ctx.clear()``.
    """
    if unit.schema.columns[position].kind == "references":
        ids = [id for entity in entities for id in entity._json(position) or ()]
    else:
        ids = [id for entity in entities if (id := entity._decoded(position)) is not None]
    found = yield from get_by_ids_plan(target, ids, include_deleted=True)
    if unit.owner.held is None:
        unit.owner.held = {}
    unit.owner.held.update(dict.fromkeys(found))
    return found
