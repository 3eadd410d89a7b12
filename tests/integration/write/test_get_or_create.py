"""get_or_create against real databases: one row however many make it at once, and nothing else is written."""

from __future__ import annotations

from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import (
    FieldValueError,
    MissingValueError,
    QueryError,
)
from tests.support.cached_users import add_users, at_once
from tests.support.insides import pending
from tests.support.shop_engines import Shop


def test_a_row_is_made_once_and_found_afterwards(cached_shop: Shop) -> None:
    """The defaults are for the first time only."""
    ctx = cached_shop.context()
    key = {"email": "a@example.com"}

    made, created = cached_shop.do(cached_shop.users.get_or_create(ctx, key, name="Alice"))
    found, again = cached_shop.do(cached_shop.users.get_or_create(ctx, key, name="Other"))

    assert (True, False, True) == (created, again, found is made)
    assert [("Alice", "a@example.com")] == cached_shop.sql("SELECT name, email FROM UserEntity")


def test_of_many_that_make_the_same_row_at_once_one_makes_it(cached_shop: Shop) -> None:
    """All get the same row, also those that came between the look and the INSERT of another."""

    def make(ctx: Any, turn: int) -> Any:
        return cached_shop.users.get_or_create(ctx, {"email": f"{turn % 4}@example.com"}, name="x")

    results = at_once(cached_shop, 24, make)

    assert (4, 4) == (len({user.id for user, _ in results}), sum(created for _, created in results))
    assert [("4",)] == cached_shop.sql("SELECT COUNT(*) FROM UserEntity")


def test_only_the_entity_itself_is_written(cached_shop: Shop) -> None:
    """Other changes of the context stay pending; what it refers to comes along."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    pending = cached_shop.do(cached_shop.users.new(ctx, name="A", email="a"))

    product, created = cached_shop.do(
        cached_shop.products.get_or_create(ctx, {"name": "Novel", "category": category}, price=3)
    )

    assert (True, False, False, True) == (created, product.is_new, category.is_new, pending.is_new)
    ctx.clear_flush()


def test_a_row_that_cannot_be_made_leaves_nothing_pending(cached_shop: Shop) -> None:
    """Whether a value is missing or another index refuses it: a later flush has nothing of it."""
    add_users(cached_shop, "Alice")
    ctx = cached_shop.context()

    with pytest.raises(MissingValueError, match="name"):
        cached_shop.do(cached_shop.users.get_or_create(ctx, {"email": "new@example.com"}))
    with pytest.raises(FieldValueError, match="age"):
        cached_shop.do(cached_shop.users.get_or_create(ctx, {"email": "new@example.com"}, name="N", age=-1))

    assert ([], fx.FlushResult()) == (pending(ctx), cached_shop.do(ctx.flush()))


def test_what_is_no_unique_key_is_refused(cached_shop: Shop) -> None:
    """Without an index to hold it, two calls at once would make two rows."""
    ctx = cached_shop.context()
    call = cached_shop.users.get_or_create

    with pytest.raises(QueryError, match=r"a unique index \(email\), not name"):
        cached_shop.do(call(ctx, {"name": "Alice"}))
    with pytest.raises(QueryError, match="given twice"):
        cached_shop.do(call(ctx, {"email": "a"}, email="b"))
    with pytest.raises(QueryError, match="NULL"):
        cached_shop.do(cached_shop.products.get_or_create(ctx, {"name": "Novel", "category": None}))
