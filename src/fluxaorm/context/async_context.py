"""AsyncContext: the unit of work of one flow of asyncio tasks; its calls are awaited. See ``context``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from fluxaorm.context.base import ContextBase
from fluxaorm.context.raw_mysql import AsyncRawMySQL
from fluxaorm.context.transaction import AsyncTransactionBlock, run_repeatedly_async
from fluxaorm.errors import ContextMisuseError
from fluxaorm.plans.commits.transactions import transaction_of, turn_plan
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.flush.blocks import close_streams_plan, roll_back_plan
from fluxaorm.plans.flush.flush import flush_plan
from fluxaorm.plans.reads.by_id import reload_plan
from fluxaorm.plans.state.unit_of_work import AsyncUnitOfWork, Batches
from fluxaorm.plans.writes.flush_work import FlushResult
from fluxaorm.runtime.entity import EntityBase

if TYPE_CHECKING:
    from fluxaorm.engine import Engine

T = TypeVar("T")


class AsyncContext(ContextBase, AsyncUnitOfWork):
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
            raise self._closed_error()
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
            raise self._closed_error()
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
            raise self._closed_error()
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
            raise self._closed_error()
        return await self._drive(flush_plan(self, entities), alone=True)

    async def flush_async(self, immediate_redis_updates: bool) -> FlushResult:
        """Publish everything pending to Kafka, to be written later; returns when the brokers have stored it.

        ContextMisuseError when anything else of this context is under way. A cancellation that comes while it is
        published waits until the brokers have answered. All else, the errors too, as ``Context.flush_async``.
        """
        from fluxaorm.plans.streams.flush_async import flush_async_plan

        if self.closed:
            raise self._closed_error()
        return await self._drive(flush_async_plan(self, immediate_redis_updates), alone=True)

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
        """What ``await function(ctx)`` gives, in a ``transaction``; again after what certainly wrote nothing.

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
