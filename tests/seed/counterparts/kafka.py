"""A Kafka pool and its options."""

from __future__ import annotations

import fluxaorm as fx
from fluxaorm.addresses import HostPort, KafkaAddress

registry = fx.Registry()
registry.register_kafka(["localhost:9092"], "events", fx.KafkaPoolOptions(client_id="my-service"))

with registry.validate(connect=False) as engine:
    assert KafkaAddress(brokers=(HostPort("localhost", 9092),)) == engine.kafka("events").address
    assert "my-service" == engine.kafka("events").options.client_id
