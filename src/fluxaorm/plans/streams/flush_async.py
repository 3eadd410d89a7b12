"""The asynchronous flush: what a flush would write is published, and written later by a consumer.

Decides; never does I/O itself.

The caches are told that the rows are about to change, the records are published whole or not at all, and the caches are
told where they lie. Until the publish has begun a failure leaves everything as it was; afterwards the records stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fluxaorm.dialects.async_offsets import APPLIED
from fluxaorm.errors import (
    AsyncFlushUnknownError,
    ContextMisuseError,
    KafkaError,
    MySQLError,
    NotSupportedError,
    PostCommitError,
    RedisError,
    ReentrantFlushError,
    described,
)
from fluxaorm.plans.cache.intents import Intents
from fluxaorm.plans.cache.pauses import pauses
from fluxaorm.plans.cache.server_marks import ServerMark
from fluxaorm.plans.commits.transactions import transaction_of
from fluxaorm.plans.effects import FetchRows, Plan, Sleep
from fluxaorm.plans.flush.flush import chosen_plan, lift_chosen_ids_plan, make_stale, ordered_plan
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.streams.announcement import Announcement
from fluxaorm.plans.streams.async_changes import Outgoing, RecordTerms, drafts_of, outgoing_records
from fluxaorm.plans.streams.async_state import AsyncFlushState
from fluxaorm.plans.streams.effects import PublishRecords
from fluxaorm.plans.streams.queued_sql import QueuedSql, add_sql, mark_published, queued_sql
from fluxaorm.plans.writes.dangling import check_references_plan
from fluxaorm.plans.writes.flush_work import FlushResult, collect, mark_written, result_of
from fluxaorm.plans.writes.order.foreign_keys import known_foreign_keys
from fluxaorm.plans.writes.order.rows import arranged

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.writes.entity_write import EntityWrite

MARK_PAUSE = 1.0
"""Seconds between two flushes that try to let a server have its mark."""
_PUBLISHED = "the flush is published and will be applied"


def flush_async_plan(unit_of_work: UnitOfWork, immediate_redis_updates: bool) -> Plan[FlushResult]:
    """Publish everything pending; ``immediate_redis_updates``: look-ups see it before it is applied.

    Raises what ``flush_plan`` does before it sends anything, ContextMisuseError, NotSupportedError, QueryError,
    CacheUnavailableError, KafkaError (nothing published, changes kept), AsyncFlushUnknownError, PostCommitError.
    """
    state = _state_of(unit_of_work, immediate_redis_updates)
    unit_of_work._flushing = True
    try:
        unit_of_work._note_json_changes()
        chosen = yield from chosen_plan(unit_of_work, ())
        writes = collect(unit_of_work, chosen)
        queued = queued_sql(unit_of_work, state.options)
        if not writes and not queued:
            return FlushResult()
        bindings = dict.fromkeys([write.binding for write in writes])
        _refuse_versions(bindings)
        bindings |= dict.fromkeys([each.binding for each in queued])
        yield from _ask_databases_plan(unit_of_work, state, bindings)
        by_row = state.options.order_by == "row"
        if by_row:
            _refuse_foreign_keys(unit_of_work, bindings)
        yield from check_references_plan(unit_of_work, writes)
        groups = yield from ordered_plan(unit_of_work, writes, lambda known: arranged(writes, known))
        told = Intents(unit_of_work._engine)
        kafka_keys = state.kafka_keys(unit_of_work._engine, known_foreign_keys(unit_of_work._engine))
        drafts = drafts_of(groups, kafka_keys, told, state.coder_of, by_row=by_row)
        add_sql(drafts, queued, kafka_keys, told)
        records = outgoing_records(drafts, _terms_of(unit_of_work, state, immediate_redis_updates))
        yield from lift_chosen_ids_plan(unit_of_work, chosen)
        yield from _published_plan(unit_of_work, state, writes, queued, records, told)
        return result_of([(kind, len(group)) for _, kind, group in groups])
    finally:
        unit_of_work._flushing = False


def _state_of(unit_of_work: UnitOfWork, immediate: object) -> AsyncFlushState:
    """What is known of asynchronous flushes; refuses where there can be none."""
    if unit_of_work._flushing:
        raise ReentrantFlushError("this context is in the middle of a flush; a handler uses ctx.clone()")
    if not isinstance(immediate, bool):
        raise ContextMisuseError(
            "flush_async() takes True (look-ups see the changes at once) or False (when they are applied), "
            f"not {described(immediate)}"
        )
    state: Any = unit_of_work._engine.async_flush
    if not isinstance(state, AsyncFlushState):
        raise NotSupportedError(
            "async flush is not registered: name a Kafka pool for it, registry.register_async_flush('pool')"
        )
    if transaction_of(unit_of_work) is not None:
        raise ContextMisuseError(
            "flush_async() cannot be a part of a transaction, since it is written later: call it outside the block"
        )
    return state


def _ask_databases_plan(
    unit_of_work: UnitOfWork, state: AsyncFlushState, bindings: Iterable[BoundEntity]
) -> Plan[None]:
    """Ask each database once who it is, and for its foreign keys.

    Nobody can be told when a record meets a foreign key that was not known.
    """
    engine = unit_of_work._engine
    for binding in bindings:
        pool = binding.mysql_pool
        if pool not in state.foreign_keys_asked:
            _ = yield from known_foreign_keys(engine).learn_plan(pool, pool, binding.dialect)
            state.foreign_keys_asked.add(pool)
        if pool not in state.databases:
            _ = yield from state.database_plan(engine, pool)


def _refuse_versions(bindings: Iterable[BoundEntity]) -> None:
    for binding in bindings:
        schema = binding.schema
        if schema.version_position is not None:
            field = schema.columns[schema.version_position].field
            raise NotSupportedError(
                f"{schema.name}: an entity with a version ({field}) cannot be flushed asynchronously, since nobody is "
                "left to be told of a conflict when it is applied; use ctx.flush()"
            )


def _refuse_foreign_keys(unit_of_work: UnitOfWork, bindings: Iterable[BoundEntity]) -> None:
    known = known_foreign_keys(unit_of_work._engine)
    for binding in bindings:
        for key in known.of(binding.mysql_pool):
            if binding.schema.name in (key.child, key.parent):
                raise NotSupportedError(
                    f'{binding.schema.name}: with order_by="row" different rows have no order, and the foreign key '
                    f"'{key.name}' needs one; use order_by=\"table\", or ctx.flush()"
                )


def _terms_of(unit_of_work: UnitOfWork, state: AsyncFlushState, immediate: bool) -> RecordTerms:
    engine = unit_of_work._engine
    return RecordTerms(
        state.topic,
        state.databases,
        int(engine.clock().timestamp() * 1000),
        dict(unit_of_work._meta),
        state.options.signing_key,
        immediate,
        engine.tokens.take,
    )


def _published_plan(
    unit_of_work: UnitOfWork,
    state: AsyncFlushState,
    writes: Sequence[EntityWrite],
    queued: Sequence[QueuedSql],
    records: Sequence[Outgoing],
    told: Intents,
) -> Plan[None]:
    engine = unit_of_work._engine
    announcement = Announcement(engine, told, records)
    try:
        yield from announcement.announce_plan()
        yield from _mark_plan(unit_of_work, state, announcement)
    except BaseException:
        yield from announcement.withdraw_plan()
        raise
    places = yield from _places_plan(state, writes, records, announcement)
    mark_written(unit_of_work, writes)
    mark_published(unit_of_work, queued)
    try:
        unconfirmed, failures = yield from announcement.confirm_plan(places)
        if unconfirmed:
            waited = [(records[number].binding.mysql_pool, *places[number]) for number in sorted(unconfirmed)]
            yield from _applied_plan(unit_of_work, state, waited, failures)
    except PostCommitError:
        raise
    except Exception as error:
        raise PostCommitError("it is not known whether all readers see it before", [error], done=_PUBLISHED) from error
    except BaseException as error:
        announcement.confirm_in_background(places)
        error.add_note(f"{_PUBLISHED}, and its entities are clean; some readers may see the rows as they were before")
        raise


def _mark_plan(unit_of_work: UnitOfWork, state: AsyncFlushState, announcement: Announcement) -> Plan[None]:
    """Let servers have their mark where nothing is waited for, as on the first day.

    Else readers would have to wait for this flush to be applied before they may take a server at its word.
    """
    engine = unit_of_work._engine
    for known, binding in announcement.servers().items():
        now = engine.monotonic()
        if known in state.marked or now - state.marks_tried.get(known, -MARK_PAUSE) < MARK_PAUSE:
            continue
        state.marks_tried[known] = now
        pool, _, server = known
        try:
            _ = yield from ServerMark(state, binding, pool, server).set_plan()
        except (KafkaError, MySQLError, RedisError):
            # it was worth a try: readers ask by themselves
            continue


def _places_plan(
    state: AsyncFlushState, writes: Sequence[EntityWrite], records: Sequence[Outgoing], announcement: Announcement
) -> Plan[Sequence[tuple[int, int]]]:
    """Partition and offset of each record once it is stored."""
    publish = PublishRecords(state.kafka_pool, [record.kafka for record in records], records[0].token)
    try:
        return (yield from publish)
    except AsyncFlushUnknownError:
        # whatever became of it, nothing may be cached before the markers have ended
        announcement.end()
        make_stale(writes)
        raise
    except Exception as error:
        if isinstance(error, KafkaError):
            state.forget_topic()
        yield from announcement.withdraw_plan()
        raise
    except BaseException as interruption:
        announcement.end()
        make_stale(writes)
        interruption.add_note("it is not known whether this asynchronous flush was published")
        raise


def _applied_plan(
    unit_of_work: UnitOfWork,
    state: AsyncFlushState,
    waited: Sequence[tuple[str, int, int]],
    failures: Sequence[Exception],
) -> Plan[None]:
    """Wait until these records are applied; ``waited``: MySQL pool, partition and offset of each. PostCommitError."""
    engine = unit_of_work._engine
    until = engine.monotonic() + state.pending_timeout
    topic_id = yield from state.topic_id_plan()
    left = list(waited)
    for pause in pauses():
        while left:
            pool, partition, offset = left[0]
            rows = yield from FetchRows(pool, APPLIED, (state.topic, topic_id, partition))
            if not rows or int(rows[0][0]) <= offset:
                break
            del left[0]
        if not left:
            return
        if engine.monotonic() + pause > until:
            raise PostCommitError(
                "the caches could not be told where it lies, and it was not applied within "
                f"{state.pending_timeout:g} s: until it is, readers may see the rows as they were; "
                "look whether the consumer of asynchronous flushes runs",
                failures,
                done=_PUBLISHED,
            )
        yield from Sleep(pause)
