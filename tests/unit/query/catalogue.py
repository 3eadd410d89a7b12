"""A catalogue of products: definitions, their resolved schemas, and field objects as a generated module has them.

What it decides: one column of each kind that queries treat in a way of its own.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fluxaorm.dialects.capabilities import Capabilities
from fluxaorm.dialects.mysql.mysql import MySQL
from fluxaorm.entity import Entity, Field, Index, Int8, Json, Reference, UInt8, UInt32, UniqueIndex
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.query.fields import (
    BoolField,
    BytesField,
    DateField,
    DateTimeField,
    DecimalField,
    EnumField,
    Fields,
    FloatField,
    IdValue,
    IntField,
    JsonField,
    NullableIntField,
    NullableStringField,
    ReferenceField,
    SetField,
    StringField,
    TimeField,
    reference,
)
from fluxaorm.query.sql.select import QueryCompiler

MYSQL = MySQL(Capabilities("mysql", (8, 4, 0), "8.4.0"))


class Status(StrEnum):
    """States of a product, in an order that is not the alphabet's."""

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class Tag(StrEnum):
    """Marks of a product."""

    SALE = "sale"
    NEW = "new"
    OLD = "old"


class CategoryEntity(Entity, table="category"):
    """The definition."""

    id: UInt32
    name: str = Field(length=20)
    parent: Reference[CategoryEntity] | None = None


class SaleEntity(Entity, mysql="sales"):
    """The definition, in another pool."""

    id: UInt32
    amount: UInt32


class ProductEntity(Entity, table="product", soft_delete=True, redis_cache=True):
    """The definition."""

    id: UInt32
    name: str = Field(length=20)
    note: str | None = Field(default=None, length=20)
    stock: UInt8
    rating: Int8 | None = None
    price: Decimal = Field(precision=10, scale=2)
    weight: float
    active: bool
    status: Status
    tags: frozenset[Tag]
    created_at: datetime
    day: date
    opens: time
    data: bytes
    attributes: Json[dict[str, str]]
    pin: str = Field(length=4, secret=True)
    category: Reference[CategoryEntity] | None = None
    sale: Reference[SaleEntity] | None = None
    indexes = (UniqueIndex("name", "status"), UniqueIndex("name", "stock", name="code", cached=True), Index("day"))


class Thing:
    """What stands for an entity of a context: queries ask it for its name and its id."""

    _entity_name = ""
    is_new = False

    def __init__(self, id: int) -> None:
        self.id = id


class Category(Thing):
    """A category."""

    _entity_name = "CategoryEntity"


class Product(Thing):
    """A product."""

    _entity_name = "ProductEntity"


class CategoryFields(Fields, entity="CategoryEntity"):
    """As generated."""

    id = IntField()
    name = StringField()
    parent: CategoryReference[int | None] = reference(lambda: CategoryReference, nullable=True)


class CategoryReference(CategoryFields, ReferenceField[Category, IdValue]):
    """As generated."""


class SaleFields(Fields, entity="SaleEntity"):
    """As generated; the entity is in another pool."""

    id = IntField()
    amount = IntField()


class SaleReference(SaleFields, ReferenceField[Thing, IdValue]):
    """As generated."""


class ProductFields(Fields, entity="ProductEntity"):
    """As generated."""

    id = IntField()
    name = StringField()
    note = NullableStringField()
    stock = IntField()
    rating = NullableIntField()
    price = DecimalField()
    weight = FloatField()
    active = BoolField()
    status: EnumField[Status] = EnumField()
    tags: SetField[Tag] = SetField()
    created_at = DateTimeField()
    day = DateField()
    opens = TimeField()
    data = BytesField()
    attributes: JsonField[dict[str, str]] = JsonField()
    pin = StringField()
    category: CategoryReference[int | None] = reference(lambda: CategoryReference, nullable=True)
    sale: SaleReference[int | None] = reference(lambda: SaleReference, nullable=True)


F = ProductFields()
C = CategoryFields()


SCHEMAS, _problems = resolve_entities([ProductEntity, CategoryEntity, SaleEntity])
assert not _problems, _problems
PRODUCT, CATEGORY = SCHEMAS["ProductEntity"], SCHEMAS["CategoryEntity"]


def compiler(dialect: Any = MYSQL, schema: EntitySchema = PRODUCT) -> QueryCompiler:
    """A compiler that has compiled nothing yet."""
    return QueryCompiler(schema, dialect, SCHEMAS)
