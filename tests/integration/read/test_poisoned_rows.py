"""A cached row with one cell that makes no sense: no getter ever sees it, and the next reader finds a good one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from fluxaorm import Entity, Field, Json, UInt8, UInt64
from tests.support.cached import Cached, OpenCached
from tests.support.insides import core


class Mood(StrEnum):
    """How a guest is."""

    CALM = "calm"
    CROSS = "cross"


class GuestEntity(Entity, redis_cache=True):
    """Columns whose cells can be wrong each in a way of its own."""

    id: UInt64
    name: str
    age: UInt8
    mood: Mood
    moods: frozenset[Mood]
    born: date
    seen: datetime
    key: UUID
    balance: Decimal = Field(precision=10, scale=2)
    notes: Json[dict[str, int]]


GUEST = {
    "name": "Ann",
    "age": 7,
    "mood": Mood.CROSS,
    "moods": frozenset({Mood.CALM}),
    "born": date(2001, 2, 3),
    "seen": datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
    "key": UUID(int=5),
    "balance": Decimal("12.50"),
    "notes": {"a": 1},
}
NONSENSE: list[tuple[str, Any]] = [
    ("name", 5),
    ("name", b"\xff\xfe"),
    ("name", None),
    ("name", "Bob"),
    ("age", "seven"),
    ("age", 256),
    ("age", -1),
    ("age", [7]),
    ("mood", "furious"),
    ("mood", 9),
    ("moods", b"calm,furious"),
    ("moods", 2**40),
    ("born", b"2001-02"),
    ("born", 20010203),
    ("seen", "yesterday"),
    ("seen", b"2024-05-06 07:08"),
    ("key", b"short"),
    ("balance", b"12,50"),
    ("balance", {}),
    ("notes", b'{"a": '),
]


def poison(guests: Cached, id: int, field: str, cell: Any) -> None:
    """Put a cell in the place of the row's own."""
    binding = core(guests.engine).binding(guests.provider)
    client, key = guests.engine.redis().client, f"{binding.key_prefix}{id}"
    cells = msgspec.msgpack.decode(client.get(key))
    cells[1 + binding.schema.by_attribute[field].index] = cell
    client.set(key, msgspec.msgpack.encode(cells))


def test_a_row_with_a_cell_that_makes_no_sense_is_a_miss_counted_and_replaced(open_cached: OpenCached) -> None:
    """Stamp and id are right, and the cell would be looked at only by a getter, which reads nothing."""
    guests = open_cached(GuestEntity)
    counts: Any = core(guests.engine).binding(guests.provider).counts
    ids = [guests.add(**GUEST), guests.add(**GUEST)]
    wrong: list[Any] = []

    for field, cell in NONSENSE:
        guests.do(guests.provider.get_by_ids(guests.context(), *ids))
        for id in ids:
            poison(guests, id, field, cell)
        broken = counts.redis_broken
        one = guests.do(guests.provider.must_get_by_id(guests.context(), ids[0]))
        (many,) = guests.do(guests.provider.get_by_ids(guests.context(), ids[1]))
        hits = counts.redis_hit
        again = guests.do(guests.provider.get_by_ids(guests.context(), *ids))
        if counts.redis_broken != broken + 2 or counts.redis_hit != hits + 2:
            wrong.append((field, cell, "not counted, or not replaced"))
        read = [guest.to_dict() for guest in (one, many, *again)]
        wrong += [(field, cell, guest) for guest in read if {**GUEST, "id": guest["id"]} != guest]

    assert [] == wrong
