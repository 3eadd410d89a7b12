"""A Kafka pool and its options."""

from __future__ import annotations

import fluxaorm as fx

registry = fx.Registry()
registry.register_kafka(["localhost:9092"], "events", fx.KafkaPoolOptions(client_id="my-service"))

with registry.validate(connect=False) as engine:
    assert ("localhost:9092",) == engine.kafka("events").brokers
    assert "my-service" == engine.kafka("events").settings["client.id"]
