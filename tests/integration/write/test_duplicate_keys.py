"""Which row a DuplicateKeyError names when a statement has many: the one that the server refused, not one like it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, UInt32, UniqueIndex
from fluxaorm.errors import DuplicateKeyError
from tests.support.pointing_rows import engine_of
from tests.support.shells import Shell
from tests.support.shop_engines import Shop


class ThingEntity(Entity):
    """Many things that may be there once."""

    id: UInt32
    name: str | None = Field(default=None, unique=True, length=50)
    title: str | None = Field(default=None, unique=True, length=255)
    key: UUID | None = Field(default=None, unique=True)
    price: Decimal | None = Field(default=None, unique=True, precision=10, scale=2)
    weight: float | None = Field(default=None, unique=True)
    day: date | None = Field(default=None, unique=True)
    moment: datetime | None = Field(default=None, unique=True, fsp=3)
    left: str | None = Field(default=None, length=20)
    right: str | None = Field(default=None, length=20)
    indexes = (UniqueIndex("left", "right", name="pair"),)


class MarkedEntity(Entity, soft_delete=True):
    """Deleted rows keep their names."""

    id: UInt32
    name: str = Field(unique=True, length=50)


@pytest.fixture
def things(database_url: str, shell: Shell) -> Iterator[Shop]:
    """A shop of things."""
    engine = engine_of(database_url, ThingEntity, MarkedEntity)
    yield Shop(engine, shell, database_url)
    shell.close(engine)


Values = dict[str, Any]


def names(*texts: str) -> list[Values]:
    return [{"name": text} for text in texts]


CASES: dict[str, tuple[list[Values], list[Values], int]] = {
    # what is there, what is added, and which of it is refused
    "a dash": (names("a-b"), names("a", "b", "a-b", "a-b-c"), 2),
    "another case": (names("Same"), names("some", "SAME", "other"), 1),
    "two that are new": ([], names("same", "a", "SAME"), 2),
    "accents": (names("Elan"), names("a", "élan"), 1),
    "quotes": (names("it's 'so' \\ far"), names("it", "it's 'so' \\ far"), 1),
    "dashes on both sides": (
        [{"left": "a-b", "right": "c"}],
        [{"left": "a", "right": "b-c"}, {"left": "a", "right": None}, {"left": "a-b", "right": "c"}],
        2,
    ),
    "the text NULL": (
        [{"left": "NULL", "right": "x"}],
        [{"left": None, "right": "x"}, {"left": "NULL", "right": "x"}],
        1,
    ),
    "bytes": ([{"key": UUID(int=7)}], [{"key": UUID(int=at)} for at in (5, 6, 7)], 2),
    "decimals": ([{"price": Decimal("1.50")}], [{"price": Decimal("1.05")}, {"price": Decimal("1.5")}], 1),
    "floats": ([{"weight": 0.1}], [{"weight": 0.2}, {"weight": 0.1}, {"weight": 1e300}], 1),
    "dates": ([{"day": date(2026, 1, 2)}], [{"day": date(2026, 1, at)} for at in (1, 2, 3)], 1),
    "moments": (
        [{"moment": datetime(2026, 1, 2, 3, 4, 5, 60_000, tzinfo=UTC)}],
        [{"moment": datetime(2026, 1, 2, 3, 4, 5, at * 10_000, tzinfo=UTC)} for at in (5, 6, 7)],
        1,
    ),
    "long texts that begin alike": (
        [{"title": "é" * 254 + "b"}],
        [{"title": "é" * 254 + last} for last in "acb"],
        2,
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", ["insert", "update"])
def test_the_row_that_was_refused_is_named(things: Shop, case: str, way: str) -> None:
    """An import of a thousand rows is mended by the one that the error shows."""
    if case == "accents" and things.url.startswith("sqlite"):
        pytest.skip("the collation of SQLite's tables tells accents apart")
    there, added, refused = CASES[case]
    provider: Any = things.engine.provider(ThingEntity)
    ctx = things.context()
    for values in there:
        things.do(provider.new(ctx, **values))
    others = [things.do(provider.new(ctx)) for _ in added] if way == "update" else []
    things.do(ctx.flush())

    for number, values in enumerate(added):
        if way == "update":
            others[number].set(**values)
        else:
            things.do(provider.new(ctx, **values))
    with pytest.raises(DuplicateKeyError) as caught:
        things.do(ctx.flush())

    assert "ThingEntity" == caught.value.entity
    assert added[refused] == caught.value.values
    ctx.clear_flush()


@pytest.mark.parametrize("count", [3, 450])
def test_a_deleted_rows_name_is_nobodys(things: Shop, count: int) -> None:
    """The living row is the one in the way, among however many."""
    provider: Any = things.engine.provider(MarkedEntity)
    ctx = things.context()
    rows = [things.do(provider.new(ctx, name=f"name {number}")) for number in range(count)]
    things.do(ctx.flush())
    for row in rows[:-1]:
        row.delete()
    things.do(ctx.flush())

    for number in range(count):
        things.do(provider.new(ctx, name=f"NAME {number}"))
    with pytest.raises(DuplicateKeyError) as caught:
        things.do(ctx.flush())

    assert {"name": f"NAME {count - 1}"} == caught.value.values
    ctx.clear_flush()


def test_what_was_refused_can_be_mended_and_flushed(things: Shop) -> None:
    """Nothing was written, and the order is the same as it was."""
    provider: Any = things.engine.provider(ThingEntity)
    ctx = things.context()
    first, second = (things.do(provider.new(ctx, name=name)) for name in ("a", "A"))

    with pytest.raises(DuplicateKeyError):
        things.do(ctx.flush())
    second.name = "b"
    result = things.do(ctx.flush())

    assert fx.FlushResult(inserted=2) == result
    assert [(str(first.id), "a"), (str(second.id), "b")] == things.sql("SELECT id, name FROM ThingEntity ORDER BY id")
