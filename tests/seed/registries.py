"""What several counterparts need: an engine with the page's entities, and the addresses that a registry holds."""

from __future__ import annotations

import fluxaorm as fx
from fluxaorm.registry.registrations import Registrations
from tests.seed.entities import CategoryEntity, OrderEntity, ProductEntity, UserEntity


def engine_of_the_page() -> fx.Engine:
    """Not connected to anything."""
    registry = fx.Registry()
    registry.register_mysql("root:root@tcp(localhost:3306)/app")
    registry.register_redis("localhost:6379")
    registry.register_entity(UserEntity, ProductEntity, CategoryEntity, OrderEntity)
    return registry.validate(connect=False)


def addresses_of(registered: Registrations) -> dict[str, str]:
    """Every MySQL, Redis and ClickHouse pool and its address, passwords hidden."""
    shown = {pool.code: str(pool.address) for pool in registered.mysql}
    shown |= {pool.code: str(pool.address) for pool in registered.redis}
    return shown | {pool.code: str(pool.address) for pool in registered.clickhouse}
