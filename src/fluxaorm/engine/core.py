"""EngineCore: all of an engine that is not for users. What plans know of it is ``EnginePort``.

Safe for threads; holds no state of a request. After ``fork()`` a child opens fresh connections, and starts with empty
local caches and without ids taken beforehand.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from fluxaorm.engine.bindings import Bindings
from fluxaorm.engine.cache_outages import CacheOutages
from fluxaorm.engine.resources import EngineResources
from fluxaorm.errors import ContextClosedError, ContextMisuseError, UnknownPoolError
from fluxaorm.observe.failing_handlers import FailingHandlers
from fluxaorm.observe.secret_arguments import SecretArguments
from fluxaorm.plans.commits.unknown_commits import kill_later
from fluxaorm.plans.state.tokens import TokenSource
from fluxaorm.plans.writes.order.foreign_keys import KnownForeignKeys
from fluxaorm.pools.base.forks import run_each
from fluxaorm.runners.asyncio import AsyncRunner
from fluxaorm.runners.sync import SyncRunner
from fluxaorm.runners.time_limits import TimeLimit
from fluxaorm.runners.timed_asyncio import TimedAsyncRunner
from fluxaorm.runners.timed_sync import TimedSyncRunner

if TYPE_CHECKING:
    from fluxaorm.alters.kafka.wanted import WantedKafka
    from fluxaorm.entity.schema import EntitySchema
    from fluxaorm.observe.metrics import QueryMetrics
    from fluxaorm.observe.query_log import QueryLogEntry
    from fluxaorm.plans.cache.identity import RedisNamespace
    from fluxaorm.plans.effects import Plan, ServerThread
    from fluxaorm.plans.state.bound_entity import BoundEntity, DisabledCaches, ProviderPort
    from fluxaorm.plans.streams.async_state import AsyncFlushState
    from fluxaorm.pools.base.redis_ports import RedisPool
    from fluxaorm.pools.base.sql_ports import SQLPool
    from fluxaorm.pools.kafka.pool import KafkaPool


T = TypeVar("T")
LONGEST_TIMEOUT: Final = 1_000_000
"""Seconds. What waits with such a limit on a socket, or in a thread, can wait for no more than some weeks."""


class _Forkable(Protocol):
    """What a child process must not use as its parent left it."""

    def reset_after_fork(self) -> None: ...


class EngineCore:
    """Made by ``Registry.validate()``. Not closed it is let go of, with a ResourceWarning, when nobody holds it."""

    def __init__(
        self,
        *,
        schemas: Mapping[str, EntitySchema],
        mysql_pools: Mapping[str, SQLPool],
        redis_pools: Mapping[str, RedisPool],
        kafka_pools: Mapping[str, KafkaPool],
        databases: Mapping[str, str],
        private_stores: frozenset[tuple[str, str]] = frozenset(),
        careless_redis_pools: frozenset[str],
        merging_pools: frozenset[str],
        async_flush: AsyncFlushState | None = None,
        wanted_kafka: Mapping[str, WantedKafka] | None = None,
        metrics: Sequence[QueryMetrics] = (),
    ) -> None:
        """Take pools that are not connected yet, by their codes.

        ``databases``: MySQL pool code -> its database's name in cache keys; ``private_stores``: pairs of a MySQL and a
        Redis pool that are files of one directory; ``careless_redis_pools``: those whose ``on_write_failure`` is
        "proceed"; ``merging_pools``: MySQL pools whose id look-ups are merged on asyncio; ``async_flush``:
        where asynchronous flushes go, None where they are not registered; ``wanted_kafka``: Kafka pool code -> the
        topics and groups that are declared; ``metrics``: what every context reports to.
        """
        self.schemas = MappingProxyType(dict(schemas))
        self.mysql_pools = MappingProxyType(dict(mysql_pools))
        self.redis_pools = MappingProxyType(dict(redis_pools))
        self.kafka_pools = MappingProxyType(dict(kafka_pools))
        self._pools = (self.mysql_pools, self.redis_pools, self.kafka_pools)
        self.sync_runner = SyncRunner(*self._pools)
        self.async_runner = AsyncRunner(*self._pools)
        self.tokens = TokenSource()
        self.clock: Callable[[], datetime] = _utc_now
        """The wall clock: aware, UTC; replaceable in tests."""
        self.monotonic: Callable[[], float] = time.monotonic
        self.cache_outages = CacheOutages(time.monotonic)
        self.async_flush = async_flush
        """What is known of asynchronous flushes; None where they are not registered."""
        self.wanted_kafka = MappingProxyType(dict(wanted_kafka or {}))
        """What is declared of each Kafka pool, for alters."""
        self.metrics = tuple(metrics)
        self.query_loggers: tuple[Callable[[Any, QueryLogEntry], None], ...] = tuple(each.observe for each in metrics)
        """What hears of every query of each context that is made: metrics, and what ``enable_query_log`` adds."""
        self.failing_handlers = FailingHandlers()
        self.foreign_keys = KnownForeignKeys(self.schemas)
        self.secret_arguments = SecretArguments(schemas.values())
        """For query logs."""
        self.has_contexts = False
        """Whether a context was made: from then on nothing of the engine may be set up any more."""
        self._careless_redis_pools = careless_redis_pools
        self.bindings = Bindings(
            self,
            self.cache_outages.note,
            schemas=self.schemas,
            mysql_pools=self.mysql_pools,
            redis_pools=self.redis_pools,
            databases=databases,
            private_stores=private_stores,
            merging_pools=merging_pools,
        )
        self.resources = EngineResources(*self._pools, self.bindings.listeners)
        for pool in self.mysql_pools.values():
            pool.on_abandoned = _killing_for(weakref.ref(self))
        _cores.add(self)

    def mysql_pool(self, code: str = "default") -> SQLPool:
        """UnknownPoolError lists the known ones."""
        return pool_of("MySQL", self.mysql_pools, code)

    def redis_pool(self, code: str = "default") -> RedisPool:
        """The same."""
        return pool_of("Redis", self.redis_pools, code)

    def kafka_pool(self, code: str = "default") -> KafkaPool:
        """The same."""
        return pool_of("Kafka", self.kafka_pools, code)

    @property
    def has_async_flush(self) -> bool:
        """Whether async flush is registered."""
        return self.async_flush is not None

    # contexts

    def refuse_closed(self) -> None:
        """ContextClosedError when the engine is closed."""
        if self.resources.closed:
            raise ContextClosedError("the engine is closed; make another with registry.validate()")

    def note_context(self) -> None:
        """A context is made: changes are listened to from now on. ContextClosedError."""
        self.refuse_closed()
        self.has_contexts = True
        for listener in self.bindings.listeners.values():
            listener.start()

    def sync_runner_for(self, seconds: float) -> SyncRunner:
        """What drives the plans of a context with only so much time. ContextMisuseError."""
        return TimedSyncRunner(*self._pools, _limit(seconds), self.resources.watchdog)

    def async_runner_for(self, seconds: float) -> AsyncRunner:
        """The same on asyncio."""
        return TimedAsyncRunner(*self._pools, _limit(seconds), self.async_runner)

    # what plans ask

    def binding(self, provider: ProviderPort) -> BoundEntity:
        """See ``Bindings.of``."""
        return self.bindings.of(provider)

    def binding_of(self, entity_name: str) -> BoundEntity:
        """See ``Bindings.by_name``."""
        return self.bindings.by_name(entity_name)

    @property
    def used_entities(self) -> Mapping[str, BoundEntity]:
        """See ``Bindings.used``."""
        return self.bindings.used

    @property
    def namespaces(self) -> Sequence[RedisNamespace]:
        """See ``Bindings``."""
        return self.bindings.namespaces

    def disable_caches(self, entity_name: str, disabled: DisabledCaches) -> None:
        """See ``Bindings``."""
        self.bindings.disable_caches(entity_name, disabled)

    def writes_without_cache(self, redis_pool: str) -> bool:
        """Whether flushes go on when this Redis pool cannot be told of them."""
        return redis_pool in self._careless_redis_pools

    def cache_outage(self, redis_pool: str, error: BaseException) -> None:
        """Count a cache that could not be reached; log it once an outage."""
        self.cache_outages.note(redis_pool, error)

    def finish_later(self, step: Callable[[], Plan[bool]]) -> None:
        """Run ``step`` in the background, again and again with pauses, until its plan returns True."""
        self.resources.background.add(step)

    def hold(self, redis_pool: str, renewal: Callable[[], Plan[bool]]) -> None:
        """Run ``renewal``, of what is held at this Redis pool, every ten seconds until ``let_go``."""
        self.resources.renewals.hold(redis_pool, renewal)

    def let_go(self, redis_pool: str, renewal: Callable[[], Plan[bool]]) -> None:
        """The end of ``hold``."""
        self.resources.renewals.let_go(redis_pool, renewal)

    def reset_after_fork(self) -> None:
        """In a child process: leave the parent's connections alone and forget what may be used only once."""
        resources = self.resources
        shared: list[_Forkable] = [
            *resources.pools,
            self.bindings,
            resources.background,
            resources.renewals,
            self.async_runner,
            resources.watchdog,
            self.cache_outages,
        ]
        run_each([self.tokens.renew, *(each.reset_after_fork for each in shared)])


def pool_of(kind: str, pools: Mapping[str, T], code: str) -> T:
    """The pool of a code; UnknownPoolError lists the known ones."""
    try:
        return pools[code]
    except (KeyError, TypeError):
        # a list has no place among the keys
        raise UnknownPoolError(kind, code, sorted(pools)) from None


def _limit(seconds: float) -> TimeLimit:
    is_number = isinstance(cast("object", seconds), int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds <= LONGEST_TIMEOUT:
        raise ContextMisuseError(
            f"a timeout is a number of seconds above 0 and up to {LONGEST_TIMEOUT:,}, or None, got {seconds!r}"
        )
    return TimeLimit(seconds)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _killing_for(core: weakref.ref[EngineCore]) -> Callable[[str, ServerThread], None]:
    """How a pool has statements ended that nobody waits for; it must not keep its engine alive."""

    def kill(pool: str, thread: ServerThread) -> None:
        if (found := core()) is not None:
            kill_later(found, pool, thread)

    return kill


_cores: Final[weakref.WeakSet[EngineCore]] = weakref.WeakSet()


def _reset_in_child() -> None:
    run_each([core.reset_after_fork for core in list(_cores)])


os.register_at_fork(after_in_child=_reset_in_child)
