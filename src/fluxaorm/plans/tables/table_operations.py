"""What is done to the table of one entity: brought in line, emptied, dropped. Caches follow, ids go on. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fluxaorm.alters import Alter, was_needless
from fluxaorm.alters.alter import LOCK_TIMEOUT
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import CommitUnknownError, ContextMisuseError, MySQLError, PostCommitError
from fluxaorm.plans.cache.identity import RedisNamespace
from fluxaorm.plans.cache.pending_writes import waiting_plan
from fluxaorm.plans.cache.table_intents import TableIntents
from fluxaorm.plans.commits.unknown_commits import resolve_later
from fluxaorm.plans.effects import Execute, FetchRows, Plan
from fluxaorm.plans.ids.new_ids import keep_ids_above_plan
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.tables.alters import DeclarationsPort, get_alters_plan


@dataclass(frozen=True, slots=True)
class _OneEntity:
    """An engine as if it had no other entity."""

    schemas: Mapping[str, EntitySchema]
    mysql_pools: Mapping[str, Any]
    namespaces: Sequence[RedisNamespace] = ()
    has_async_flush: bool = False


def own_alters_plan(engine: DeclarationsPort, schema: EntitySchema) -> Plan[list[Alter]]:
    """The alters of the entity's table, in order; one query. Of other tables only foreign keys that are in the way."""
    alters = yield from get_alters_plan(
        _OneEntity({schema.name: schema}, engine.mysql_pools), keep_unknown=True, own_tables=True
    )
    return alters


def update_schema_plan(
    unit_of_work: UnitOfWork, engine: DeclarationsPort, schema: EntitySchema, allow_destructive: bool
) -> Plan[list[Alter]]:
    """Run the safe alters of the table, with ``allow_destructive`` all of them; those that were not run."""
    refuse_transaction(unit_of_work, schema)
    left: list[Alter] = []
    alters = yield from own_alters_plan(engine, schema)
    for at, alter in enumerate(alters):
        if alter.safety == "safe" or (allow_destructive and alter.safety == "destructive"):
            try:
                yield from _alter_plan(alter)
            except MySQLError:
                if not was_needless(alter, alters[at + 1 :], (yield from own_alters_plan(engine, schema))):
                    raise
        else:
            left.append(alter)
    return left


def _alter_plan(alter: Alter) -> Plan[None]:
    yield from alter._store.run(alter, allow_destructive=True, lock_timeout=LOCK_TIMEOUT)


def update_schema_and_truncate_plan(
    unit_of_work: UnitOfWork, engine: DeclarationsPort, binding: BoundEntity
) -> Plan[None]:
    """Empty the table, then run all of its alters: once it is empty, there is nothing that one could lose."""
    refuse_transaction(unit_of_work, binding.schema)
    alters = yield from own_alters_plan(engine, binding.schema)
    kinds = {alter.kind for alter in alters if alter.entity is not None}
    if "create_table" not in kinds:
        table = (binding.schema.renamed_from if "rename_table" in kinds else None) or binding.schema.table
        yield from _emptied_plan(unit_of_work, binding, table, binding.dialect.truncate_table(table))
    for alter in alters:
        yield from _alter_plan(alter)


def truncate_table_plan(unit_of_work: UnitOfWork, binding: BoundEntity) -> Plan[None]:
    """Remove all rows of the table, and all that is cached of them."""
    refuse_transaction(unit_of_work, binding.schema)
    table = binding.schema.table
    yield from _emptied_plan(unit_of_work, binding, table, binding.dialect.truncate_table(table))


def drop_table_plan(unit_of_work: UnitOfWork, binding: BoundEntity) -> Plan[None]:
    """Drop the table, and all that is cached of its rows. One that is not there is dropped already."""
    refuse_transaction(unit_of_work, binding.schema)
    table = binding.schema.table
    try:
        yield from _emptied_plan(unit_of_work, binding, table, binding.dialect.drop_table(table))
    except MySQLError as error:
        if not binding.dialect.is_missing_table(error):
            raise
        yield from _emptied_plan(unit_of_work, binding, None, ())


def refuse_transaction(unit_of_work: UnitOfWork, schema: EntitySchema) -> None:
    """Tables are changed through a connection of their own, which an open transaction would keep waiting for ever."""
    if schema.mysql_pool in unit_of_work._sessions:
        raise ContextMisuseError(
            f"{schema.name}: a transaction is open on the pool '{schema.mysql_pool}', and changing a table is no "
            "part of one; end it first, or use another context"
        )


def _emptied_plan(
    unit_of_work: UnitOfWork, binding: BoundEntity, table: str | None, statements: Sequence[str]
) -> Plan[None]:
    """Run what removes all rows. Ids go on above the largest that was there; nothing of the rows stays cached."""
    yield from waiting_plan(unit_of_work._engine, lambda: _empty_plan(unit_of_work, binding, table, statements))


def _empty_plan(
    unit_of_work: UnitOfWork, binding: BoundEntity, table: str | None, statements: Sequence[str]
) -> Plan[None]:
    if table is not None:
        yield from _keep_ids_plan(binding, table)
    intents = TableIntents(unit_of_work._engine, binding)
    _forget(unit_of_work, binding)
    try:
        yield from intents.intend_plan()
        for sql in statements:
            yield from Execute(binding.mysql_pool, sql)
    except CommitUnknownError as error:
        resolve_later(unit_of_work._engine, error, intents)
        raise
    except BaseException:
        yield from intents.release_or_later_plan()
        raise
    _forget(unit_of_work, binding)
    failures = yield from intents.release_or_later_plan()
    if failures:
        message = f"the rows of {binding.schema.table} are gone, but not those that Redis has; it will be told later"
        raise PostCommitError(message, failures)


def _keep_ids_plan(binding: BoundEntity, table: str) -> Plan[None]:
    """An id that a row had is never given to another: the reserved ids must not start again from an empty table."""
    id = binding.dialect.quote(binding.schema.columns[0].name)
    rows = yield from FetchRows(binding.mysql_pool, f"SELECT MAX({id}) FROM {binding.dialect.quote(table)}")
    if rows and rows[0][0] is not None:
        yield from keep_ids_above_plan(binding, int(rows[0][0]), table)


def _forget(unit_of_work: UnitOfWork, binding: BoundEntity) -> None:
    """Nothing of the entity stays in this process, but what waits for a flush."""
    if binding.local is not None:
        binding.local.clear()
    for identity_map in unit_of_work._identity_maps.values():
        if identity_map.schema is binding.schema:
            identity_map.forget_clean()
            identity_map.make_stale()
