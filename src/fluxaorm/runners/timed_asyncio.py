"""The asyncio shell of a context that has only so much time: what waits is cancelled. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from fluxaorm.errors import FluxaError
from fluxaorm.plans.effects import Effect, ExecResult, Execute, FetchTable, LookUpRows, QueryRows
from fluxaorm.runners.asyncio import AsyncRunner
from fluxaorm.runners.shield import Shield
from fluxaorm.runners.time_limits import Limit, TimeLimit, limit_of

if TYPE_CHECKING:
    from fluxaorm.pools.base.ports import AsyncPool
    from fluxaorm.pools.base.redis_ports import RedisPool
    from fluxaorm.pools.base.sql_ports import AsyncSQLConnection, SQLPool
    from fluxaorm.pools.kafka.pool import KafkaPool
    from fluxaorm.runners.observer import Observer


class TimedAsyncRunner(AsyncRunner):
    """Runs the plans of one context until its time is over."""

    def __init__(
        self,
        sql_pools: Mapping[str, SQLPool],
        redis_pools: Mapping[str, RedisPool],
        kafka_pools: Mapping[str, KafkaPool],
        limit: TimeLimit,
        shared: AsyncRunner,
    ) -> None:
        """``shared``: merges look-ups with those of contexts whose time is their own."""
        super().__init__(sql_pools, redis_pools, kafka_pools, limit)
        self._limit = limit
        self._shared = shared
        self._performers = {kind: self._limited(perform) for kind, perform in self._performers.items()}

    def _limited(self, perform: Callable[[Any, Shield], Awaitable[Any]]) -> Callable[[Any, Shield], Awaitable[Any]]:
        async def limited(effect: Effect[Any], shield: Shield) -> Any:
            limit = limit_of(effect)
            if limit is Limit.NOTHING or limit is Limit.GRACE:
                # where a grace begins: see _commit_on and its like
                return await perform(effect, shield)
            left = self._limit.check()
            if limit is Limit.WAIT_ONLY:
                # see _sql_pool
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

    # what is not cut off at the deadline, but a while later; each in a task that nobody cancels

    async def _commit_on(self, connection: AsyncSQLConnection, code: str) -> None:
        async with self._grace():
            await super()._commit_on(connection, code)

    async def _rollback_on(self, connection: AsyncSQLConnection, code: str) -> None:
        with suppress(TimeoutError):
            async with self._grace():
                await super()._rollback_on(connection, code)

    async def _execute_alone(
        self, effect: Execute, code: str, pool: AsyncPool[AsyncSQLConnection], connection: AsyncSQLConnection
    ) -> ExecResult:
        async with self._grace():
            return await super()._execute_alone(effect, code, pool, connection)

    async def _fetch_table_alone(
        self, effect: FetchTable, code: str, pool: AsyncPool[AsyncSQLConnection], connection: AsyncSQLConnection
    ) -> QueryRows:
        async with self._grace():
            return await super()._fetch_table_alone(effect, code, pool, connection)

    def _grace(self) -> asyncio.Timeout:
        return asyncio.timeout(self._limit.grace - monotonic())

    def _sql_pool(self, code: str) -> AsyncPool[AsyncSQLConnection]:
        return _TimedAsyncPool(super()._sql_pool(code), self._limit)


class _TimedAsyncPool:
    """Connections that are waited for only so long."""

    def __init__(self, pool: AsyncPool[AsyncSQLConnection], limit: TimeLimit) -> None:
        self._limit = limit
        self._acquire = pool.acquire
        self.take, self.put = pool.take, pool.put
        self.hand_on, self.release = pool.hand_on, pool.release
        self.stats, self.close, self.replace = pool.stats, pool.close, pool.replace

    async def acquire(self, seconds: float | None = None) -> AsyncSQLConnection:
        left = self._limit.check()
        try:
            # opening one takes its time as well
            async with asyncio.timeout(left):
                return await self._acquire(left if seconds is None else min(left, seconds))
        except (FluxaError, TimeoutError) as error:
            if self._limit.left <= 0:
                raise self._limit.exceeded() from error
            raise
