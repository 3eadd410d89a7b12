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


@pytest.mark.parametrize("use", ["save_many", "update_where", "look-up"])
def test_what_is_sent_at_once_takes_no_new_entity_of_this_context_either(cached_shop: Shop, use: str) -> None:
    """Its row comes by a later flush, or never: until then rows would refer to nothing, and a look-up finds nothing."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))

    with pytest.raises((FieldValueError, QueryError), match=r"category.*new and has no row yet; flush it first"):
        USES[use](cached_shop, ctx, category)

    assert [] == cached_shop.sql("SELECT id FROM ProductEntity")
    cached_shop.do(ctx.flush())
    _ = USES[use](cached_shop, ctx, category)


def test_get_or_create_writes_a_new_entity_that_it_is_given(cached_shop: Shop) -> None:
    """What it makes refers to it, so both are written."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))

    product, made = cached_shop.do(cached_shop.products.get_or_create(ctx, {"name": "Novel", "category": category}))

    assert (True, category.id, False) == (made, product.category_id, category.is_new)


CONDITIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda category, given: category == given,
    "!=": lambda category, given: category != given,
    "is_in": lambda category, given: category.is_in([1, given]),
    "not_in": lambda category, given: category.not_in([given, None]),
}


@pytest.mark.parametrize("is_own", [True, False], ids=["own", "foreign"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_takes_no_new_entity(cached_shop: Shop, condition: str, is_own: bool) -> None:
    """No row refers to it yet: an empty result would look like an answer."""
    maker, ctx = cached_shop.context(), cached_shop.context()
    ctx = maker if is_own else ctx
    category = cached_shop.do(cached_shop.categories.new(maker, name="Books"))
    field = cached_shop.products.fields.category

    with pytest.raises(QueryError, match=rf"ProductEntity\.category: CategoryEntity {category.id} is new.*flush it"):
        CONDITIONS[condition](field, category)

    cached_shop.do(maker.flush())
    cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    cached_shop.do(ctx.flush())
    query = fx.Query().filter(CONDITIONS[condition](field, category))
    expected = 1 if condition in ("==", "is_in") else 0
    assert expected == cached_shop.do(cached_shop.products.count(ctx, query))


def test_sql_that_searches_takes_no_new_entity(cached_shop: Shop) -> None:
    """As a condition; by the time that it is searched by, it may have its row."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    where = fx.Where("name <> ?", "").append("AND category IN ?", [0, category])
    sql = "SELECT * FROM ProductEntity WHERE category = ?"

    with pytest.raises(QueryError, match=r"filter_where\(\): CategoryEntity \d+ is new"):
        fx.Query().filter_where(where)
    with pytest.raises(QueryError, match=r"from_sql\(\): CategoryEntity \d+ is new"):
        cached_shop.do(cached_shop.products.from_sql(ctx, sql, category))

    cached_shop.do(ctx.flush())
    assert 1 == cached_shop.do(cached_shop.products.count(ctx, fx.Query().filter_where(where)))
    assert 1 == len(cached_shop.do(cached_shop.products.from_sql(ctx, sql, category)))


def test_sql_that_a_flush_runs_takes_one(cached_shop: Shop) -> None:
    """It runs after the entities, in their transaction."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    ctx.mysql_pipeline().add("UPDATE CategoryEntity SET name = 'Films' WHERE id = ?", category)

    cached_shop.do(ctx.flush())

    assert [("Films",)] == cached_shop.sql("SELECT name FROM CategoryEntity")


@pytest.mark.parametrize("way", ["new", "set", "setter", "save_many"])
def test_a_list_of_references_is_looked_at_too(plain_shop: Shop, way: str) -> None:
    """Each of its entities, as a single reference."""
    elsewhere, ctx = plain_shop.context(), plain_shop.context()
    foreign = plain_shop.do(plain_shop.counters.new(elsewhere, label="a"))
    gone = plain_shop.do(plain_shop.counters.new(ctx, label="b"))
    gone.delete()

    def use(counter: Any) -> None:
        if way == "new":
            plain_shop.do(plain_shop.notes.new(ctx, text="", counters=[1, counter]))
        elif way == "save_many":
            plain_shop.do(plain_shop.notes.save_many(ctx, [{"text": "", "counters": (counter,)}]))
        else:
            note = plain_shop.do(plain_shop.notes.new(ctx, text=""))
            note.set(counters=[counter]) if way == "set" else setattr(note, "counters_ids", [counter])

    with pytest.raises(ForeignEntityError, match="flush it there first"):
        use(foreign)
    with pytest.raises(FieldValueError, match="was deleted"):
        use(gone)
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
