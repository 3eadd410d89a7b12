"""Making new entities: an id at once, defaults, then the values given. Decides; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fluxaorm.errors import FieldValueError, IdExhaustedError, QueryError
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.ids.new_ids import take_id_plan, take_ids_plan
from fluxaorm.plans.state.given_ids import check_id
from fluxaorm.plans.state.given_names import SET_BY_LIBRARY, refuse_twice
from fluxaorm.plans.state.tracked import TrackedEntity
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.query.pager import check_count


def new_plan(identity_map: IdentityMap, values: Mapping[str, Any]) -> Plan[Any]:
    """A tracked new entity with the next id. Raises FieldValueError (nothing is tracked then), IdExhaustedError."""
    id = yield from take_id_plan(identity_map.unit_of_work, identity_map.binding)
    return identity_map.new_entity(id, values)


def new_many_plan(identity_map: IdentityMap, count: int) -> Plan[list[Any]]:
    """``count`` tracked new entities in the order of their ids. QueryError for what is no count, IdExhaustedError."""
    taken = yield from take_ids_plan(identity_map.unit_of_work, identity_map.binding, check_count("new_many", count, 0))
    return [identity_map.new_entity(id) for id in taken]


def new_with_id(identity_map: IdentityMap, id: int, values: Mapping[str, Any]) -> Any:
    """A tracked new entity with the caller's id; the flush keeps generated ids above it."""
    check_chosen_id(identity_map, id)
    if identity_map.known(id) is not None:
        raise QueryError(f"{identity_map.schema.name}: this context already has an entity with id {id}")
    entity = identity_map.new_entity(id, values)
    identity_map.unit_of_work._chosen_ids[entity] = None
    return entity


def track_new(entity: TrackedEntity) -> None:
    """Let the next flush write a new entity, also one that was dropped: look-ups find this object and no second one.

    QueryError when the context has another one of its id.
    """
    identity_map, id = entity._identity_map, entity._row[0]
    if entity in identity_map.unit_of_work._pending:
        return
    if identity_map.known(id) not in (None, entity):
        raise QueryError(f"{identity_map.schema.name}: this context already has an entity with id {id}")
    identity_map.know(id, entity)
    identity_map.unit_of_work._pending[entity] = None
    # nobody knows any more whether the caller chose its id: to keep others above it does no harm
    identity_map.unit_of_work._chosen_ids[entity] = None


def check_chosen_id(identity_map: IdentityMap, id: Any) -> None:
    """Refuse what cannot be the id of a row. QueryError, IdExhaustedError."""
    check_id(identity_map, id)
    if id == 0:
        # servers take a 0 for "the next number of yours", and soft delete takes it for "alive"
        raise QueryError(
            f"{identity_map.schema.name}: an id starts at 1, or is negative where its type is signed, got 0"
        )
    if id > identity_map.schema.id_maximum:
        raise IdExhaustedError(identity_map.schema.name, identity_map.schema.id_maximum)


def draft(identity_map: IdentityMap, values: Mapping[str, Any], cells: list[Any]) -> Any:
    """An entity that is neither tracked nor known: to check values, and to carry them.

    ``cells``: its row before they are set. Raises FieldValueError.
    """
    refuse_twice(identity_map.schema, identity_map.binding.rivals, values)
    made = identity_map.loose_entity(cells)
    for name, value in values.items():
        column = identity_map.binding.by_name.get(name)
        if column is not None and (column.index == 0 or column.auto in SET_BY_LIBRARY):
            raise FieldValueError(identity_map.schema.name, name, value, "is set by the library, not in bulk")
    made._fill(values)
    return made
