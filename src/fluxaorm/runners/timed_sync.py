"""The blocking shell of a context that has only so much time: what blocks is ended by the watchdog. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from fluxaorm.errors import DeadlineExceededError, FluxaError
from fluxaorm.plans.effects import Effect, Plan, ShieldedRedisRoundTrip, Sleep
from fluxaorm.pools.base.watching import Watch, Watchdog
from fluxaorm.runners.sync import SyncRunner
from fluxaorm.runners.time_limits import Limit, TimeLimit, is_lone_statement, limit_of, session_of

if TYPE_CHECKING:
    from fluxaorm.pools.base.ports import SyncPool
    from fluxaorm.pools.base.redis_ports import RedisPool
    from fluxaorm.pools.base.sql_ports import SQLPool, SyncSQLConnection
    from fluxaorm.pools.kafka.pool import KafkaPool
    from fluxaorm.runners.observer import Observer

T = TypeVar("T")


class TimedSyncRunner(SyncRunner):
    """Runs the plans of one context until its time is over."""

    def __init__(
        self,
        sql_pools: Mapping[str, SQLPool],
        redis_pools: Mapping[str, RedisPool],
        kafka_pools: Mapping[str, KafkaPool],
        limit: TimeLimit,
        watchdog: Watchdog,
    ) -> None:
        super().__init__(sql_pools, redis_pools, kafka_pools, limit)
        self._limit = limit
        self._watchdog = watchdog
        self._watch = Watch(limit.deadline)
        self._watching = False
        self._performers = {kind: self._limited(perform) for kind, perform in self._performers.items()}

    def run(self, plan: Plan[T], observer: Observer | None = None) -> T:
        """As SyncRunner.run. DeadlineExceededError."""
        if self._watch.expired or self._watching:
            return super().run(plan, observer)
        self._watching = True
        self._watchdog.add(self._watch)
        try:
            return super().run(plan, observer)
        finally:
            self._watching = False
            self._watchdog.remove(self._watch)

    def _limited(self, perform: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def limited(effect: Effect[Any]) -> Any:
            limit = limit_of(effect)
            if limit is Limit.NOTHING:
                return perform(effect)
            if limit is Limit.GRACE:
                return self._perform_to_its_end(perform, effect)
            left = self._limit.check()
            if isinstance(effect, Sleep):
                perform(Sleep(min(effect.seconds, left)))
                self._limit.check()
                return None
            return self._perform_within(perform, effect, limit)

        return limited

    def _perform_within(self, perform: Callable[[Any], Any], effect: Effect[Any], limit: Limit) -> Any:
        try:
            return self._perform_watched(perform, effect)
        except DeadlineExceededError:
            raise
        except FluxaError as error:
            if self._limit.left <= 0 and limit is Limit.ENDED:
                raise self._limit.exceeded() from error
            raise

    def _perform_watched(self, perform: Callable[[Any], Any], effect: Effect[Any]) -> Any:
        session = session_of(effect)
        if session is not None and session.connection is not None:
            self._watch.enter(session.connection)
        try:
            return perform(effect)
        finally:
            # also a connection that stays out: a COMMIT on it must not be cut off
            self._watch.leave()

    def _perform_to_its_end(self, perform: Callable[[Any], Any], effect: Any) -> Any:
        with self._grace() as watch:
            if effect.session.connection is not None:
                watch.enter(effect.session.connection)
            return perform(effect)

    @contextmanager
    def _grace(self) -> Generator[Watch, None, None]:
        """Watches what is not cut off at the deadline, but a while later."""
        watch = Watch(self._limit.grace)
        self._watchdog.add(watch)
        try:
            yield watch
        finally:
            watch.leave()
            self._watchdog.remove(watch)

    def _sql_pool(self, code: str) -> SyncPool[SyncSQLConnection]:
        pool = self._sql.get(code)
        if pool is None:
            pool = self._sql[code] = _TimedSyncPool(super()._sql_pool(code), self._limit, self._watch)
        return pool

    def _execute(self, effect: Any) -> Any:
        return self._perform_alone(super()._execute, effect)

    def _fetch_table(self, effect: Any) -> Any:
        return self._perform_alone(super()._fetch_table, effect)

    def _perform_alone(self, perform: Callable[[Any], Any], effect: Any) -> Any:
        if not is_lone_statement(effect):
            return perform(effect)
        pool = self._sql_pool(effect.target)
        assert isinstance(pool, _TimedSyncPool)
        with self._grace() as pool.watch:
            try:
                return perform(effect)
            finally:
                pool.watch = self._watch

    def _redis_round_trip(self, effect: Any) -> Any:
        redis = self._redis.get(effect.pool) or self._redis_pool(effect.pool)
        return redis.round_trip(effect.commands, None if isinstance(effect, ShieldedRedisRoundTrip) else self._watch)


class _TimedSyncPool:
    """Connections that are waited for only so long, and watched while they are out."""

    def __init__(self, pool: SyncPool[SyncSQLConnection], limit: TimeLimit, watch: Watch) -> None:
        self._pool = pool
        self._limit = limit
        self.watch = watch
        """What looks after the connections that are taken from now on."""

    def take(self) -> SyncSQLConnection | None:
        return self._entered(self._pool.take())

    def acquire(self, seconds: float | None = None) -> SyncSQLConnection:
        connection = self._pool.take()
        if connection is None:
            left = self._limit.check()
            try:
                connection = self._pool.acquire(left if seconds is None else min(left, seconds))
            except FluxaError as error:
                if self._limit.left <= 0:
                    raise self._limit.exceeded() from error
                raise
        self._entered(connection)
        return connection

    def replace(self, connection: SyncSQLConnection, seconds: float | None = None) -> SyncSQLConnection:
        self.watch.leave()
        left = self._limit.left
        made = self._pool.replace(connection, max(0.0, left if seconds is None else min(left, seconds)))
        self._entered(made)
        return made

    def _entered(self, connection: SyncSQLConnection | None) -> SyncSQLConnection | None:
        if connection is not None:
            self.watch.enter(connection)
        return connection

    def put(self, connection: SyncSQLConnection) -> int:
        self.watch.leave()
        return self._pool.put(connection)

    def release(self, connection: SyncSQLConnection) -> None:
        self.watch.leave()
        self._pool.release(connection)

    def drop(self, connection: SyncSQLConnection) -> None:
        self._pool.drop(connection)

    def hand_on(self, connection: SyncSQLConnection, fate: int) -> None:
        self._pool.hand_on(connection, fate)

    def stats(self) -> Any:
        return self._pool.stats()

    def close(self) -> None:
        self._pool.close()
