"""``get_or_create``: the entity with these unique values, made and written when there is none. Decides; no I/O.

Two that make the same at once both succeed: the unique index lets one INSERT through, and the other reads its row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from fluxaorm.entity.schema import IndexSchema
from fluxaorm.errors import DuplicateKeyError, QueryError, described
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.flush.flush import flush_plan
from fluxaorm.plans.reads.unique import row_holder_plan
from fluxaorm.plans.state.tracked import NEW
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.plans.writes.creation import new_plan

ATTEMPTS: Final = 3
"""A row that is there for the INSERT and gone for the look-up is tried again so often."""


def get_or_create_plan(
    identity_map: IdentityMap, unique: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Plan[tuple[Any, bool]]:
    """The entity and whether it was made. Raises QueryError before anything is sent, and as a flush."""
    index, values = _key(identity_map, unique)
    if twice := unique.keys() & defaults.keys():
        raise QueryError(f"{identity_map.schema.name}: {', '.join(sorted(twice))} is given twice")
    for attempt in range(1, ATTEMPTS + 1):
        found = yield from _found_plan(identity_map, index, values, again=attempt > 1)
        if found is not None and not identity_map.is_hidden(found):
            return found, False
        # what only waits to be deleted goes first, so that its values are free
        leaving = [] if found is None else [found]
        entity = yield from new_plan(identity_map, {**unique, **defaults})
        try:
            yield from flush_plan(identity_map.unit_of_work, [*leaving, entity])
        except DuplicateKeyError as error:
            _forget(entity)
            if (error.entity, error.index) != (identity_map.schema.name, index.name) or attempt == ATTEMPTS:
                raise
        except BaseException:
            _forget(entity)
            raise
        else:
            return entity, True
    raise AssertionError("unreachable")


def _forget(entity: Any) -> None:
    """What was not written is not left for a later flush."""
    if entity._state == NEW:
        entity._force_delete()


def _key(identity_map: IdentityMap, unique: Mapping[str, Any]) -> tuple[IndexSchema, list[Any]]:
    by_name, given = identity_map.binding.by_name, cast("object", unique)
    if not isinstance(given, Mapping):
        raise QueryError(
            f"{identity_map.schema.name}: get_or_create() takes the fields of a unique index as a dict, "
            f"not {described(given)}"
        )
    fields = {by_name[name].field if name in by_name else name: value for name, value in unique.items()}
    for index in identity_map.schema.indexes:
        if index.unique and set(index.fields) == fields.keys():
            if None in fields.values():
                raise QueryError(
                    f"{identity_map.schema.name}: NULL is equal to nothing, so get_or_create() cannot find it"
                )
            return index, [fields[field] for field in index.fields]
    known = "; ".join(", ".join(index.fields) for index in identity_map.schema.indexes if index.unique) or "none"
    given = ", ".join(fields) or "nothing"
    raise QueryError(
        f"{identity_map.schema.name}: get_or_create() takes the fields of a unique index ({known}), not {given}"
    )


def _found_plan(identity_map: IdentityMap, index: IndexSchema, values: list[Any], *, again: bool) -> Plan[Any]:
    """``again``: the INSERT met a row that an open transaction's snapshot may not show; only a locking read does."""
    lock = again and identity_map.in_transaction and bool(identity_map.binding.dialect.for_update_clause())
    return (yield from row_holder_plan(identity_map, index.name, values, for_update=lock, makes=True))
