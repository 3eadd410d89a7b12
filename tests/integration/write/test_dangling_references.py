"""A flush writes no reference to a row that there is not: it says so before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import DanglingReferenceError, QueryError
from tests.support.blocks import Undo, block
from tests.support.shop_engines import Shop

Lose = Callable[[Shop, Any, Any], None]


def deleted(_: Shop, ctx: Any, category: Any) -> None:
    category.delete()


def cleared(_: Shop, ctx: Any, category: Any) -> None:
    ctx.clear_flush()


def rolled_back(shop: Shop, ctx: Any, category: Any) -> None:
    with block(shop, ctx):
        ctx.track(category)
        shop.do(ctx.flush(category))
        raise Undo


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a block"])
@pytest.mark.parametrize("lose", [deleted, cleared, rolled_back])
def test_a_new_entity_that_nobody_writes_is_no_reference(cached_shop: Shop, lose: Lose, inside: bool) -> None:
    """The row would refer to nothing for good. All waits as it was, and can be put right."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    if lose is rolled_back:
        ctx.clear_flush()
    lose(cached_shop, ctx, category)
    ctx.track(product)

    with block(cached_shop, ctx) if inside else nullcontext():
        with pytest.raises(
            DanglingReferenceError, match=r"category refers to CategoryEntity \d+, which never got a row"
        ) as caught:
            cached_shop.do(ctx.flush())
        told = caught.value
        assert ("ProductEntity", product.id, "category") == (told.entity, told.id, told.field)
        assert ("CategoryEntity", category.id) == (told.target, told.target_id)
        assert product.is_dirty
        product.category_id = None
        assert fx.FlushResult(inserted=1) == cached_shop.do(ctx.flush())

    assert [(str(product.id), None)] == cached_shop.sql("SELECT id, category FROM ProductEntity")


def test_a_change_to_such_a_reference_is_refused_too(cached_shop: Shop) -> None:
    """Not only rows that are made."""
    ctx = cached_shop.context()
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel"))
    cached_shop.do(ctx.flush())
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product.category_id = category
    category.delete()

    with pytest.raises(DanglingReferenceError):
        cached_shop.do(ctx.flush())

    ctx.clear_flush()
    assert None is product.category_id


def test_tracking_the_entity_again_puts_it_right(cached_shop: Shop) -> None:
    """As the error says."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    ctx.clear_flush()
    ctx.track(product)
    with pytest.raises(DanglingReferenceError, match=r"ctx\.track\(\)"):
        cached_shop.do(ctx.flush())

    ctx.track(category)
    result = cached_shop.do(ctx.flush(product))

    assert fx.FlushResult(inserted=2) == result
    product.name = "Novels"
    assert fx.FlushResult(updated=1) == cached_shop.do(ctx.flush())


def test_an_id_that_somebody_else_wrote_meanwhile_will_do(cached_shop: Shop) -> None:
    """A chosen id is not this context's own: what counts is whether there is a row."""
    ctx, elsewhere = cached_shop.context(), cached_shop.context()
    cached_shop.do(cached_shop.categories.new_with_id(ctx, 7, name="Books")).delete()
    cached_shop.do(cached_shop.categories.new_with_id(elsewhere, 7, name="Books"))
    cached_shop.do(elsewhere.flush())

    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=7))
    result = cached_shop.do(ctx.flush())

    assert (fx.FlushResult(inserted=1), 7) == (result, product.category_id)


@pytest.mark.parametrize("how", ["new", "changed"])
def test_what_the_same_flush_deletes_is_no_reference(cached_shop: Shop, how: str) -> None:
    """The row is there, but not any more when the flush returns."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Old")) if how == "changed" else None
    cached_shop.do(ctx.flush())
    if product is None:
        cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    else:
        product.category_id = category.id
    category.delete()

    with pytest.raises(DanglingReferenceError, match="which the same flush deletes"):
        cached_shop.do(ctx.flush())

    ctx.clear_flush()
    assert [("Books",)] == cached_shop.sql("SELECT name FROM CategoryEntity")


def test_rows_that_referred_already_are_left_alone(cached_shop: Shop) -> None:
    """An old order keeps the id of a customer who is gone, and may change otherwise."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    cached_shop.do(ctx.flush())

    product.name = "Novels"
    category.delete()
    result = cached_shop.do(ctx.flush())

    assert fx.FlushResult(updated=1, deleted=1) == result


def test_lists_of_references_count(plain_shop: Shop) -> None:
    """A flush of chosen entities writes the new ones in their lists as well, and none to those it has lost."""
    ctx = plain_shop.context()
    first, second = (plain_shop.do(plain_shop.counters.new(ctx, label=label)) for label in "ab")
    note = plain_shop.do(plain_shop.notes.new(ctx, text="", counters=[first, second]))

    second.delete()
    with pytest.raises(DanglingReferenceError, match=rf"counters refers to CounterEntity {second.id}"):
        plain_shop.do(ctx.flush(note))
    note.counters_ids = [first]
    result = plain_shop.do(ctx.flush(note))

    assert fx.FlushResult(inserted=2) == result


@pytest.mark.parametrize("lose", [cleared, rolled_back])
def test_what_is_tracked_again_is_the_one_object_of_its_row(cached_shop: Shop, lose: Lose) -> None:
    """Two objects of one row would each overwrite what the other changed."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    lose(cached_shop, ctx, category)

    ctx.track(category, category)
    cached_shop.do(ctx.flush())

    assert category is cached_shop.do(cached_shop.categories.get_by_id(ctx, category.id))


def test_a_chosen_id_that_is_tracked_again_keeps_others_above_it(plain_shop: Shop) -> None:
    """As if it had never been cleared."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new_with_id(ctx, 20_000_000, label="a"))
    ctx.clear_flush()

    ctx.track(counter)
    plain_shop.do(ctx.flush())

    [(reserved,)] = plain_shop.sql("SELECT reserved FROM _fluxa_ids WHERE entity = 'CounterEntity'")
    assert 20_000_000 <= int(reserved)


def test_an_entity_whose_id_another_object_has_is_not_tracked_again(plain_shop: Shop) -> None:
    """Somebody else has written a row with this id, and the context has read it."""
    ctx, elsewhere = plain_shop.context(), plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new_with_id(ctx, 5, label="a"))
    ctx.clear_flush()
    plain_shop.do(plain_shop.counters.new_with_id(elsewhere, 5, label="b"))
    plain_shop.do(elsewhere.flush())
    other = plain_shop.do(plain_shop.counters.get_by_id(ctx, 5))

    with pytest.raises(QueryError, match="CounterEntity: this context already has an entity with id 5"):
        ctx.track(counter)

    assert "b" == other.label
