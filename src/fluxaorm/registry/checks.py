"""What is wrong among registrations, as far as it can be known without a network: a sentence each, with the fix.

Pure functions over plain values; each yields every problem of its kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fluxaorm.addresses import MySQLAddress
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.registry.kafka_checks import clickhouse_table_problems, kafka_problems
from fluxaorm.registry.registrations import (
    MySQLRegistration,
    RedisRegistration,
    Registrations,
    by_code,
    unknown_pool,
)

_RESERVED_REDIS_CODES: Final = {
    "intents": 'redis_cache="intents" is an option of entities',
    "mysql": 'id_pool="mysql" is an option of entities',
}
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


def static_problems(registered: Registrations, schemas: Mapping[str, EntitySchema]) -> list[str]:
    """All problems; ``schemas``: those of the entities that could be resolved."""
    return [
        *_duplicate_pools(registered),
        *_mysql_problems(registered.mysql),
        *_redis_problems(registered.redis),
        *clickhouse_table_problems(registered),
        *kafka_problems(registered, schemas),
        *_entity_problems(registered, schemas),
    ]


def _duplicate_pools(registered: Registrations) -> Iterator[str]:
    for kind, method, pools in registered.by_kind():
        for code, count in Counter(pool.code for pool in pools).items():
            if count > 1:
                yield f"{kind} pool '{code}' is registered {_times(count)}; give each {method}() a code of its own"


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def _mysql_problems(pools: Iterable[MySQLRegistration]) -> Iterator[str]:
    for pool in pools:
        hosts = pool.address.hosts if isinstance(pool.address, MySQLAddress) else ()
        if len(hosts) > 1:
            yield f"MySQL pool '{pool.code}': this version connects to one host; name the primary alone"
        if pool.options.max_idle_connections > pool.options.max_open_connections > 0:
            yield (
                f"MySQL pool '{pool.code}': max_idle_connections ({pool.options.max_idle_connections}) is more than "
                f"max_open_connections ({pool.options.max_open_connections})"
            )


def _redis_problems(pools: Iterable[RedisRegistration]) -> Iterator[str]:
    for pool in pools:
        if pool.code in _RESERVED_REDIS_CODES:
            reason = _RESERVED_REDIS_CODES[pool.code]
            yield f"Redis pool '{pool.code}': no pool may have this code, since {reason}; give it another"
        if pool.options.namespace and not _NAMESPACE.fullmatch(pool.options.namespace):
            yield f"Redis pool '{pool.code}': the namespace may hold letters, digits, '_', '-' and '.', at most 64"


def _entity_problems(registered: Registrations, schemas: Mapping[str, EntitySchema]) -> Iterator[str]:
    for schema in schemas.values():
        if unknown := unknown_pool("MySQL", schema.mysql_pool, registered):
            yield f"{schema.name}: {unknown}"
        yield from _cache_problems(schema, registered)
        yield from _search_problems(schema, registered)


def _cache_problems(schema: EntitySchema, registered: Registrations) -> Iterator[str]:
    pools = by_code(registered.redis)
    if schema.cache.redis != "off" and schema.cache.redis_pool not in pools:
        yield f"{schema.name}: redis_cache: {unknown_pool('Redis', schema.cache.redis_pool, registered)}"
    if schema.id_pool not in (None, "mysql") and schema.id_pool not in pools:
        yield f"{schema.name}: id_pool: {unknown_pool('Redis', schema.id_pool, registered)}"


def _search_problems(schema: EntitySchema, registered: Registrations) -> Iterator[str]:
    if schema.redis_search_pool is None:
        return
    pool = by_code(registered.redis).get(schema.redis_search_pool)
    if pool is None:
        yield f"{schema.name}: searchable fields: {unknown_pool('Redis', schema.redis_search_pool, registered)}"
    elif pool.address.cluster:
        yield (
            f"{schema.name}: searchable fields: Redis pool '{pool.code}' is a cluster, "
            "and search indexes are per node; use a pool with one server"
        )
    elif pool.address.database:
        yield (
            f"{schema.name}: searchable fields: Redis pool '{pool.code}' uses database {pool.address.database}, "
            "and search indexes exist only in database 0"
        )
