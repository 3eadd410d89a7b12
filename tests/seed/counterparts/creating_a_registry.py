"""A registry with pools and entities, validated: an engine that knows them all."""

from __future__ import annotations

import fluxaorm as fx
from fluxaorm.addresses import HostPort
from tests.seed.entities import CategoryEntity, ProductEntity, UserEntity

registry = fx.Registry()
registry.register_mysql("root:root@tcp(localhost:3306)/app", fx.DEFAULT_POOL_CODE)
registry.register_redis("localhost:6379", 0, fx.DEFAULT_POOL_CODE)
registry.register_local_cache(fx.DEFAULT_POOL_CODE, 100_000)
registry.register_clickhouse("clickhouse://localhost:9000/default", "analytics")
registry.register_entity(UserEntity, ProductEntity, CategoryEntity)
engine = registry.validate(connect=False)

with engine:
    assert ["default"] == list(engine.registry.mysql_pools)
    assert "mysql://root:***@localhost:3306/app" == str(engine.mysql().address)
    assert "redis://localhost:6379/0" == str(engine.redis().address)
    assert 100_000 == engine.local_cache().limit
    assert (HostPort("localhost", 8123),) == engine.clickhouse("analytics").address.hosts
    assert [UserEntity, ProductEntity, CategoryEntity] == list(engine.registry.entities.values())
