"""What an engine holds and must let go of: threads and connections. However it ends, everything is let go of once.

By ``close`` or ``aclose``; when nobody holds the engine any more, with a ResourceWarning; and when the process exits,
which waits no longer than a few seconds for a server. Holds no engine, so that none is kept by its own threads.
"""

from __future__ import annotations

import asyncio
import atexit
import warnings
import weakref
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from fluxaorm.engine.background import CLOSING_SECONDS, Background
from fluxaorm.engine.renewals import Renewals
from fluxaorm.pools.base.watching import Watchdog
from fluxaorm.runners.time_limits import TimeLimit
from fluxaorm.runners.timed_sync import TimedSyncRunner

if TYPE_CHECKING:
    from fluxaorm.engine.change_listener import ChangeListener
    from fluxaorm.plans.effects import Plan
    from fluxaorm.pools.base.redis_ports import RedisPool
    from fluxaorm.pools.base.sql_ports import SQLPool
    from fluxaorm.pools.kafka.pool import KafkaPool

T = TypeVar("T")

STEP_SECONDS: Final = 30.0
"""What a step in the background may take before it is tried again: one that hangs would keep all others waiting."""
RENEWAL_SECONDS: Final = 10.0
"""What one renewal may take: the next ones must not wait for it until they come too late."""


class EngineResources:
    """``listeners``: by Redis pool. Safe for threads; ended twice is ended once."""

    def __init__(
        self,
        sql_pools: Mapping[str, SQLPool],
        redis_pools: Mapping[str, RedisPool],
        kafka_pools: Mapping[str, KafkaPool],
        listeners: Mapping[str, ChangeListener],
    ) -> None:
        self.closed = False
        self.step_seconds = STEP_SECONDS
        """Replaceable in tests."""
        self.listeners = listeners
        self.watchdog = Watchdog()
        self.background = Background(self._take_step)
        self.renewals = Renewals(self._renew)
        self._sql_pools = sql_pools
        self._redis_pools = redis_pools
        self._kafka_pools = kafka_pools
        _living.add(self)

    def _take_step(self, plan: Plan[T]) -> T:
        return self._run(plan, self.step_seconds)

    def _renew(self, plan: Plan[T]) -> T:
        return self._run(plan, RENEWAL_SECONDS)

    def _run(self, plan: Plan[T], seconds: float) -> T:
        limit = TimeLimit(seconds)
        pools = (self._sql_pools, self._redis_pools, self._kafka_pools)
        return TimedSyncRunner(*pools, limit, self.watchdog).run(plan)

    @property
    def pools(self) -> list[SQLPool | RedisPool | KafkaPool]:
        """All of them."""
        return [*self._sql_pools.values(), *self._redis_pools.values(), *self._kafka_pools.values()]

    def close(self) -> None:
        """End everything that belongs to threads. An interruption is raised when the rest was ended, too."""
        self.closed = True
        with ExitStack() as last_first:
            _ = last_first.callback(self.watchdog.close)
            for pool in self.pools:
                _ = last_first.callback(pool.close)
            _ = last_first.callback(self.end_threads)

    async def aclose(self) -> None:
        """As ``close``, and what belongs to the running loop."""
        self.closed = True
        async with AsyncExitStack() as last_first:
            _ = last_first.push_async_callback(asyncio.to_thread, self.watchdog.close)
            for pool in self.pools:
                _ = last_first.push_async_callback(pool.aclose)
            _ = last_first.push_async_callback(asyncio.to_thread, self.end_threads)

    def end_threads(self, seconds: float = CLOSING_SECONDS) -> None:
        """Take the last steps in the background, which get so much time, and end what works beside the callers."""
        with ExitStack() as last_first:
            _ = last_first.callback(self.renewals.close)
            _ = last_first.callback(self.background.close, seconds)
            for listener in self.listeners.values():
                _ = last_first.callback(listener.stop)

    def end_threads_by(self, deadline: float) -> None:
        """The same until then, in monotonic seconds; what waits to be sent to Kafka is sent."""
        with ExitStack() as last_first:
            for pool in self._kafka_pools.values():
                _ = last_first.callback(pool.flush, deadline)
            self.end_threads(max(0.0, deadline - monotonic()))

    def collected(self, described: str) -> None:
        """Nobody holds the engine any more, so nothing is under way; what is open is closed, with a warning."""
        if self.closed:
            return
        held = sum(pool.stats().open for pool in self.pools)
        self.close()
        if held:
            message = f"{described} was never closed and held {held} open connection{'' if held == 1 else 's'}; "
            instead = "call engine.close(), or await engine.aclose() where asyncio used it, or use it in a with block"
            warnings.warn(message + instead, ResourceWarning, stacklevel=2)


_living: Final[weakref.WeakSet[EngineResources]] = weakref.WeakSet()


def _end_with_the_process() -> None:
    """Servers that hang hold the end up for one closing time, however many engines there are."""
    deadline = monotonic() + CLOSING_SECONDS
    with ExitStack() as each_by_itself:
        for resources in list(_living):
            _ = each_by_itself.callback(resources.end_threads_by, deadline)


# hooks run last registered first: weakref's, which ends embedded servers, must be there when ours is registered
_weakrefs_hook: Final = weakref.finalize(_end_with_the_process, bool)
_ = atexit.register(_end_with_the_process)
