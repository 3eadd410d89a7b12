"""The example of the guide."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from fluxaorm import Embedded, Entity, Field, Index, Json, Reference, UInt8, UInt16, UInt32, UInt64, UniqueIndex


class CategoryEntity(Entity, local_cache=1000, redis_cache=True):
    id: UInt16
    name: str = Field(unique=True, cached=True, length=100)


class Address(Embedded):
    country: str = ""
    city: str = ""


class UserEntity(Entity, redis_cache=True):
    id: UInt64
    name: str
    email: str = Field(unique=True, cached=True)
    age: UInt8 = 0
    bio: str | None = Field(default=None, length="max")
    home: Address
    created_at: datetime
    updated_at: datetime


class ProductEntity(Entity, redis_cache=True, soft_delete=True):
    id: UInt64
    name: str = Field(length=100, searchable=True)
    price: Decimal = Field(default=Decimal("0"), precision=10, scale=2, searchable=True, sortable=True)
    category: Reference[CategoryEntity]
    status: Literal["draft", "active", "archived"] = "draft"
    tags: frozenset[Literal["sale", "featured", "new"]] = Field(default=frozenset())
    aliases: list[str | None] = Field(size=3)
    attributes: Json[dict[str, str]] = Field(default_factory=dict)
    indexes = (UniqueIndex("name", "category", cached=True), Index("status", "price"))


class OrderEntity(Entity, mysql="sales", table="orders", debezium="events"):
    id: UInt64
    user: Reference[UserEntity]
    product: Reference[ProductEntity]
    quantity: UInt32
    note: str | None = None
