"""What registrations want of each Kafka pool: the topics and groups that alters compare. No I/O."""

from __future__ import annotations

from typing import Final

from fluxaorm.alters.kafka.wanted import WantedKafka, WantedTopic
from fluxaorm.options import KafkaTopic
from fluxaorm.plans.streams.names import async_flush_failed_topic, async_flush_group, async_flush_topic
from fluxaorm.registry.registrations import AsyncFlushRegistration, KafkaRegistration, Registrations, by_code

_KEPT_FOREVER: Final = {
    "cleanup.policy": "delete",
    "retention.bytes": "-1",
    "retention.ms": "-1",
    # one of three brokers may be away, and the two copies that are left may not be lost together
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
}
"""Settings of a topic that holds the only copy of somebody's writes, whatever the brokers' defaults."""
_OWN_REPLICAS: Final = 3


def wanted_kafka(registered: Registrations) -> dict[str, WantedKafka]:
    """By code of the pool."""
    return {code: _wanted(pool, registered) for code, pool in by_code(registered.kafka).items()}


def _wanted(pool: KafkaRegistration, registered: Registrations) -> WantedKafka:
    options, namespace = pool.options, pool.options.namespace
    groups = [group for group in registered.consumer_groups if group.pool == pool.code]
    flushes = [flush for flush in registered.async_flushes if flush.kafka_pool == pool.code]
    own_groups = [async_flush_group(namespace) for _ in flushes]
    return WantedKafka(
        topics=tuple(_topic(topic) for topic in registered.topics if topic.pool == pool.code),
        own_topics=tuple(topic for flush in flushes for topic in _of_async_flush(flush, namespace)),
        read_topics=frozenset(topic for group in groups for topic in group.topics),
        groups=frozenset([*(group.name for group in groups), *own_groups]),
        drops_unknown_topics=options.unknown_topics == "drop",
        drops_unknown_groups=options.unknown_consumer_groups == "drop",
        ignored_topics=tuple(options.ignored_topics),
        ignored_groups=tuple(options.ignored_consumer_groups),
    )


def _topic(topic: KafkaTopic) -> WantedTopic:
    return WantedTopic(topic.name, topic.partitions, topic.replication_factor, topic.settings)


def _of_async_flush(flush: AsyncFlushRegistration, namespace: str) -> tuple[WantedTopic, WantedTopic]:
    def own(name: str, partitions: int) -> WantedTopic:
        return WantedTopic(name, partitions, _OWN_REPLICAS, dict(_KEPT_FOREVER), "async flush")

    partitions = flush.options.topic_partitions or 1
    return own(async_flush_topic(namespace), partitions), own(async_flush_failed_topic(namespace), 1)
