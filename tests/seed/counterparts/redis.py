"""Redis pools: one server, with a login, the primary that Sentinels know."""

from __future__ import annotations

import fluxaorm as fx
from fluxaorm.addresses import HostPort, RedisAddress

registry = fx.Registry()
registry.register_redis("localhost:6379", 0, fx.DEFAULT_POOL_CODE)
registry.register_redis("localhost:6379", 1, "sessions", fx.RedisOptions(user="user", password="secret"))
registry.register_redis(
    "",
    0,
    "cluster",
    fx.RedisOptions(master="mymaster", sentinels=[":26379", "192.168.1.2:26379", "192.168.1.3:26379"]),
)

local = (HostPort("localhost", 6379),)
sentinels = (HostPort("localhost", 26379), HostPort("192.168.1.2", 26379), HostPort("192.168.1.3", 26379))
expected = {
    "default": RedisAddress(hosts=local),
    "sessions": RedisAddress(hosts=local, database=1, user="user", password="secret"),
    "cluster": RedisAddress(master="mymaster", sentinels=sentinels),
}
assert expected == {pool.code: pool.address for pool in registry.registered.redis}
