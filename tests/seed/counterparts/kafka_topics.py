"""A topic: what the chained calls set are keyword arguments."""

from __future__ import annotations

import fluxaorm as fx

registry = fx.Registry()
registry.register_kafka(["localhost:9092"], "events")
registry.register_kafka_topic(
    fx.KafkaTopic(
        "orders", "events", partitions=6, replication_factor=3, retention_ms=86_400_000, cleanup_policy="delete"
    )
)

registry.validate(connect=False).close()
(topic,) = registry.registered.topics
assert ("orders", "events", 6, 3) == (topic.name, topic.pool, topic.partitions, topic.replication_factor)
assert {"retention.ms": "86400000", "cleanup.policy": "delete"} == topic.settings
