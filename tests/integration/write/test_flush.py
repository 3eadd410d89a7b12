"""The unit of work against real databases: what a flush writes, in which order, and what a failed one leaves."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import (
    ContextMisuseError,
    DetachedEntityError,
    DuplicateKeyError,
    EntityGoneError,
    FieldValueError,
    ForeignEntityError,
    MissingValueError,
    StaleEntityError,
    UnflushedChangesWarning,
)
from tests.support.blocks import close
from tests.support.insides import pending
from tests.support.shop_engines import Shop


def add_user(shop: Shop, ctx: Any, name: str = "Alice") -> Any:
    return shop.do(shop.users.new(ctx, name=name, email=f"{name.lower()}@example.com"))


def test_new_entities_are_written_and_found_by_another_context(cached_shop: Shop) -> None:
    """A flush is what makes an insert visible to everybody else."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)

    result = cached_shop.do(ctx.flush())

    found = cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), user.id))
    assert fx.FlushResult(inserted=1) == result
    assert ("Alice", "alice@example.com", 0) == (found.name, found.email, found.age)
    assert found is not user


def test_only_changed_columns_are_written(cached_shop: Shop) -> None:
    """A change of one field must not undo somebody else's change of another."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())
    cached_shop.sql("UPDATE UserEntity SET age = 33 WHERE id = ?", user.id)

    user.name = "Alicia"
    result = cached_shop.do(ctx.flush())

    assert fx.FlushResult(updated=1) == result
    assert [("Alicia", "33")] == cached_shop.sql("SELECT name, age FROM UserEntity WHERE id = ?", user.id)


def test_getter_shows_the_new_value_after_a_flush(cached_shop: Shop) -> None:
    """The object stays usable: what was written is what it shows, and setting it back is a change again."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())

    user.age = 5
    cached_shop.do(ctx.flush())
    seen = user.age
    user.age = 0
    cached_shop.do(ctx.flush())

    assert 5 == seen
    assert [("0",)] == cached_shop.sql("SELECT age FROM UserEntity WHERE id = ?", user.id)


def test_a_change_that_was_taken_back_is_none(cached_shop: Shop) -> None:
    """Set and set back is no change; a later one still is."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())

    user.age = 7
    user.age = 0
    nothing = cached_shop.do(ctx.flush())
    user.age = 8
    something = cached_shop.do(ctx.flush())

    assert (fx.FlushResult(), fx.FlushResult(updated=1)) == (nothing, something)
    assert [("8",)] == cached_shop.sql("SELECT age FROM UserEntity WHERE id = ?", user.id)


def test_deleted_rows_are_gone(cached_shop: Shop) -> None:
    """A delete removes the row and is seen through the caches at once."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())
    cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), user.id))

    user.delete()
    result = cached_shop.do(ctx.flush())

    assert fx.FlushResult(deleted=1) == result
    assert user.is_deleted
    assert cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), user.id)) is None


def test_deleting_a_new_entity_cancels_its_insert(cached_shop: Shop) -> None:
    """What was never written need not be deleted."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)

    user.delete()

    assert fx.FlushResult() == cached_shop.do(ctx.flush())
    assert [] == cached_shop.sql("SELECT id FROM UserEntity")


def test_a_unique_value_freed_by_a_delete_is_there_for_an_insert(cached_shop: Shop) -> None:
    """Deletes go first, so that replacing a row by another with the same key works in one flush."""
    ctx = cached_shop.context()
    first = add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())

    first.delete()
    second = add_user(cached_shop, ctx)
    result = cached_shop.do(ctx.flush())

    assert fx.FlushResult(inserted=1, deleted=1) == result
    assert [(str(second.id),)] == cached_shop.sql("SELECT id FROM UserEntity")


def test_soft_delete_keeps_the_row_and_frees_its_unique_values(cached_shop: Shop) -> None:
    """A soft-deleted row is found by who asks for it, marked, and never blocks a new one."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    cached_shop.do(ctx.flush())

    product.delete()
    deleted = cached_shop.do(ctx.flush())
    cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category.id))
    inserted = cached_shop.do(ctx.flush())

    products, other = cached_shop.products, cached_shop.context()
    found = cached_shop.do(products.get_by_id(other, product.id, include_deleted=True))
    assert (fx.FlushResult(deleted=1), fx.FlushResult(inserted=1)) == (deleted, inserted)
    assert found.is_deleted


def test_a_soft_deleted_entity_can_be_restored(cached_shop: Shop) -> None:
    """Restoring is an ordinary change back to life."""
    ctx = cached_shop.context()
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel"))
    cached_shop.do(ctx.flush())
    product.delete()
    cached_shop.do(ctx.flush())

    product.restore()
    cached_shop.do(ctx.flush())

    assert not cached_shop.do(cached_shop.products.get_by_id(cached_shop.context(), product.id)).is_deleted


def test_force_delete_removes_a_soft_delete_entity(cached_shop: Shop) -> None:
    """There is a way to really remove a row."""
    ctx = cached_shop.context()
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel"))
    cached_shop.do(ctx.flush())

    product.force_delete()
    cached_shop.do(ctx.flush())

    assert [] == cached_shop.sql("SELECT id FROM ProductEntity")


def test_json_changed_in_place_is_written(cached_shop: Shop) -> None:
    """A dict that was changed through the getter is a change like any other."""
    ctx = cached_shop.context()
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", attributes={"pages": "300"}))
    cached_shop.do(ctx.flush())

    product.attributes["pages"] = "310"
    result = cached_shop.do(ctx.flush())
    again = cached_shop.do(ctx.flush())

    found = cached_shop.do(cached_shop.products.get_by_id(cached_shop.context(), product.id))
    assert (fx.FlushResult(updated=1), fx.FlushResult()) == (result, again)
    assert {"pages": "310"} == found.attributes


def test_missing_values_are_told_before_anything_is_sent(cached_shop: Shop) -> None:
    """A required field that nobody set is the program's mistake, found without the server."""
    ctx = cached_shop.context()
    complete = add_user(cached_shop, ctx)
    cached_shop.do(cached_shop.users.new(ctx, email="x@example.com"))

    with pytest.raises(MissingValueError, match="name") as caught:
        cached_shop.do(ctx.flush())

    assert ("name",) == caught.value.fields
    assert [] == cached_shop.sql("SELECT id FROM UserEntity")
    assert complete.is_new
    ctx.clear_flush()


def test_duplicate_key_says_entity_index_and_values(cached_shop: Shop) -> None:
    """The error carries what a web form needs to point at the field."""
    ctx = cached_shop.context()
    add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())
    other = cached_shop.context()
    cached_shop.do(cached_shop.users.new(other, name="Bob", email="bob@example.com"))
    double = cached_shop.do(cached_shop.users.new(other, name="Alice 2", email="alice@example.com"))

    with pytest.raises(DuplicateKeyError) as caught:
        cached_shop.do(other.flush())

    assert ("UserEntity", "email") == (caught.value.entity, caught.value.index)
    assert {"email": "alice@example.com"} == caught.value.values
    assert [("1",)] == cached_shop.sql("SELECT COUNT(*) FROM UserEntity")
    double.email = "alice2@example.com"
    assert fx.FlushResult(inserted=2) == cached_shop.do(other.flush())


def test_a_failed_flush_keeps_its_changes_for_the_next(cached_shop: Shop) -> None:
    """Nothing is lost: after the cause is gone the same flush succeeds with everything."""
    ctx = cached_shop.context()
    first, second = add_user(cached_shop, ctx, "First"), add_user(cached_shop, ctx, "Second")
    cached_shop.do(ctx.flush())

    first.age, second.email = 9, "first@example.com"
    with pytest.raises(DuplicateKeyError):
        cached_shop.do(ctx.flush())
    untouched = cached_shop.sql("SELECT age, email FROM UserEntity ORDER BY id")
    second.email = "2nd@example.com"
    result = cached_shop.do(ctx.flush())

    assert [("0", "first@example.com"), ("0", "second@example.com")] == untouched
    assert fx.FlushResult(updated=2) == result
    assert [("9", "first@example.com"), ("0", "2nd@example.com")] == cached_shop.sql(
        "SELECT age, email FROM UserEntity ORDER BY id"
    )


def test_what_is_deleted_cannot_be_changed_any_more(cached_shop: Shop) -> None:
    """No flush would write it: the change would be lost, and the entity be dirty for ever."""
    ctx = cached_shop.context()
    counter = cached_shop.do(cached_shop.counters.new(ctx, label="a"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="A"))
    cached_shop.do(ctx.flush())
    counter.delete()
    product.force_delete()
    cached_shop.do(ctx.flush())

    for change in (lambda: counter.set(hits=7), product.restore, lambda: product.set(name="B")):
        with pytest.raises(EntityGoneError):
            change()
    product.delete()

    assert (False, False, True) == (counter.is_dirty, product.is_dirty, product.is_deleted)
    assert fx.FlushResult() == cached_shop.do(ctx.flush())


def test_updating_rows_of_which_one_is_gone_writes_none(cached_shop: Shop) -> None:
    """An UPDATE that finds no row means that somebody deleted it: all of the flush is undone and the row is named."""
    ctx = cached_shop.context()
    users = [add_user(cached_shop, ctx, name) for name in ("A", "B", "C")]
    cached_shop.do(ctx.flush())
    cached_shop.sql("DELETE FROM UserEntity WHERE id = ?", users[1].id)

    for number, user in enumerate(users):
        user.age = 10 + number
    with pytest.raises(EntityGoneError) as caught:
        cached_shop.do(ctx.flush())

    assert users[1].id == caught.value.id
    assert [("0",), ("0",)] == cached_shop.sql("SELECT age FROM UserEntity")


def test_updating_a_lone_row_that_is_gone_is_told(cached_shop: Shop) -> None:
    """The same without a transaction around it."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())
    cached_shop.sql("DELETE FROM UserEntity WHERE id = ?", user.id)

    user.age = 3

    with pytest.raises(EntityGoneError):
        cached_shop.do(ctx.flush())


def test_setting_the_value_a_row_already_has_is_not_taken_for_a_missing_row(cached_shop: Shop) -> None:
    """Connections count found rows: an UPDATE that changes nothing on the server still found its row."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())
    cached_shop.sql("UPDATE UserEntity SET name = 'Eve' WHERE id = ?", user.id)

    user.set(name="Eve", updated_at=user.updated_at)

    assert fx.FlushResult(updated=1) == cached_shop.do(ctx.flush())


def test_optimistic_lock_refuses_a_change_over_somebody_elses(plain_shop: Shop) -> None:
    """Of two contexts that changed one version only the first succeeds."""
    ctx, other = plain_shop.context(), plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="visits"))
    plain_shop.do(ctx.flush())
    same = plain_shop.do(plain_shop.counters.get_by_id(other, counter.id))

    counter.hits = 1
    plain_shop.do(ctx.flush())
    same.hits = 5
    with pytest.raises(StaleEntityError) as caught:
        plain_shop.do(other.flush())
    plain_shop.do(other.reload(same, discard=True))
    same.hits += 1
    plain_shop.do(other.flush())

    assert 1 == caught.value.expected
    assert (2, 2) == (same.hits, counter.version)
    assert [("2", "3")] == plain_shop.sql("SELECT hits, version FROM CounterEntity")


def test_optimistic_lock_refuses_to_delete_what_somebody_else_changed(plain_shop: Shop) -> None:
    """Nobody deletes a row he has not seen; what else the flush would have written is undone."""
    ctx, other = plain_shop.context(), plain_shop.context()
    counters = [plain_shop.do(plain_shop.counters.new(ctx, label=label)) for label in ("a", "b")]
    plain_shop.do(ctx.flush())
    seen = [plain_shop.do(plain_shop.counters.get_by_id(other, counter.id)) for counter in counters]

    counters[0].hits = 1
    plain_shop.do(ctx.flush())
    seen[0].delete()
    seen[1].hits = 9
    with pytest.raises(StaleEntityError) as caught:
        plain_shop.do(other.flush())
    kept = plain_shop.sql("SELECT hits FROM CounterEntity ORDER BY label")
    other.clear_flush()
    plain_shop.do(other.reload(*seen))
    seen[0].delete()

    assert (counters[0].id, 1) == (caught.value.id, caught.value.expected)
    assert [("1",), ("0",)] == kept
    assert fx.FlushResult(deleted=1) == plain_shop.do(other.flush())


def test_timestamps_are_set_from_the_engines_clock(cached_shop: Shop) -> None:
    """created_at on insert, updated_at on every change, both from one reading that tests can replace."""
    from datetime import UTC, datetime

    moments = iter([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)])
    cached_shop.engine.clock = lambda: next(moments)
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())
    first = (user.created_at, user.updated_at)

    user.age = 1
    cached_shop.do(ctx.flush())

    assert (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)) == first
    assert (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)) == (user.created_at, user.updated_at)


def test_clear_flush_takes_everything_back(cached_shop: Shop) -> None:
    """Pending changes can be given up: loaded values return, new entities are forgotten."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)
    cached_shop.do(ctx.flush())

    user.name = "Changed"
    user.delete()
    add_user(cached_shop, ctx, "New")
    ctx.clear_flush()

    assert fx.FlushResult() == cached_shop.do(ctx.flush())
    assert ("Alice", False, False) == (user.name, user.is_deleted, user.is_dirty)


def test_flush_of_chosen_entities_takes_along_what_they_refer_to(cached_shop: Shop) -> None:
    """A partial flush writes the new rows its entities need and leaves the rest pending."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    pending = add_user(cached_shop, ctx)

    result = cached_shop.do(ctx.flush(product))

    assert fx.FlushResult(inserted=2) == result
    assert (False, False, True) == (category.is_new, product.is_new, pending.is_new)
    ctx.clear_flush()


def test_an_entity_of_another_context_is_refused(cached_shop: Shop) -> None:
    """An entity belongs to the context that made it."""
    ctx, other = cached_shop.context(), cached_shop.context()
    user = add_user(cached_shop, ctx)

    with pytest.raises(ForeignEntityError):
        other.track(user)
    with pytest.raises(ForeignEntityError):
        cached_shop.do(other.flush(user))
    ctx.clear_flush()


def test_values_are_checked_on_assignment(cached_shop: Shop) -> None:
    """A value that does not fit is refused where it is set, with field, value and limit, and changes nothing."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)

    with pytest.raises(FieldValueError, match=r"UserEntity\.age: 256: .*255"):
        user.age = 256
    with pytest.raises(FieldValueError, match=r"UserEntity\.nothing"):
        cached_shop.do(cached_shop.users.new(ctx, nothing=1))

    assert (0, 1) == (user.age, len(pending(ctx)))
    ctx.clear_flush()


def test_entities_of_a_closed_context_can_be_read_but_not_changed(plain_shop: Shop) -> None:
    """What was loaded stays readable after a request; a change nobody would write is an error."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="visits"))
    plain_shop.do(ctx.flush())
    close(plain_shop, ctx)

    with pytest.raises(DetachedEntityError):
        counter.hits = 3

    assert ("visits", 0) == (counter.label, counter.hits)


def test_leaving_a_context_with_pending_changes_warns(plain_shop: Shop) -> None:
    """Forgotten flushes are told, not silent."""

    def leave() -> None:
        if plain_shop.shell.name == "sync":
            with plain_shop.engine.new_context() as ctx:
                plain_shop.counters.new(ctx, label="lost")
            return

        async def left() -> None:
            async with plain_shop.engine.new_async_context() as ctx:
                await plain_shop.counters.new(ctx, label="lost")

        plain_shop.do(left())

    with pytest.warns(UnflushedChangesWarning, match="1 unflushed"):
        leave()


def test_every_kind_of_value_survives_the_round_trip(cached_shop: Shop) -> None:
    """What was set is what another context reads, from MySQL and then from Redis."""
    ctx = cached_shop.context()
    values: dict[str, Any] = {
        "name": "Zażółć 🐍 'quoted' \\ \"",
        "price": Decimal("12345678.90"),
        "status": "archived",
        "colour": "green",
        "tags": {"sale", "new"},
        "aliases": ("one", None, "three"),
        "attributes": {"k": "v'\\"},
    }
    product = cached_shop.do(cached_shop.products.new(ctx, **values))
    cached_shop.do(ctx.flush())

    for _ in range(2):
        found = cached_shop.do(cached_shop.products.get_by_id(cached_shop.context(), product.id))
        assert {**values, "tags": frozenset(values["tags"])} == {name: getattr(found, name) for name in values}


def test_a_failed_flush_leaves_nothing_in_the_caches_and_its_retry_writes_both(cached_shop: Shop) -> None:
    """A row that was not stored is served to nobody, and a value that is served is stored: database and cache agree."""
    ctx = cached_shop.context()
    first, second = add_user(cached_shop, ctx, "First"), add_user(cached_shop, ctx, "Second")
    cached_shop.do(ctx.flush())
    first.age = 9
    third = cached_shop.do(cached_shop.users.new(ctx, name="Third", email="second@example.com"))

    with pytest.raises(DuplicateKeyError):
        cached_shop.do(ctx.flush())
    failed = [
        cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), third.id)),
        cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), first.id)).age,
    ]
    third.email = "third@example.com"
    cached_shop.do(ctx.flush())

    served = cached_shop.do(cached_shop.users.get_by_ids(cached_shop.context(), first.id, second.id, third.id))
    stored = cached_shop.sql("SELECT name, age FROM UserEntity ORDER BY id")
    assert [None, 0] == failed
    assert [("First", "9"), ("Second", "0"), ("Third", "0")] == stored
    assert stored == [(user.name, str(user.age)) for user in served]


def test_an_empty_unit_of_work_can_be_flushed_and_cleared(plain_shop: Shop) -> None:
    """Nothing to do is no error, as often as it is asked for, and costs no statement."""
    ctx = plain_shop.context()
    statements: list[Any] = []
    ctx.register_query_logger(lambda _, entry: statements.append(entry))

    results: list[fx.FlushResult] = []
    for _ in range(2):
        ctx.clear_flush()
        ctx.clear()
        results.append(plain_shop.do(ctx.flush()))

    assert ([fx.FlushResult()] * 2, []) == (results, statements)


def test_options_may_be_left_out_or_none(database_url: str) -> None:
    """Whoever passes options on from a caller that gave none need not build them."""
    registry = fx.Registry()
    registry.register_mysql(database_url, "default", None)
    registry.register_redis("localhost:1", 0, "other", None)
    registry.register_kafka(["localhost:1"], "events", None)
    registry.register_clickhouse("clickhouse://localhost:1/default", "analytics", None)

    engine = registry.validate(connect=False)

    assert ["default"] == list(engine.registry.mysql_pools)
    engine.close()


def test_a_context_that_two_threads_use_at_once_is_an_error_and_not_a_race(cached_shop: Shop) -> None:
    """The second thread is told so, whatever the first is doing; the first goes on undisturbed."""
    ctx = cached_shop.engine.new_context()
    cached_shop.users.new(ctx, name="Alice", email="a")
    refused: list[str] = []

    def use() -> None:
        calls = (ctx.flush, lambda: cached_shop.users.get_by_id(ctx, 999), lambda: cached_shop.users.new_many(ctx, 1))
        for call in calls:
            try:
                call()
            except ContextMisuseError as error:
                refused.append(str(error))

    def in_the_middle(_: Any, entry: fx.QueryLogEntry) -> None:
        if entry.operation == "INSERT":
            thread = threading.Thread(target=use)
            thread.start()
            thread.join()

    ctx.register_query_logger(in_the_middle)
    result = ctx.flush()

    assert fx.FlushResult(inserted=1) == result
    assert 3 == sum("in use by another thread" in message for message in refused)
