"""save_many against real databases: what it writes, which ids it gives, that no cache keeps what it changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fluxaorm.errors import (
    DuplicateKeyError,
    FieldValueError,
    IdExhaustedError,
    MissingValueError,
    QueryError,
)
from tests.support.blocks import Undo, block
from tests.support.cached_users import add_users, ages, at_once
from tests.support.shop_engines import Shop


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


def test_writers_that_save_the_same_rows_in_opposite_orders_do_not_meet_crosswise(cached_shop: Shop) -> None:
    """A retry would end it, after both have lost what they did: rows are written in the order of their keys, and the
    ids given in the order of the call.
    """
    emails = [f"{number:03}@example.com" for number in range(150)]
    add_users(cached_shop, "Zed")
    deadlocks: list[str] = []

    def note(_: Any, entry: Any) -> None:
        if entry.error is not None and "eadlock" in str(entry.error):
            deadlocks.append(str(entry.error))

    def save(ctx: Any, turn: int) -> Any:
        ctx.register_query_logger(note, redis=False)
        rows = [{"name": f"by {turn}", "email": email} for email in (emails if turn % 2 else reversed(emails))]
        return cached_shop.users.save_many(ctx, rows)

    results = at_once(cached_shop, 12, save)

    assert [] == deadlocks
    assert [results[0][::-1]] * 6 == results[1::2]
    stored = [row[0] for row in cached_shop.sql("SELECT email FROM UserEntity ORDER BY email")]
    assert [*emails, "zed@example.com"] == stored


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
