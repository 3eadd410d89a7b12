"""Look-ups by id and by unique index: identity map, caches, MySQL, and what must not be missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fluxaorm.errors import (
    EntityGoneError,
    EntityNotFoundError,
    NotPersistedError,
    NotSupportedError,
    QueryError,
    UnsavedChangesError,
)
from fluxaorm.plans.effects import FetchRows, Plan
from fluxaorm.plans.row_cache import read_row_plan, read_rows_plan, select_row_plan
from fluxaorm.plans.tracked import NEW, TrackedEntity
from fluxaorm.plans.unit import EntityUnit


def get_by_id_plan(unit: EntityUnit, id: int) -> Plan[Any]:
    """The entity of an id, or None."""
    check_id(unit, id)
    known = unit.fresh(id)
    if known is not None:
        return known
    row = yield from read_row_plan(unit.owner, unit.binding, id)
    return None if row is None else unit.entity_from_row(row, _read_at(unit))


def get_for_update_plan(unit: EntityUnit, id: int) -> Plan[Any]:
    """Lock the row, read it past every cache and refresh the entity in place.

    Raises UnsavedChangesError for a dirty entity, NotSupportedError where the server has no row locks.
    """
    check_id(unit, id)
    clause = unit.binding.dialect.for_update_clause()
    if not clause:
        raise NotSupportedError(f"{unit.schema.name}: FOR UPDATE is not supported by {unit.binding.dialect.name}")
    known = unit.known(id)
    if known is not None and known in unit.owner.pending:
        raise UnsavedChangesError(unit.schema.name, id)
    rows = yield from FetchRows(unit.target, f"{unit.binding.select_by_id_sql} {clause}", (id,))
    return unit.entity_from_row(rows[0], _read_at(unit)) if rows else None


def must_get_by_id_plan(unit: EntityUnit, id: int, for_update: bool = False) -> Plan[Any]:
    """The same; EntityNotFoundError instead of None."""
    entity = yield from (get_for_update_plan if for_update else get_by_id_plan)(unit, id)
    if entity is None:
        raise EntityNotFoundError(unit.schema.name, id)
    return entity


def get_by_ids_plan(unit: EntityUnit, ids: Sequence[int]) -> Plan[list[Any]]:
    """Found entities in the order of the ids, each once."""
    entities: dict[int, Any] = {}
    missing: list[int] = []
    identity = unit.identity
    for id in ids:
        if type(id) is not int or id < 0:
            check_id(unit, id)
        if id not in entities:
            known = entities[id] = unit.fresh(id) if id in identity else None
            if known is None:
                missing.append(id)
    if missing:
        rows = yield from read_rows_plan(unit.owner, unit.binding, missing)
        entities.update(zip(rows, unit.entities_from_rows(rows.values()), strict=True))
    return [entity for entity in entities.values() if entity is not None]


def check_id(unit: EntityUnit, id: Any) -> None:
    """Refuse what cannot be an id: QueryError names the entity and the value."""
    if type(id) is not int and (isinstance(id, bool) or not isinstance(id, int)):
        raise QueryError(f"{unit.schema.name}: an id is an int, not {type(id).__name__} {id!r}")
    if id < 0:
        raise QueryError(f"{unit.schema.name}: an id is not negative, got {id}")


def _read_at(unit: EntityUnit) -> float:
    return 0.0 if unit.owner.identity_ttl is None else unit.owner.engine.monotonic()


def get_by_unique_plan(unit: EntityUnit, index_name: str, values: Sequence[Any]) -> Plan[Any]:
    """The living entity whose unique index holds these values, or None; NULL in any part matches nothing."""
    params = _unique_params(unit, index_name, values)
    if params is None:
        return None
    index = next(index for index in unit.schema.indexes if index.name == index_name)
    dialect = unit.binding.dialect
    conditions = [f"{dialect.quote(unit.schema.columns[position].name)} = ?" for position in index.positions]
    if unit.schema.soft_delete_position is not None:
        conditions.append(f"{dialect.quote(unit.schema.columns[unit.schema.soft_delete_position].name)} = 0")
    sql = f"{unit.binding.select_sql} WHERE {' AND '.join(conditions)}"
    rows = yield from FetchRows(unit.target, sql, params)
    return unit.entity_from_row(rows[0], _read_at(unit)) if rows else None


def _unique_params(unit: EntityUnit, index_name: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    index = next(index for index in unit.schema.indexes if index.name == index_name)
    params: list[Any] = []
    for position, value in zip(index.positions, values, strict=True):
        if value is None:
            return None
        column = unit.schema.columns[position]
        if isinstance(value, TrackedEntity):
            value = value._row[0]
        try:
            params.append(column.encode(column.check(value)))
        except ValueError as error:
            raise QueryError(f"{unit.schema.name}.{column.field}: {value!r}: {error}") from None
    return tuple(params)


def must_get_by_unique_plan(unit: EntityUnit, index_name: str, values: Sequence[Any]) -> Plan[Any]:
    """The same; EntityNotFoundError instead of None."""
    entity = yield from get_by_unique_plan(unit, index_name, values)
    if entity is None:
        index = next(index for index in unit.schema.indexes if index.name == index_name)
        raise EntityNotFoundError(unit.schema.name, None, dict(zip(index.fields, values, strict=True)))
    return entity


def reload_plan(entities: Sequence[TrackedEntity], discard: bool = False) -> Plan[None]:
    """Read entities again from MySQL in place, past every cache, inside an open transaction if there is one.

    Raises UnsavedChangesError for dirty ones unless ``discard``, NotPersistedError for new ones, EntityGoneError.
    """
    for entity in entities:
        if entity._state == NEW:
            raise NotPersistedError(entity._unit.schema.name, entity._row[0])
        if entity in entity._unit.owner.pending and not discard:
            raise UnsavedChangesError(entity._unit.schema.name, entity._row[0])
    for entity in entities:
        unit, id = entity._unit, entity._row[0]
        row = yield from select_row_plan(unit.target, unit.binding, id)
        if row is None:
            raise EntityGoneError(unit.schema.name, id)
        entity._revert()
        unit.owner.pending.pop(entity, None)
        unit.owner.json_read.pop(entity, None)
        entity._refresh([id, *row[1:]], _read_at(unit))


def load_reference_plan(
    unit: EntityUnit, position: int, target: EntityUnit, entities: Sequence[Any]
) -> Plan[list[Any]]:
    """Load what a reference column of many entities refers to, in one batch; the distinct found targets.

    The context holds them, so that each entity's own look-up finds them, until ``ctx.clear()``.
    """
    if unit.schema.columns[position].kind == "references":
        ids = [id for entity in entities for id in entity._json(position) or ()]
    else:
        ids = [id for entity in entities if (id := entity._decoded(position)) is not None]
    found = yield from get_by_ids_plan(target, ids)
    unit.owner.held.update(dict.fromkeys(found))
    return found
