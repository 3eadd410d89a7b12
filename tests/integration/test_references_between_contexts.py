"""An entity of another context as a reference: its id will do once it has a row, and is refused before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import FieldValueError, ForeignEntityError, QueryError
from tests.support.shop_engines import Shop

Use = Callable[[Shop, Any, Any], Any]

USES: dict[str, Use] = {
    "new": lambda shop, ctx, category: shop.do(shop.products.new(ctx, name="Novel", category=category)),
    "new with id": lambda shop, ctx, category: shop.do(
        shop.products.new_with_id(ctx, 1, name="Novel", category=category)
    ),
    "setter": lambda shop, ctx, category: setattr(
        shop.do(shop.products.new(ctx, name="Novel")), "category_id", category
    ),
    "set": lambda shop, ctx, category: shop.do(shop.products.new(ctx, name="Novel")).set(category=category),
    "save_many": lambda shop, ctx, category: shop.do(
        shop.products.save_many(ctx, [{"name": "Novel", "category": category}])
    ),
    "update_where": lambda shop, ctx, category: shop.do(
        shop.products.update_where(ctx, fx.Query().filter(shop.products.fields.id > 0), category=category)
    ),
    "get_or_create": lambda shop, ctx, category: shop.do(
        shop.products.get_or_create(ctx, {"name": "Novel", "category": category})
    ),
    "look-up": lambda shop, ctx, category: shop.do(shop.products.get_by_name_category(ctx, "Novel", category)),
}


@pytest.mark.parametrize("use", USES)
def test_a_new_entity_of_another_context_is_no_reference(cached_shop: Shop, use: str) -> None:
    """That context may never write it: the row would refer to nothing."""
    elsewhere, ctx = cached_shop.context(), cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(elsewhere, name="Books"))

    with pytest.raises(ForeignEntityError, match="flush it there first") as caught:
        USES[use](cached_shop, ctx, category)

    assert ("CategoryEntity", category.id) == (caught.value.entity, caught.value.id)
    elsewhere.clear_flush()
    ctx.clear_flush()


@pytest.mark.parametrize("use", [use for use in USES if use not in ("update_where", "look-up")])
def test_one_that_has_a_row_is(cached_shop: Shop, use: str) -> None:
    """Who loaded it is nothing to the reference, and the context may be closed by now."""
    elsewhere, ctx = cached_shop.context(), cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(elsewhere, name="Books"))
    cached_shop.do(elsewhere.flush())

    _ = USES[use](cached_shop, ctx, category)
    cached_shop.do(ctx.flush())

    assert [(str(category.id),)] == cached_shop.sql("SELECT category FROM ProductEntity")


def test_a_new_one_of_the_same_context_is_written_first(cached_shop: Shop) -> None:
    """Also by a flush of chosen entities."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))

    result = cached_shop.do(ctx.flush(product))

    assert fx.FlushResult(inserted=2) == result


def test_what_was_deleted_is_no_reference(cached_shop: Shop) -> None:
    """Its row is gone, or was never written."""
    ctx = cached_shop.context()
    gone, never = (cached_shop.do(cached_shop.categories.new(ctx, name=name)) for name in ("Books", "Films"))
    cached_shop.do(ctx.flush(gone))
    gone.delete()
    never.delete()
    cached_shop.do(ctx.flush())

    for category in (gone, never):
        with pytest.raises(FieldValueError, match="was deleted"):
            cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    ctx.clear_flush()


def test_a_look_up_by_an_entity_of_another_type_is_refused(cached_shop: Shop) -> None:
    """Its id is some other row's."""
    ctx = cached_shop.context()
    user = cached_shop.do(cached_shop.users.new(ctx, name="Ann", email="ann@example.com"))

    with pytest.raises(QueryError, match="is a UserEntity, not a CategoryEntity"):
        cached_shop.do(cached_shop.products.get_by_name_category(ctx, "Novel", user))
    ctx.clear_flush()
