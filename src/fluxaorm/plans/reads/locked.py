"""Look-ups that lock rows until the open transaction ends, and so read them as they are now. Decides; no I/O.

They go past every cache and refresh entities in place. An entity with unsaved changes is refused: those were made on
the ground of an older row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fluxaorm.errors import EntityNotFoundError, QueryError, UnsavedChangesError, no_row_locks
from fluxaorm.plans.cache.many_rows import BATCH
from fluxaorm.plans.effects import FetchRows, Plan
from fluxaorm.plans.reads.by_id import read_at
from fluxaorm.plans.state.given_ids import checked_ids
from fluxaorm.plans.state.unit_of_work import IdentityMap


def check_lockable(identity_map: IdentityMap) -> None:
    """QueryError outside a transaction: a lock would be gone with the statement that took it."""
    if not identity_map.in_transaction:
        raise QueryError(
            f"{identity_map.schema.name}: for_update locks rows until the transaction ends, and none is open; "
            "read and write inside ctx.transaction() or ctx.run_in_transaction()"
        )


def lock_clause(identity_map: IdentityMap) -> str:
    """What locks the rows of a SELECT. QueryError outside a transaction, NotSupportedError without row locks."""
    check_lockable(identity_map)
    clause = identity_map.binding.dialect.for_update_clause()
    if not clause:
        raise no_row_locks(identity_map.schema.name, identity_map.binding.dialect.name)
    return clause


def refuse_unsaved(identity_map: IdentityMap, id: int) -> None:
    """UnsavedChangesError when the entity of this id has some."""
    known = identity_map.known(id)
    if known is not None:
        known._note_json_changes()
        if known in identity_map.unit_of_work._pending:
            raise UnsavedChangesError(identity_map.schema.name, id)


def get_for_update_plan(
    identity_map: IdentityMap, id: int, *, must: bool = False, include_deleted: bool = False
) -> Plan[Any]:
    """The entity of an id, its row locked, or None; ``must``: or EntityNotFoundError.

    Raises QueryError outside a transaction, UnsavedChangesError, NotSupportedError where the server has no row locks.
    """
    found = yield from get_many_for_update_plan(identity_map, (id,), include_deleted=include_deleted)
    if found:
        return found[0]
    if must:
        raise EntityNotFoundError(identity_map.schema.name, id)
    return None


def get_many_for_update_plan(
    identity_map: IdentityMap, ids: Sequence[int], *, include_deleted: bool = False
) -> Plan[list[Any]]:
    """The same for many, locked by id, whatever the order they are given in; each once."""
    clause = lock_clause(identity_map)
    ids = checked_ids(identity_map, ids)
    for id in ids:
        refuse_unsaved(identity_map, id)
    entities: dict[int, Any] = dict.fromkeys(ids)
    in_order = sorted(entities)
    since = identity_map.writes_seen
    for start in range(0, len(in_order), BATCH):
        part = in_order[start : start + BATCH]
        places = ", ".join("?" * len(part))
        condition = f"{identity_map.binding.quoted_id} IN ({places}) ORDER BY {identity_map.binding.quoted_id}"
        sql = (
            identity_map.binding.select_by_id_sql
            if len(part) == 1
            else f"{identity_map.binding.select_sql} WHERE {condition}"
        )
        for row in (yield from FetchRows(identity_map.target, f"{sql} {clause}", tuple(part))):
            entity = identity_map.entity_from_row(row, since, read_at(identity_map))
            entities[entity._row[0]] = entity
    return identity_map.shown([entity for entity in entities.values() if entity is not None], include_deleted)
