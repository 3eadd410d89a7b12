"""Engine: what ``Registry.validate()`` returns. Immutable and safe for threads; owns pools and schemas, makes contexts.

Holds no state of a request. After ``fork()`` a child opens fresh connections, and starts with empty local caches and
without ids taken beforehand.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar, overload

from fluxaorm.context import AsyncContext, Context
from fluxaorm.engine.cache_outages import CacheOutages
from fluxaorm.engine.change_listener import ChangeListener
from fluxaorm.engine.mysql import AsyncEngineMySQL, EngineMySQL
from fluxaorm.engine.resources import EngineResources
from fluxaorm.entity import Entity
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.entity.values.not_copied import NotCopied
from fluxaorm.errors import (
    ContextClosedError,
    ContextMisuseError,
    RegistryError,
    StaleGeneratedCodeError,
    UnknownPoolError,
)
from fluxaorm.observe.failing_handlers import FailingHandlers
from fluxaorm.observe.secret_arguments import SecretArguments
from fluxaorm.plans.cache.identity import RedisNamespace
from fluxaorm.plans.commits.unknown_commits import kill_later
from fluxaorm.plans.reads.row_reader import RowReader
from fluxaorm.plans.state.bound_entity import BoundEntity, DisabledCaches
from fluxaorm.plans.state.keys import channel_of, key_prefix
from fluxaorm.plans.state.tokens import TokenSource
from fluxaorm.plans.tables.deployment_check import check_plan
from fluxaorm.plans.writes.foreign_keys import KnownForeignKeys
from fluxaorm.pools.base.forks import run_each
from fluxaorm.runners.asyncio import AsyncRunner
from fluxaorm.runners.sync import SyncRunner
from fluxaorm.runners.time_limits import TimeLimit
from fluxaorm.runners.timed_asyncio import TimedAsyncRunner
from fluxaorm.runners.timed_sync import TimedSyncRunner
from fluxaorm.runtime.schema import EngineSchema

if TYPE_CHECKING:
    from fluxaorm.codegen.memory import MemoryPackage
    from fluxaorm.engine.value_caches import LocalCache
    from fluxaorm.observe.metrics import QueryMetrics
    from fluxaorm.observe.query_log import QueryLogEntry
    from fluxaorm.plans.effects import Plan, ServerThread
    from fluxaorm.plans.state.bound_entity import ProviderPort
    from fluxaorm.pools.base.ports import RedisPool, SQLPool
    from fluxaorm.registry.registrations import ClickhouseRegistration, KafkaRegistration
    from fluxaorm.runtime.provider import Provider

T = TypeVar("T")


class _Forkable(Protocol):
    """What a child process must not use as its parent left it."""

    def reset_after_fork(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RegistryView:
    """What an engine was made of, by pool code; read-only. ``entities``: definition classes by name."""

    mysql_pools: Mapping[str, SQLPool]
    redis_pools: Mapping[str, RedisPool]
    local_cache_pools: Mapping[str, LocalCache]
    clickhouse_pools: Mapping[str, ClickhouseRegistration]
    kafka_pools: Mapping[str, KafkaRegistration]
    entities: Mapping[str, type[Any]]


class Engine(NotCopied):
    """Made by ``Registry.validate()``, never by hand. A sync and async context manager that closes itself."""

    def __init__(
        self,
        *,
        schemas: Mapping[str, EntitySchema],
        mysql_pools: Mapping[str, SQLPool],
        redis_pools: Mapping[str, RedisPool],
        local_cache_pools: Mapping[str, LocalCache],
        clickhouse_pools: Mapping[str, ClickhouseRegistration],
        kafka_pools: Mapping[str, KafkaRegistration],
        databases: Mapping[str, str],
        private_stores: frozenset[tuple[str, str]] = frozenset(),
        careless_redis_pools: frozenset[str],
        merging_pools: frozenset[str],
        settings: Mapping[str, Any],
        metrics: Sequence[QueryMetrics] = (),
    ) -> None:
        """``databases``: MySQL pool code -> its database's name in cache keys; ``private_stores``: pairs of a MySQL
        and a Redis pool that are files of one directory; ``careless_redis_pools``: those whose ``on_write_failure``
        is "proceed"; ``merging_pools``: MySQL pools whose id look-ups are merged on asyncio; ``settings``: for
        ``option``; ``metrics``: what every context reports to."""
        self.schemas = MappingProxyType(dict(schemas))
        self.mysql_pools = MappingProxyType(dict(mysql_pools))
        self.redis_pools = MappingProxyType(dict(redis_pools))
        self.local_cache_pools = MappingProxyType(dict(local_cache_pools))
        self.clickhouse_pools = MappingProxyType(dict(clickhouse_pools))
        self.kafka_pools = MappingProxyType(dict(kafka_pools))
        self.sync_runner = SyncRunner(self.mysql_pools, self.redis_pools)
        self.async_runner = AsyncRunner(self.mysql_pools, self.redis_pools)
        self.tokens = TokenSource()
        self.clock: Callable[[], datetime] = _utc_now
        """The wall clock: aware, UTC; replaceable in tests."""
        self.monotonic: Callable[[], float] = time.monotonic
        self.cache_outages = CacheOutages(time.monotonic)
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
        self._merging_pools = merging_pools
        self._settings = dict(settings)
        self._bindings: dict[ProviderPort, BoundEntity] = {}
        self._engine_schemas = {name: EngineSchema(self, schema) for name, schema in self.schemas.items()}
        self._disabled_caches: dict[str, DisabledCaches] = {}
        self._memory_package: MemoryPackage | None = None
        self._bindings_by_name: dict[str, BoundEntity] = {}
        self._raw_mysql = {code: EngineMySQL(pool, self._raw_context) for code, pool in mysql_pools.items()}
        self._raw_async_mysql = {
            code: AsyncEngineMySQL(pool, self._raw_async_context) for code, pool in mysql_pools.items()
        }
        self._databases = dict(databases)
        self._private_stores = private_stores
        self._lock = threading.RLock()
        self._listeners = self._made_listeners()
        """By Redis pool: what keeps the local caches in step with other processes."""
        self._resources = EngineResources(self.mysql_pools, self.redis_pools, self._listeners)
        self.watchdog = self._resources.watchdog
        self.background = self._resources.background
        self.renewals = self._resources.renewals
        for pool in self.mysql_pools.values():
            pool.on_abandoned = _killing_for(weakref.ref(self))
        weakref.finalize(self, self._resources.collected, repr(self)).atexit = False
        _engines.add(self)

    def _instead(self) -> str:
        return "an engine holds connections, and is neither copied nor pickled; each process makes its own: validate()"

    def __repr__(self) -> str:
        pools = f"mysql={list(self.mysql_pools)} redis={list(self.redis_pools)}"
        return f"<Engine {pools} entities={len(self.schemas)}{' closed' if self._resources.closed else ''}>"

    # contexts

    def enable_query_log(self, *, echo: bool = False) -> None:
        """Log each statement and Redis round trip of the contexts that are made from now on, without its arguments.

        To the logger ``fluxaorm.queries`` at level INFO; ``echo``: as lines on stderr instead, for scripts and shells.
        For more, such as arguments, see ``ctx.register_query_logger``.
        """
        from fluxaorm.observe.query_lines import echo_query, log_query

        handler = echo_query if echo else log_query
        if handler not in self.query_loggers:
            self.query_loggers = (*self.query_loggers, handler)

    def new_context(self, *, timeout: float | None = None) -> Context:
        """A unit of work for one thread, best in a ``with`` block. ContextClosedError when the engine is closed.

        ``timeout``: seconds from now for everything done through it. When they are over, what is under way is ended
        (a statement is killed on the server) with DeadlineExceededError, but no COMMIT, no lone statement, no clean-up:
        those have ten seconds more, after which CommitUnknownError tells of a server that does not answer.
        ContextMisuseError when it is not positive.
        """
        self._note_context()
        return Context(self, timeout)

    def new_async_context(self, *, timeout: float | None = None) -> AsyncContext:
        """A unit of work for asyncio, best in an ``async with`` block; all as ``new_context``."""
        self._note_context()
        return AsyncContext(self, timeout)

    def sync_runner_for(self, seconds: float) -> SyncRunner:
        """What drives the plans of a context with only so much time. ContextMisuseError."""
        return TimedSyncRunner(self.mysql_pools, self.redis_pools, _limit(seconds), self.watchdog)

    def async_runner_for(self, seconds: float) -> AsyncRunner:
        """The same on asyncio."""
        return TimedAsyncRunner(self.mysql_pools, self.redis_pools, _limit(seconds), self.async_runner)

    def _refuse_closed(self) -> None:
        if self._resources.closed:
            raise ContextClosedError("the engine is closed; make another with registry.validate()")

    def _note_context(self) -> None:
        self._refuse_closed()
        self.has_contexts = True
        for listener in self._listeners.values():
            listener.start()

    # pools

    def mysql(self, pool: str = "default") -> EngineMySQL:
        """A MySQL pool: SQL of your own on it, outside every transaction. UnknownPoolError lists the known ones."""
        return _pool("MySQL", self._raw_mysql, pool)

    db = mysql

    def async_mysql(self, pool: str = "default") -> AsyncEngineMySQL:
        """The same for asyncio; its calls are awaited."""
        return _pool("MySQL", self._raw_async_mysql, pool)

    def mysql_pool(self, pool: str = "default") -> SQLPool:
        """The pool itself: what runners and tools ask. UnknownPoolError."""
        return _pool("MySQL", self.mysql_pools, pool)

    def _raw_context(self) -> Context:
        self._refuse_closed()
        return Context(self)

    def _raw_async_context(self) -> AsyncContext:
        self._refuse_closed()
        return AsyncContext(self)

    def redis(self, pool: str = "default") -> RedisPool:
        """The Redis pool of a code; its ``client`` is redis-py's. UnknownPoolError lists the known ones."""
        return _pool("Redis", self.redis_pools, pool)

    def local_cache(self, pool: str = "default") -> LocalCache:
        """The local cache of a code. UnknownPoolError lists the known ones."""
        return _pool("local cache", self.local_cache_pools, pool)

    def clickhouse(self, pool: str = "default") -> ClickhouseRegistration:
        """What was registered as the ClickHouse pool of a code. UnknownPoolError lists the known ones."""
        return _pool("ClickHouse", self.clickhouse_pools, pool)

    def kafka(self, pool: str = "default") -> KafkaRegistration:
        """What was registered as the Kafka pool of a code. UnknownPoolError lists the known ones."""
        return _pool("Kafka", self.kafka_pools, pool)

    # entities

    def schema(self, definition: type[Any]) -> EngineSchema:
        """What an entity is and what can be done to its table, by its definition class or its generated class.

        RegistryError when it is not registered.
        """
        schema = self._engine_schemas.get(definition.__name__)
        if schema is None or (issubclass(definition, Entity) and schema.metadata.definition is not definition):
            raise RegistryError([f"{definition.__name__} is not registered; register_entity({definition.__name__})"])
        return schema

    def disable_caches(self, entity_name: str, disabled: DisabledCaches) -> None:
        """Read and fill these caches of an entity no more; ``schema(X).disable_cache()`` checks that it is not late."""
        before = self._disabled_caches.get(entity_name, DisabledCaches())
        disabled = DisabledCaches(before.local or disabled.local, before.redis or disabled.redis)
        self._disabled_caches[entity_name] = disabled
        for binding in self._bindings.values():
            if binding.schema.name == entity_name:
                binding.disable(disabled)

    def provider(self, definition: type[Any]) -> Provider[Any, Any, Any]:
        """The provider of an entity, compiled in memory from the templates of generated code, once an engine.

        RegistryError when the entity is not registered.
        """
        schema = self.schema(definition)
        with self._lock:
            if self._memory_package is None:
                from fluxaorm.codegen.memory import MemoryPackage

                self._memory_package = MemoryPackage(self.schemas)
            return self._memory_package.provider(schema.name)

    def binding(self, provider: ProviderPort) -> BoundEntity:
        """The entity of a provider as this engine sees it; made once.

        Raises StaleGeneratedCodeError when the provider was generated from another definition, RegistryError when its
        entity is not registered.
        """
        found = self._bindings.get(provider)
        if found is not None:
            return found
        with self._lock:
            return self._bindings.get(provider) or self._bind(provider)

    def _bind(self, provider: ProviderPort) -> BoundEntity:
        schema = self.schemas.get(provider.entity_name)
        if schema is None:
            raise RegistryError([f"{provider.entity_name} is not registered with this engine; register_entity(...)"])
        if schema.fingerprint != provider.fingerprint:
            raise StaleGeneratedCodeError(schema.name)
        binding = self._made_binding(schema, provider)
        binding.disable(self._disabled_caches.get(schema.name, DisabledCaches()))
        if schema.name not in self._bindings_by_name:
            self._listen(binding)
        first = self._bindings_by_name.setdefault(schema.name, binding)
        binding.local, binding.ids, binding.handlers = first.local, first.ids, first.handlers
        binding.counts = first.counts
        binding.reader = first.reader
        self._bindings[provider] = binding
        return binding

    def _made_binding(self, schema: EntitySchema, provider: ProviderPort) -> BoundEntity:
        redis_pool = self._cache_pool(schema)
        id_redis_pool = self._id_pool(schema, redis_pool)
        binding = BoundEntity(
            schema=schema,
            provider=provider,
            dialect=self.mysql_pools[schema.mysql_pool].dialect,
            redis_pool=redis_pool,
            id_redis_pool=id_redis_pool,
            namespace=self._namespace(schema, redis_pool or id_redis_pool),
            monotonic=self.monotonic,
            schemas=self.schemas,
            trust=self._listeners[redis_pool].trust if redis_pool in self._listeners else None,
        )
        if schema.mysql_pool in self._merging_pools:
            binding.reader = RowReader(self, binding)
        return binding

    def _made_listeners(self) -> dict[str, ChangeListener]:
        channels: dict[str, list[str]] = {}
        for schema in self.schemas.values():
            pool = self._cache_pool(schema)
            if pool is not None and pool in self.redis_pools and schema.cache.local_limit is not None:
                table = self.mysql_pools[schema.mysql_pool].dialect.recorded_name(schema.table)
                channels.setdefault(pool, []).append(channel_of(key_prefix(self._namespace(schema, pool), table)))
        tokens, note = self.tokens, self.cache_outages.note
        return {
            pool: ChangeListener(pool, names, self.redis_pools[pool].subscription, lambda: tokens.source, note)
            for pool, names in channels.items()
        }

    def _listen(self, binding: BoundEntity) -> None:
        if binding.local is not None and binding.channel is not None and binding.redis_pool is not None:
            self._listeners[binding.redis_pool].add(binding.channel, binding.local)

    @property
    def bindings(self) -> Mapping[str, BoundEntity]:
        """The entities used so far, by name; it grows."""
        return MappingProxyType(self._bindings_by_name)

    def binding_of(self, entity_name: str) -> BoundEntity:
        """The binding of an entity by its name: that of the first provider used, else of one compiled in memory."""
        found = self._bindings_by_name.get(entity_name)
        return found or self.binding(self.provider(self.schemas[entity_name].definition))

    def _cache_pool(self, schema: EntitySchema) -> str | None:
        """The Redis pool of rows, look-ups and intents; an entity cached in the process intends where Redis is."""
        cache = schema.cache
        published = cache.publishes and cache.redis_pool in self.redis_pools
        return cache.redis_pool if cache.redis != "off" or published else None

    def _id_pool(self, schema: EntitySchema, redis_pool: str | None) -> str | None:
        if schema.id_pool is not None:
            return None if schema.id_pool == "mysql" else schema.id_pool
        return redis_pool or ("default" if "default" in self.redis_pools else None)

    def _namespace(self, schema: EntitySchema, redis_pool: str | None) -> str:
        """Part of every key: so that databases, tenants and tests may share one Redis."""
        chosen = self.redis_pools[redis_pool].namespace if redis_pool else None
        database = self._databases[schema.mysql_pool]
        if schema.mysql_pool == "default":
            return chosen or database
        return f"{chosen}.{schema.mysql_pool}" if chosen else f"{schema.mysql_pool}.{database}"

    @overload
    def check(self, ctx: Context, providers: Iterable[ProviderPort] = ()) -> list[str]: ...
    @overload
    def check(self, ctx: AsyncContext, providers: Iterable[ProviderPort] = ()) -> Coroutine[Any, Any, list[str]]: ...
    def check(self, ctx: Context | AsyncContext, providers: Iterable[ProviderPort] = ()) -> Any:
        """What would not work on the servers as they are, a sentence each; [] when everything would. Changes nothing.

        Tables that are missing or differ from their entities, rights that the user of a MySQL pool lacks on them, Redis
        servers that do not answer, and generated code that is out of date: ``providers`` are its ``ALL_PROVIDERS``.
        A few round trips a table, for the time of a deployment. Raises MySQLConnectionError, and MySQLError when the
        tables cannot be looked at.
        """
        return ctx._run(check_plan(self, tuple(providers)))

    @property
    def namespaces(self) -> Sequence[RedisNamespace]:
        """What its entities use of its Redis pools."""
        found: set[RedisNamespace] = set()
        for schema in self.schemas.values():
            redis_pool = self._cache_pool(schema)
            id_pool = self._id_pool(schema, redis_pool)
            name = self._namespace(schema, redis_pool or id_pool)
            for pool in {redis_pool, id_pool} - {None}:
                assert pool is not None
                private = (schema.mysql_pool, pool) in self._private_stores
                found.add(RedisNamespace(schema.mysql_pool, pool, name, private))
        return sorted(found)

    # what contexts ask

    def option(self, key: str, default: Any = None) -> Any:
        """The value given to ``registry.set_option``, or ``default``."""
        return self._settings.get(key, default)

    @property
    def registry(self) -> RegistryView:
        """What the engine was made of; read-only."""
        definitions = {name: schema.definition for name, schema in self.schemas.items()}
        return RegistryView(
            mysql_pools=self.mysql_pools,
            redis_pools=self.redis_pools,
            local_cache_pools=self.local_cache_pools,
            clickhouse_pools=self.clickhouse_pools,
            kafka_pools=self.kafka_pools,
            entities=MappingProxyType(definitions),
        )

    def writes_without_cache(self, redis_pool: str) -> bool:
        """Whether flushes go on when this Redis pool cannot be told of them."""
        return redis_pool in self._careless_redis_pools

    def cache_outage(self, redis_pool: str, error: BaseException) -> None:
        """Count a cache that could not be reached; log it once an outage."""
        self.cache_outages.note(redis_pool, error)

    def finish_later(self, step: Callable[[], Plan[bool]]) -> None:
        """Run ``step`` in the background, again and again with pauses, until its plan returns True."""
        self.background.add(step)

    def hold(self, redis_pool: str, renewal: Callable[[], Plan[bool]]) -> None:
        """Run ``renewal``, of what is held at this Redis pool, every ten seconds until ``let_go``."""
        self.renewals.hold(redis_pool, renewal)

    def let_go(self, redis_pool: str, renewal: Callable[[], Plan[bool]]) -> None:
        """The end of ``hold``."""
        self.renewals.let_go(redis_pool, renewal)

    # the end

    def close(self) -> None:
        """End its threads and close the pools' connections of threads. Safe to call twice, and beside queries.

        What is under way elsewhere goes on, and its connections are closed when they come back; contexts cannot be made
        any more. Connections of an event loop are closed when ``asyncio.run`` ends it, if not by ``aclose`` before.
        Takes a few seconds when a server hangs: what was not finished by then is told in the log.
        """
        self._resources.close()

    async def aclose(self) -> None:
        """As ``close``, and closes the pools' connections of the running loop."""
        await self._resources.aclose()

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

    def reset_after_fork(self) -> None:
        """In a child process: leave the parent's connections alone and forget what may be used only once."""
        self._lock = threading.RLock()
        shared: list[_Forkable | None] = [
            *self._resources.pools,
            *self._bindings_by_name.values(),
            *self._listeners.values(),
            self.background,
            self.renewals,
            self.async_runner,
            self.watchdog,
            self.cache_outages,
            self._memory_package,
        ]
        run_each([self.tokens.renew, *(each.reset_after_fork for each in shared if each is not None)])


def _pool(kind: str, pools: Mapping[str, T], code: str) -> T:
    try:
        return pools[code]
    except KeyError:
        raise UnknownPoolError(kind, code, sorted(pools)) from None


def _limit(seconds: float) -> TimeLimit:
    if seconds <= 0:
        raise ContextMisuseError(f"a timeout is a positive number of seconds, got {seconds!r}")
    return TimeLimit(seconds)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _killing_for(engine: weakref.ref[Engine]) -> Callable[[str, ServerThread], None]:
    """How a pool has statements ended that nobody waits for; it must not keep its engine alive."""

    def kill(pool: str, thread: ServerThread) -> None:
        if (found := engine()) is not None:
            kill_later(found, pool, thread)

    return kill


_engines: Final[weakref.WeakSet[Engine]] = weakref.WeakSet()


def _reset_in_child() -> None:
    run_each([engine.reset_after_fork for engine in list(_engines)])


os.register_at_fork(after_in_child=_reset_in_child)
