"""Asynchronous flush through a Kafka pool."""

from __future__ import annotations

import fluxaorm as fx

registry = fx.Registry()
registry.register_kafka(["localhost:9092"], "events")
registry.register_async_flush("events", fx.AsyncFlushOptions(topic_partitions=6))

registry.validate(connect=False).close()
(flush,) = registry.registered.async_flushes
assert ("events", 6) == (flush.kafka_pool, flush.options.topic_partitions)
