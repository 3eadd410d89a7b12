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
from fluxaorm.plans.state.unit import EntityUnit


def check_lockable(unit: EntityUnit) -> None:
    """QueryError outside a transaction: a lock would be gone with the statement that took it."""
    if not unit.in_transaction:
        raise QueryError(
            f"{unit.schema.name}: for_update locks rows until the transaction ends, and none is open; "
            "read and write inside ctx.transaction() or ctx.run_in_transaction()"
        )


def lock_clause(unit: EntityUnit) -> str:
    """What locks the rows of a SELECT. QueryError outside a transaction, NotSupportedError without row locks."""
    check_lockable(unit)
    clause = unit.binding.dialect.for_update_clause()
    if not clause:
        raise no_row_locks(unit.schema.name, unit.binding.dialect.name)
    return clause


def refuse_unsaved(unit: EntityUnit, id: int) -> None:
    """UnsavedChangesError when the entity of this id has some."""
    known = unit.known(id)
    if known is not None:
        known._note_json_changes()
        if known in unit.owner.pending:
            raise UnsavedChangesError(unit.schema.name, id)


def get_for_update_plan(unit: EntityUnit, id: int, *, must: bool = False, include_deleted: bool = False) -> Plan[Any]:
    """The entity of an id, its row locked, or None; ``must``: or EntityNotFoundError.

    Raises QueryError outside a transaction, UnsavedChangesError, NotSupportedError where the server has no row locks.
    """
    found = yield from get_many_for_update_plan(unit, (id,), include_deleted=include_deleted)
    if found:
        return found[0]
    if must:
        raise EntityNotFoundError(unit.schema.name, id)
    return None


def get_many_for_update_plan(unit: EntityUnit, ids: Sequence[int], *, include_deleted: bool = False) -> Plan[list[Any]]:
    """The same for many, locked by id, whatever the order they are given in; each once."""
    clause = lock_clause(unit)
    ids = checked_ids(unit, ids)
    for id in ids:
        refuse_unsaved(unit, id)
    entities: dict[int, Any] = dict.fromkeys(ids)
    in_order = sorted(entities)
    since = unit.writes_seen
    for start in range(0, len(in_order), BATCH):
        part = in_order[start : start + BATCH]
        places = ", ".join("?" * len(part))
        condition = f"{unit.binding.quoted_id} IN ({places}) ORDER BY {unit.binding.quoted_id}"
        sql = unit.binding.select_by_id_sql if len(part) == 1 else f"{unit.binding.select_sql} WHERE {condition}"
        for row in (yield from FetchRows(unit.target, f"{sql} {clause}", tuple(part))):
            entity = unit.entity_from_row(row, since, read_at(unit))
            entities[entity._row[0]] = entity
    return unit.shown([entity for entity in entities.values() if entity is not None], include_deleted)
