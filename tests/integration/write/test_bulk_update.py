"""update_where and delete_where against real databases: what they write, and that no cache keeps what they changed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fluxaorm import Query
from fluxaorm.errors import (
    DuplicateKeyError,
    FieldValueError,
    NotSupportedError,
    QueryError,
)
from tests.support.blocks import Undo, block
from tests.support.cached_users import add_users, ages, at_once
from tests.support.shop_engines import Shop


def test_the_server_computes_what_is_set_and_every_cache_follows(cached_shop: Shop) -> None:
    """A counter is raised without reading it; rows that do not match are left alone."""
    ids = add_users(cached_shop, "Alice", "Bob", "Carol")
    fields = cached_shop.users.fields
    query = Query().filter(fields.name.is_in(["Alice", "Bob"]))

    changed = cached_shop.do(cached_shop.users.update_where(cached_shop.context(), query, age=fields.age * 2 + 5))
    again = cached_shop.do(cached_shop.users.update_where(cached_shop.context(), query, age=fields.age * 2 + 5))

    assert (2, 2) == (changed, again)
    assert [15, 15, 0] == ages(cached_shop, ids)


def test_entities_of_the_context_show_what_a_bulk_write_left(cached_shop: Shop) -> None:
    """The same object is read again by the next look-up; unsaved changes of it stay."""
    alice_id, bob_id = add_users(cached_shop, "Alice", "Bob")
    ctx = cached_shop.context()
    alice, bob = cached_shop.do(cached_shop.users.get_by_ids(ctx, alice_id, bob_id))
    bob.name = "Robert"

    cached_shop.do(cached_shop.users.update_where(ctx, Query(), age=7))
    found = cached_shop.do(cached_shop.users.get_by_ids(ctx, alice_id, bob_id))

    assert [True, True] == [found[0] is alice, found[1] is bob]
    assert (7, "Robert") == (alice.age, bob.name)
    ctx.clear_flush()


def test_every_value_that_is_computed_sees_the_row_as_it_was(plain_shop: Shop, cached_shop: Shop) -> None:
    """MySQL would give the second assignment the first one's result; SQL's own rule is the same everywhere."""
    (alice,) = add_users(cached_shop, "Alice")
    fields = cached_shop.users.fields
    cached_shop.sql("UPDATE UserEntity SET home_city = 'Rome' WHERE id = ?", alice)

    cached_shop.do(
        cached_shop.users.update_where(
            cached_shop.context(), Query(), home_city="Oslo", home_country=fields.home_city, name=fields.home_country
        )
    )

    assert [("", "Rome", "Oslo")] == cached_shop.sql("SELECT name, home_country, home_city FROM UserEntity")
    with pytest.raises(QueryError, match="in two calls"):
        cached_shop.do(
            cached_shop.users.update_where(
                cached_shop.context(), Query(), home_city=fields.home_country, home_country=fields.home_city
            )
        )


def test_an_update_of_rows_nobody_caches_is_one_statement(plain_shop: Shop) -> None:
    """Nothing has to be announced, so nothing is read first; versions count on."""
    ctx = plain_shop.context()
    for label in ("a", "b"):
        plain_shop.do(plain_shop.counters.new(ctx, label=label))
    plain_shop.do(ctx.flush())
    statements: list[str] = []
    ctx.register_query_logger(lambda _, entry: statements.append(entry.operation))
    fields = plain_shop.counters.fields

    changed = plain_shop.do(plain_shop.counters.update_where(ctx, Query(), hits=fields.hits + 1))
    none = plain_shop.do(plain_shop.counters.update_where(ctx, Query().filter(fields.id.is_in([])), hits=9))

    assert (2, 0, ["UPDATE"]) == (changed, none, statements)
    assert [("1", "2")] * 2 == plain_shop.sql("SELECT hits, version FROM CounterEntity")


def test_a_page_in_an_order_and_conditions_on_references_can_be_updated(cached_shop: Shop) -> None:
    """Whatever a search understands chooses the rows: the two cheapest, or those of a category."""
    ctx = cached_shop.context()
    books = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    for number in range(4):
        category = books if number % 2 else None
        cached_shop.do(cached_shop.products.new(ctx, name=f"P{number}", price=Decimal(number), category=category))
    cached_shop.do(ctx.flush())
    fields = cached_shop.products.fields

    cheapest = Query().sort_by_asc(fields.price).limit(2)
    first = cached_shop.do(cached_shop.products.update_where(ctx, cheapest, status="active"))
    of_books = Query().filter(fields.category.name == "Books")
    second = cached_shop.do(cached_shop.products.update_where(ctx, of_books, colour="green"))

    assert (2, 2) == (first, second)
    assert [("active", "red"), ("active", "green"), ("draft", "red"), ("draft", "green")] == cached_shop.sql(
        "SELECT status, colour FROM ProductEntity ORDER BY price"
    )


def test_decimals_are_computed_exactly(cached_shop: Shop) -> None:
    """A price times a rate is what a ledger expects; SQLite, which would use floats, says that it cannot."""
    ctx = cached_shop.context()
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", price=Decimal("10.10")))
    cached_shop.do(ctx.flush())
    fields = cached_shop.products.fields
    price = fields.price * Decimal("1.1") / 2

    if cached_shop.url.startswith("sqlite"):
        with pytest.raises(NotSupportedError, match="keeps this number as text"):
            cached_shop.do(cached_shop.products.update_where(ctx, Query(), price=price))
        return
    cached_shop.do(cached_shop.products.update_where(ctx, Query(), price=price))

    assert Decimal("5.56") == cached_shop.do(cached_shop.products.get_by_id(cached_shop.context(), product.id)).price


def test_a_unique_value_that_two_rows_would_share_is_refused(cached_shop: Shop) -> None:
    """The error is the flush's own, and nothing is written."""
    ids = add_users(cached_shop, "Alice", "Bob")

    with pytest.raises(DuplicateKeyError) as caught:
        cached_shop.do(cached_shop.users.update_where(cached_shop.context(), Query(), email="same", age=3))

    assert ("UserEntity", "email") == (caught.value.entity, caught.value.index)
    assert [0, 0] == ages(cached_shop, ids)


def test_mistakes_in_what_is_set_are_told_before_anything_is_sent(cached_shop: Shop) -> None:
    """Each names the entity and the field."""
    ctx, fields = cached_shop.context(), cached_shop.users.fields
    others = cached_shop.products.fields
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({}, QueryError, "needs something to set"),
        ({"age": 256}, FieldValueError, r"UserEntity\.age"),
        ({"id": 3}, FieldValueError, "set by the library"),
        ({"id": fields.age + 1}, FieldValueError, r"^UserEntity\.id is set by the library"),
        ({"nothing": 3}, FieldValueError, r"^UserEntity\.nothing is not a field"),
        ({"nothing": fields.age + 1}, FieldValueError, r"^UserEntity\.nothing is not a column"),
        ({"age": others.price * 2}, QueryError, "the row's own fields only"),
        ({"name": fields.age}, QueryError, "cannot have the value of 'age'"),
        ({"name": fields.age + 1}, QueryError, "is no number"),
        ({"home": 3}, FieldValueError, "must be an Address"),
    ]

    for changes, error, message in wrong:
        with pytest.raises(error, match=message):
            cached_shop.do(cached_shop.users.update_where(ctx, Query(), **changes))
    for operand in ("1", 1.5, True, None):
        with pytest.raises(QueryError, match="an int or a number field"):
            fields.age + operand


def test_concurrent_increments_all_count(cached_shop: Shop) -> None:
    """What the server computes cannot be lost between a read and a write."""
    ids = add_users(cached_shop, "Alice", "Bob")
    age = cached_shop.users.fields.age

    at_once(cached_shop, 20, lambda ctx, _: cached_shop.users.update_where(ctx, Query(), age=age + 1))

    assert [20, 20] == ages(cached_shop, ids)


# delete_where


def test_rows_that_match_are_deleted_and_no_cache_finds_them(cached_shop: Shop) -> None:
    """One call instead of loading each; what does not match stays."""
    ids = add_users(cached_shop, "Alice", "Bob", "Carol")
    query = Query().filter(cached_shop.users.fields.name < "C")

    deleted = cached_shop.do(cached_shop.users.delete_where(cached_shop.context(), query))

    assert 2 == deleted
    assert ["Carol"] == [
        user.name for user in cached_shop.do(cached_shop.users.get_by_ids(cached_shop.context(), *ids))
    ]


def test_soft_delete_marks_rows_and_force_removes_them(cached_shop: Shop) -> None:
    """As ``delete()`` and ``force_delete()`` of an entity."""
    ctx = cached_shop.context()
    products = [cached_shop.do(cached_shop.products.new(ctx, name=f"P{number}")) for number in range(3)]
    cached_shop.do(ctx.flush())
    names = cached_shop.products.fields.name

    marked = cached_shop.do(cached_shop.products.delete_where(ctx, Query().filter(names.is_in(["P0", "P1"]))))
    other = cached_shop.context()
    found = cached_shop.do(cached_shop.products.get_by_id(other, products[0].id, include_deleted=True))
    left = cached_shop.do(cached_shop.products.count(ctx, Query()))
    removed = cached_shop.do(cached_shop.products.delete_where(ctx, Query().include_deleted(), force=True))

    assert (2, True, 1, 3) == (marked, found.is_deleted, left, removed)
    assert [] == cached_shop.sql("SELECT id FROM ProductEntity")


def test_bulk_changes_in_a_transaction_are_undone_with_it(cached_shop: Shop) -> None:
    """They are part of the open transaction, and reads in it see them."""
    ids = add_users(cached_shop, "Alice", "Bob")
    ctx = cached_shop.context()
    alice = cached_shop.do(cached_shop.users.get_by_id(ctx, ids[0]))
    with block(cached_shop, ctx):
        cached_shop.do(cached_shop.users.update_where(ctx, Query(), age=5))
        cached_shop.do(cached_shop.users.delete_where(ctx, Query().filter(cached_shop.users.fields.name == "Bob")))
        inside = cached_shop.do(cached_shop.users.get_by_ids(ctx, *ids))
        inside_ages = [user.age for user in inside]
        raise Undo

    assert ([5], True) == (inside_ages, inside[0] is alice)
    assert [0, 0] == ages(cached_shop, ids)
    assert 0 == cached_shop.do(cached_shop.users.get_by_id(ctx, ids[0])).age


# coherence


def updated(provider: Any, ctx: Any, id: int) -> Any:
    return provider.update_where(ctx, Query().filter(provider.fields.id == id), name="changed")


def deleted(provider: Any, ctx: Any, id: int) -> Any:
    return provider.delete_where(ctx, Query().filter(provider.fields.id == id))


def saved(provider: Any, ctx: Any, id: int) -> Any:
    return provider.save_many(ctx, [{"id": id, "name": "changed"}])


@pytest.mark.parametrize("write", [updated, deleted, saved])
def test_a_reader_that_races_a_bulk_write_leaves_no_old_row_in_a_cache(cached_shop: Shop, write: Any) -> None:
    """Between any two steps of the write somebody reads the row through every cache; afterwards nobody gets it as it
    was.
    """
    ctx, categories = cached_shop.context(), cached_shop.categories
    category = cached_shop.do(categories.new(ctx, name="Books"))
    cached_shop.do(ctx.flush())
    seen: list[str | None] = []

    def look() -> str | None:
        with cached_shop.engine.new_context() as reader:
            found = categories.get_by_id(reader, category.id)
            return None if found is None else str(found.name)

    writer = cached_shop.context()
    writer.register_query_logger(lambda _, entry: seen.append(look()))
    cached_shop.do(write(categories, writer, category.id))
    after = [look(), look()]

    assert [None if write is deleted else "changed"] * 2 == after
    assert "Books" in seen
