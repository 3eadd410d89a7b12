"""Makes an Engine of what was registered: checks it, makes the pools, and lets the servers be looked at."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fluxaorm.addresses import SQLiteAddress
from fluxaorm.engine import Engine
from fluxaorm.engine.core import EngineCore
from fluxaorm.engine.value_caches import LocalCache
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import RegistryError
from fluxaorm.plans.streams.async_state import AsyncFlushState
from fluxaorm.pools import make_kafka_pool, make_redis_pool, make_sql_pool
from fluxaorm.registry.checks import static_problems
from fluxaorm.registry.kafka_checks import not_flushed_asynchronously
from fluxaorm.registry.kafka_declarations import wanted_kafka
from fluxaorm.registry.registrations import MySQLRegistration, RedisRegistration, Registrations, by_code
from fluxaorm.registry.servers import check_namespaces, check_servers, lost_servers
from fluxaorm.registry.unbuilt import kept_addresses, unbuilt

LARGEST_RECORD: Final = 1_000_000
"""Bytes; librdkafka's default."""

logger = logging.getLogger("fluxaorm.registry")


def build_engine(registered: Registrations, *, connect: bool, whose: bool = True) -> Engine:
    """The Engine. RegistryError with all problems; with ``connect`` PoolConnectError and MissingExtraError too.

    ``whose``: refuse namespaces of Redis that are another database's.
    """
    schemas, problems = resolve_entities(list(dict.fromkeys(registered.entities)))
    problems = [*_repeated_entities(registered.entities), *problems, *static_problems(registered, schemas)]
    gaps = list(unbuilt(registered, schemas))
    if problems or (gaps and connect):
        raise RegistryError([*problems, *(gaps if connect else ())])
    for sentence in (*gaps, *kept_addresses(registered)):
        logger.warning(sentence)
    for sentence in not_flushed_asynchronously(registered, schemas):
        logger.info(sentence)
    _log_single_process_caches(registered, schemas)
    engine = _made_engine(registered, schemas)
    for schema in schemas.values():
        if any(column.secret for column in schema.columns):
            engine._core.mysql_pools[schema.mysql_pool].hides_values = True
    if connect:
        try:
            with lost_servers(engine._core):
                check_servers(engine._core)
                if whose:
                    check_namespaces(engine._core)
        except BaseException:
            engine.close()
            raise
    for metrics in engine._core.metrics:
        metrics.watch(engine._core)
    return engine


def _repeated_entities(definitions: Sequence[type[Any]]) -> Iterator[str]:
    for definition, count in Counter(definitions).items():
        if count > 1:
            yield f"{definition.__name__} is registered more than once; register it once"


def _log_single_process_caches(registered: Registrations, schemas: Mapping[str, EntitySchema]) -> None:
    redis = by_code(registered.redis)
    for schema in schemas.values():
        if schema.cache.local_limit is not None and schema.cache.redis_pool not in redis:
            logger.info(
                "%s has a local cache and no Redis pool '%s': other processes are not told of changes",
                schema.name,
                schema.cache.redis_pool,
            )


def _made_engine(registered: Registrations, schemas: Mapping[str, EntitySchema]) -> Engine:
    redis = by_code(registered.redis)
    mysql = by_code(registered.mysql)
    kafka = by_code(registered.kafka)
    core = EngineCore(
        schemas=schemas,
        mysql_pools={code: make_sql_pool(code, pool.address, pool.options) for code, pool in mysql.items()},
        redis_pools={code: make_redis_pool(code, pool.address, pool.options) for code, pool in redis.items()},
        kafka_pools={
            code: make_kafka_pool(code, pool.address, pool.options, _largest_record(registered, code))
            for code, pool in kafka.items()
        },
        databases={code: _database_name(pool) for code, pool in mysql.items()},
        private_stores=_private_stores(mysql, redis),
        careless_redis_pools=frozenset(
            code for code, pool in redis.items() if pool.options.on_write_failure == "proceed"
        ),
        merging_pools=frozenset(code for code, pool in mysql.items() if pool.options.coalesce),
        async_flush=_async_flush(registered),
        wanted_kafka=wanted_kafka(registered),
        metrics=registered.metrics,
    )
    caches = by_code(registered.local_caches)
    return Engine(
        core,
        local_cache_pools={code: LocalCache(code, pool.limit) for code, pool in caches.items()},
        clickhouse_pools=by_code(registered.clickhouse),
        consumer_groups={
            code: {group.name: group for group in registered.consumer_groups if group.pool == code} for code in kafka
        },
        settings=registered.settings,
    )


def _async_flush(registered: Registrations) -> AsyncFlushState | None:
    for flush in registered.async_flushes:
        options = by_code(registered.kafka)[flush.kafka_pool].options
        return AsyncFlushState(flush.kafka_pool, flush.options, options.namespace)
    return None


def _largest_record(registered: Registrations, code: str) -> int:
    """What the registered topics of a Kafka pool allow, when that is more than clients send without being told."""
    largest = max((topic.max_message_bytes or 0 for topic in registered.topics if topic.pool == code), default=0)
    return largest if largest > LARGEST_RECORD else 0


def _private_stores(
    mysql: Mapping[str, MySQLRegistration], redis: Mapping[str, RedisRegistration]
) -> frozenset[tuple[str, str]]:
    """The SQLite files and the servers of our own that were made together, in one directory."""
    files = {code: pool.address.path for code, pool in mysql.items() if isinstance(pool.address, SQLiteAddress)}
    return frozenset(
        (sql, code)
        for sql, file in files.items()
        for code, pool in redis.items()
        if file
        and pool.address.embedded
        and os.path.dirname(os.path.abspath(file)) == os.path.dirname(os.path.abspath(pool.address.embedded))
    )


def _database_name(pool: MySQLRegistration) -> str:
    """The database's name in cache keys; one in memory is another one for each engine."""
    if isinstance(pool.address, SQLiteAddress) and not pool.address.path:
        return f"memory_{os.urandom(6).hex()}"
    return pool.address.database
