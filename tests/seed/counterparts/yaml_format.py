"""What each key of the YAML becomes."""

from __future__ import annotations

from pathlib import Path

import fluxaorm as fx
from tests.seed.registries import addresses_of

registry = fx.Registry()
registry.init_by_yaml(Path(__file__).parents[1] / "page" / "config.yaml")

registered = registry.registered
expected = {
    "logs": "mysql://root:***@localhost:3306/logs",
    "default": "redis://localhost:6379/0",
    "sessions": "redis://myuser:***@localhost:6379/1",
    "cluster": "sentinel(localhost:26379,192.168.1.2:26379,192.168.1.3:26379)/mymaster/0",
    "analytics": "http://localhost:8123/default",
}
assert expected == addresses_of(registered)
assert "mysql://root:***@localhost:3306/app" == str(registered.mysql[0].address)
assert [0, 50] == [pool.options.max_open_connections for pool in registered.mysql]
assert "secret" == registered.redis[1].address.password
assert [("default", 100_000)] == [(pool.code, pool.limit) for pool in registered.local_caches]
assert ("legacy-topic",) == registered.kafka[0].options.ignored_topics
configs = {"retention.ms": "86400000"}
topic = fx.KafkaTopic("orders", "events", partitions=6, replication_factor=3, configs=configs)
assert [topic] == registered.topics
