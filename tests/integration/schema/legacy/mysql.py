"""Entities of the database `legacy`, as `fluxaorm inspect` found it.

Not entities:
- `big_orders`: it is a view
- `codes`: its key `code` is varchar(10); an entity has a single integer key
- `log`: it has no primary key; an entity has a single integer key
- `order_items`: its primary key is made of `order_id`, `position`; an entity has a
  single integer key
- `weird name`: its name must hold only ASCII letters, digits and _
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv6Address
from typing import Any, Literal
from uuid import UUID

from fluxaorm import (
    Entity,
    Field,
    Float32,
    Index,
    Int16,
    Int32,
    Json,
    Reference,
    UInt16,
    UInt32,
    UInt64,
    UniqueIndex,
)


class CustomersClass(StrEnum):
    """What `customers.class` holds."""

    GOLD = "gold"
    SILVER = "silver"
    IT_S_ODD = "it's \\ odd"


class CustomersCountry(StrEnum):
    """What `customers.country` holds."""

    AUSTRIA = "Austria"
    BELGIUM = "Belgium"
    BULGARIA = "Bulgaria"
    CROATIA = "Croatia"
    CYPRUS = "Cyprus"
    DENMARK = "Denmark"
    ESTONIA = "Estonia"
    FINLAND = "Finland"


class CustomersZones(StrEnum):
    """What `customers.zones` holds."""

    AMSTERDAM = "Amsterdam"
    BERLIN = "Berlin"
    COPENHAGEN = "Copenhagen"
    DUBLIN = "Dublin"
    EDINBURGH = "Edinburgh"
    FLORENCE = "Florence"
    GENEVA = "Geneva"
    HELSINKI = "Helsinki"


class CategoriesEntity(Entity, table="categories"):
    """A row of `categories`."""

    id: UInt16
    name: str = Field(length=60)


class CustomersEntity(Entity, table="customers", soft_delete=True):
    """A row of `customers`."""

    id: UInt32 = Field(column="customer_id")
    class_: CustomersClass = Field(default=CustomersClass.SILVER, column="class")
    id_: str = Field(default="", column="id", length=20)
    from_: date | None = Field(default=None, column="from")
    date_: date = Field(default=date(2000, 1, 1), column="date")
    column_1st_order: datetime | None = Field(default=None, column="1st_order", fsp=3)
    hidden: Int16 = Field(default=-5, column="_hidden")
    delete_: bool = Field(default=False, column="delete")
    flags: frozenset[Literal["a", "b", "c"]] = frozenset({"a", "c"})
    country: CustomersCountry | None = CustomersCountry.CYPRUS
    zones: frozenset[CustomersZones] = frozenset()
    # a text, since its enum members 'a' and 'A' are the same to MySQL, which ignores
    # case and accents
    alike: str = Field(default="A", length=1)
    notes: str | None = Field(default=None, length="max")
    # 16 bytes, taken for a UUID
    secret: UUID | None = None
    # up to 16 bytes, taken for an IPv6Address
    address: IPv6Address | None = None
    photo: bytes | None = Field(default=None, size_class="long")
    created_at: datetime
    indexes = (
        Index("class_", "from_", name="class_from"),
        UniqueIndex("id_", name="uq_id"),
    )
    # left out: column `e-mail`: varchar(100): its name must hold only ASCII letters,
    # digits and _
    # left out: index `class`: is not needed: it is the beginning of 'class_from'
    # left out: index `newest`: descending: only plain indexes over whole columns can be
    # declared
    # left out: index `notes_start`: prefix 20: only plain indexes over whole columns
    # can be declared


class LatinEntity(Entity, table="latin"):
    """A row of `latin`."""

    id: UInt32
    name: str = Field(length=200)
    long_name: str = Field(length=1000)
    code: str = Field(length=3)
    # left out: index `long_name`: takes 4000 bytes (4 a character); InnoDB allows 3072


class OrdersEntity(Entity, table="orders"):
    """A row of `orders`."""

    id: UInt64
    customer: Reference[CustomersEntity] = Field(column="customer_id")
    category_id: Reference[CategoriesEntity] | None = None
    category: str = Field(default="none", length=30)
    parent: Reference[OrdersEntity] | None = None
    signed: Reference[SignedEntity] | None = Field(default=None, column="signed_id")
    total: Decimal = Field(default=Decimal("0.00"), unique=True, precision=12, scale=2)
    weight: float | None = None
    ratio: Float32 = 0.1
    positive: float = Field(default=1.0, unsigned=True)
    bits: UInt16 = 5
    flag: bool | None = True
    made: UInt16 | None = None
    # a duration; if it only holds times of the day, make it a time
    took: timedelta | None = Field(
        default=-timedelta(hours=1, minutes=30, microseconds=500000),
        fsp=2,
    )
    data: Json[Any] | None = None
    # too long for its row at 4 bytes a character
    huge: str | None = Field(default=None, length="max")
    updated_at: datetime
    indexes = (
        Index("customer", name="orders_customer"),
        Index("signed", name="to_signed"),
    )
    # left out: column `place`: point: no field holds a point
    # left out: column `corner`: geometry: no field holds a geometry; rows cannot be
    # inserted without it, since it is NOT NULL and has no default
    # left out: column `doubled`: decimal(13,2): the server computes it; a field is
    # written by the application
    # left out: index `corner`: prefix 32 spatial: only plain indexes over whole columns
    # can be declared
    # left out: index `words`: fulltext: only plain indexes over whole columns can be
    # declared
    # left out: cascade `orders_customer`: ON DELETE CASCADE of `customers`; caches are
    # not told of rows that the server deletes or changes by it


class SignedEntity(Entity, table="signed"):
    """A row of `signed`."""

    id: Int32


class WideEntity(Entity, table="wide"):
    """A row of `wide`."""

    id: UInt32
    # too long for its row at 4 bytes a character
    one: str = Field(length="max")
    two: str = Field(length=12000)
