"""Entities with a column for every case of the table of kinds, and one with every kind of group.

What it decides: three of each, without a cache, with Redis and with a local cache; the rows that tests write to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from fluxaorm.entity import (
    Embedded,
    Entity,
    Field,
    Float32,
    Json,
    Reference,
    References,
    UInt16,
    UInt64,
)
from tests.support.value_paths import Values
from tests.unit.entity.cases import CASES, Case, Colour, TargetEntity

CACHES: Final[dict[str, dict[str, Any]]] = {
    "Plain": {},
    "Redis": {"redis_cache": True},
    "Local": {"local_cache": True},
}
FIELDS: Final[dict[str, Case]] = {
    f"value_{at}": case for at, case in enumerate(CASES) if case.name != "the longest str"
}
"""One column a case; the longest text would be longer than a packet may be."""


class Country(Embedded):
    """Two levels down."""

    code: str = Field(default="", length=2)
    continent: Literal["europe", "asia"] | None = None


class Address(Embedded):
    """One level down."""

    street: str = Field(default="", length=100)
    country: Country
    tags: Json[dict[str, int]] = Field(default_factory=dict)


class Size(Embedded):
    """Numbers."""

    width: UInt16
    height: Decimal = Field(precision=9, scale=4)


class Groups:
    """The fields of the entity of groups."""

    id: UInt64
    home: Address
    other: Address = Field(prefix="o_")
    size: Size = Field(prefix="")
    notes: list[str | None] = Field(size=3, length=20)
    colours: list[Colour] = Field(size=2)
    ratios: list[Float32] = Field(size=2)
    keys: list[UUID | None] = Field(size=2)
    moments: list[datetime] = Field(size=2, fsp=6)
    documents: list[Json[dict[str, str]]] = Field(size=2)
    targets: list[Reference[TargetEntity] | None] = Field(size=2)
    sizes: list[Size] = Field(size=2)
    target: Reference[TargetEntity]
    maybe: Reference[TargetEntity] | None = None
    all: References[TargetEntity]
    sets: list[frozenset[Colour]] = Field(size=2)


def made(name: str, hints: dict[str, Any], defaults: dict[str, Any], **options: Any) -> type[Any]:
    """A definition made at run time."""
    return type(name, (Entity,), {"__module__": __name__, "__annotations__": hints, **defaults}, **options)


def _of_kinds(name: str, options: dict[str, Any]) -> type[Any]:
    hints = {"id": UInt64, **{field: case.hint | None for field, case in FIELDS.items()}}
    defaults = {field: Field(default=None, **case.options) for field, case in FIELDS.items()}
    return made(f"{name}KindsEntity", hints, defaults, **options)


class PlainGroupsEntity(Entity, Groups):
    """Not cached."""


class RedisGroupsEntity(Entity, Groups, redis_cache=True):
    """Cached in Redis."""


class LocalGroupsEntity(Entity, Groups, local_cache=True):
    """Cached in the process."""


KINDS: Final = tuple(_of_kinds(name, options) for name, options in CACHES.items())
GROUPS: Final = (PlainGroupsEntity, RedisGroupsEntity, LocalGroupsEntity)


@dataclass(frozen=True, slots=True)
class Subject:
    """Rows to write and what they read as; ``starts``: rows of which every value differs, to be changed to these."""

    rows: list[Values]
    expected: list[Values]
    starts: list[Values]


def attribute(field: str) -> str:
    """What the entity calls the field of a case."""
    return field + {"reference": "_id", "references": "_ids"}.get(FIELDS[field].kind, "")


def kinds_subject() -> Subject:
    """Every value of every case, in as many rows as the longest case has values, and a row of NULLs."""
    longest = max(len(case.taken) for case in FIELDS.values())
    rows, expected = (
        [
            {attribute(name): case.taken[at % len(case.taken)][form] for name, case in FIELDS.items()}
            for at in range(longest)
        ]
        for form in (0, 1)
    )
    nothing = dict.fromkeys(map(attribute, FIELDS))
    return Subject([*rows, nothing], [*expected, nothing], [nothing] * longest + [rows[0]])


def _groups_row(text: str, number: int, colour: Colour, other: Colour) -> Values:
    size = Size(width=number, height=Decimal(number).scaleb(-4))
    address = Address(
        street=text, country=Country(code=text[:2], continent="asia" if number > 1 else None), tags={text: number}
    )
    moment = datetime(1000, 1, number, 0, 0, 0, number, UTC)
    return {
        "home": address,
        "other": Address(street=f"{text}!", country=Country(code="x"), tags={}) if number > 1 else address,
        "size": size,
        "notes": (text, None, text) if number > 1 else (None, text, None),
        "colours": (colour, other),
        "ratios": (number / 2, 0.0) if number > 1 else (0.25, -3.0),
        "keys": (UUID(int=number), None) if number > 1 else (None, UUID(int=number)),
        "moments": (moment, moment.replace(year=9999)),
        "documents": ({text: text}, {"number": str(number)}),
        "targets": (number, None) if number > 1 else (None, 65535),
        "sizes": (Size(width=number + 1, height=Decimal(number).scaleb(0)), size),
        "target_id": number,
        "maybe_id": None if number > 1 else 65535,
        "all_ids": list(range(number, 4)),
        "sets": (frozenset({colour}), frozenset() if number > 1 else frozenset(Colour)),
    }


def groups_subject() -> Subject:
    """Two rows that differ in every column."""
    rows = [
        _groups_row("żółw 🐢 it's", 1, Colour.RED, Colour.GREEN),
        _groups_row('"\\\0', 2, Colour.GREEN, Colour.RED),
    ]
    return Subject(rows, rows, rows[::-1])
