"""Entities whose rows changed below them: whatever they went through since, the next look-up reads the row again.

A change computed from columns that only passed for current would undo somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import EntityGoneError, StaleEntityError
from tests.support.blocks import Undo, block
from tests.support.shop_engines import Shop

Change = Callable[[Shop, Any, Any], None]
Settle = Callable[[Shop, Any, Any], None]


def raise_age(shop: Shop, ctx: Any, user: Any) -> None:
    age = shop.users.fields.age
    shop.do(shop.users.update_where(ctx, fx.Query().filter(shop.users.fields.id == user.id), age=age + 100))


def save_again(shop: Shop, ctx: Any, user: Any) -> None:
    shop.do(shop.users.save_many(ctx, [{"id": user.id, "name": "A", "email": "a@example.com", "age": 100}]))


def past_the_library(shop: Shop, ctx: Any, user: Any) -> None:
    shop.sql("UPDATE UserEntity SET age = 100")
    shop.do(shop.users.invalidate(ctx, user.id))


def in_a_block(shop: Shop, ctx: Any, user: Any) -> None:
    raise_age(shop, shop.context(), user)
    with block(shop, ctx):
        pass


def in_a_block_rolled_back(shop: Shop, ctx: Any, user: Any) -> None:
    raise_age(shop, shop.context(), user)
    with block(shop, ctx):
        raise Undo


def flushed(shop: Shop, ctx: Any, _: Any) -> None:
    shop.do(ctx.flush())


def dropped(_: Shop, ctx: Any, __: Any) -> None:
    ctx.clear_flush()


def set_back(_: Shop, __: Any, user: Any) -> None:
    user.name = "Alice"


def deletion_taken_back(_: Shop, ctx: Any, user: Any) -> None:
    user.delete()
    ctx.clear_flush()


@pytest.mark.parametrize("settle", [flushed, dropped, set_back, deletion_taken_back])
@pytest.mark.parametrize("change", [raise_age, save_again, past_the_library, in_a_block, in_a_block_rolled_back])
def test_an_entity_with_unsaved_changes_is_read_again_too(cached_shop: Shop, change: Change, settle: Settle) -> None:
    """Its other columns are from before the row changed, and no flush, revert or set-back makes them current."""
    ctx = cached_shop.context()
    user = cached_shop.do(cached_shop.users.new(ctx, name="Alice", email="a@example.com"))
    cached_shop.do(ctx.flush())
    user.name = "Eve"

    change(cached_shop, ctx, user)
    settle(cached_shop, ctx, user)
    again = cached_shop.do(cached_shop.users.get_by_id(ctx, user.id))
    again.age += 1
    cached_shop.do(ctx.flush())

    assert user is again
    assert [("101",)] == cached_shop.sql("SELECT age FROM UserEntity")


def test_a_look_up_keeps_unsaved_changes_and_reads_the_rest(cached_shop: Shop) -> None:
    """The change is told against the row as it is now."""
    ctx = cached_shop.context()
    user = cached_shop.do(cached_shop.users.new(ctx, name="Alice", email="a@example.com"))
    cached_shop.do(ctx.flush())
    user.name = "Eve"
    cached_shop.do(cached_shop.users.update_where(ctx, fx.Query(), name="Bob", age=7))

    again = cached_shop.do(cached_shop.users.get_by_id(ctx, user.id))

    assert ("Eve", 7, {"name": ("Bob", "Eve")}) == (again.name, again.age, again.changes())
    ctx.clear_flush()
    assert "Bob" == again.name


def test_an_entity_whose_row_was_deleted_in_bulk_is_not_found(cached_shop: Shop) -> None:
    """Also when it had changes that were given up since."""
    ctx = cached_shop.context()
    user = cached_shop.do(cached_shop.users.new(ctx, name="Alice", email="a@example.com"))
    cached_shop.do(ctx.flush())
    user.age = 3

    cached_shop.do(cached_shop.users.delete_where(ctx, fx.Query()))
    ctx.clear_flush()

    assert None is cached_shop.do(cached_shop.users.get_by_id(ctx, user.id))


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a block"])
def test_giving_up_after_a_version_conflict_leads_to_the_newer_row(plain_shop: Shop, inside: bool) -> None:
    """The error says that the row has changed; the second attempt must not fail for the same reason."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
    plain_shop.do(ctx.flush())
    plain_shop.sql("UPDATE CounterEntity SET hits = 5, version = version + 1")
    counter.hits += 1

    with block(plain_shop, ctx) if inside else nullcontext():
        with pytest.raises(StaleEntityError):
            plain_shop.do(ctx.flush())
        ctx.clear_flush()
    again = plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id))
    again.hits += 1
    plain_shop.do(ctx.flush())

    assert [("6",)] == plain_shop.sql("SELECT hits FROM CounterEntity")


def test_giving_up_on_a_row_that_is_gone_leads_to_nothing(cached_shop: Shop) -> None:
    """A flush has just been told that there is no such row."""
    ctx = cached_shop.context()
    user = cached_shop.do(cached_shop.users.new(ctx, name="Alice", email="a@example.com"))
    cached_shop.do(ctx.flush())
    cached_shop.sql("DELETE FROM UserEntity")
    user.age = 3

    with pytest.raises(EntityGoneError):
        cached_shop.do(ctx.flush())
    ctx.clear_flush()

    assert None is cached_shop.do(cached_shop.users.get_by_id(ctx, user.id))


def test_a_search_does_not_lift_a_change_onto_another_version(plain_shop: Shop) -> None:
    """The change was computed from the version that the entity had: somebody else's would be lost without an error."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
    plain_shop.do(ctx.flush())
    counter.hits += 1
    plain_shop.sql("UPDATE CounterEntity SET hits = 5, version = version + 1")

    plain_shop.do(plain_shop.counters.search_many(ctx, fx.Query()))
    with pytest.raises(StaleEntityError):
        plain_shop.do(ctx.flush())

    ctx.clear_flush()
    assert 5 == plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id)).hits


def test_invalidating_keeps_one_object_for_a_row(cached_shop: Shop) -> None:
    """Two objects of one row would each overwrite what the other changed."""
    ctx = cached_shop.context()
    user = cached_shop.do(cached_shop.users.new(ctx, name="Alice", email="a@example.com"))
    cached_shop.do(ctx.flush())
    past_the_library(cached_shop, ctx, user)

    again = cached_shop.do(cached_shop.users.get_by_id(ctx, user.id))

    assert (True, 100) == (again is user, user.age)
