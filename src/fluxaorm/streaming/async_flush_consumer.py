"""The consumer of asynchronous flushes: ``engine.async_flush_consumer()``. What it does is in ``plans.streams``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from signal import SIGINT, SIGTERM, Signals, signal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, overload

from fluxaorm.entity.values.not_copied import NotCopied
from fluxaorm.errors import ContextClosedError, ContextMisuseError, RegistryError, described, shown_value
from fluxaorm.plans.streams.flush_loop import Consumed, FlushLoop

if TYPE_CHECKING:
    from fluxaorm.engine import Engine
    from fluxaorm.plans.streams.async_state import AsyncFlushState
    from fluxaorm.pools.kafka.flush_member import FlushMember

OnRound: TypeAlias = "Callable[[Consumed], object]"
MAX_RECORDS: Final = 500
ROUND_SECONDS: Final = 0.5
"""How long ``run`` waits for records before it looks whether it is to end."""
_SIGNALS: Final = (SIGTERM, SIGINT)


class AsyncFlushConsumer(NotCopied):
    """A member of the group that applies asynchronous flushes. For one thread or task at a time; a context manager.

    Run as many as the topic has partitions, in as many processes as you like. What one of them has applied is stored in
    the same transaction as the rows, so that none is ever applied twice.
    """

    def __init__(self, engine: Engine, session_timeout_ms: int = 0) -> None:
        """``session_timeout_ms``: silence after which others take its partitions over; 0: librdkafka's default, 45 s.

        RegistryError when async flush is not registered.
        """
        if engine._core.async_flush is None:
            raise RegistryError(["async flush is not registered: registry.register_async_flush(kafka_pool)"])
        self._engine = engine
        self._core = engine._core
        self._state: AsyncFlushState = engine._core.async_flush
        self._session_timeout_ms = session_timeout_ms
        self._member: FlushMember | None = None
        self._loop: FlushLoop | None = None
        self._context: Any = None
        self._asynchronous = False
        self._closed = False
        self._busy = threading.Lock()
        self._lag_told: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<AsyncFlushConsumer of '{self._state.group}' lag={sum(self.lag.values())}>"

    @property
    def lag(self) -> Mapping[int, int]:
        """Partition -> records that wait there, of the partitions that this consumer has; as the last fetch knew it."""
        return {} if self._loop is None else dict(self._loop.lag)

    # a round

    def consume(self, max_records: int = MAX_RECORDS, block_seconds: float = 1.0) -> Consumed:
        """Apply up to so many records, after waiting for the first ``block_seconds`` at most; what was done.

        What passes by itself (a server that is down, a deadlock) is not raised: it is logged, and tried again by the
        next call; a record that fails for good becomes a dead letter. Raises AsyncFlushStoppedError for a record of a
        newer format, KafkaError when records were deleted before they were applied or a broker refuses this member,
        ContextMisuseError for wrong numbers or when another thread is at it, ContextClosedError, MissingExtraError.
        """
        _check(max_records, block_seconds)
        with self._alone():
            plan = self._looped(asynchronous=False).consume_plan(max_records, float(block_seconds))
            return self._counted(self._context._run_alone(plan))

    async def aconsume(self, max_records: int = MAX_RECORDS, block_seconds: float = 1.0) -> Consumed:
        """``consume`` on asyncio. One consumer serves either threads or one event loop. Raises the same."""
        _check(max_records, block_seconds)
        with self._alone():
            plan = self._looped(asynchronous=True).consume_plan(max_records, float(block_seconds))
            return self._counted(await self._context._run_alone(plan))

    @contextmanager
    def _alone(self) -> Generator[None]:
        if not self._busy.acquire(blocking=False):
            raise ContextMisuseError("this consumer is at work elsewhere; give each thread or task one of its own")
        try:
            yield
        finally:
            self._busy.release()

    def _looped(self, *, asynchronous: bool) -> FlushLoop:
        if self._closed:
            raise ContextClosedError("the consumer is closed; make another with engine.async_flush_consumer()")
        if self._loop is None:
            pool = self._core.kafka_pool(self._state.kafka_pool)
            make = self._engine.new_async_context if asynchronous else self._engine.new_context
            self._member = pool.flush_member(self._state.group, self._state.topic, self._session_timeout_ms)
            self._context, self._asynchronous = make(), asynchronous
            self._loop = FlushLoop(self._core, self._state, self._member, self._context)
        elif asynchronous is not self._asynchronous:
            raise ContextMisuseError("a consumer serves either threads or asyncio; make another one for the other")
        return self._loop

    def _counted(self, consumed: Consumed) -> Consumed:
        counts = self._state.counts
        counts.applied += consumed.applied
        counts.repeated += consumed.repeated
        counts.dead_letters += consumed.dead_letters
        self._tell_lag(self.lag)
        return consumed

    def _tell_lag(self, lag: Mapping[int, int]) -> None:
        """For metrics: of the partitions that it has, and no more of those that it had."""
        told = self._state.counts.lag
        for partition in self._lag_told:
            told.pop(partition, None)
        told.update(lag)
        self._lag_told = tuple(lag)

    # for ever

    @overload
    def run(
        self,
        stop: threading.Event | None = None,
        *,
        max_records: int = MAX_RECORDS,
        on_round: OnRound | None = None,
    ) -> None: ...
    @overload
    def run(
        self, stop: asyncio.Event, *, max_records: int = MAX_RECORDS, on_round: OnRound | None = None
    ) -> Coroutine[Any, Any, None]: ...
    def run(
        self,
        stop: threading.Event | asyncio.Event | None = None,
        *,
        max_records: int = MAX_RECORDS,
        on_round: OnRound | None = None,
    ) -> Any:
        """``consume`` until ``stop`` is set, then leave the group; the transaction in hand is finished first.

        Without ``stop``, on the main thread: until SIGTERM or SIGINT (Ctrl-C). With an ``asyncio.Event`` it is awaited.
        ``on_round`` is called with what each round has done. Raises what ``consume`` and ``on_round`` do, and
        ContextMisuseError without ``stop`` elsewhere than on the main thread.
        """
        told = on_round or _nobody
        if isinstance(stop, asyncio.Event):
            return self._arun(stop, max_records, told)
        if stop is not None:
            self._run(stop, max_records, told)
            return None
        if threading.current_thread() is not threading.main_thread():
            raise ContextMisuseError("run() listens to signals on the main thread only; give it a threading.Event")
        with _until_signal() as signalled:
            self._run(signalled, max_records, told)
        return None

    def _run(self, stop: threading.Event, max_records: int, told: OnRound) -> None:
        with self:
            while not stop.is_set():
                told(self.consume(max_records, ROUND_SECONDS))

    async def _arun(self, stop: asyncio.Event, max_records: int, told: OnRound) -> None:
        async with self:
            while not stop.is_set():
                told(await self.aconsume(max_records, ROUND_SECONDS))

    # the end

    def close(self) -> None:
        """Tell the group how far it is, and leave it. Safe to call twice.

        ContextMisuseError for one that was used on asyncio: ``aclose``.
        """
        if self._asynchronous and not self._closed:
            raise ContextMisuseError("this consumer was used on asyncio: await consumer.aclose()")
        if loop := self._ended():
            try:
                self._context._run_alone(loop.finish_plan())
            finally:
                self._leave()
                self._context.close()

    async def aclose(self) -> None:
        """``close`` on asyncio."""
        if not self._asynchronous:
            await asyncio.to_thread(self.close)
        elif loop := self._ended():
            try:
                await self._context._run_alone(loop.finish_plan())
            finally:
                await asyncio.to_thread(self._leave)
                await self._context.aclose()

    def _ended(self) -> FlushLoop | None:
        """Begin no more rounds; what is to be finished, the first time."""
        if self._closed:
            return None
        self._closed = True
        self._tell_lag({})
        return self._loop

    def _leave(self) -> None:
        if self._member is not None:
            self._member.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _instead(self) -> str:
        return "a consumer is a member of a group, and is neither copied nor pickled; each process makes its own"


def _nobody(_: Consumed) -> None:
    """Nobody wants to know."""


def _check(max_records: object, block_seconds: object) -> None:
    if type(max_records) is not int or max_records < 1:
        raise ContextMisuseError(f"max_records is a number from 1, got {shown_value(max_records)}")
    if not isinstance(block_seconds, int | float) or isinstance(block_seconds, bool) or not 0 <= block_seconds <= 1e6:
        raise ContextMisuseError(f"block_seconds is a number of seconds from 0, got {described(block_seconds)}")


@contextmanager
def _until_signal() -> Generator[threading.Event]:
    """An event that is set by the signals that end a process; what they did before is put back."""
    stop = threading.Event()

    def end(_number: int, _frame: object) -> None:
        stop.set()

    before = {number: signal(number, end) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal(Signals(number), handler)
