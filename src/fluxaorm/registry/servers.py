"""Reaches the MySQL, Redis and Kafka servers of an engine, and says which of them cannot serve it."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from fluxaorm.dialects import is_supported
from fluxaorm.engine.core import EngineCore
from fluxaorm.errors import (
    KafkaUnavailableError,
    MySQLConnectionError,
    PoolConnectError,
    RedisConnectionError,
    RegistryError,
)
from fluxaorm.plans.cache.identity import identity_problems_plan
from fluxaorm.pools.base.redis_ports import RedisPool, RedisServer
from fluxaorm.pools.base.sql_ports import SQLPool
from fluxaorm.pools.kafka.pool import KafkaPool
from fluxaorm.registry.cascades import cascades_onto_caches
from fluxaorm.registry.collations import alike_members

OLDEST_REDIS: Final = {"redis": (7, 0), "valkey": (7, 2)}
_OLDEST_REDIS: Final = "Redis 7.0 and Valkey 7.2 are the oldest supported"
_OLDEST_SQL: Final = "MySQL 8.0 and MariaDB 10.6 are the oldest supported"

logger = logging.getLogger("fluxaorm.registry")


@contextmanager
def lost_servers(engine: EngineCore) -> Generator[None]:
    """A server that goes away while it is looked at could not be connected either: PoolConnectError for all kinds."""
    try:
        yield
    except MySQLConnectionError as error:
        raise PoolConnectError(error.pool, _address(engine.mysql_pools, error.pool), error.reason) from error
    except RedisConnectionError as error:
        raise PoolConnectError(error.pool, _address(engine.redis_pools, error.pool), error.reason) from error
    except KafkaUnavailableError as error:
        raise PoolConnectError(error.pool, _address(engine.kafka_pools, error.pool), error.reason) from error


def _address(pools: Mapping[str, SQLPool | RedisPool | KafkaPool], code: str) -> str:
    return pools[code].address if code in pools else "unknown"


def check_servers(engine: EngineCore) -> None:
    """Connect all pools.

    Raises PoolConnectError for one that cannot be reached (others as notes), MissingExtraError, or RegistryError with
    everything that the servers lack.
    """
    servers = _connect([*engine.mysql_pools.values(), *engine.kafka_pools.values()], engine.redis_pools)
    problems = [
        *_sql_problems(engine.mysql_pools),
        *_redis_problems(servers, engine.redis_pools),
        *alike_members(engine.schemas.values(), engine.mysql_pools),
    ]
    if problems:
        raise RegistryError(problems)
    _warn_of_eviction(servers)
    for warning in cascades_onto_caches(engine.schemas.values(), engine.mysql_pools):
        logger.warning(warning)


def check_namespaces(engine: EngineCore) -> None:
    """RegistryError when a namespace of Redis is another database's; one that is nobody's becomes this one's."""
    if problems := engine.sync_runner.run(identity_problems_plan(engine)):
        raise RegistryError(problems)


def _connect(pools: Iterable[SQLPool | KafkaPool], redis_pools: Mapping[str, RedisPool]) -> dict[str, RedisServer]:
    failures: list[PoolConnectError] = []
    servers: dict[str, RedisServer] = {}
    for pool in pools:
        try:
            pool.connect()
        except PoolConnectError as error:
            failures.append(error)
    for code, redis in redis_pools.items():
        try:
            servers[code] = redis.connect()
        except PoolConnectError as error:
            if redis.options.required_at_start:
                failures.append(error)
            else:
                logger.warning("%s; starting without it, since required_at_start=False", error)
    _raise_first(failures)
    return servers


def _raise_first(failures: list[PoolConnectError]) -> None:
    if failures:
        first, *others = failures
        for other in others:
            first.add_note(f"also: {other}")
        raise first


def _sql_problems(pools: Mapping[str, SQLPool]) -> Iterator[str]:
    for code, pool in pools.items():
        capabilities = pool.dialect.capabilities
        if not is_supported(capabilities):
            found = f"the server is {capabilities.version_text}"
            yield f"MySQL pool '{code}' ({pool.address}): {found}; {_OLDEST_SQL}"


def _redis_problems(servers: Mapping[str, RedisServer], pools: Mapping[str, RedisPool]) -> Iterator[str]:
    for code, server in servers.items():
        oldest = OLDEST_REDIS.get(server.product, ())
        if server.version < oldest:
            version = ".".join(map(str, server.version))
            found = f"the server is {server.product.capitalize()} {version}"
            yield f"Redis pool '{code}' ({pools[code].address}): {found}; {_OLDEST_REDIS}"


def _warn_of_eviction(servers: Mapping[str, RedisServer]) -> None:
    for code, server in servers.items():
        # some servers do not tell
        if server.maxmemory_policy not in ("", "noeviction"):
            logger.warning(
                "Redis pool '%s': maxmemory-policy %s may evict write intents, which have a time to live as all keys "
                "do, and readers may then see old rows; use noeviction",
                code,
                server.maxmemory_policy,
            )
