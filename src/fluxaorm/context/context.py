"""Context: the unit of work of one thread; its calls block.

It and ``AsyncContext`` share ``ContextBase`` and every plan; they differ only in the runner that drives a plan.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from fluxaorm.context.base import ContextBase
from fluxaorm.context.raw_mysql import RawMySQL
from fluxaorm.context.transaction import TransactionBlock, run_repeatedly
from fluxaorm.errors import ContextMisuseError
from fluxaorm.plans.commits.transactions import inside_plan, transaction_of
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.flush.blocks import close_streams_plan, roll_back_plan
from fluxaorm.plans.flush.flush import flush_plan
from fluxaorm.plans.reads.by_id import reload_plan
from fluxaorm.plans.state.unit_of_work import Batches, SyncUnitOfWork
from fluxaorm.plans.writes.flush_work import FlushResult
from fluxaorm.runtime.entity import EntityBase

if TYPE_CHECKING:
    from fluxaorm.engine import Engine

T = TypeVar("T")


class Context(ContextBase, SyncUnitOfWork):
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
            raise self._closed_error()
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

    def flush_async(self, immediate_redis_updates: bool) -> FlushResult:
        """Publish everything pending to Kafka, to be written later; returns when the brokers have stored it.

        ``immediate_redis_updates``: True, and look-ups by id or cached unique index see the changes at once, of
        entities with a Redis cache; False, and everybody sees them when a consumer has applied them. Searches see them
        then in either case. Before-handlers run here, after-handlers in the consumer. A flush of several tables is
        published whole or not at all, and applied table by table. Entities are clean afterwards and stay usable. The
        result counts what will be written.

        Raises what ``flush`` does before it sends anything, ContextMisuseError inside a transaction, NotSupportedError
        (async flush is not registered, an entity with a version, Redis commands, SQL where records are not signed),
        QueryError (SQL that does not say its table and rows), CacheUnavailableError, KafkaUnavailableError, KafkaError
        (too large, no topic): nothing was published and the changes are kept. AsyncFlushUnknownError: nobody knows
        whether it is stored. PostCommitError: it is stored, but some readers may see the rows as they were until it is
        applied. ReentrantFlushError by a handler of its own.
        """
        from fluxaorm.plans.streams.flush_async import flush_async_plan

        return self._run(flush_async_plan(self, immediate_redis_updates))

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
        """What ``function(ctx)`` returns, run in a ``transaction``; again after what certainly wrote nothing.

        Three times after deadlocks, once after a lost connection; after a PendingAsyncWriteError once the asynchronous
        writes it has met are applied, for which it waits as a flush does. Each attempt finds what waits for a flush as
        the first did. What else the function does must bear repetition. Inside another transaction it runs once.
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
