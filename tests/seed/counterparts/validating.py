"""Validation gives an engine, or says what is wrong."""

from __future__ import annotations

import pytest

import fluxaorm as fx
from fluxaorm.errors import RegistryError

registry = fx.Registry()
registry.register_kafka_topic(fx.KafkaTopic("orders", "events"))
with pytest.raises(RegistryError, match="no Kafka pool 'events' is registered"):
    registry.validate(connect=False)

registry.register_kafka(["localhost:9092"], "events")
with registry.validate(connect=False) as engine:
    assert isinstance(engine, fx.Engine)
