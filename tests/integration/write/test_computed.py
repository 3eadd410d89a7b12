"""What ``update_where`` lets each database compute besides numbers: texts, moments, values in the place of NULL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, Query, UInt8, UInt32
from fluxaorm.errors import MySQLError, NotSupportedError, QueryError
from tests.support.shells import Shell
from tests.support.shop_engines import Shop


class MemberEntity(Entity):
    """A text, a moment and a number of each sort, with and without NULL."""

    id: UInt32
    first: str = Field(length=20)
    nick: str | None = Field(default=None, length=20)
    note: str = ""
    joined: datetime = datetime(2026, 1, 31, 23, 59, 58, tzinfo=UTC)
    exact: datetime = Field(default=datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC), fsp=6)
    left: datetime | None = None
    born: date = date(2024, 2, 28)
    died: date | None = None
    points: UInt8 | None = None
    balance: Decimal | None = Field(default=None, precision=10, scale=2)


@pytest.fixture
def members(database_url: str, shell: Shell) -> Iterator[Shop]:
    """One member, nothing of whom is known but the first name."""
    registry = fx.Registry()
    registry.register_mysql(database_url)
    registry.register_entity(MemberEntity)
    engine = registry.validate()
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    shop = Shop(engine, shell, database_url)
    ctx = shop.context()
    shop.do(provider(shop).new_with_id(ctx, 1, first="Añn"))
    shop.do(ctx.flush())
    yield shop
    shell.close(engine)


def provider(shop: Shop) -> Any:
    return shop.engine.provider(MemberEntity)


def changed(shop: Shop, **changes: Any) -> Any:
    """The member after a change, as another context reads it."""
    shop.do(provider(shop).update_where(shop.context(), Query(), **changes))
    return shop.do(provider(shop).must_get_by_id(shop.context(), 1))


def test_texts_are_joined(members: Shop) -> None:
    """With texts of the program, quotes and percent signs included, and with other fields; a NULL makes all NULL."""
    fields = provider(members).fields

    one = changed(members, first=fields.first + " o'N%", note="<" + fields.first + "|" + fields.first + ">")
    two = changed(members, nick="a" + fields.nick, first=fields.nick.coalesce("nobody"))

    assert ("Añn o'N%", "<Añn|Añn>") == (one.first, one.note)
    assert ("nobody", None) == (two.first, two.nick)


def test_moments_are_moved(members: Shop) -> None:
    """Over the end of a month and back, by parts of the second where the column has them, by days for a date."""
    fields = provider(members).fields

    one = changed(
        members,
        joined=fields.joined + timedelta(seconds=2) + timedelta(days=28),
        exact=fields.exact - timedelta(days=1, hours=1),
        left=fields.joined - timedelta(weeks=52),
        born=fields.born + timedelta(days=2),
        died=fields.died + timedelta(days=2),
    )

    assert datetime(2026, 3, 1, tzinfo=UTC) == one.joined
    assert datetime(2025, 12, 30, 23, 0, 0, 123456, tzinfo=UTC) == one.exact
    assert datetime(2025, 2, 1, 23, 59, 58, tzinfo=UTC) == one.left
    assert (date(2024, 3, 1), None) == (one.born, one.died)


def test_parts_of_the_second_are_moved_or_refused(members: Shop) -> None:
    """Where a server cannot do it exactly, it is not done at all."""
    fields = provider(members).fields
    later = {"exact": fields.exact + timedelta(microseconds=5)}

    if members.url.startswith("sqlite"):
        with pytest.raises(NotSupportedError, match="whole seconds"):
            changed(members, **later)
    else:
        assert datetime(2026, 1, 1, 0, 0, 0, 123461, tzinfo=UTC) == changed(members, **later).exact


def test_null_gives_way_to_a_value(members: Shop) -> None:
    """A value of the program or another field's, and more computed of it; what is there stays."""
    fields = provider(members).fields
    then = datetime(2026, 5, 1, 12, tzinfo=UTC)

    one = changed(
        members,
        nick=fields.nick.coalesce(fields.first) + "!",
        left=fields.left.coalesce(then) + timedelta(minutes=1),
        died=fields.died.coalesce(fields.born) + timedelta(days=1),
        points=fields.points.coalesce(3) + 1,
    )
    two = changed(members, nick=fields.nick.coalesce("x"), left=fields.left.coalesce(then), points=fields.points + 1)

    assert ("Añn!", then + timedelta(minutes=1), date(2024, 2, 29), 4) == (one.nick, one.left, one.died, one.points)
    assert ("Añn!", then + timedelta(minutes=1), 5) == (two.nick, two.left, two.points)


def test_decimals_give_way_exactly(members: Shop) -> None:
    """SQLite, which keeps them as text, says that it cannot."""
    fields = provider(members).fields
    change = {"balance": fields.balance.coalesce(Decimal("1.25")) * 2}

    if members.url.startswith("sqlite"):
        with pytest.raises(NotSupportedError, match="keeps this number as text"):
            changed(members, **change)
    else:
        assert Decimal("2.50") == changed(members, **change).balance


def test_what_does_not_fit_is_the_servers_error(members: Shop) -> None:
    """A text that grew too long is not cut."""
    if members.url.startswith("sqlite"):
        pytest.skip("SQLite knows no length of a text")
    fields = provider(members).fields

    with pytest.raises(MySQLError, match="too long"):
        changed(members, first=fields.first + "x" * 20)


def test_mistakes_are_told_before_anything_is_sent(members: Shop) -> None:
    """A wrong type where it is written; a wrong column, or what would be rounded, when the query is compiled."""
    fields = provider(members).fields
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"points": fields.first + "a"}, "is no text"),
        ({"first": fields.points.coalesce(1)}, "cannot have the value of 'points'"),
        ({"first": fields.joined + timedelta(1)}, "is no date and no datetime"),
        ({"joined": fields.joined + timedelta(milliseconds=1)}, "would be rounded"),
        ({"born": fields.born + timedelta(hours=1)}, "would be rounded"),
        ({"joined": fields.exact}, "cannot have the value of 'exact'"),
        ({"born": fields.joined + timedelta(days=1)}, "cannot have the value of 'joined'"),
    ]

    for changes, message in wrong:
        with pytest.raises(QueryError, match=message):
            changed(members, **changes)
    mistakes: list[Callable[[], object]] = [
        lambda: fields.first + 1,
        lambda: 1 + fields.first,
        lambda: fields.first + fields.points,
        lambda: fields.joined + 1,
        lambda: fields.joined - 1,
        lambda: fields.nick.coalesce(1),
        lambda: fields.points.coalesce(True),
    ]
    for compute in mistakes:
        with pytest.raises(QueryError, match="is wanted here"):
            compute()


def test_an_expression_shows_no_value(members: Shop) -> None:
    """It may be a secret; fields are named."""
    fields = provider(members).fields

    shown = repr(fields.nick.coalesce("secret") + "secret"), repr(fields.joined + timedelta(days=77))

    assert "secret" not in shown[0]
    assert "77" not in shown[1]
    assert "MemberEntity.nick" in shown[0]
