"""Registers what a Config holds, and gathers everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from fluxaorm.config import (
    Config,
    ConfigAsyncFlush,
    ConfigClickhouse,
    ConfigDebeziumConnect,
    ConfigKafka,
    ConfigKafkaTopic,
    ConfigLocalCache,
    ConfigMySQL,
    ConfigRedis,
    ConfigRedisSentinel,
    ConfigTLS,
)
from fluxaorm.errors import ConfigError
from fluxaorm.options import (
    AsyncFlushOptions,
    ClickhouseOptions,
    KafkaConsumerGroup,
    KafkaPoolOptions,
    KafkaTopic,
    MySQLOptions,
    RedisOptions,
    TLSOptions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class PoolRegistry(Protocol):
    """Where pools, topics and groups are registered: a ``Registry``."""

    def register_mysql(self, address: str, pool: str, options: MySQLOptions, /) -> None:
        """A MySQL or SQLite pool."""

    def register_redis(self, address: str, database: int, pool: str, options: RedisOptions, /) -> None:
        """A Redis pool."""

    def register_local_cache(self, pool: str, limit: int, /) -> None:
        """A local cache."""

    def register_clickhouse(self, address: str, pool: str, options: ClickhouseOptions, /) -> None:
        """A ClickHouse pool."""

    def register_kafka(self, brokers: Sequence[str], pool: str, options: KafkaPoolOptions, /) -> None:
        """A Kafka pool."""

    def register_kafka_consumer_group(self, group: KafkaConsumerGroup, /) -> None:
        """A consumer group of one."""

    def register_kafka_topic(self, topic: KafkaTopic, /) -> None:
        """A topic of one."""

    def register_debezium_connect_url(self, url: str, kafka_pool: str, /) -> None:
        """Where the Kafka Connect of one is."""

    def register_async_flush(self, kafka_pool: str, options: AsyncFlushOptions, /) -> None:
        """Where asynchronous flushes go."""


def register_config(registry: PoolRegistry, config: Config) -> None:
    """Register everything in ``config``. Raises ConfigError with all that is wrong, after registering the rest."""
    problems: list[str] = []
    for register, items in _steps(config):
        for item in items:
            try:
                register(registry, item)
            except ConfigError as error:
                problems.append(str(error))
    if len(problems) == 1:
        raise ConfigError(problems[0])
    if problems:
        lines = "\n".join(f"- {problem}" for problem in problems)
        raise ConfigError(f"{len(problems)} problems in the configuration:\n{lines}")


def _steps(config: Config) -> Iterable[tuple[Callable[[PoolRegistry, Any], None], Iterable[Any]]]:
    yield _register_mysql, config.mysql_pools
    yield _register_redis, config.redis_pools
    yield _register_sentinel, config.redis_sentinel_pools
    yield _register_local_cache, config.local_cache_pools
    yield _register_clickhouse, config.clickhouse_pools
    yield _register_kafka, config.kafka_pools
    yield _register_connect, config.debezium_connect
    yield _register_async_flush, [] if config.async_flush is None else [config.async_flush]


def _register_mysql(registry: PoolRegistry, pool: ConfigMySQL) -> None:
    options = MySQLOptions(
        conn_max_lifetime=pool.conn_max_lifetime,
        max_open_connections=pool.max_open_connections,
        max_idle_connections=pool.max_idle_connections,
        default_encoding=pool.default_encoding,
        default_collate=pool.default_collate,
        ignored_tables=tuple(pool.ignored_tables),
        unknown_tables=pool.unknown_tables,
        driver=pool.driver,
    )
    registry.register_mysql(pool.uri, pool.code, options)


def _register_redis(registry: PoolRegistry, pool: ConfigRedis) -> None:
    options = RedisOptions(user=pool.user, password=pool.password)
    registry.register_redis(pool.uri, pool.database, pool.code, options)


def _register_sentinel(registry: PoolRegistry, pool: ConfigRedisSentinel) -> None:
    options = RedisOptions(
        master=pool.master_name, sentinels=tuple(pool.sentinels), user=pool.user, password=pool.password
    )
    registry.register_redis("", pool.database, pool.code, options)


def _register_local_cache(registry: PoolRegistry, pool: ConfigLocalCache) -> None:
    registry.register_local_cache(pool.code, pool.limit)


def _register_clickhouse(registry: PoolRegistry, pool: ConfigClickhouse) -> None:
    options = ClickhouseOptions(
        conn_max_lifetime=pool.conn_max_lifetime,
        max_open_connections=pool.max_open_connections,
        max_idle_connections=pool.max_idle_connections,
    )
    registry.register_clickhouse(pool.uri, pool.code, options)


def _register_kafka(registry: PoolRegistry, pool: ConfigKafka) -> None:
    options = KafkaPoolOptions(
        client_id=pool.client_id,
        required_acks=pool.required_acks,
        producer_linger_ms=pool.producer_linger_ms,
        max_buffered_records=pool.max_buffered_records,
        produce_timeout=pool.produce_timeout,
        delivery_timeout=pool.delivery_timeout,
        sasl_mechanism=pool.sasl_mechanism,
        sasl_user=pool.sasl_user,
        sasl_password=pool.sasl_password,
        ignored_topics=tuple(pool.ignored_topics),
        ignored_consumer_groups=tuple(pool.ignored_consumer_groups),
        namespace=pool.namespace,
        unknown_topics=pool.unknown_topics,
        unknown_consumer_groups=pool.unknown_consumer_groups,
        tls=_tls(pool.tls),
    )
    registry.register_kafka(pool.brokers, pool.code, options)
    for group in pool.consumer_groups:
        registry.register_kafka_consumer_group(
            KafkaConsumerGroup(
                group.name,
                pool.code,
                topics=tuple(group.topics),
                session_timeout_ms=group.session_timeout_ms,
                rebalance_timeout_ms=group.rebalance_timeout_ms,
                fetch_max_bytes=group.fetch_max_bytes,
                auto_commit_interval_ms=group.auto_commit_interval_ms,
            )
        )
    for topic in pool.topics:
        registry.register_kafka_topic(_topic(pool.code, topic))


def _topic(kafka_pool: str, topic: ConfigKafkaTopic) -> KafkaTopic:
    return KafkaTopic(
        topic.name,
        kafka_pool,
        partitions=topic.partitions,
        replication_factor=topic.replication_factor,
        retention_ms=topic.retention_ms,
        retention_bytes=topic.retention_bytes,
        max_message_bytes=topic.max_message_bytes,
        min_insync_replicas=topic.min_insync_replicas,
        compression_type=topic.compression_type,
        cleanup_policy=topic.cleanup_policy,
        configs=topic.configs,
    )


def _tls(choice: bool | ConfigTLS) -> bool | TLSOptions:
    if not isinstance(choice, ConfigTLS):
        return choice
    return TLSOptions(
        verify=choice.verify,
        check_hostname=choice.check_hostname,
        ca_file=choice.ca_file,
        cert_file=choice.cert_file,
        key_file=choice.key_file,
    )


def _register_connect(registry: PoolRegistry, connect: ConfigDebeziumConnect) -> None:
    registry.register_debezium_connect_url(connect.url, connect.kafka_pool)


def _register_async_flush(registry: PoolRegistry, flush: ConfigAsyncFlush) -> None:
    options = AsyncFlushOptions(
        topic_partitions=flush.topic_partitions,
        order_by=flush.order_by,
        signing_key=flush.signing_key,
        accepted_keys=tuple(flush.accepted_keys),
        pending_timeout=flush.pending_timeout,
        unknown_grace=flush.unknown_grace,
    )
    registry.register_async_flush(flush.kafka_pool, options)
