"""Alters through an engine: definitions as users write them, contexts of both kinds, every database."""

from __future__ import annotations

import ipaddress
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import pytest

import fluxaorm as fx
from fluxaorm import Embedded, Entity, Field, Index, Json, Reference, References, UniqueIndex
from fluxaorm.errors import AlterError
from tests.support.shells import Shell


class Colour(StrEnum):
    """With what SQL would trip over."""

    RED = "it's red"
    BACK = "back\\slash"


class CategoryEntity(Entity):
    """To be referred to."""

    id: fx.UInt16
    name: str = Field(unique=True, length=100)


class Address(Embedded):
    """Two columns."""

    country: str = ""
    city: str | None = None


class EverythingEntity(Entity, soft_delete=True):
    """Every type, required, with defaults, and nullable."""

    id: fx.UInt64
    int8: fx.Int8 = -128
    int16: fx.Int16
    int32: fx.Int32 | None = None
    int64: fx.Int64
    plain: int = 2**63 - 1
    uint8: fx.UInt8 = 255
    uint16: fx.UInt16
    uint32: fx.UInt32 | None = None
    uint64: fx.UInt64 = 2**64 - 1
    medium: fx.MediumInt = -8_388_608
    umedium: fx.UMediumInt
    double: float = 0.1
    positive: float = Field(default=0.0, unsigned=True)
    single: fx.Float32 = 3.1415927
    price: Decimal = Field(default=Decimal("0"), precision=10, scale=2)
    exact: Decimal | None = Field(default=None, precision=65, scale=30)
    active: bool = True
    name: str = "it's \\ é"
    short: str = Field(length=3, index=True)
    bio: str | None = Field(default=None, length="max")
    text: str = Field(default="", length="max")
    small: bytes = b""
    medium_blob: bytes | None = Field(default=None, size_class="medium")
    long_blob: bytes | None = Field(default=None, size_class="long")
    born: date = date(2020, 1, 2)
    created_at: datetime
    updated_at: datetime
    precise: datetime = Field(default=datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC), fsp=6)
    at: time = time(10, 20, 30)
    length: timedelta = timedelta(hours=-10)
    status: Literal["draft", "active"] = "draft"
    colour: Colour | None = Colour.RED
    tags: frozenset[Literal["sale", "new"]] = Field(default=frozenset({"new", "sale"}))
    colours: frozenset[Colour] | None = None
    category: Reference[CategoryEntity]
    other: Reference[CategoryEntity] | None = None
    many: References[CategoryEntity]
    attributes: Json[dict[str, str]] = Field(default_factory=dict)
    home: Address
    work: Address
    aliases: list[str | None] = Field(size=3)
    key: uuid.UUID = uuid.UUID(int=7)
    ipv4: ipaddress.IPv4Address = ipaddress.IPv4Address("127.0.0.1")
    ipv6: ipaddress.IPv6Address | None = None
    version: fx.UInt32 = Field(version=True)
    indexes = (UniqueIndex("name", "category"), Index("status", "price"))


@pytest.fixture
def open_engine(database_url: str, shell: Shell) -> Any:
    """Opens engines on this test's database, and closes them."""
    engines: list[fx.Engine] = []

    def opened(*entities: type[Any]) -> fx.Engine:
        registry = fx.Registry()
        registry.register_mysql(database_url)
        registry.register_entity(*entities)
        engines.append(registry.validate())
        return engines[-1]

    yield opened
    for engine in engines:
        shell.close(engine)


def test_every_type_of_a_definition_is_made_once(open_engine: Any, shell: Shell) -> None:
    """After all alters ran, asking again gives an empty list."""
    engine = open_engine(CategoryEntity, EverythingEntity)
    ctx = shell.context(engine)

    alters = shell.do(fx.get_alters(ctx))
    for alter in alters:
        shell.do(alter.exec(ctx))
    again = shell.do(fx.get_alters(ctx))

    assert ["create_table"] * 4 == [alter.kind for alter in alters]
    assert [] == again
    assert ["_fluxa_ids", "_fluxa_meta"] == [alter.table for alter in alters if alter.entity is None]


def test_a_definition_grows_and_shrinks_with_its_rows(open_engine: Any, shell: Shell) -> None:
    """A second version of an application meets the tables of the first."""
    first = _bookstore()
    engine = open_engine(first)
    ctx = shell.context(engine)
    for alter in shell.do(fx.get_alters(ctx)):
        shell.do(alter.exec(ctx))
    shell.do(engine.provider(first).new(ctx, title="Emma", pages=300))
    shell.do(ctx.flush())

    second = _bookstore(grown=True)
    engine = open_engine(second)
    ctx = shell.context(engine)
    safe, rest = fx.split_alters(shell.do(fx.get_alters(ctx)))
    for alter in safe:
        shell.do(alter.exec(ctx))
    (finding,) = shell.do(rest[0].precheck(ctx))
    with pytest.raises(AlterError):
        shell.do(rest[0].exec(ctx))
    shell.do(rest[0].exec(ctx, allow_destructive=True))
    (book,) = shell.do(engine.provider(second).get_all(ctx))

    assert (["add_column", "add_index"], ["drop_column"]) == (
        [kind for alter in safe for kind in alter.kinds],
        [kind for alter in rest for kind in alter.kinds],
    )
    assert ("values of the dropped column `pages`", 1) == (finding.what, finding.rows)
    assert [] == shell.do(fx.get_alters(ctx))
    assert [] == shell.do(fx.get_all_alters(ctx, reorder=True))
    assert ("Emma", "paper", Decimal("9.99")) == (book.title, book.cover, book.price)


def _bookstore(*, grown: bool = False) -> Any:
    if grown:

        class BookEntity(Entity):
            """The second version."""

            id: fx.UInt32
            title: str = Field(length=200, index=True)
            cover: Literal["paper", "hard"] = "paper"
            price: Decimal = Field(default=Decimal("9.99"), precision=10, scale=2)

        return BookEntity

    class FirstBookEntity(Entity, table="BookEntity"):
        """The first version."""

        id: fx.UInt32
        title: str = Field(length=200)
        pages: fx.UInt16 = 0

    return FirstBookEntity
