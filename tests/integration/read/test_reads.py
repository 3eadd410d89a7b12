"""Look-ups through the context cache, the local cache, Redis and the database, and what they show after changes."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from fluxaorm.errors import (
    ContextClosedError,
    ContextMisuseError,
    EntityNotFoundError,
    NotPersistedError,
    QueryError,
    UnsavedChangesError,
)
from fluxaorm.plans.effects import Effect, FetchRows
from fluxaorm.plans.reads.by_id import get_by_id_plan, get_by_ids_plan
from tests.support.blocks import close
from tests.support.insides import core, known_ids
from tests.support.interleaving import overtaken, with_action_before
from tests.support.redis_servers import RedisServer
from tests.support.shop_engines import Shop


def add_user(shop: Shop, name: str = "Alice") -> int:
    ctx = shop.context()
    user = shop.do(shop.users.new(ctx, name=name, email=f"{name.lower()}@example.com"))
    shop.do(ctx.flush())
    id: int = user.id
    return id


def rename(shop: Shop, id: int, name: str) -> None:
    """A change by another process, as far as this one can tell: through a blocking context of its own."""
    with shop.engine.new_context() as ctx:
        shop.users.must_get_by_id(ctx, id).name = name
        ctx.flush()


def test_one_context_gives_one_object_for_a_row(cached_shop: Shop) -> None:
    """Two look-ups and a search of one row must not give two objects that disagree."""
    id = add_user(cached_shop)
    ctx = cached_shop.context()

    first = cached_shop.do(cached_shop.users.get_by_id(ctx, id))
    second = cached_shop.do(cached_shop.users.get_by_ids(ctx, id))[0]
    third = cached_shop.do(cached_shop.users.get_by_email(ctx, "alice@example.com"))

    assert first is second is third


def test_clean_entities_are_held_weakly(cached_shop: Shop) -> None:
    """Reading a million rows in one context must not keep a million objects."""
    id = add_user(cached_shop)
    ctx = cached_shop.context()

    cached_shop.do(cached_shop.users.get_by_id(ctx, id))
    gc.collect()

    assert set() == known_ids(ctx, cached_shop.users)


def test_the_identity_map_forgets_what_nobody_holds(cached_shop: Shop) -> None:
    """However many rows one context reads, its map stays near the number of living entities."""
    ctx = cached_shop.context()
    unit = ctx._identity_map_of(cached_shop.users)

    for id in range(1, 5_001):
        unit.entity_from_row((id, *[b""] * (len(unit.schema.columns) - 1)), unit.writes_seen)

    assert len(unit.current) < 1_000


def test_changed_entities_are_held_until_they_are_written(cached_shop: Shop) -> None:
    """A change must not be lost because nobody holds the object."""
    id = add_user(cached_shop)
    ctx = cached_shop.context()

    cached_shop.do(cached_shop.users.get_by_id(ctx, id)).age = 44
    gc.collect()
    result = cached_shop.do(ctx.flush())

    assert 1 == result.updated
    assert [("44",)] == cached_shop.sql("SELECT age FROM UserEntity")


def test_found_entities_come_in_the_order_of_the_ids_each_once(cached_shop: Shop) -> None:
    """The order is the caller's; what does not exist is left out."""
    ids = [add_user(cached_shop, name) for name in ("A", "B", "C")]

    found = cached_shop.do(cached_shop.users.get_by_ids(cached_shop.context(), ids[2], 999_999, ids[0], ids[2], ids[1]))

    assert [ids[2], ids[0], ids[1]] == [user.id for user in found]


def test_must_get_raises_what_was_looked_for(cached_shop: Shop) -> None:
    """The error says which entity and which key."""
    ctx = cached_shop.context()

    with pytest.raises(EntityNotFoundError, match="UserEntity 5: not found"):
        cached_shop.do(cached_shop.users.must_get_by_id(ctx, 5))
    with pytest.raises(EntityNotFoundError, match="email='nobody'"):
        cached_shop.do(cached_shop.users.must_get_by_email(ctx, "nobody"))


@pytest.mark.parametrize("bad", ["1", 1.0, None, -1, True])
def test_what_is_no_id_is_refused(cached_shop: Shop, bad: Any) -> None:
    """A wrong type is the caller's mistake, found before anything is sent."""
    with pytest.raises(QueryError, match="an id is"):
        cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), bad))


def test_unique_look_up_finds_and_null_matches_nothing(cached_shop: Shop) -> None:
    """An index over a nullable reference: NULL in any part never matches."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    cached_shop.do(cached_shop.products.new(ctx, name="Loose"))
    cached_shop.do(ctx.flush())

    found = cached_shop.do(cached_shop.products.get_by_name_category(ctx, "Novel", category))
    nothing = cached_shop.do(cached_shop.products.get_by_name_category(ctx, "Loose", None))

    assert product is found
    assert nothing is None


def test_unique_look_ups_leave_out_soft_deleted_rows(cached_shop: Shop) -> None:
    """Its values are free for another row."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    product = cached_shop.do(cached_shop.products.new(ctx, name="Novel", category=category))
    cached_shop.do(ctx.flush())
    product.delete()
    cached_shop.do(ctx.flush())

    assert cached_shop.do(cached_shop.products.get_by_name_category(ctx, "Novel", category)) is None


def test_references_are_loaded_one_by_one_or_in_a_batch(cached_shop: Shop) -> None:
    """A reference gives its entity; load_<reference> makes that free for many."""
    ctx = cached_shop.context()
    categories = [cached_shop.do(cached_shop.categories.new(ctx, name=name)) for name in ("Books", "Games")]
    for number in range(6):
        cached_shop.do(
            cached_shop.products.new(ctx, name=f"P{number}", category=categories[number % 2] if number else None)
        )
    cached_shop.do(ctx.flush())
    other = cached_shop.context()
    products = cached_shop.do(cached_shop.products.get_all(other))

    cached_shop.do(cached_shop.products.load_category(other, products))
    found = [cached_shop.do(product.get_category(other)) for product in products]

    assert [None, "Games", "Books", "Games", "Books", "Games"] == [None if c is None else c.name for c in found]
    with pytest.raises(EntityNotFoundError):
        cached_shop.do(products[0].must_get_category(other))


def test_many_references_keep_their_order_and_are_loaded_in_a_batch(plain_shop: Shop) -> None:
    """References hold ids in order; appending to them in place is a change."""
    ctx = plain_shop.context()
    counters = [plain_shop.do(plain_shop.counters.new(ctx, label=label)) for label in "abc"]
    note = plain_shop.do(plain_shop.notes.new(ctx, text="n", counters=[counters[2], counters[0].id]))
    plain_shop.do(ctx.flush())
    other = plain_shop.context()
    found = plain_shop.do(plain_shop.notes.get_by_id(other, note.id))

    loaded = plain_shop.do(plain_shop.notes.load_counters(other, [found]))
    before = [counter.label for counter in plain_shop.do(found.get_counters(other))]
    found.counters_ids.append(counters[1].id)
    result = plain_shop.do(other.flush())

    assert ({"a", "c"}, ["c", "a"]) == ({counter.label for counter in loaded}, before)
    assert 1 == result.updated
    after = plain_shop.do(plain_shop.notes.get_by_id(plain_shop.context(), note.id))
    assert [counters[2].id, counters[0].id, counters[1].id] == after.counters_ids


@pytest.mark.parametrize("many", [False, True])
def test_a_reader_that_raced_a_flush_leaves_no_old_row_in_the_cache(cached_shop: Shop, many: bool) -> None:
    """The reader missed, read the old row, was overtaken by a flush, and must not store what it read."""
    id = add_user(cached_shop)
    ctx = cached_shop.context()
    unit = ctx._identity_map_of(cached_shop.users)
    plan = get_by_ids_plan(unit, [id]) if many else get_by_id_plan(unit, id)

    cached_shop.do(ctx._run(overtaken(plan, lambda: rename(cached_shop, id, "Alicia"))))

    assert "Alicia" == cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id)).name


def test_a_local_fill_that_raced_a_flush_is_dropped(cached_shop: Shop) -> None:
    """The same for the cache in the process."""
    ctx = cached_shop.context()
    category = cached_shop.do(cached_shop.categories.new(ctx, name="Books"))
    cached_shop.do(ctx.flush())

    def overtake() -> None:
        with cached_shop.engine.new_context() as other:
            cached_shop.categories.must_get_by_id(other, category.id).name = "Comics"
            other.flush()

    reader = cached_shop.context()
    plan = get_by_id_plan(reader._identity_map_of(cached_shop.categories), category.id)
    selected: list[bool] = []

    def after_select(effect: Effect[Any]) -> bool:
        if isinstance(effect, FetchRows):
            selected.append(True)
            return False
        return bool(selected)

    cached_shop.do(reader._run(with_action_before(plan, after_select, overtake)))

    assert "Comics" == cached_shop.do(cached_shop.categories.get_by_id(cached_shop.context(), category.id)).name


def test_a_change_is_seen_through_redis_at_once(cached_shop: Shop) -> None:
    """No stale read after a flush returned."""
    id = add_user(cached_shop)
    for name in ("B", "C", "D"):
        cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id))
        rename(cached_shop, id, name)

        assert name == cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id)).name


@pytest.mark.parametrize("poison", ["", "garbage", "L", "\x91", "\x95\xc4\x08"])
def test_a_poisoned_value_is_a_miss(cached_shop: Shop, valkey: RedisServer, poison: str) -> None:
    """Whatever lies under a key, the row comes from the database and the cache recovers."""
    id = add_user(cached_shop)
    cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id))
    (key,) = [key for key in valkey.keys() if key.endswith(f":UserEntity:{id}")]
    valkey.command("SET", key, poison)

    one = cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id))
    valkey.command("SET", key, poison)
    many = cached_shop.do(cached_shop.users.get_by_ids(cached_shop.context(), id))

    assert ("Alice", "Alice") == (one.name, many[0].name)


def test_invalidate_drops_rows_changed_past_the_library(cached_shop: Shop) -> None:
    """After plain SQL the caches can be told."""
    id = add_user(cached_shop)
    ctx = cached_shop.context()
    cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id))
    cached_shop.sql("UPDATE UserEntity SET name = 'Changed' WHERE id = ?", id)
    stale = cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id)).name

    cached_shop.do(cached_shop.users.invalidate(ctx, id))

    assert "Alice" == stale
    assert "Changed" == cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id)).name


def test_clear_redis_cache_counts_what_it_removed(cached_shop: Shop, valkey: RedisServer) -> None:
    """All cached rows of the entity go, nothing else."""
    ids = [add_user(cached_shop, name) for name in ("A", "B", "C")]
    cached_shop.do(cached_shop.users.get_by_ids(cached_shop.context(), *ids))
    before = [key for key in valkey.keys() if not key.rpartition(":")[2].isdigit()]

    removed = cached_shop.do(cached_shop.users.clear_redis_cache(cached_shop.context()))

    assert 3 == removed
    assert before == valkey.keys()


def test_reload_reads_past_every_cache(cached_shop: Shop) -> None:
    """reload shows what the database has; unsaved changes are not lost by accident."""
    id = add_user(cached_shop)
    ctx = cached_shop.context()
    user = cached_shop.do(cached_shop.users.get_by_id(ctx, id))
    cached_shop.sql("UPDATE UserEntity SET name = 'Changed' WHERE id = ?", id)
    user.age = 3

    with pytest.raises(UnsavedChangesError):
        cached_shop.do(ctx.reload(user))
    with pytest.raises(NotPersistedError):
        cached_shop.do(ctx.reload(cached_shop.do(cached_shop.users.new(ctx))))
    cached_shop.do(ctx.reload(user, discard=True))

    assert ("Changed", 0) == (user.name, user.age)
    ctx.clear_flush()


def test_disabled_context_cache_reads_again_in_place(plain_shop: Shop) -> None:
    """The object stays the same, its values are new."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="visits"))
    plain_shop.do(ctx.flush())
    ctx.disable_context_cache()
    plain_shop.sql("UPDATE CounterEntity SET hits = 12")

    again = plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id))

    assert again is counter
    assert 12 == counter.hits


def test_context_cache_ttl_reads_old_entities_again(plain_shop: Shop) -> None:
    """An entity older than the TTL is refreshed by its next look-up, a younger one is not."""
    now = [100.0]
    core(plain_shop.engine).monotonic = lambda: now[0]
    ctx = plain_shop.context()
    ctx.set_context_cache_ttl(10)
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="visits"))
    plain_shop.do(ctx.flush())
    plain_shop.do(ctx.reload(counter))
    plain_shop.sql("UPDATE CounterEntity SET hits = 12")

    plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id))
    young = counter.hits
    now[0] += 11
    plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id))

    assert (0, 12) == (young, counter.hits)


def test_a_closed_context_is_refused(plain_shop: Shop) -> None:
    """Using a context after its request is a mistake that is told."""
    ctx = plain_shop.context()
    close(plain_shop, ctx)

    with pytest.raises(ContextClosedError):
        plain_shop.do(plain_shop.counters.get_by_id(ctx, 1))


def test_look_ups_of_one_context_may_run_together_but_not_beside_a_flush(cached_shop: Shop) -> None:
    """gather over get_by_id is fine; a flush beside a look-up is told, not a race."""
    if cached_shop.shell.name == "sync":
        return _two_threads_are_refused(cached_shop)
    ids = [add_user(cached_shop, name) for name in ("A", "B", "C")]
    ctx = cached_shop.context()

    async def flush_beside_a_look_up() -> None:
        look_up = asyncio.ensure_future(cached_shop.users.get_by_id(ctx, 12345))
        await asyncio.sleep(0)
        try:
            await ctx.flush()
        finally:
            await look_up

    found = cached_shop.shell.together([cached_shop.users.get_by_id(ctx, id) for id in ids])
    found[0].age = 3
    with pytest.raises(ContextMisuseError):
        cached_shop.do(flush_beside_a_look_up())
    ctx.clear_flush()

    assert ids == [user.id for user in found]


def _two_threads_are_refused(shop: Shop) -> None:
    import threading

    ctx = shop.context()
    caught: list[BaseException] = []

    def intrude() -> None:
        try:
            shop.users.get_by_id(ctx, 1)
        except ContextMisuseError as error:
            caught.append(error)

    def from_another_thread() -> None:
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()

    plan = get_by_id_plan(ctx._identity_map_of(shop.users), 12345)
    ctx._run(with_action_before(plan, lambda effect: True, from_another_thread))

    assert 1 == len(caught)
