"""The entities that tests of behaviour share: a small shop, with every cache setting once."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from fluxaorm import (
    Embedded,
    Entity,
    Field,
    Index,
    Json,
    Reference,
    References,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    UniqueIndex,
)


class Colour(StrEnum):
    """A user's own enum."""

    RED = "red"
    GREEN = "green"


class CategoryEntity(Entity, local_cache=100, redis_cache=True):
    """Cached in the process and in Redis."""

    id: UInt16
    name: str = Field(unique=True, length=100)


class Address(Embedded):
    """Two columns in one."""

    country: str = ""
    city: str = ""


class UserEntity(Entity, redis_cache=True):
    """Cached in Redis; has times and an embedded value."""

    id: UInt64
    name: str
    email: str = Field(unique=True)
    age: UInt8 = 0
    home: Address
    created_at: datetime
    updated_at: datetime


class ProductEntity(Entity, redis_cache=True, soft_delete=True):
    """Soft delete, a decimal, enums, JSON, a list, a reference."""

    id: UInt64
    name: str = Field(length=100)
    price: Decimal = Field(default=Decimal("0"), precision=10, scale=2)
    category: Reference[CategoryEntity] | None = None
    status: Literal["draft", "active", "archived"] = "draft"
    colour: Colour = Colour.RED
    tags: frozenset[Literal["sale", "featured", "new"]] = Field(default=frozenset())
    aliases: list[str | None] = Field(size=3)
    attributes: Json[dict[str, str]] = Field(default_factory=dict)
    indexes = (UniqueIndex("name", "category"), Index("status", "price"))


class CounterEntity(Entity):
    """No cache at all; optimistic locking."""

    id: UInt32
    label: str = Field(unique=True)
    hits: UInt32 = 0
    version: UInt32 = Field(version=True)


class NoteEntity(Entity, local_cache=True):
    """Only a local cache; many references."""

    id: UInt64
    text: str = Field(length="max")
    blob: bytes | None = None
    counters: References[CounterEntity] = Field(default_factory=list)


UNCACHED = (CounterEntity, NoteEntity)
"""Those that need no Redis."""
ENTITIES = (CategoryEntity, UserEntity, ProductEntity, *UNCACHED)
