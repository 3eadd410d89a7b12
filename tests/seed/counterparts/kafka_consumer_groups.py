"""A consumer group and the topics it reads."""

from __future__ import annotations

import fluxaorm as fx

registry = fx.Registry()
registry.register_kafka(["localhost:9092"], "events")
registry.register_kafka_consumer_group(fx.KafkaConsumerGroup("my-group", "events", topics=["orders"]))

registry.validate(connect=False).close()
(group,) = registry.registered.consumer_groups
assert ("my-group", "events", ["orders"]) == (group.name, group.pool, list(group.topics))
