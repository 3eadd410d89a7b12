"""Several columns under one name: Embedded, nested, without a prefix, and lists."""

from typing import Literal

from fluxaorm import Embedded, Entity, Field, Reference, UInt8, UInt32


class Country(Embedded):
    """Inside an address."""

    code: str = Field(default="", length=2)
    continent: Literal["europe", "asia"] = "europe"


class Address(Embedded):
    """Nests."""

    street: str = ""
    country: Country


class Dimensions(Embedded):
    """Has no prefix."""

    width: UInt32 = 0
    height: UInt32 | None = None


class ShelfEntity(Entity):
    """Referred to from a list."""

    id: UInt8


class BoxEntity(Entity):
    """Uses every form."""

    id: UInt32
    label: str
    sender: Address
    size: Dimensions = Field(prefix="")
    notes: list[str | None] = Field(size=2)
    kinds: list[Literal["dry", "wet"] | None] = Field(size=2)
    shelves: list[Reference[ShelfEntity] | None] = Field(size=2)
    stops: list[Dimensions] = Field(size=2)
