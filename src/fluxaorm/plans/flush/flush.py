"""The flush: one transaction a MySQL pool, intents right before COMMIT, releases after it.

Decides; never does I/O itself.

A lone statement, of one row, needs no transaction: intents, the statement, releases. Otherwise BEGIN, the statements in
as few packets as the server takes, intents, COMMIT, releases. After a failure nothing is written and every entity keeps
its changes. Inside an explicit transaction only the statements are sent, the rest waits for its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from fluxaorm.errors import (
    CommitUnknownError,
    EntityGoneError,
    FluxaError,
    ForeignEntityError,
    MySQLError,
    PartialCommitError,
    PendingAsyncWriteError,
    ReentrantFlushError,
    ReferenceCycleError,
    StaleEntityError,
)
from fluxaorm.plans.cache.intents import Intents
from fluxaorm.plans.cache.pending_writes import WriteIntents, waiting_plan
from fluxaorm.plans.commits.commits import commit_plan, rollback_plan
from fluxaorm.plans.commits.transactions import joined_flush_plan, transaction_of
from fluxaorm.plans.commits.undo import drop_changes
from fluxaorm.plans.commits.unknown_commits import resolve_later
from fluxaorm.plans.commits.users_statements import GUARD, queued_plan
from fluxaorm.plans.commits.written_work import finish_part_plan, finish_work_plan
from fluxaorm.plans.effects import Begin, ExecResult, Execute, Plan, Session, Statement
from fluxaorm.plans.ids.new_ids import lift_ids_plan
from fluxaorm.plans.retries import retried_plan
from fluxaorm.plans.state.keys import INTENT_MS
from fluxaorm.plans.state.tracked import NEW, TrackedEntity, check_entity
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.writes.callbacks import before_plan, has_before_handlers
from fluxaorm.plans.writes.changed_keys import add_write
from fluxaorm.plans.writes.dangling import check_references_plan, referred_ids
from fluxaorm.plans.writes.duplicates import explained_plan, note_holder
from fluxaorm.plans.writes.entity_write import EntityWrite, StatementTag
from fluxaorm.plans.writes.flush_work import FlushResult, FlushWork, PoolWork, collect
from fluxaorm.plans.writes.order.foreign_keys import KnownForeignKeys, known_foreign_keys
from fluxaorm.plans.writes.pipelines import PipelineHandle, delete_keys_plan, pipelines_of
from fluxaorm.plans.writes.statements import problem_of, statements_plan
from fluxaorm.query.own_sql.raw_statements import Reach, reach_of

T = TypeVar("T")


def flush_plan(unit_of_work: UnitOfWork, entities: Sequence[TrackedEntity] = ()) -> Plan[FlushResult]:
    """Write everything pending, or only ``entities`` with the new ones they refer to.

    Raises MissingValueError, DanglingReferenceError, ReferenceCycleError, DuplicateKeyError, EntityGoneError,
    StaleEntityError, DeadlockError, MySQLConnectionError, CacheUnavailableError, PendingAsyncWriteError, KafkaError
    when Redis has lost its memory and no broker answers (nothing written, changes kept), what
    a before-handler raised (the same), CommitUnknownError, PartialCommitError, PostCommitError, ReentrantFlushError.
    """
    if unit_of_work._flushing:
        raise ReentrantFlushError("this context is in the middle of a flush; a handler uses ctx.clone()")
    unit_of_work._flushing = True
    try:
        unit_of_work._note_json_changes()
        chosen = yield from chosen_plan(unit_of_work, entities)
        writes = collect(unit_of_work, chosen)
        work = yield from ordered_plan(unit_of_work, writes, lambda known: FlushWork(writes, known))
        # a flush of chosen entities leaves everything else waiting
        queued = pipelines_of(unit_of_work)
        if queued is not None and not entities:
            work.add_queued(queued)
        if not work.writes and work.queued is None:
            return FlushResult()
        yield from check_references_plan(unit_of_work, work.writes)
        if work.queued is not None:
            yield from delete_keys_plan(unit_of_work, work.queued)
        yield from lift_chosen_ids_plan(unit_of_work, chosen)
        try:
            yield from _ordered_plan(unit_of_work, work)
        except (CommitUnknownError, EntityGoneError, PartialCommitError, StaleEntityError):
            make_stale(work.writes)
            raise
        return work.result()
    finally:
        unit_of_work._flushing = False


def lift_chosen_ids_plan(unit_of_work: UnitOfWork, chosen: Sequence[TrackedEntity]) -> Plan[None]:
    """Ids that the user chose are given to nobody else."""
    chosen_ids = [entity for entity in chosen if entity in unit_of_work._chosen_ids]
    if chosen_ids:
        yield from lift_ids_plan(chosen_ids)


def make_stale(writes: Sequence[EntityWrite]) -> None:
    """The rows are not, or may not be, what the entities say: giving the changes up must not make them current."""
    for write in writes:
        write.entity._identity_map.make_stale((write.entity._row[0],))


def _ordered_plan(unit_of_work: UnitOfWork, work: FlushWork) -> Plan[None]:
    try:
        yield from _written_plan(unit_of_work, work)
    except MySQLError as error:
        # a foreign key that nobody had told of: nothing was written, and another order may do
        if not (yield from _learn_plan(unit_of_work, work.writes, error)):
            note_holder(error, work.writes)
            raise
        work.arrange_anew(known_foreign_keys(unit_of_work._engine))
        yield from _written_plan(unit_of_work, work)


def _written_plan(unit_of_work: UnitOfWork, work: FlushWork) -> Plan[None]:
    transaction = transaction_of(unit_of_work)
    if transaction is None:
        yield from waiting_plan(unit_of_work._engine, lambda: retried_plan(lambda: _write_plan(unit_of_work, work)))
    else:
        yield from joined_flush_plan(transaction, work)


def ordered_plan(
    unit_of_work: UnitOfWork, writes: Sequence[EntityWrite], make: Callable[[KnownForeignKeys], T]
) -> Plan[T]:
    """What ``make`` makes of the writes with the known foreign keys. ReferenceCycleError: they leave no order."""
    try:
        return make(known_foreign_keys(unit_of_work._engine))
    except ReferenceCycleError as error:
        # the key may be gone by now
        if not (yield from _learn_plan(unit_of_work, writes, error)):
            raise
        return make(known_foreign_keys(unit_of_work._engine))


def _learn_plan(unit_of_work: UnitOfWork, writes: Sequence[EntityWrite], error: FluxaError) -> Plan[bool]:
    """Whether the databases have other foreign keys than was known, when it is these that an error is about."""
    news = False
    for pool, dialect in {write.binding.mysql_pool: write.binding.dialect for write in writes}.items():
        if isinstance(error, ReferenceCycleError) or dialect.breaks_foreign_key(error):
            news |= yield from known_foreign_keys(unit_of_work._engine).learn_plan(
                unit_of_work._target(pool), pool, dialect
            )
    return news


def chosen_plan(unit_of_work: UnitOfWork, entities: Sequence[TrackedEntity]) -> Plan[list[TrackedEntity]]:
    """What is to be written, as before-handlers leave it."""

    def choose() -> list[TrackedEntity]:
        return with_new_references(unit_of_work, entities) if entities else list(unit_of_work._pending)

    return (yield from before_plan(unit_of_work, choose)) if has_before_handlers(unit_of_work) else choose()


def with_new_references(unit_of_work: UnitOfWork, entities: Sequence[TrackedEntity]) -> list[TrackedEntity]:
    """The given entities, and the pending new ones they refer to, directly or through another."""
    chosen: dict[TrackedEntity, None] = {}
    waiting = list(entities)
    new_by_key = {
        (entity._identity_map.schema.name, entity._row[0]): entity
        for entity in unit_of_work._pending
        if entity._state == NEW
    }
    while waiting:
        entity = waiting.pop()
        check_entity("flush()", entity)
        if entity._identity_map.unit_of_work is not unit_of_work:
            raise ForeignEntityError(entity._identity_map.schema.name, entity._row[0])
        if entity in chosen:
            continue
        chosen[entity] = None
        for reference in entity._identity_map.schema.references:
            keys = [(reference.target, id) for id in referred_ids(entity, reference)]
            waiting += [new_by_key[key] for key in keys if key in new_by_key]
    return [entity for entity in unit_of_work._pending if entity in chosen]


def _write_plan(unit_of_work: UnitOfWork, work: FlushWork) -> Plan[None]:
    intents = intents_of(unit_of_work, work)
    try:
        interruption = yield from _commit_work_plan(unit_of_work, work, intents)
    except PartialCommitError as error:
        yield from finish_part_plan(unit_of_work, work, error)
        raise
    yield from finish_work_plan(unit_of_work, work, intents, interruption)


def _commit_work_plan(unit_of_work: UnitOfWork, work: FlushWork, intents: WriteIntents) -> Plan[BaseException | None]:
    """Make it durable; what interrupted the caller when it was so already."""
    pools = list(work.pools.values())
    if not pools:
        # nothing but Redis commands
        return None
    if len(pools) == 1 and (lone := _lone_of(pools[0], intents)) is not None:
        return (yield from _lone_plan(unit_of_work, pools[0].pool, lone, intents))
    return (yield from _transaction_plan(unit_of_work, pools, work.commit_order(), intents))


def _lone_of(pool: PoolWork, intents: Intents) -> Statement | None:
    """The only statement of a pool, when it needs no transaction."""
    statements = [*pool.statements, *pool.queued]
    return statements[0] if len(statements) == 1 and is_lone(statements[0], intents) else None


def is_lone(statement: Statement, intents: Intents) -> bool:
    """Whether a statement needs no transaction: it is never right in part, and it ends before its intents do.

    An UPDATE of several rows may find only some. On its own a statement of several rows that are announced is refused
    too: it may wait for a lock at each of them, and who knows how long when nobody is left to renew the intents.
    """
    tag: StatementTag | PipelineHandle[ExecResult] = statement.tag
    if isinstance(tag, PipelineHandle) or len(tag.entities) == 1:
        return True
    return tag.verb != "update" and not intents.are_announced


def intents_of(unit_of_work: UnitOfWork, work: FlushWork) -> WriteIntents:
    """Every cached row that the work changes."""
    intents = WriteIntents(unit_of_work._engine)
    for write in work.writes:
        add_write(intents, write)
    return intents


def _lone_plan(
    unit_of_work: UnitOfWork, pool: str, statement: Statement, intents: Intents
) -> Plan[BaseException | None]:
    """As ``_commit_work_plan``."""
    tag = statement.tag
    reach = reach_of(statement.sql) if isinstance(tag, PipelineHandle) else Reach.OURS
    execute = Execute(pool, statement.sql, statement.args, statement.rows, reach=reach)
    interruption: BaseException | None = None
    try:
        yield from intents.intend_plan(tag.binding.lone_intent_ms if isinstance(tag, StatementTag) else INTENT_MS)
        intents.evict_local()
        result = yield from execute
    except CommitUnknownError as error:
        resolve_later(unit_of_work._engine, error, intents)
        raise
    except BaseException as error:
        if execute.result is None:
            yield from intents.release_or_later_plan()
            raise (yield from explained_plan(pool, error, statement.tag)) from error
        interruption, result = error, execute.result
    if problem := problem_of(statement, result):
        yield from intents.release_or_later_plan()
        raise problem
    return interruption


def _transaction_plan(
    unit_of_work: UnitOfWork, pools: list[PoolWork], commit_order: Sequence[str], intents: WriteIntents
) -> Plan[BaseException | None]:
    """As ``_commit_work_plan``."""
    sessions: list[Session] = []
    try:
        for pool in pools:
            session = Session(pool.pool)
            yield from Begin(session)
            sessions.append(session)
            yield from statements_plan(session, pool.statements, after=(GUARD,) if pool.queued else ())
        for session, pool in zip(sessions, pools, strict=True):
            if pool.queued:
                # one of them may commit: the caches know before
                yield from intents.intend_plan()
                intents.evict_local()
                yield from queued_plan(session, pool.queued, unit_of_work._engine.mysql_pools[pool.pool].dialect)
    except BaseException as error:
        yield from rollback_plan(sessions)
        intents.evict_local()
        pending: PendingAsyncWriteError | None = None
        if doubts := [session.doubt for session in sessions if session.doubt is not None]:
            resolve_later(unit_of_work._engine, doubts[0], intents)
        else:
            if isinstance(error, EntityGoneError):
                pending = yield from intents.missed_plan()
            yield from intents.release_or_later_plan()
        if pending is not None:
            raise pending from error
        raise
    sessions.sort(key=lambda session: commit_order.index(session.pool))
    return (yield from commit_plan(unit_of_work._engine, sessions, intents))


def clear_flush(unit_of_work: UnitOfWork) -> None:
    """Forget pending changes and pipelines: stored entities get their loaded values back, new ones are untracked."""
    unit_of_work._note_json_changes()
    drop_changes(unit_of_work._pending)
    unit_of_work._pending.clear()
    unit_of_work._chosen_ids.clear()
    unit_of_work._pipelines = None
