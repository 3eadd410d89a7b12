"""The blocks that ``ctx.transaction()`` gives: ``with`` for a Context, ``async with`` for an AsyncContext.

They only say when a block begins and how it ends; what that means is decided in ``plans.blocks``.
"""

from __future__ import annotations

import inspect
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from fluxaorm.errors import (
    ContextClosedError,
    ContextMisuseError,
    DeadlockError,
    MySQLConnectionError,
    PendingAsyncWriteError,
    TransactionLostError,
    described,
    shown_value,
)
from fluxaorm.plans.cache.pending_writes import PendingWrites
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.flush.blocks import Block, check_options, enter, leave_early, leave_plan
from fluxaorm.plans.retries import Retries
from fluxaorm.plans.state.unit_of_work import AsyncUnitOfWork, SyncUnitOfWork, UnitOfWork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


T = TypeVar("T")
C = TypeVar("C", bound=SyncUnitOfWork)
A = TypeVar("A", bound=AsyncUnitOfWork)
REPEATED: Final = (DeadlockError, MySQLConnectionError, PendingAsyncWriteError, TransactionLostError)
"""After these nothing is written, and another attempt may succeed."""


class _BlockBase:
    """What both blocks share; one serves once."""

    def __init__(self, unit_of_work: UnitOfWork, isolation: str | None, read_only: bool) -> None:
        check_options(unit_of_work, isolation, read_only)
        self._unit_of_work = unit_of_work
        self._isolation, self._read_only = isolation, read_only
        self._block: Block | None = None
        self._used = False

    @property
    def pending(self) -> PendingWrites | None:
        """The asynchronous writes that it has met; its rollback has let go of what they need."""
        return None if self._block is None else self._block.transaction.pending

    def _enter(self) -> None:
        if self._used:
            raise ContextMisuseError("a transaction's block serves once: call transaction() again")
        # another block may have been entered since this one was made
        check_options(self._unit_of_work, self._isolation, self._read_only)
        self._used = True
        self._block = enter(self._unit_of_work, self._isolation, self._read_only)

    def _leave_plan(self, failed: bool, check: Callable[[], None]) -> Plan[None] | None:
        """None: the block failed, and nothing is left to do; the context was closed inside it, or is busy.

        ``check``: whether the context is; then its transaction fails.
        """
        if self._block is None:
            raise ContextMisuseError("this transaction's block was never entered: use it in a `with` statement")
        if self._unit_of_work.closed:
            if failed:
                return None
            raise ContextClosedError("the context was closed inside the transaction, which was rolled back")
        try:
            check()
        except ContextMisuseError:
            leave_early(self._block)
            if failed:
                return None
            raise
        return leave_plan(self._unit_of_work, self._block, failed)


class TransactionBlock(_BlockBase, Generic[C]):
    """The block of ``with ctx.transaction()``."""

    def __init__(self, ctx: C, isolation: str | None, read_only: bool) -> None:
        super().__init__(ctx, isolation, read_only)
        self._ctx = ctx

    def __enter__(self) -> C:
        self._ctx._check_alone()
        self._enter()
        return self._ctx

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        plan = self._leave_plan(kind is not None, self._ctx._check_alone)
        if plan is not None:
            self._ctx._run(plan, inside=False)


class AsyncTransactionBlock(_BlockBase, Generic[A]):
    """The block of ``async with ctx.transaction()``."""

    def __init__(self, ctx: A, isolation: str | None, read_only: bool) -> None:
        super().__init__(ctx, isolation, read_only)
        self._ctx = ctx

    async def __aenter__(self) -> A:
        self._ctx._check_alone()
        self._enter()
        return self._ctx

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        plan = self._leave_plan(kind is not None, lambda: self._ctx._check_turn(alone=True))
        if plan is not None:
            await self._ctx._drive(plan, alone=True, inside=False)


class Attempts:
    """How often a function is run in a transaction of its own; each rollback leaves what the first began from."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._engine = unit_of_work._engine
        self._retries = Retries()
        self._until: float | None = None
        """When asynchronous writes are no longer waited for; None: none has been met."""
        # inside another transaction the server has undone more than the function's part
        self._repeats = unit_of_work._open_transaction is None

    def again_plan(self, error: BaseException, block: _BlockBase) -> Plan[bool]:
        """Wait before the next attempt; False: the error is the caller's. ``block``: that of the attempt, left.

        Raises MySQLError, KafkaError when nobody can tell whether asynchronous writes are applied.
        """
        if isinstance(error, PendingAsyncWriteError):
            return self._repeats and (yield from self._applied_plan(block.pending))
        cause = error.__cause__ if isinstance(error, TransactionLostError) else error
        return self._repeats and cause is not None and (yield from self._retries.pause_plan(cause))

    def _applied_plan(self, pending: PendingWrites | None) -> Plan[bool]:
        """Wait, without a lock, for the asynchronous writes that came first; no longer than a flush would, in all."""
        flush = self._engine.async_flush
        if not pending or flush is None:
            # of another context, or of a look-up, which has waited
            return False
        if self._until is None:
            self._until = self._engine.monotonic() + flush.pending_timeout
        return (yield from pending.wait_plan(self._until))


def _check_function(function: object, *, awaits: bool) -> None:
    """Refuse, before anything runs, what cannot be run or would only seem to run. ContextMisuseError."""
    if not callable(function):
        raise ContextMisuseError(f"run_in_transaction() takes a function of the context, not {described(function)}")
    # an object that is called as a function says what it is by its class
    forms: tuple[object, object] = (function, type(function).__call__)
    if any(inspect.isgeneratorfunction(form) or inspect.isasyncgenfunction(form) for form in forms):
        raise ContextMisuseError(f"{shown_value(function)} is a generator function: a call runs nothing of it")
    if not awaits and any(inspect.iscoroutinefunction(form) for form in forms):
        raise ContextMisuseError(
            f"{shown_value(function)} is a coroutine function, and a Context awaits nothing: give a plain function, or "
            "use an AsyncContext"
        )


def run_repeatedly(ctx: C, function: Callable[[C], T], options: dict[str, Any]) -> T:
    """See ``Context.run_in_transaction``."""
    _check_function(function, awaits=False)
    attempts = Attempts(ctx)
    while True:
        block = TransactionBlock(ctx, **options)
        try:
            with block:
                value = function(ctx)
                if inspect.iscoroutine(value):
                    value.close()
                    raise ContextMisuseError(
                        f"{shown_value(function)} gave a coroutine, and a Context awaits nothing: nothing of it was "
                        "run; give a plain function, or use an AsyncContext"
                    )
                return value
        except REPEATED as error:
            if not ctx._run(attempts.again_plan(error, block)):
                raise


async def run_repeatedly_async(ctx: A, function: Callable[[A], Awaitable[T]], options: dict[str, Any]) -> T:
    """See ``AsyncContext.run_in_transaction``."""
    _check_function(function, awaits=True)
    attempts = Attempts(ctx)
    while True:
        block = AsyncTransactionBlock(ctx, **options)
        try:
            async with block:
                given = function(ctx)
                found: object = given
                if not inspect.isawaitable(found):
                    # only a call tells what a plain function gives
                    raise ContextMisuseError(
                        f"{shown_value(function)} gave {described(found)}, and an AsyncContext awaits what it gives: "
                        "what it did through this context is rolled back; make it a coroutine function"
                    )
                return await given
        except REPEATED as error:
            if not await ctx._run(attempts.again_plan(error, block)):
                raise
