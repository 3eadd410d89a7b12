"""MySQL pools: an address, a code, options."""

from __future__ import annotations

import fluxaorm as fx
from tests.seed.registries import addresses_of

registry = fx.Registry()
registry.register_mysql("user:password@tcp(localhost:3306)/mydb", fx.DEFAULT_POOL_CODE)
registry.register_mysql("user:password@tcp(localhost:3306)/logs", "logs", fx.MySQLOptions(max_open_connections=50))

expected = {
    "default": "mysql://user:***@localhost:3306/mydb",
    "logs": "mysql://user:***@localhost:3306/logs",
}
assert expected == addresses_of(registry.registered)
assert [0, 50] == [pool.options.max_open_connections for pool in registry.registered.mysql]
