"""Where the Kafka Connect of a Kafka pool listens."""

from __future__ import annotations

import fluxaorm as fx

registry = fx.Registry()
registry.register_kafka(["localhost:9092"], "events")
registry.register_debezium_connect_url("http://localhost:8083", "events")

registry.validate(connect=False).close()
(connect,) = registry.registered.connects
assert ("events", "http://localhost:8083") == (connect.kafka_pool, connect.address.url)
