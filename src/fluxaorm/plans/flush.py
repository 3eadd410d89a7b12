"""The flush: one transaction a MySQL pool, intents right before COMMIT, releases after it.

Decides; never does I/O itself.

A lone statement needs no transaction: intents, the statement, releases. Otherwise BEGIN, the statements in as few
packets as the server takes, intents, COMMIT, releases. After a failure nothing is written and every entity keeps its
changes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from fluxaorm.errors import (
    CommitUnknownError,
    DeadlockError,
    EntityGoneError,
    ForeignEntityError,
    MySQLConnectionError,
    MySQLError,
    PartialCommitError,
    PoolTimeoutError,
    PostCommitError,
    ReentrantFlushError,
    StaleEntityError,
)
from fluxaorm.plans.duplicates import explained_plan
from fluxaorm.plans.effects import (
    Begin,
    Commit,
    ExecResult,
    Execute,
    ExecuteBatch,
    FetchRows,
    Plan,
    Rollback,
    Session,
    Sleep,
    Statement,
)
from fluxaorm.plans.flush_work import FlushResult, FlushWork, PoolWork, StatementTag, collect, settle
from fluxaorm.plans.ids import lift_ids_plan
from fluxaorm.plans.intents import Intents
from fluxaorm.plans.tracked import NEW, TrackedEntity
from fluxaorm.plans.unit import UnitOfWork

DEADLOCK_RETRIES: Final = 3
CONNECTION_RETRIES: Final = 1


def flush_plan(owner: UnitOfWork, entities: Sequence[TrackedEntity] = ()) -> Plan[FlushResult]:
    """Write everything pending, or only ``entities`` with the new ones they refer to.

    Raises MissingValueError, DuplicateKeyError, EntityGoneError, StaleEntityError, DeadlockError, MySQLConnectionError,
    CacheUnavailableError (nothing written, changes kept), CommitUnknownError, PartialCommitError, PostCommitError,
    ReentrantFlushError.
    """
    if owner.flushing:
        raise ReentrantFlushError("this context is in the middle of a flush; use the context of ctx.clone()")
    owner.flushing = True
    try:
        owner.note_json_changes()
        chosen = with_new_references(owner, entities) if entities else list(owner.pending)
        work = collect(owner, chosen)
        if not work.writes:
            return FlushResult()
        chosen_ids = [entity for entity in chosen if entity in owner.chosen_ids]
        if chosen_ids:
            yield from lift_ids_plan(owner, chosen_ids)
        yield from _retried_plan(owner, work)
        return work.result()
    finally:
        owner.flushing = False


def with_new_references(owner: UnitOfWork, entities: Sequence[TrackedEntity]) -> list[TrackedEntity]:
    """The given entities, and the pending new ones they refer to, directly or through another."""
    chosen: dict[TrackedEntity, None] = {}
    waiting = list(entities)
    new_by_key = {
        (entity._unit.schema.name, entity._row[0]): entity for entity in owner.pending if entity._state == NEW
    }
    while waiting:
        entity = waiting.pop()
        if entity._unit.owner is not owner:
            raise ForeignEntityError(entity._unit.schema.name, entity._row[0])
        if entity in chosen:
            continue
        chosen[entity] = None
        for reference in entity._unit.schema.references:
            target = new_by_key.get((reference.target, entity._row[reference.position])) if not reference.many else None
            if target is not None:
                waiting.append(target)
    return [entity for entity in owner.pending if entity in chosen]


def _retried_plan(owner: UnitOfWork, work: FlushWork) -> Plan[None]:
    """Run the work, again after what certainly committed nothing: a deadlock, or a connection lost before COMMIT."""
    deadlocks = losses = 0
    while True:
        try:
            return (yield from _write_plan(owner, work))
        except DeadlockError:
            deadlocks += 1
            if deadlocks > DEADLOCK_RETRIES:
                raise
            yield from Sleep(random.uniform(0.5, 1.5) * 0.01 * 4**deadlocks)
        except PoolTimeoutError:
            # it waited as long as the pool allows; waiting again would only double that
            raise
        except MySQLConnectionError:
            losses += 1
            if losses > CONNECTION_RETRIES:
                raise


def _write_plan(owner: UnitOfWork, work: FlushWork) -> Plan[None]:
    intents = intents_of(owner, work)
    pools = list(work.pools.values())
    if len(pools) == 1 and len(pools[0].statements) == 1 and is_whole(pools[0].statements[0]):
        yield from _lone_plan(owner, work, pools[0], intents)
    else:
        yield from _transaction_plan(owner, work, pools, intents)
    evict_local(work)
    settle(owner, work)
    failures = yield from intents.release_plan()
    if failures:
        raise PostCommitError("the caches could not be released; changed rows are read from MySQL for 30 s", failures)


def is_whole(statement: Statement) -> bool:
    """Whether a statement needs no transaction: it is never right in part.

    An UPDATE of several rows may find only some.
    """
    tag: StatementTag = statement.tag
    return tag.verb != "update" or len(tag.entities) == 1


def intents_of(owner: UnitOfWork, work: FlushWork) -> Intents:
    """Every cache key that the work changes."""
    intents = Intents(owner)
    for write in work.writes:
        if write.binding.redis_pool is not None:
            intents.add(write.binding.redis_pool, write.binding.row_key(write.entity._row[0]))
    return intents


def evict_local(work: FlushWork) -> None:
    """Drop the changed rows from this process's local caches."""
    for write in work.writes:
        if write.binding.local is not None:
            write.binding.local.evict((write.entity._row[0],))


def _lone_plan(owner: UnitOfWork, work: FlushWork, pool: PoolWork, intents: Intents) -> Plan[None]:
    statement = pool.statements[0]
    yield from intents.intend_plan()
    evict_local(work)
    try:
        result = yield from Execute(pool.pool, statement.sql, statement.args, statement.rows)
    except CommitUnknownError:
        # the row may be written or not: the intents stay until their deadline, so nobody caches either
        raise
    except BaseException as error:
        yield from intents.release_plan()
        raise (yield from explained_plan(pool.pool, error, statement.tag)) from error
    if problem := _problem_of(statement, result):
        yield from intents.release_plan()
        raise problem


def _transaction_plan(owner: UnitOfWork, work: FlushWork, pools: list[PoolWork], intents: Intents) -> Plan[None]:
    sessions: list[Session] = []
    try:
        for pool in pools:
            session = Session(pool.pool)
            yield from Begin(session)
            sessions.append(session)
            yield from _statements_plan(session, pool.statements)
        yield from intents.intend_plan()
    except BaseException:
        for session in sessions:
            yield from Rollback(session)
        yield from intents.release_plan()
        raise
    evict_local(work)
    yield from _commit_plan(sessions, intents)


def _statements_plan(session: Session, statements: Sequence[Statement]) -> Plan[None]:
    try:
        results = yield from ExecuteBatch(session, statements)
    except MySQLError as error:
        position = getattr(error, "failed_statement", None)
        if not isinstance(position, int):
            raise
        raise (yield from explained_plan(session, error, statements[position].tag)) from error
    for statement, result in zip(statements, results, strict=True):
        if problem := _problem_of(statement, result):
            raise problem
        if result.rows_affected < len(statement.tag.entities) and statement.tag.verb == "update":
            raise (yield from _gone_plan(session, statement.tag))


def _gone_plan(session: Session, tag: StatementTag) -> Plan[EntityGoneError]:
    """Which of the rows that an UPDATE did not find is gone."""
    binding = tag.binding
    ids = [entity._row[0] for entity in tag.entities]
    places = ", ".join("?" * len(ids))
    sql = f"SELECT {binding.quoted_id} FROM {binding.quoted_table} WHERE {binding.quoted_id} IN ({places})"
    found = {int(row[0]) for row in (yield from FetchRows(session, sql, ids))}
    return EntityGoneError(binding.schema.name, next((id for id in ids if id not in found), None))


def _commit_plan(sessions: list[Session], intents: Intents) -> Plan[None]:
    """Commit one pool after the other. What was told the caches is not taken back where the outcome is unknown."""
    committed: list[str] = []
    for position, session in enumerate(sessions):
        try:
            yield from Commit(session)
        except BaseException as error:
            for rest in sessions[position + 1 :]:
                yield from Rollback(rest)
            if not isinstance(error, CommitUnknownError):
                yield from intents.release_plan()
            if committed:
                raise PartialCommitError(committed, session.pool, str(error)) from error
            raise
        committed.append(session.pool)


def _problem_of(statement: Statement, result: ExecResult) -> Exception | None:
    """What a statement's count of rows says: an UPDATE that found none is an error."""
    tag: StatementTag = statement.tag
    version = tag.binding.schema.version_position
    if result.rows_affected or tag.verb == "insert" or (tag.verb == "delete" and version is None):
        return None
    entity = tag.entities[0]
    if version is not None:
        return StaleEntityError(tag.binding.schema.name, entity._row[0], entity._decoded(version))
    return EntityGoneError(tag.binding.schema.name, entity._row[0])


def clear_flush(owner: UnitOfWork) -> None:
    """Forget all pending changes: stored entities get their loaded values back, new ones are no longer tracked."""
    owner.note_json_changes()
    for entity in list(owner.pending):
        entity._revert()
        if entity._state == NEW:
            entity._unit.forget(entity._row[0])
    owner.pending.clear()
