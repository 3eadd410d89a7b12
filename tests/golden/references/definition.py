"""References: to itself, in a circle, to one of many, in lists, and many in one column."""

from __future__ import annotations

from fluxaorm import Entity, Field, Reference, References, UInt16, UInt32, UInt64, UniqueIndex


class PersonEntity(Entity):
    """Refers to itself and, in a circle, to a company."""

    id: UInt64
    parent: Reference[PersonEntity] | None = None
    employer: Reference[CompanyEntity]
    friends: References[PersonEntity] = Field(default_factory=list)


class CompanyEntity(Entity):
    """Refers back."""

    id: UInt32
    owner: Reference[PersonEntity] | None = Field(default=None, unique=True)
    tags: References[TagEntity] | None = None
    offices: list[Reference[OfficeEntity] | None] = Field(size=2)
    main: Reference[OfficeEntity]
    name: str
    indexes = (UniqueIndex("name", "main"),)


class TagEntity(Entity):
    """Only ever one of many."""

    id: UInt16


class OfficeEntity(Entity):
    """Referred to twice."""

    id: UInt16
