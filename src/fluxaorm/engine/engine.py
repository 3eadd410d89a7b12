"""Engine: what ``Registry.validate()`` returns. Immutable and safe for threads; owns pools and schemas, makes contexts.

Holds no state of a request. After ``fork()`` a child opens fresh connections, and starts with empty local caches and
without ids taken beforehand.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload

from fluxaorm.context import AsyncContext, Context
from fluxaorm.engine.core import EngineCore, pool_of
from fluxaorm.engine.kafka import EngineKafka
from fluxaorm.engine.mysql import AsyncEngineMySQL, EngineMySQL
from fluxaorm.engine.redis import EngineRedis
from fluxaorm.entity import Entity
from fluxaorm.entity.values.guards import is_iterable
from fluxaorm.entity.values.not_copied import NotCopied
from fluxaorm.errors import RegistryError, described, no_context
from fluxaorm.plans.tables.deployment_check import check_plan
from fluxaorm.runtime.schema import EngineSchema

if TYPE_CHECKING:
    from fluxaorm.engine.value_caches import LocalCache
    from fluxaorm.options import KafkaConsumerGroup
    from fluxaorm.plans.state.bound_entity import ProviderPort
    from fluxaorm.pools.base.redis_ports import RedisPool
    from fluxaorm.pools.base.sql_ports import SQLPool
    from fluxaorm.pools.kafka.pool import KafkaPool
    from fluxaorm.registry.registrations import ClickhouseRegistration
    from fluxaorm.runtime.provider import MemoryProvider
    from fluxaorm.streaming.async_flush_consumer import AsyncFlushConsumer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RegistryView(NotCopied):
    """What an engine was made of, by pool code; read-only."""

    mysql_pools: Mapping[str, SQLPool]
    """MySQL pools, and SQLite ones that stand for them."""
    redis_pools: Mapping[str, RedisPool]
    """Redis and Valkey pools."""
    local_cache_pools: Mapping[str, LocalCache]
    """Local caches for values of your own."""
    clickhouse_pools: Mapping[str, ClickhouseRegistration]
    """What was registered for ClickHouse."""
    kafka_pools: Mapping[str, KafkaPool]
    """Kafka pools."""
    entities: Mapping[str, type[Any]]
    """Definition classes by name."""


class Engine(NotCopied):
    """Made by ``Registry.validate()``, never by hand. A sync and async context manager that closes itself."""

    def __init__(
        self,
        core: EngineCore,
        *,
        local_cache_pools: Mapping[str, LocalCache],
        clickhouse_pools: Mapping[str, ClickhouseRegistration],
        consumer_groups: Mapping[str, Mapping[str, KafkaConsumerGroup]],
        settings: Mapping[str, Any],
    ) -> None:
        """``consumer_groups``: by Kafka pool and name; ``settings``: for ``option``."""
        self._core = core
        self._local_caches = dict(local_cache_pools)
        self._clickhouse = dict(clickhouse_pools)
        self._kafka = {
            code: EngineKafka(pool, consumer_groups.get(code, {})) for code, pool in core.kafka_pools.items()
        }
        self._settings = dict(settings)
        self._schemas = {name: EngineSchema(core, schema) for name, schema in core.schemas.items()}
        self._raw_mysql = {code: EngineMySQL(pool, self._raw_context) for code, pool in core.mysql_pools.items()}
        self._redis = {code: EngineRedis(pool) for code, pool in core.redis_pools.items()}
        self._raw_async_mysql = {
            code: AsyncEngineMySQL(pool, self._raw_async_context) for code, pool in core.mysql_pools.items()
        }
        weakref.finalize(core, core.resources.collected, repr(self)).atexit = False

    def _instead(self) -> str:
        return "an engine holds connections, and is neither copied nor pickled; each process makes its own: validate()"

    def __repr__(self) -> str:
        pools = f"mysql={list(self._core.mysql_pools)} redis={list(self._core.redis_pools)}"
        return f"<Engine {pools} entities={len(self._core.schemas)}{' closed' if self._core.resources.closed else ''}>"

    # contexts

    def enable_query_log(self, *, echo: bool = False) -> None:
        """Log each statement and Redis round trip of the contexts that are made from now on, without its arguments.

        To the logger ``fluxaorm.queries`` at level INFO; ``echo``: as lines on stderr instead, for scripts and shells.
        For more, such as arguments, see ``ctx.register_query_logger``.
        """
        from fluxaorm.observe.query_lines import echo_query, log_query

        handler = echo_query if echo else log_query
        if handler not in self._core.query_loggers:
            self._core.query_loggers = (*self._core.query_loggers, handler)

    def new_context(self, *, timeout: float | None = None) -> Context:
        """A unit of work for one thread, best in a ``with`` block. ContextClosedError when the engine is closed.

        ``timeout``: seconds from now for everything done through it. When they are over, what is under way is ended
        (a statement is killed on the server) with DeadlineExceededError, but no COMMIT, no lone statement, no clean-up:
        those have ten seconds more, after which CommitUnknownError tells of a server that does not answer.
        ContextMisuseError when it is not a number above 0 and up to 1,000,000.
        """
        self._core.note_context()
        return Context(self, timeout)

    def new_async_context(self, *, timeout: float | None = None) -> AsyncContext:
        """A unit of work for asyncio, best in an ``async with`` block. ContextClosedError when the engine is closed.

        ``timeout``: seconds from now for everything done through it, as in ``new_context``; ContextMisuseError when it
        is not positive.
        """
        self._core.note_context()
        return AsyncContext(self, timeout)

    # pools

    def mysql(self, pool: str = "default") -> EngineMySQL:
        """A MySQL pool: SQL of your own on it, outside every transaction. UnknownPoolError lists the known ones."""
        return pool_of("MySQL", self._raw_mysql, pool)

    def db(self, pool: str = "default") -> EngineMySQL:
        """``engine.mysql(pool)`` by a shorter name. UnknownPoolError lists the known pools."""
        return self.mysql(pool)

    def async_mysql(self, pool: str = "default") -> AsyncEngineMySQL:
        """A MySQL pool for asyncio: SQL of your own on it, awaited, outside every transaction. UnknownPoolError."""
        return pool_of("MySQL", self._raw_async_mysql, pool)

    def _raw_context(self) -> Context:
        self._core.refuse_closed()
        return Context(self)

    def _raw_async_context(self) -> AsyncContext:
        self._core.refuse_closed()
        return AsyncContext(self)

    def redis(self, pool: str = "default") -> EngineRedis:
        """A Redis pool; its ``client`` is redis-py's. UnknownPoolError lists the known ones."""
        return pool_of("Redis", self._redis, pool)

    def local_cache(self, pool: str = "default") -> LocalCache:
        """The local cache of a code. UnknownPoolError lists the known ones."""
        return pool_of("local cache", self._local_caches, pool)

    def clickhouse(self, pool: str = "default") -> ClickhouseRegistration:
        """What was registered as the ClickHouse pool of a code. UnknownPoolError lists the known ones."""
        return pool_of("ClickHouse", self._clickhouse, pool)

    def kafka(self, pool: str = "default") -> EngineKafka:
        """A Kafka pool: records to send, and consumer groups. UnknownPoolError lists the known ones."""
        return pool_of("Kafka", self._kafka, pool)

    def async_flush_consumer(self, *, session_timeout_ms: int = 0) -> AsyncFlushConsumer:
        """What applies asynchronous flushes: ``run()`` it in a process of its own, or ``consume()`` round by round.

        ``session_timeout_ms``: after such a silence its partitions go to other consumers; 0: librdkafka's default of
        45 s. RegistryError when async flush is not registered.
        """
        from fluxaorm.streaming.async_flush_consumer import AsyncFlushConsumer

        return AsyncFlushConsumer(self, session_timeout_ms)

    # entities

    def schema(self, definition: type[Any]) -> EngineSchema:
        """What an entity is and what can be done to its table, by its definition class or its generated class.

        RegistryError when it is not registered.
        """
        given = cast("object", definition)
        if not isinstance(given, type):
            raise RegistryError([f"an entity is asked for by its class, such as ProductEntity, not {described(given)}"])
        schema = self._schemas.get(definition.__name__)
        if schema is None or (issubclass(definition, Entity) and schema.metadata.definition is not definition):
            raise RegistryError([f"{definition.__name__} is not registered; register_entity({definition.__name__})"])
        return schema

    def provider(self, definition: type[Any]) -> MemoryProvider:
        """The provider of an entity, compiled in memory from the templates of generated code, once an engine.

        Type checkers know what all providers have, and take the rest (``new``, ``get_by_<unique index>``) as Any.
        Raises RegistryError when the entity is not registered.
        """
        return self._core.bindings.provider(self.schema(definition).name)

    @property
    def clock(self) -> Callable[[], datetime]:
        """What says what time it is, aware, in UTC; tests may put another one in its place."""
        return self._core.clock

    @clock.setter
    def clock(self, clock: Callable[[], datetime]) -> None:
        if not callable(clock):
            raise RegistryError([f"engine.clock is a function that gives a datetime, not {described(clock)}"])
        self._core.clock = clock

    @overload
    def check(self, ctx: Context, providers: Iterable[ProviderPort] = ()) -> list[str]: ...
    @overload
    def check(self, ctx: AsyncContext, providers: Iterable[ProviderPort] = ()) -> Coroutine[Any, Any, list[str]]: ...
    def check(self, ctx: Context | AsyncContext, providers: Iterable[ProviderPort] = ()) -> Any:
        """What would not work on the servers as they are, a sentence each; [] when everything would. Changes nothing.

        Tables that are missing or differ from their entities, rights that the user of a MySQL pool lacks on them, Redis
        servers that do not answer, topics that are missing or differ from what is registered, and generated code that
        is out of date: ``providers`` are its ``ALL_PROVIDERS``.
        A few round trips a table, for the time of a deployment. Raises MySQLConnectionError, MySQLError,
        KafkaError when tables or topics cannot be looked at, RegistryError for what are no providers.
        """
        if not hasattr(ctx, "_run"):
            raise no_context("check()", ctx)
        return ctx._run(check_plan(self._core, _listed(providers)))

    def option(self, key: str, default: Any = None) -> Any:
        """The value given to ``registry.set_option``, or ``default``."""
        return self._settings.get(key, default)

    @property
    def registry(self) -> RegistryView:
        """What the engine was made of; read-only."""
        definitions = {name: schema.definition for name, schema in self._core.schemas.items()}
        return RegistryView(
            mysql_pools=self._core.mysql_pools,
            redis_pools=self._core.redis_pools,
            local_cache_pools=MappingProxyType(self._local_caches),
            clickhouse_pools=MappingProxyType(self._clickhouse),
            kafka_pools=self._core.kafka_pools,
            entities=MappingProxyType(definitions),
        )

    # the end

    def close(self) -> None:
        """End its threads and close the pools' connections of threads. Safe to call twice, and beside queries.

        What is under way elsewhere goes on, and its connections are closed when they come back; contexts cannot be made
        any more. Connections of an event loop are closed when ``asyncio.run`` ends it, if not by ``aclose`` before.
        Takes a few seconds when a server hangs: what was not finished by then is told in the log.
        """
        self._core.resources.close()

    async def aclose(self) -> None:
        """End its threads and close the pools' connections of threads and of the running loop.

        Safe to call twice, and beside queries; contexts cannot be made any more. The rest as ``close``.
        """
        await self._core.resources.aclose()

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


def _listed(providers: object) -> tuple[ProviderPort, ...]:
    """Providers as a list. RegistryError when one is none."""
    listed: tuple[Any, ...] = tuple(providers) if is_iterable(providers) else ()
    wrong = [each for each in listed if not hasattr(each, "entity_name")] if is_iterable(providers) else [providers]
    if wrong:
        raise RegistryError([f"check() takes a list of providers, as ALL_PROVIDERS, not {described(wrong[0])}"])
    return listed
