"""The entities of the page as definitions: `required` is a field without a default."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fluxaorm import Entity, Field, Reference, UInt8, UInt16, UInt32, UInt64


class UserEntity(Entity, redis_cache=True):
    """``Age`` is not required, so it starts from zero."""

    id: UInt64
    name: str
    email: str = Field(unique=True)
    age: UInt8 = 0


class ProductEntity(Entity, redis_cache=True):
    """``enum=draft,active,archived;required``: a Literal without a default."""

    id: UInt64
    name: str
    price: float = 0.0
    category: Reference[CategoryEntity]
    status: Literal["draft", "active", "archived"]


class CategoryEntity(Entity):
    """Its id is the smaller one that references to it take over."""

    id: UInt16
    name: str = Field(unique=True)


class OrderEntity(Entity, redis_cache=True):
    """``created_at`` is set on insert."""

    id: UInt64
    user: Reference[UserEntity]
    product: Reference[ProductEntity]
    quantity: UInt32
    created_at: datetime
