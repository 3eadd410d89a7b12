"""Context and AsyncContext: the unit of work a user holds, for threads and for asyncio.

Both share ``UnitOfWork`` and every plan; they differ only in the runner that drives a plan and so in whether a call
blocks or is awaited. A context serves one thread or one flow of tasks.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from itertools import islice
from threading import get_ident
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from fluxaorm.context.raw_mysql import AsyncRawMySQL, RawMySQL
from fluxaorm.context.transaction import AsyncTransactionBlock, TransactionBlock, run_repeatedly, run_repeatedly_async
from fluxaorm.entity.values.not_copied import NotCopied
from fluxaorm.errors import (
    ContextClosedError,
    ContextMisuseError,
    ForeignEntityError,
    ReentrantFlushError,
    UnflushedChangesWarning,
    described,
    shown_value,
)
from fluxaorm.observe.query_log import QueryLogEntry, QueryLoggers
from fluxaorm.plans.commits.transactions import inside_plan, transaction_of, turn_plan
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.flush.blocks import close_streams_plan, roll_back_plan
from fluxaorm.plans.flush.flush import clear_flush, flush_plan
from fluxaorm.plans.reads.by_id import reload_plan
from fluxaorm.plans.state.tracked import check_entity
from fluxaorm.plans.state.unit_of_work import AsyncUnitOfWork, Batches, SyncUnitOfWork, UnitOfWork
from fluxaorm.plans.writes.creation import track_new
from fluxaorm.plans.writes.flush_work import FlushResult
from fluxaorm.plans.writes.pipelines import MySQLPipeline, RedisPipeline, pipelines_of, queue_key
from fluxaorm.runtime.entity import EntityBase

if TYPE_CHECKING:
    from fluxaorm.engine import Engine
    from fluxaorm.engine.core import EngineCore

T = TypeVar("T")

ENTITIES_NAMED: Final = 10
"""How many a warning of unflushed changes names."""


class _ContextBase(NotCopied, UnitOfWork):
    """What both contexts share and neither blocks nor awaits."""

    _engine: EngineCore
    _observer: QueryLoggers | None = None
    _meta: Mapping[str, str] = MappingProxyType({})

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine._core)
        self.engine = engine
        """What made it."""
        for handler in engine._core.query_loggers:
            # metrics and the engine's query log hear of what this context does
            self.register_query_logger(handler)

    def track(self, *entities: EntityBase) -> None:
        """Make sure entities are looked at by the next flush; setters do it by themselves. ForeignEntityError.

        A new entity that was cleared or rolled back is the context's again; QueryError when it has another one of that
        id meanwhile.
        """
        for entity in entities:
            check_entity("track()", entity)
            if entity._identity_map.unit_of_work is not self:
                raise ForeignEntityError(entity._identity_map.schema.name, entity.id)
            if entity.is_new:
                track_new(entity)
            elif entity.changes():
                self._pending[entity] = None

    def clear_flush(self) -> None:
        """Forget all pending changes.

        Entities go back to their loaded values, new ones are no longer tracked, and what is queued in pipelines or
        waits to be invalidated is dropped. Nothing is sent; no callbacks run.
        """
        clear_flush(self)

    def mysql_pipeline(self, pool: str = "default") -> MySQLPipeline:
        """Statements of your own that the next flush runs after its entities, in their transaction.

        UnknownPoolError for a code that is not registered.
        """
        self._check_open()
        return MySQLPipeline(self, self._engine.mysql_pool(pool).code)

    def redis_pipeline(self, pool: str = "default") -> RedisPipeline:
        """Commands of your own that are sent once the next flush is committed, in one round trip. UnknownPoolError."""
        self._check_open()
        return RedisPipeline(self, self._engine.redis_pool(pool).code)

    def invalidate_key(self, key: str, *, pool: str = "default") -> None:
        """Let the next flush delete a Redis key of your own: before its SQL, and again after its commit.

        QueryError for a key of the library's own cache, UnknownPoolError.
        """
        self._check_open()
        queue_key(self, self._engine.redis_pool(pool).code, key)

    def _check_open(self) -> None:
        if self.closed:
            raise ContextClosedError("the context is closed; make another of its engine")

    def clear(self) -> None:
        """Empty the context cache: the next look-ups read, and what ``load_<reference>`` held is let go.

        Entities with unsaved changes stay, and so does what is queued. Nothing is sent.
        """
        self._forget_all()

    def set_context_cache_ttl(self, seconds: float | None) -> None:
        """Read a clean entity again, in place, when it is older than ``seconds``; None: never (the default).

        ContextMisuseError for what is no number of seconds.
        """
        given = cast("object", seconds)
        if given is not None and not (isinstance(given, int | float) and given >= 0):
            raise ContextMisuseError(f"a TTL is a number of seconds, at least 0, or None, got {shown_value(given)}")
        self._identity_ttl = seconds
        self._note_identity_mode()

    def disable_context_cache(self) -> None:
        """Make every look-up read again, in place."""
        self._identity_enabled = False
        self._note_identity_mode()

    def _note_identity_mode(self) -> None:
        self._plain_identity = self._identity_enabled and self._identity_ttl is None

    @property
    def meta_data(self) -> dict[str, str]:
        """A copy of the metadata that query logs carry."""
        return dict(self._meta)

    def set_meta_data(self, key: str, value: str) -> None:
        """Attach a value that query logs carry, such as a request id."""
        self._meta = {**self._meta, key: value}

    def _instead(self) -> str:
        return "a context serves one flow of work, and is neither copied nor pickled; ctx.clone() makes another"

    def register_query_logger(
        self, handler: Callable[[Any, QueryLogEntry], None], *, mysql: bool = True, redis: bool = True
    ) -> None:
        """Call ``handler(ctx, entry)`` after each statement and Redis round trip of this context.

        What it raises is logged once (logger ``fluxaorm.observe``) and changes nothing. ContextMisuseError: it cannot
        be called, or is a coroutine function, which nobody would await.
        """
        if not callable(handler):
            raise ContextMisuseError(f"a query logger is a function of (ctx, entry), not {described(handler)}")
        if inspect.iscoroutinefunction(handler):
            raise ContextMisuseError(f"the query logger {handler!r} is a coroutine function: it must be a plain one")
        if self._observer is None:
            self._observer = QueryLoggers(self, self._engine.failing_handlers, self._engine.secret_arguments)
        self._observer.add(handler, mysql=mysql, redis=redis)

    def _check_reentrance(self) -> None:
        """Refuse what a before-handler does through its own flush's context; after-handlers may read."""
        if self._calling_back != "after":
            raise ReentrantFlushError("this context is in the middle of a flush; a handler uses ctx.clone()")

    def _take_over(self, other: _ContextBase) -> Self:
        """Metadata, loggers and cache settings of another context; its entities stay its own."""
        self._meta = dict(other._meta)
        if other._observer is not None:
            self._observer = other._observer.for_context(self)
        self._identity_enabled, self._identity_ttl = other._identity_enabled, other._identity_ttl
        self._note_identity_mode()
        return self

    def _close(self) -> None:
        self.closed = True
        self._pipelines = self._json_held = self._held = None
        self._identity_maps.clear()
        self._pending.clear()
        self._json_read.clear()

    def _warn_of_loss(self, stacklevel: int) -> None:
        """Tell what is given up with the context: an open transaction, what waits for a flush."""
        if self._json_read or self._json_held:
            self._note_json_changes()
        transaction = transaction_of(self) if self._sessions else None
        if transaction is not None and (transaction.begun or self._pending):
            unflushed = f" with {self._unflushed()}" if self._pending or self._pipelines else ""
            message = (
                f"a context was left in an open transaction{unflushed}, which is rolled back; leave its block first"
            )
        elif self._pending or self._pipelines:
            message = f"a context was left with {self._unflushed()}; call flush() or clear_flush()"
        else:
            return
        warnings.warn(message, UnflushedChangesWarning, stacklevel=stacklevel)

    def _unflushed(self) -> str:
        queued = pipelines_of(self)
        left = [repr(entity) for entity in islice(self._pending, ENTITIES_NAMED)]
        if len(self._pending) > len(left):
            left.append(f"{len(self._pending) - len(left)} more")
        if queued:
            left.append(f"{len(queued)} in pipelines")
        return f"{len(self._pending) + len(queued or ())} unflushed changes ({', '.join(left)})"

    def __del__(self) -> None:
        # what is missing: __init__ raised
        if not getattr(self, "closed", True) and not sys.is_finalizing():
            self._give_up_transaction()
            self._warn_of_loss(stacklevel=2)

    def _give_up_transaction(self) -> None:
        """Nobody can end it any more: its connections would be nobody's for ever."""
        if [session for session in self._sessions.values() if session.abandon()]:
            message = "a context was forgotten in an open transaction, which the server rolls back; "
            warnings.warn(f"{message}use a `with` block, or close() the context", ResourceWarning, stacklevel=3)
            self._open_transaction = None


class Context(_ContextBase, SyncUnitOfWork):
    """A unit of work for one thread. Make it with ``engine.new_context()``, best in a ``with`` block."""

    def __init__(self, engine: Engine, timeout: float | None = None) -> None:
        super().__init__(engine)
        core = engine._core
        self._run_plan = (core.sync_runner if timeout is None else core.sync_runner_for(timeout)).run

    def _run(self, plan: Plan[T], *, inside: bool = True) -> T:
        """``inside``: in the open transaction, if there is one."""
        outer = self._in_use_by
        if outer is not None or self.closed:
            self._check_alone()
        if self._sessions and inside and (transaction := transaction_of(self)) is not None:
            plan = inside_plan(transaction, plan)
        self._in_use_by = get_ident()
        try:
            value: T = self._run_plan(plan, self._observer)
            return value
        finally:
            self._in_use_by = outer

    def _check_alone(self) -> None:
        if self.closed:
            raise ContextClosedError("the context is closed; make another with engine.new_context()")
        if self._in_use_by is not None and self._in_use_by != get_ident():
            raise ContextMisuseError("this context is in use by another thread; make one context a thread")
        if self._flushing:
            self._check_reentrance()

    _run_alone = _run
    """Of a plan that flushes."""

    def _value(self, value: T) -> T:
        return value

    def _iterate(self, iteration: Batches) -> Iterator[Any]:
        while not iteration.done:
            yield from self._run(iteration.batch_plan())

    def flush(self, *entities: EntityBase) -> FlushResult:
        """Write everything pending, or only ``entities`` and the new ones they refer to; one transaction a MySQL pool.

        Before-handlers run first, and end it by raising; after-handlers when the rows are committed and the caches
        released. Inside ``transaction()`` both that and what is queued for Redis wait for the block's end. Entities are
        clean afterwards and stay usable.

        Raises what a before-handler raises, MissingValueError, DanglingReferenceError, ReferenceCycleError,
        ForeignEntityError, DuplicateKeyError, EntityGoneError, StaleEntityError, DeadlockError, MySQLConnectionError,
        CacheUnavailableError: nothing was written and the changes are kept. CommitUnknownError, PartialCommitError,
        PostCommitError say what was written. ReentrantFlushError by a handler of its own.
        """
        return self._run(flush_plan(self, entities))

    def reload(self, *entities: EntityBase, discard: bool = False) -> None:
        """Read entities again from MySQL, in place, in the open transaction if there is one; all of them or none.

        UnsavedChangesError unless ``discard``, EntityGoneError, NotPersistedError for new ones, ForeignEntityError.
        """
        self._run(reload_plan(self, entities, discard))

    def transaction(self, *, isolation: str | None = None, read_only: bool = False) -> TransactionBlock[Context]:
        """A block whose flushes and reads are one transaction: its end flushes and commits, an exception rolls back.

        ``isolation``: "read uncommitted", "read committed", "repeatable read" or "serializable" (None: the server's);
        a nested block is a savepoint and takes neither. Each MySQL pool takes part from its first statement on. Reads
        see the transaction's own writes, past every shared cache. Nothing in it is repeated by itself: see
        ``run_in_transaction``.

        A rollback takes back what the block did here, too: entities made in it are forgotten, changes made in it are
        undone, what waited for a flush before it waits again, and every row is read again by the next look-up. What is
        to survive a failed flush goes into a nested block. A ``read_only`` block does not flush. After a
        CommitUnknownError nothing waits any more.

        Raises QueryError for another isolation, ContextMisuseError; at its end what ``flush`` raises, and
        TransactionLostError when the server had ended the transaction before.
        """
        return TransactionBlock(self, isolation, read_only)

    def run_in_transaction(
        self, function: Callable[[Context], T], *, isolation: str | None = None, read_only: bool = False
    ) -> T:
        """What ``function(ctx)`` returns, run in a ``transaction``; again after a deadlock or a connection lost early.

        Three times after deadlocks, once after a lost connection; each attempt finds what waits for a flush as the
        first did. What else the function does must bear repetition. Inside another transaction it runs once.
        Raises what the function raises, and as ``transaction``; ContextMisuseError, before anything runs, for what is
        no plain function.
        """
        return run_repeatedly(self, function, {"isolation": isolation, "read_only": read_only})

    def mysql(self, pool: str = "default") -> RawMySQL[Context]:
        """SQL of your own on a pool, in the open transaction if there is one. UnknownPoolError lists the pools."""
        self._engine.mysql_pool(pool)
        return RawMySQL(self, pool)

    def clone(self, *, timeout: float | None = None) -> Context:
        """A fresh unit of work with the same metadata, query loggers and cache settings.

        It is outside an open transaction and has a time of its own: ``timeout`` as in ``Engine.new_context``. It may
        be made in the middle of a flush, by a handler. ContextClosedError when the engine is closed.
        """
        return self.engine.new_context(timeout=timeout)._take_over(self)

    def close(self) -> None:
        """End the unit of work and roll an open transaction back; entities can still be read. Safe to call twice.

        UnflushedChangesWarning when something waits for a flush or a transaction is open, unless an exception is being
        handled. Inside a transaction's block, the block's end raises ContextClosedError. ReentrantFlushError by a
        before-handler of its own flush.
        """
        if self._flushing:
            self._check_reentrance()
        self._end(failing=sys.exception() is not None)

    def _end(self, *, failing: bool) -> None:
        """``failing``: for a reason that tells already why something is lost."""
        try:
            if not self.closed and not failing:
                self._warn_of_loss(stacklevel=4)
        finally:
            if self._streams:
                self._run(close_streams_plan(self), inside=False)
            if self._sessions and (transaction := transaction_of(self)) is not None:
                self._run(roll_back_plan(transaction), inside=False)
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end(failing=kind is not None)


class AsyncContext(_ContextBase, AsyncUnitOfWork):
    """A unit of work for one flow of asyncio tasks; look-ups may run concurrently, a flush may not."""

    _merges_look_ups = True
    _running = 0
    """Plans under way."""
    _turn: asyncio.Lock | None = None
    """In a transaction there is one connection: one plan after the other."""

    def __init__(self, engine: Engine, timeout: float | None = None) -> None:
        super().__init__(engine)
        core = engine._core
        self._run_plan = (core.async_runner if timeout is None else core.async_runner_for(timeout)).run

    def _run(self, plan: Plan[T]) -> Coroutine[Any, Any, T]:
        if self.closed:
            raise ContextClosedError("the context is closed; make another with engine.new_async_context()")
        return self._run_plan(plan, self._observer, self)

    def _in_turn(self, plan: Plan[T]) -> Plan[T]:
        """See SharedContext."""
        self._check_turn()
        return self._joined(plan)

    def _check_turn(self, *, alone: bool = False) -> None:
        outer = self._in_use_by
        if outer is not None and outer is asyncio.current_task():
            self._check_reentrance()
        elif outer is not None or (alone and self._running):
            raise ContextMisuseError("a flush runs beside something else on this context; await one after the other")

    def _joined(self, plan: Plan[T]) -> Plan[T]:
        """In the open transaction, if there is one."""
        if not self._sessions or (transaction := transaction_of(self)) is None:
            return plan
        self._turn = self._turn or asyncio.Lock()
        return turn_plan(transaction, self._turn, plan)

    def _run_alone(self, plan: Plan[T]) -> Coroutine[Any, Any, T]:
        """As ``_run``, of a plan that flushes: ContextMisuseError beside anything else on this context."""
        if self.closed:
            raise ContextClosedError("the context is closed; make another with engine.new_async_context()")
        return self._drive(plan, alone=True)

    async def _drive(self, plan: Plan[T], *, alone: bool = False, inside: bool = True) -> T:
        self._check_turn(alone=alone)
        outer = self._in_use_by
        self._running += 1
        if alone:
            self._in_use_by = asyncio.current_task()
        try:
            value: T = await self._run_plan(self._joined(plan) if inside else plan, self._observer)
            return value
        finally:
            self._running -= 1
            self._in_use_by = outer

    def _check_alone(self) -> None:
        if self.closed:
            raise ContextClosedError("the context is closed; make another with engine.new_async_context()")
        if self._running:
            raise ContextMisuseError("a transaction begins beside something else on this context; await that first")

    async def _value(self, value: T) -> T:
        return value

    async def _iterate(self, iteration: Batches) -> AsyncIterator[Any]:
        while not iteration.done:
            for entity in await self._run(iteration.batch_plan()):
                yield entity

    async def flush(self, *entities: EntityBase) -> FlushResult:
        """Write everything pending, or only ``entities`` and the new ones they refer to; one transaction a MySQL pool.

        ContextMisuseError when anything else of this context is under way. Handlers may be coroutine functions; the
        rest, the errors too, as ``Context.flush``.
        """
        if self.closed:
            raise ContextClosedError("the context is closed; make another with engine.new_async_context()")
        return await self._drive(flush_plan(self, entities), alone=True)

    async def reload(self, *entities: EntityBase, discard: bool = False) -> None:
        """Read entities again from MySQL, in place, in the open transaction if there is one; all of them or none.

        UnsavedChangesError unless ``discard``, EntityGoneError, NotPersistedError for new ones, ForeignEntityError.
        """
        await self._run(reload_plan(self, entities, discard))

    def transaction(
        self, *, isolation: str | None = None, read_only: bool = False
    ) -> AsyncTransactionBlock[AsyncContext]:
        """A block whose flushes and reads are one transaction, for ``async with``: its end flushes and commits.

        An exception rolls back. Look-ups of several tasks in it wait for one another; all else, the errors too, as
        ``Context.transaction``.
        """
        return AsyncTransactionBlock(self, isolation, read_only)

    async def run_in_transaction(
        self, function: Callable[[AsyncContext], Awaitable[T]], *, isolation: str | None = None, read_only: bool = False
    ) -> T:
        """What ``await function(ctx)`` gives, in a ``transaction``; again after a deadlock or a connection lost early.

        How often, and what it raises: as ``Context.run_in_transaction``. ``function`` is a coroutine function, or gives
        something to await: ContextMisuseError for another one, and when only its call can tell, what it did is rolled
        back.
        """
        return await run_repeatedly_async(self, function, {"isolation": isolation, "read_only": read_only})

    def mysql(self, pool: str = "default") -> AsyncRawMySQL[AsyncContext]:
        """SQL of your own on a pool, awaited, in the open transaction if there is one. UnknownPoolError lists pools."""
        self._engine.mysql_pool(pool)
        return AsyncRawMySQL(self, pool)

    def clone(self, *, timeout: float | None = None) -> AsyncContext:
        """A fresh unit of work with the same metadata, query loggers and cache settings.

        It is outside an open transaction and has a time of its own: ``timeout`` as in ``Engine.new_async_context``.
        It may be made in the middle of a flush, by a handler. ContextClosedError when the engine is closed.
        """
        return self.engine.new_async_context(timeout=timeout)._take_over(self)

    async def aclose(self) -> None:
        """End the unit of work and roll an open transaction back; entities can still be read. Safe to call twice.

        UnflushedChangesWarning when something waits for a flush or a transaction is open, unless an exception is being
        handled. Inside a transaction's block, the block's end raises ContextClosedError. ReentrantFlushError by a
        before-handler of its own flush.
        """
        if self._flushing:
            self._check_reentrance()
        await self._end(failing=sys.exception() is not None)

    async def _end(self, *, failing: bool) -> None:
        try:
            if not self.closed and not failing:
                self._warn_of_loss(stacklevel=4)
        finally:
            if self._streams:
                await self._drive(close_streams_plan(self), inside=False)
            if self._sessions and (transaction := transaction_of(self)) is not None:
                await self._drive(roll_back_plan(transaction), inside=False)
            self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end(failing=kind is not None)
