"""A catalogue of products: a resolved schema, made by hand, with the field objects that belong to it.

What it decides: one column of each kind that queries treat in a way of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fluxaorm.dialects.capabilities import Capabilities
from fluxaorm.dialects.mysql import MySQL
from fluxaorm.entity.schema import CacheSchema, ColumnSchema, EntitySchema, EnumSchema, IndexSchema, ReferenceSchema
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
from fluxaorm.query.sql import QueryCompiler

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


class Thing:
    """What stands for an entity: queries ask it for its name and its id."""

    _entity_name = ""

    def __init__(self, id: int) -> None:
        self.id = id


class CategoryEntity(Thing):
    """A category."""

    _entity_name = "CategoryEntity"


class ProductEntity(Thing):
    """A product."""

    _entity_name = "ProductEntity"


class CategoryFields(Fields, entity="CategoryEntity"):
    """As generated."""

    id = IntField()
    name = StringField()
    parent: CategoryReference[int | None] = reference(lambda: CategoryReference, nullable=True)


class CategoryReference(CategoryFields, ReferenceField[CategoryEntity, IdValue]):
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


def _same(value: Any) -> Any:
    return value


def _within(least: int, most: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not least <= value <= most:
            raise ValueError(f"must be {least} to {most}")
        return value

    return check


def _up_to(length: int) -> Callable[[Any], Any]:
    def check(value: str) -> str:
        if len(value) > length:
            raise ValueError(f"must have at most {length} characters")
        return value

    return check


def _cents(value: Decimal) -> Decimal:
    if value != round(value, 2):
        raise ValueError("must have at most 2 digits after the point")
    return value


def _member(members: type[StrEnum]) -> Callable[[Any], Any]:
    def check(value: str) -> StrEnum:
        if value not in list(members):
            raise ValueError(f"must be one of {', '.join(members)}")
        return members(value)

    return check


def _second(value: datetime) -> datetime:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(microsecond=0)


def _whole_time(value: time) -> time:
    return value.replace(microsecond=0)


def _decode_set(raw: Any) -> frozenset[Tag]:
    return frozenset(map(Tag, raw.split(","))) if raw else frozenset()


def _column(
    index: int,
    name: str,
    kind: str,
    mysql_type: str,
    check: Callable[[Any], Any] = _same,
    encode: Callable[[Any], Any] = _same,
    decode: Callable[[Any], Any] = _same,
    **options: Any,
) -> ColumnSchema:
    options.setdefault("nullable", False)
    attribute = f"{name}_id" if options.get("reference") else name
    return ColumnSchema(
        index, name, name, attribute, kind, kind, (), mysql_type=mysql_type, check=check, encode=encode, decode=decode,
        **options,
    )  # fmt: skip


def _schema(name: str, columns: list[ColumnSchema], pool: str = "default", **options: Any) -> EntitySchema:
    return EntitySchema(
        name=name,
        table=options.pop("table", name),
        mysql_pool=pool,
        columns=tuple(columns),
        indexes=options.pop("indexes", ()),
        references=tuple(ReferenceSchema(c.field, c.reference, c.index) for c in columns if c.reference),
        groups=(),
        cache=CacheSchema(),
        fingerprint=f"{name:0<16.16}",
        definition=object,
        id_maximum=2**32 - 1,
        by_field={column.field: column for column in columns},
        by_attribute={column.attribute: column for column in columns},
        **options,
    )


_id = _within(0, 2**32 - 1)
STATUS = EnumSchema("Status", tuple(Status), Status)
TAGS = EnumSchema("Tag", tuple(Tag), Tag)

PRODUCT = _schema(
    "ProductEntity",
    [
        _column(0, "id", "uint", "int unsigned", _id, decode=int),
        _column(1, "name", "str", "varchar(20)", _up_to(20), decode=str),
        _column(2, "note", "str", "varchar(20)", _up_to(20), nullable=True),
        _column(3, "stock", "uint", "tinyint unsigned", _within(0, 255), decode=int),
        _column(4, "rating", "int", "tinyint", _within(-128, 127), nullable=True),
        _column(5, "price", "decimal", "decimal(10,2)", _cents, decode=Decimal),
        _column(6, "weight", "float", "double", decode=float),
        _column(7, "active", "bool", "tinyint(1)", encode=int, decode=lambda raw: bool(int(raw))),
        _column(8, "status", "enum", "enum('draft','active','archived')", _member(Status), str, Status, enum=STATUS),
        _column(
            9, "tags", "set", "set('sale','new','old')", frozenset,
            lambda value: ",".join(tag for tag in Tag if tag in value), _decode_set, enum=TAGS,
        ),
        _column(10, "created_at", "datetime", "datetime", _second, lambda v: v.strftime("%Y-%m-%d %H:%M:%S")),
        _column(11, "day", "date", "date", encode=date.isoformat, decode=date.fromisoformat),
        _column(12, "opens", "time", "time", _whole_time, encode=time.isoformat, decode=time.fromisoformat),
        _column(13, "data", "bytes", "blob"),
        _column(14, "attributes", "json", "json", json_type=dict),
        _column(15, "pin", "str", "varchar(4)", _up_to(4), secret=True),
        _column(16, "category", "reference", "int unsigned", _id, nullable=True, reference="CategoryEntity"),
        _column(17, "sale", "reference", "int unsigned", _id, nullable=True, reference="SaleEntity"),
        _column(18, "fake_delete", "uint", "int unsigned", auto="fake_delete", default=0),
    ],
    table="product",
    soft_delete=True,
    soft_delete_position=18,
    indexes=(
        IndexSchema("name_status", ("name", "status"), ("name", "status", "fake_delete"), (1, 8), unique=True),
        IndexSchema("code", ("name", "stock"), ("name", "stock", "fake_delete"), (1, 3), unique=True, cached=True),
    ),
)  # fmt: skip
CATEGORY = _schema(
    "CategoryEntity",
    [
        _column(0, "id", "uint", "int unsigned", _id, decode=int),
        _column(1, "name", "str", "varchar(20)", _up_to(20)),
        _column(2, "parent", "reference", "int unsigned", _id, nullable=True, reference="CategoryEntity"),
    ],
    table="category",
)
SALE = _schema(
    "SaleEntity",
    [_column(0, "id", "uint", "int unsigned", _id), _column(1, "amount", "uint", "int unsigned")],
    pool="sales",
)
SCHEMAS = {schema.name: schema for schema in (PRODUCT, CATEGORY, SALE)}


def compiler(dialect: Any = MYSQL, schema: EntitySchema = PRODUCT) -> QueryCompiler:
    """A compiler that has compiled nothing yet."""
    return QueryCompiler(schema, dialect, SCHEMAS)
