"""Entities are registered one by one, or several at once."""

from __future__ import annotations

import fluxaorm as fx
from tests.seed.entities import OrderEntity, ProductEntity, UserEntity

registry = fx.Registry()
registry.register_entity(UserEntity)
registry.register_entity(ProductEntity, OrderEntity)

assert [UserEntity, ProductEntity, OrderEntity] == registry.registered.entities
