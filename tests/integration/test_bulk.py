"""Bulk writes against real databases: what they write, which ids they give, that no cache keeps what they changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Query
from fluxaorm.errors import (
    DuplicateKeyError,
    FieldValueError,
    IdExhaustedError,
    MissingValueError,
    NotSupportedError,
    QueryError,
)
from tests.support.blocks import Undo, block
from tests.support.shop_engines import Shop


def add_users(shop: Shop, *names: str) -> list[int]:
    """Stored users, in every cache that would keep them."""
    ctx = shop.context()
    users = shop.do(shop.users.new_many(ctx, len(names)))
    for user, name in zip(users, names, strict=True):
        user.set(name=name, email=f"{name.lower()}@example.com")
    shop.do(ctx.flush())
    ids = [int(user.id) for user in users]
    shop.do(shop.users.get_by_ids(shop.context(), *ids))
    return ids


def at_once(shop: Shop, times: int, call: Callable[[Any, int], Any]) -> list[Any]:
    """The results of ``call(ctx, turn)``, each with a context of its own, in threads or as tasks of one loop."""
    if shop.shell.name == "asyncio":
        return shop.shell.together([call(shop.context(), turn) for turn in range(times)])

    def one(turn: int) -> Any:
        with shop.engine.new_context() as ctx:
            return call(ctx, turn)

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, range(times)))


def ages(shop: Shop, ids: list[int]) -> list[int]:
    """As any other context sees them, through the caches."""
    return [user.age for user in shop.do(shop.users.get_by_ids(shop.context(), *ids))]


# save_many


def test_rows_are_inserted_or_updated_by_their_unique_key(cached_shop: Shop) -> None:
    """One call writes what is new and what exists, gives every row's id in order, and no cache shows the old row."""
    (alice,) = add_users(cached_shop, "Alice")
    rows = [
        {"name": "Bob", "email": "bob@example.com", "age": 1},
        {"name": "Alicia", "email": "alice@example.com", "age": 2},
        {"name": "Carol", "email": "carol@example.com", "age": 3},
    ]

    ids = cached_shop.do(cached_shop.users.save_many(cached_shop.context(), rows))

    found = cached_shop.do(cached_shop.users.get_by_ids(cached_shop.context(), *ids))
    assert [("Bob", 1), ("Alicia", 2), ("Carol", 3)] == [(user.name, user.age) for user in found]
    assert (alice, 3) == (ids[1], len(set(ids)))
    assert [("3",)] == cached_shop.sql("SELECT COUNT(*) FROM UserEntity")


def test_only_the_columns_that_are_given_are_changed_of_a_row_that_exists(cached_shop: Shop) -> None:
    """A default is for new rows; what the caller did not mention stays as it is in old ones."""
    (alice,) = add_users(cached_shop, "Alice")
    cached_shop.sql("UPDATE UserEntity SET age = 33 WHERE id = ?", alice)

    cached_shop.do(
        cached_shop.users.save_many(
            cached_shop.context(),
            [
                {"name": "Alicia", "email": "alice@example.com"},
                {"name": "Bob", "email": "bob@example.com", "age": 7},
                {"name": "Carol", "email": "carol@example.com"},
            ],
        )
    )

    assert [("Alicia", "33"), ("Bob", "7"), ("Carol", "0")] == cached_shop.sql(
        "SELECT name, age FROM UserEntity ORDER BY name"
    )


def test_rows_that_exist_are_left_alone_when_conflicts_are_ignored(cached_shop: Shop) -> None:
    """Only what is missing is inserted; the ids are those of the rows that are there."""
    (alice,) = add_users(cached_shop, "Alice")
    rows = [{"name": name, "email": f"{name.lower()}@example.com", "age": 9} for name in ("Alice", "Bob")]

    first = cached_shop.do(cached_shop.users.save_many(cached_shop.context(), rows, on_conflict="ignore"))
    again = cached_shop.do(cached_shop.users.save_many(cached_shop.context(), rows, on_conflict="ignore"))

    assert (first, alice) == (again, first[0])
    assert [0, 9] == ages(cached_shop, first)


def test_rows_are_found_by_the_id_they_bring(cached_shop: Shop) -> None:
    """The primary key is a key like the others, and later ids stay above it."""
    (alice,) = add_users(cached_shop, "Alice")
    rows = [
        {"id": alice, "name": "Alicia", "email": "alicia@example.com"},
        {"id": 500_000, "name": "Bob", "email": "bob@example.com"},
    ]

    ids = cached_shop.do(cached_shop.users.save_many(cached_shop.context(), rows))
    later = cached_shop.do(cached_shop.users.save_many(cached_shop.context(), [{"name": "C", "email": "c"}]))

    assert [alice, 500_000] == ids
    assert [("Alicia",), ("Bob",)] == cached_shop.sql("SELECT name FROM UserEntity WHERE id IN (?, 500000)", alice)
    assert [500_000] != later


def test_keys_are_the_same_as_the_database_has_it(cached_shop: Shop) -> None:
    """What differs in case only is one row for the unique index, so it is one row here, in one call too."""
    (alice,) = add_users(cached_shop, "Alice")
    rows = [
        {"name": "First", "email": "ALICE@example.com"},
        {"name": "New", "email": "new@example.com"},
        {"name": "Newer", "email": "NEW@example.com"},
        {"name": "Newest", "email": "New@example.com"},
        {"name": "Last", "email": "Alice@Example.com"},
    ]

    ids = cached_shop.do(cached_shop.users.save_many(cached_shop.context(), rows))

    assert [alice, ids[1], ids[1], ids[1], alice] == ids
    assert [("Last", "Alice@Example.com"), ("Newest", "New@example.com")] == cached_shop.sql(
        "SELECT name, email FROM UserEntity ORDER BY id"
    )


def test_no_id_is_spent_on_a_row_that_exists(cached_shop: Shop) -> None:
    """Saving the same rows every night must not use up a small id type, as auto-increment would."""
    rows = [{"name": f"Category {number}"} for number in range(100)]
    ids = cached_shop.do(cached_shop.categories.save_many(cached_shop.context(), rows))

    again = [cached_shop.do(cached_shop.categories.save_many(cached_shop.context(), rows)) for _ in range(5)]
    (new,) = cached_shop.do(cached_shop.categories.save_many(cached_shop.context(), [{"name": "One more"}]))

    assert [ids] * 5 == again
    assert new <= max(ids) + 100


def test_versions_and_times_are_kept_by_the_library(plain_shop: Shop, cached_shop: Shop) -> None:
    """Optimistic locking and updated_at hold for rows that were saved in bulk, too."""
    moments = iter([datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 4)])
    cached_shop.engine.clock = lambda: next(moments)
    for age in (1, 2):
        rows = [{"name": "Alice", "email": "a", "age": age}]
        cached_shop.do(cached_shop.users.save_many(cached_shop.context(), rows))
        plain_shop.do(plain_shop.counters.save_many(plain_shop.context(), [{"label": "a", "hits": age}]))

    assert [("2", "2")] == plain_shop.sql("SELECT hits, version FROM CounterEntity")
    assert [("2026-01-01 00:00:00", "2026-01-02 00:00:00")] == [
        tuple(text[:19] for text in row) for row in cached_shop.sql("SELECT created_at, updated_at FROM UserEntity")
    ]


def test_a_soft_deleted_row_is_no_conflict(cached_shop: Shop) -> None:
    """As for a flush: the key of a deleted row is free."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    cached_shop.do(ctx.flush())
    product.delete()
    cached_shop.do(ctx.flush())

    row = {"name": "Novel", "category": category, "tags": ["sale"], "attributes": {"pages": "3"}, "aliases": ["a"]}
    (id,) = cached_shop.do(cached_shop.products.save_many(cached_shop.context(), [row]))

    found = cached_shop.do(cached_shop.products.get_by_id(cached_shop.context(), id))
    assert id != product.id
    assert ({"pages": "3"}, ("a", None, None), False) == (found.attributes, found.aliases, found.is_deleted)


def test_rows_without_a_complete_key_are_inserted(cached_shop: Shop) -> None:
    """NULL is equal to nothing: such a row never exists yet."""
    rows: list[dict[str, Any]] = [{"name": "Novel"}, {"name": "Novel"}]

    ids = cached_shop.do(cached_shop.products.save_many(cached_shop.context(), rows))

    assert 2 == len(set(ids))
    assert [("2",)] == cached_shop.sql("SELECT COUNT(*) FROM ProductEntity")


def test_thousands_of_rows_are_saved_in_one_call(plain_shop: Shop) -> None:
    """The call is cut into statements the server takes, and stays one transaction."""
    rows = [{"label": f"counter {number}", "hits": number} for number in range(2_500)]

    ids = plain_shop.do(plain_shop.counters.save_many(plain_shop.context(), rows))
    for row in rows:
        row["hits"] = 1
    again = plain_shop.do(plain_shop.counters.save_many(plain_shop.context(), rows))

    assert ids == again
    assert [("2500", "2500", "2")] == plain_shop.sql("SELECT COUNT(*), SUM(hits), MAX(version) FROM CounterEntity")


def test_a_row_that_clashes_with_two_others_writes_nothing(cached_shop: Shop) -> None:
    """An id of one row and the key of another name two rows: the error says which index, nothing is half done."""
    alice, bob = add_users(cached_shop, "Alice", "Bob")
    rows = [
        {"name": "Carol", "email": "carol@example.com"},
        {"id": alice, "name": "Alice", "email": "bob@example.com"},
    ]

    with pytest.raises(DuplicateKeyError) as caught:
        cached_shop.do(cached_shop.users.save_many(cached_shop.context(), rows))

    assert ("UserEntity", "email") == (caught.value.entity, caught.value.index)
    assert [(str(alice), "alice@example.com"), (str(bob), "bob@example.com")] == cached_shop.sql(
        "SELECT id, email FROM UserEntity ORDER BY id"
    )


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        ({"name": "A"}, MissingValueError, "email"),
        ({"name": "A", "email": "a", "age": 256}, FieldValueError, "255"),
        ({"name": "A", "email": "a", "nothing": 1}, FieldValueError, "is not a field"),
        ({"id": 0, "name": "A", "email": "a"}, QueryError, "starts at 1"),
        ({"id": 2**64, "name": "A", "email": "a"}, IdExhaustedError, "no id left"),
        (["A", "a"], QueryError, "row 1 is a list"),
    ],
)
def test_a_row_that_cannot_be_is_told_with_its_number_before_anything_is_sent(
    cached_shop: Shop, row: Any, error: type[Exception], message: str
) -> None:
    """Of a file with a thousand rows somebody has to find the one."""
    with pytest.raises(error, match=message) as caught:
        cached_shop.do(cached_shop.users.save_many(cached_shop.context(), [{"name": "B", "email": "b"}, row]))

    assert "row 1" in str([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert [] == cached_shop.sql("SELECT id FROM UserEntity")


def test_saving_in_a_transaction_is_part_of_it(cached_shop: Shop) -> None:
    """It commits and is undone with the rest, and the caches hear of it at the commit."""
    (alice,) = add_users(cached_shop, "Alice")
    rows = [{"name": name, "email": f"{name.lower()}@example.com", "age": 9} for name in ("Alice", "Bob")]
    ctx = cached_shop.context()
    with block(cached_shop, ctx):
        cached_shop.do(cached_shop.users.save_many(ctx, rows))
        raise Undo
    undone = cached_shop.sql("SELECT age FROM UserEntity")
    with block(cached_shop, ctx):
        ids = cached_shop.do(cached_shop.users.save_many(ctx, rows))
        outside = ages(cached_shop, [alice])

    assert ([("0",)], [0]) == (undone, outside)
    assert [9, 9] == ages(cached_shop, ids)


def test_writers_that_save_the_same_rows_at_once_agree_on_their_ids(cached_shop: Shop) -> None:
    """Whoever inserts first, everybody gets the id of the row that is there, and none is written twice."""

    def save(ctx: Any, turn: int) -> Any:
        rows = [{"name": f"by {turn}", "email": f"{number}@example.com"} for number in range(40)]
        return cached_shop.users.save_many(ctx, rows, on_conflict="update" if turn % 2 else "ignore")

    results = at_once(cached_shop, 6, save)

    stored = [int(row[0]) for row in cached_shop.sql("SELECT id FROM UserEntity ORDER BY id")]
    assert [stored] * 6 == [sorted(ids) for ids in results]


@pytest.mark.parametrize(
    "meanwhile", ["DELETE FROM UserEntity WHERE id = ?", "UPDATE UserEntity SET email = 'moved' WHERE id = ?"]
)
def test_a_row_that_goes_or_changes_its_key_after_it_was_found_is_not_overwritten(
    cached_shop: Shop, meanwhile: str
) -> None:
    """What was found is looked at again under its lock: a row with that key is made anew, the other one left alone."""
    (alice,) = add_users(cached_shop, "Alice")
    ctx = cached_shop.context()
    pending = [meanwhile]
    ctx.register_query_logger(lambda _, entry: cached_shop.sql(pending.pop(), alice) if pending else None, redis=False)

    (id,) = cached_shop.do(cached_shop.users.save_many(ctx, [{"name": "Saved", "email": "alice@example.com"}]))

    others = cached_shop.sql("SELECT name, email FROM UserEntity WHERE id = ?", alice)
    assert ([], True) == (pending, id != alice)
    assert [("Saved", "alice@example.com")] == cached_shop.sql("SELECT name, email FROM UserEntity WHERE id = ?", id)
    assert ([] if meanwhile.startswith("DELETE") else [("Alice", "moved")]) == others


# update_where


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
        ({"id": fields.age + 1}, FieldValueError, "set by the library"),
        ({"nothing": 3}, FieldValueError, "is not a field"),
        ({"nothing": fields.age + 1}, FieldValueError, "is not a column"),
        ({"age": others.price * 2}, QueryError, "the row's own fields only"),
        ({"name": fields.age}, QueryError, "cannot have the value of 'age'"),
        ({"name": fields.age + 1}, QueryError, "is no number"),
        ({"home": 3}, FieldValueError, "must be a Address"),
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
    found = cached_shop.do(cached_shop.products.get_by_id(cached_shop.context(), products[0].id))
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


# get_or_create


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

    assert ({}, fx.FlushResult()) == (ctx.pending, cached_shop.do(ctx.flush()))


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
