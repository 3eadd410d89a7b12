"""Connections to the stores: limits, drivers, faults. A driver is imported when a pool of its kind first connects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxaorm.addresses import SQLiteAddress

if TYPE_CHECKING:
    from fluxaorm.addresses import KafkaAddress, MySQLAddress, RedisAddress
    from fluxaorm.options import KafkaPoolOptions, MySQLOptions, RedisOptions
    from fluxaorm.pools.base.redis_ports import RedisPool
    from fluxaorm.pools.base.sql_ports import SQLPool
    from fluxaorm.pools.kafka.pool import KafkaPool

__all__ = ["make_kafka_pool", "make_redis_pool", "make_sql_pool"]


def make_sql_pool(code: str, address: MySQLAddress | SQLiteAddress, options: MySQLOptions) -> SQLPool:
    """A pool of connections to MySQL, MariaDB or SQLite. Opens nothing yet."""
    if isinstance(address, SQLiteAddress):
        from fluxaorm.pools.sqlite.pool import SQLitePool

        return SQLitePool(code, address, options)
    from fluxaorm.pools.mysql.pool import MySQLPool

    return MySQLPool(code, address, options)


def make_redis_pool(code: str, address: RedisAddress, options: RedisOptions) -> RedisPool:
    """A pool of connections to Redis or Valkey. Opens nothing yet."""
    if address.cluster:
        from fluxaorm.pools.redis.cluster.pool import ClusterRedisPool

        return ClusterRedisPool(code, address, options)
    from fluxaorm.pools.redis.pool import RedisServerPool

    return RedisServerPool(code, address, options)


def make_kafka_pool(code: str, address: KafkaAddress, options: KafkaPoolOptions, largest_record: int = 0) -> KafkaPool:
    """A pool of Kafka clients. Opens nothing yet. ``largest_record``: bytes, 0: librdkafka's default."""
    from fluxaorm.pools.kafka.pool import KafkaPool

    return KafkaPool(code, address, options, largest_record)
