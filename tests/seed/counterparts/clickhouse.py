"""ClickHouse pools: an address, a code, options."""

from __future__ import annotations

import fluxaorm as fx
from tests.seed.registries import addresses_of

registry = fx.Registry()
registry.register_clickhouse("clickhouse://localhost:9000/default", "analytics")
registry.register_clickhouse(
    "clickhouse://localhost:9000/logs", "ch_logs", fx.ClickhouseOptions(max_open_connections=20)
)

expected = {"analytics": "http://localhost:8123/default", "ch_logs": "http://localhost:8123/logs"}
assert expected == addresses_of(registry.registered)
assert [0, 20] == [pool.options.max_open_connections for pool in registry.registered.clickhouse]
