"""Look-ups by id: identity map, caches, MySQL, and what must not be missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from fluxaorm.entity.values.guards import is_iterable
from fluxaorm.errors import (
    EntityError,
    EntityGoneError,
    EntityNotFoundError,
    ForeignEntityError,
    NotPersistedError,
    QueryError,
    ReadOnlyEntityError,
    UnsavedChangesError,
    described,
    named_with_article,
)
from fluxaorm.plans.cache.many_rows import BATCH
from fluxaorm.plans.cache.one_row import read_row_past_local_plan
from fluxaorm.plans.cache.selects import select_rows_plan
from fluxaorm.plans.effects import Plan, Row
from fluxaorm.plans.reads.row_reader import find_row_plan, find_rows_plan
from fluxaorm.plans.state.given_ids import LARGEST_ID, checked_ids
from fluxaorm.plans.state.keys import ABSENT
from fluxaorm.plans.state.tracked import GONE, NEW, SNAPSHOT, STORED, TrackedEntity, check_entity
from fluxaorm.plans.state.unit_of_work import IdentityMap, UnitOfWork

_INT: Final = {int}
FURTHER: Final[Any] = object()
"""That an entity is not at hand says nothing of whether it exists."""


def entity_at_hand(identity_map: IdentityMap, id: int, include_deleted: bool = False) -> Any:
    """The entity of an id as the context or the local cache knows it, found without a plan; None: there is none.

    ``FURTHER``: that is for ``get_by_id_plan`` to find out, which does not look here again.
    """
    if type(id) is not int:
        return FURTHER
    unit_of_work, binding = identity_map.unit_of_work, identity_map.binding
    ref = identity_map.current.get(id)
    if ref is not None:
        entity: Any = ref() if unit_of_work._plain_identity else identity_map.fresh(id)
        if entity is not None:
            binding.counts.context_hit += 1
            if include_deleted or (identity_map.mark is None and entity._state == STORED):
                return entity
            return None if identity_map.is_hidden(entity) else entity
    binding.counts.context_miss += 1
    # a transaction reads past shared caches; and only a plan finds out that two threads use one context
    if binding.local is None or unit_of_work._sessions or unit_of_work._in_use_by is not None:
        return FURTHER
    row = binding.local.get(id)
    if row is None:
        return FURTHER
    binding.counts.local_hit += 1
    return None if row is ABSENT else _entity_of_local_row(identity_map, id, row, include_deleted)


def _entity_of_local_row(identity_map: IdentityMap, id: int, row: Row, include_deleted: bool) -> Any:
    if identity_map.stale or not identity_map.unit_of_work._plain_identity:
        entity = identity_map.entity_from_row(row, identity_map.writes_seen, read_at(identity_map))
    else:
        cells = list(row)
        cells[0] = id
        entity = identity_map.adopt(id, cells, STORED, 0.0)
        if identity_map.mark is None:
            return entity
    return entity if include_deleted or not identity_map.is_hidden(entity) else None


def get_by_id_plan(identity_map: IdentityMap, id: int, must: bool = False, include_deleted: bool = False) -> Plan[Any]:
    """The entity of an id that is not at hand, or None; ``must``: or EntityNotFoundError.

    QueryError for what is no id.
    """
    if (type(id) is int and 0 <= id <= LARGEST_ID) or checked_ids(identity_map, (id,)):
        since = identity_map.writes_seen
        # no plan of its own: this is the shortest way to one row
        if identity_map.unit_of_work._merges_look_ups:
            row = yield from find_row_plan(identity_map, id)
        else:
            engine, target = identity_map.unit_of_work._engine, identity_map.target
            row = yield from read_row_past_local_plan(engine, target, identity_map.binding, id)
        if row is not None:
            entity = identity_map.entity_from_row(row, since, read_at(identity_map))
            if include_deleted or not identity_map.is_hidden(entity):
                return entity
    if must:
        raise EntityNotFoundError(identity_map.schema.name, id)
    return None


def missing_plan(identity_map: IdentityMap, id: int) -> Plan[Any]:
    """Of an id that must have an entity and has none at hand: EntityNotFoundError, to whoever awaits it."""
    yield from ()
    raise EntityNotFoundError(identity_map.schema.name, id)


def get_by_ids_plan(identity_map: IdentityMap, ids: Sequence[int], include_deleted: bool = False) -> Plan[list[Any]]:
    """Found entities in the order of the ids, each once."""
    if not set(map(type, ids)) <= _INT or (ids and not (min(ids) >= 0 and max(ids) <= LARGEST_ID)):
        ids = checked_ids(identity_map, ids)
    entities: dict[int, Any] = dict.fromkeys(ids)
    missing: Sequence[int] = list(entities)
    if not identity_map.current.keys().isdisjoint(missing):
        identity = identity_map.current
        entities.update({id: identity_map.fresh(id) for id in missing if id in identity})
        missing = [id for id, known in entities.items() if known is None]
    identity_map.binding.counts.context_hit += len(entities) - len(missing)
    identity_map.binding.counts.context_miss += len(missing)
    if missing:
        since = identity_map.writes_seen
        rows = yield from find_rows_plan(identity_map, missing)
        found = identity_map.entities_from_rows(
            rows.values(), since, own=not identity_map.unit_of_work._merges_look_ups
        )
        entities.update(zip(rows, found, strict=True))
    return identity_map.shown([entity for entity in entities.values() if entity is not None], include_deleted)


def read_at(identity_map: IdentityMap) -> float:
    """The time that entities made of rows read now get."""
    return 0.0 if identity_map.unit_of_work._identity_ttl is None else identity_map.unit_of_work._engine.monotonic()


def reload_plan(unit_of_work: UnitOfWork, entities: Sequence[TrackedEntity], discard: bool = False) -> Plan[None]:
    """Read entities again from MySQL in place, past every cache, inside an open transaction if there is one.

    One statement per 1,000 of a kind. Raises UnsavedChangesError for dirty ones unless ``discard``, NotPersistedError
    for new ones, EntityGoneError, ForeignEntityError, ReadOnlyEntityError; then none was changed.
    """
    for entity in entities:
        if problem := _no_reload(unit_of_work, entity, discard):
            raise problem(entity._identity_map.schema.name, entity._row[0])
    by_unit: dict[IdentityMap, dict[int, TrackedEntity]] = {}
    for entity in entities:
        by_unit.setdefault(entity._identity_map, {})[entity._row[0]] = entity
    newer: list[tuple[TrackedEntity, list[Any]]] = []
    since = {identity_map: identity_map.writes_seen for identity_map in by_unit}
    for identity_map, known in by_unit.items():
        rows = yield from _newest_rows_plan(identity_map, list(known))
        newer.extend((entity, [id, *rows[id][1:]]) for id, entity in known.items())
    for entity, cells in newer:
        entity._revert()
        unit_of_work._pending.pop(entity, None)
        unit_of_work._json_read.pop(entity, None)
        identity_map = entity._identity_map
        identity_map.refresh(entity, cells[0], cells, read_at(identity_map))
        if identity_map.is_overtaken(cells[0], since[identity_map]):
            identity_map.make_stale((cells[0],))


def _no_reload(
    unit_of_work: UnitOfWork, entity: TrackedEntity, discard: bool
) -> Callable[[str, int | None], EntityError] | None:
    check_entity("reload()", entity)
    if entity._identity_map.unit_of_work is not unit_of_work:
        return ForeignEntityError
    if entity._state == NEW:
        return NotPersistedError
    if entity._state == GONE:
        return EntityGoneError
    if entity._state == SNAPSHOT:
        return ReadOnlyEntityError
    entity._note_json_changes()
    return UnsavedChangesError if entity in unit_of_work._pending and not discard else None


def _newest_rows_plan(identity_map: IdentityMap, ids: Sequence[int]) -> Plan[dict[int, Row]]:
    """The rows of these ids in MySQL; EntityGoneError when there is none of one of them."""
    rows: dict[int, Row] = {}
    for start in range(0, len(ids), BATCH):
        rows.update(
            (yield from select_rows_plan(identity_map.target, identity_map.binding, ids[start : start + BATCH]))
        )
    for id in ids:
        if id not in rows:
            raise EntityGoneError(identity_map.schema.name, id)
    return rows


def refuse_others(identity_map: IdentityMap, position: int, entities: object) -> None:
    """QueryError unless these are several entities of the class that the reference belongs to."""
    schema = identity_map.schema
    where = f"{schema.name}: load_{schema.columns[position].field}()"
    if not is_iterable(entities):
        raise QueryError(f"{where} takes several {schema.name}, as a list, not {described(entities)}")
    if set(map(type, entities)) <= {identity_map.binding.entity_class}:
        return
    for entity in entities:
        check_entity(where, entity)
        if entity._identity_map.schema.name != schema.name:
            raise QueryError(f"{where} takes {schema.name} alone, not {named_with_article(entity._entity_name)}")


def load_reference_plan(
    identity_map: IdentityMap, position: int, target: IdentityMap, entities: Sequence[Any]
) -> Plan[list[Any]]:
    """Load what a reference column of many entities refers to, deleted or not, in one batch; the distinct targets.

    The context holds them, so that each entity's own look-up finds them, until ``ctx.clear()``. QueryError for entities
    of another class, which may have something else in that column.
    """
    refuse_others(identity_map, position, entities)
    if identity_map.schema.columns[position].kind == "references":
        ids = [id for entity in entities for id in entity._json(position) or ()]
    else:
        ids = [id for entity in entities if (id := entity._decoded(position)) is not None]
    found = yield from get_by_ids_plan(target, ids, include_deleted=True)
    if identity_map.unit_of_work._held is None:
        identity_map.unit_of_work._held = {}
    identity_map.unit_of_work._held.update(dict.fromkeys(found))
    return found
