"""The definitions of the guide, and what they resolve to."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

import pytest

from fluxaorm.entity import (
    Embedded,
    Entity,
    Field,
    Index,
    Json,
    Reference,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    UniqueIndex,
)
from fluxaorm.entity.resolve.definitions import resolve_entities
from fluxaorm.entity.schema import UNSET, CacheSchema, EntitySchema, IndexSchema, ReferenceSchema


class CategoryEntity(Entity, local_cache=1000, redis_cache=True):
    id: UInt16
    name: str = Field(unique=True, cached=True, length=100)


class Address(Embedded):
    country: str = ""
    city: str = ""


class UserEntity(Entity, redis_cache=True):
    """A person."""

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


@pytest.fixture(scope="module")
def schemas() -> dict[str, EntitySchema]:
    """All four."""
    found, problems = resolve_entities([CategoryEntity, UserEntity, ProductEntity, OrderEntity])
    assert [] == problems
    return found


TABLES = {
    "CategoryEntity": """
        id               smallint unsigned                    -
        name             varchar(100)                         -
    """,
    "UserEntity": """
        id               bigint unsigned                      -
        name             varchar(255)                         -
        email            varchar(255)                         -
        age              tinyint unsigned                     0
        bio              mediumtext NULL                      None
        home_country     varchar(255)                         ''
        home_city        varchar(255)                         ''
        created_at       datetime                             -
        updated_at       datetime                             -
    """,
    "ProductEntity": """
        id               bigint unsigned                      -
        name             varchar(100)                         -
        price            decimal(10,2)                        Decimal('0.00')
        category         smallint unsigned                    -
        status           enum('draft','active','archived')    'draft'
        tags             set('sale','featured','new')         frozenset()
        aliases_1        varchar(255) NULL                    None
        aliases_2        varchar(255) NULL                    None
        aliases_3        varchar(255) NULL                    None
        attributes       json                                 factory
        fake_delete      bigint unsigned                      0
    """,
    "OrderEntity": """
        id               bigint unsigned                      -
        user             bigint unsigned                      -
        product          bigint unsigned                      -
        quantity         int unsigned                         -
        note             varchar(255) NULL                    None
    """,
}


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_those_of_the_guide(schemas: dict[str, EntitySchema], name: str) -> None:
    """Names, MySQL types, NULL and defaults, in the order of the definition."""
    rows = [
        f"{column.name:<16} {column.mysql_type + (' NULL' if column.nullable else ''):<36} "
        + ("factory" if column.default_factory else "-" if column.default is UNSET else repr(column.default))
        for column in schemas[name].columns
    ]

    assert [line.strip() for line in TABLES[name].strip().splitlines()] == rows
    assert list(range(len(rows))) == [column.index for column in schemas[name].columns]


def test_indexes_are_declared_or_of_references_and_soft_delete(schemas: dict[str, EntitySchema]) -> None:
    """``fake_delete`` makes unique what lives, and a declared index that starts with a reference serves it."""
    expected = (
        IndexSchema("name_category", ("name", "category"), ("name", "category", "fake_delete"), (1, 3), True, True),
        IndexSchema("status_price", ("status", "price"), ("status", "price"), (4, 2)),
        IndexSchema("category", ("category",), ("category",), (3,), implicit=True),
        IndexSchema("fake_delete", ("fake_delete",), ("fake_delete",), (10,), implicit=True),
    )

    assert expected == schemas["ProductEntity"].indexes
    assert expected[:1] == schemas["ProductEntity"].unique_indexes
    assert ["user", "product"] == [index.name for index in schemas["OrderEntity"].indexes if index.implicit]


def test_caches_and_pools_are_those_of_the_class_line(schemas: dict[str, EntitySchema]) -> None:
    """A cache is off until it is asked for."""
    category, order = schemas["CategoryEntity"], schemas["OrderEntity"]

    assert CacheSchema("on", "default", 3_600_000, 1000, 60_000, publishes=True) == category.cache
    assert CacheSchema() == order.cache
    assert ("sales", "orders", "events") == (order.mysql_pool, order.table, order.debezium_pool)
    assert (65535, 2**64 - 1) == (category.id_maximum, order.id_maximum)


def test_references_know_their_target(schemas: dict[str, EntitySchema]) -> None:
    """The id is what the attribute gives; the field's name is the column's."""
    product = schemas["ProductEntity"]
    column = product.by_field["category"]

    assert (ReferenceSchema("category", "CategoryEntity", 3),) == product.references
    assert ("category_id", "CategoryEntity", "int") == (column.attribute, column.reference, column.annotation)
    assert column is product.by_attribute["category_id"]


def test_enums_of_literals_get_a_name(schemas: dict[str, EntitySchema]) -> None:
    """The entity's, without ``Entity``, and the field's."""
    status, tags = schemas["ProductEntity"].columns[4:6]

    assert status.enum is not None and tags.enum is not None  # noqa: PT018 - for the type checker
    assert ("ProductStatus", ("draft", "active", "archived"), None) == (
        status.enum.name,
        status.enum.members,
        status.enum.python_class,
    )
    assert ("ProductStatus", "frozenset[ProductTags]") == (status.annotation, tags.annotation)


def test_groups_lead_to_their_columns(schemas: dict[str, EntitySchema]) -> None:
    """``user.home`` is made of two columns, ``product.aliases`` of three."""
    (home,), (aliases,) = schemas["UserEntity"].groups, schemas["ProductEntity"].groups

    assert ("home", Address, (("country", 5), ("city", 6))) == (home.name, home.python_class, home.members)
    assert ("aliases", None, (("1", 6), ("2", 7), ("3", 8))) == (aliases.name, aliases.python_class, aliases.members)
    assert ("Address", "tuple[str | None, ...]") == (home.annotation, aliases.annotation)


def test_special_columns_are_found(schemas: dict[str, EntitySchema]) -> None:
    """Flushes fill them in."""
    user, product = schemas["UserEntity"], schemas["ProductEntity"]

    assert (7, 8, None) == (user.created_at_position, user.updated_at_position, user.soft_delete_position)
    assert (True, 10, None) == (product.soft_delete, product.soft_delete_position, product.created_at_position)
    assert "A person." == user.doc
    assert "default" == product.redis_search_pool
