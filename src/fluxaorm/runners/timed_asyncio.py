"""The asyncio shell of a context that has only so much time: what waits is cancelled. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from fluxaorm.errors import FluxaError
from fluxaorm.plans.effects import Effect, LookUpRows
from fluxaorm.runners.asyncio import AsyncRunner
from fluxaorm.runners.shield import Shield
from fluxaorm.runners.time_limits import TimeLimit, is_lone_statement, is_unlimited

if TYPE_CHECKING:
    from fluxaorm.pools.ports import AsyncPool, AsyncSQLConnection, RedisPool, SQLPool
    from fluxaorm.runners.observer import Observer


class TimedAsyncRunner(AsyncRunner):
    """Runs the plans of one context until its time is over."""

    def __init__(
        self,
        sql_pools: Mapping[str, SQLPool],
        redis_pools: Mapping[str, RedisPool],
        limit: TimeLimit,
        shared: AsyncRunner,
    ) -> None:
        """``shared``: merges look-ups with those of contexts whose time is their own."""
        super().__init__(sql_pools, redis_pools)
        self._limit = limit
        self._shared = shared
        self._performers = {kind: self._limited(perform) for kind, perform in self._performers.items()}

    def _limited(self, perform: Callable[[Any, Shield], Awaitable[Any]]) -> Callable[[Any, Shield], Awaitable[Any]]:
        async def limited(effect: Effect[Any], shield: Shield) -> Any:
            if is_unlimited(effect):
                return await perform(effect, shield)
            left = self._limit.check()
            if is_lone_statement(effect):
                # only its wait for a connection is limited: see _sql_pool
                return await perform(effect, shield)
            try:
                async with asyncio.timeout(left):
                    return await perform(effect, shield)
            except TimeoutError as error:
                raise self._limit.exceeded() from error

        return limited

    async def _look_up_rows(self, effect: LookUpRows, _: Shield, observer: Observer | None = None) -> Any:
        """A batch goes on without those who left it."""
        left = self._limit.check()
        try:
            async with asyncio.timeout(left):
                return await self._shared._look_up_rows(effect, _, observer)
        except TimeoutError as error:
            raise self._limit.exceeded() from error

    def _sql_pool(self, code: str) -> AsyncPool[AsyncSQLConnection]:
        return _TimedPool(super()._sql_pool(code), self._limit)


class _TimedPool:
    """Connections that are waited for only so long."""

    def __init__(self, pool: AsyncPool[AsyncSQLConnection], limit: TimeLimit) -> None:
        self._limit = limit
        self._acquire = pool.acquire
        self.take, self.put = pool.take, pool.put
        self.settle, self.release = pool.settle, pool.release
        self.stats, self.close = pool.stats, pool.close

    async def acquire(self, seconds: float | None = None) -> AsyncSQLConnection:
        left = self._limit.check()
        try:
            return await self._acquire(left if seconds is None else min(left, seconds))
        except FluxaError as error:
            if self._limit.left <= 0:
                raise self._limit.exceeded() from error
            raise
