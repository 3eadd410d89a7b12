"""Tasks that share a context: one reads rows, another changes them in bulk while they are on their way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.plans.cache.control import invalidate_ids_plan
from fluxaorm.plans.effects import FetchRows, Plan, RedisRoundTrip
from fluxaorm.plans.flush.bulk_changes import delete_where_plan, update_where_plan
from fluxaorm.plans.flush.bulk_rows import save_many_plan
from fluxaorm.plans.reads.all_ids import get_all_plan
from fluxaorm.plans.reads.by_id import get_by_id_plan, get_by_ids_plan, reload_plan
from fluxaorm.plans.reads.search import (
    Iteration,
    from_sql_plan,
    search_many_plan,
    search_many_with_total_plan,
    search_one_plan,
)
from fluxaorm.plans.reads.unique import get_by_unique_plan
from tests.support.insides import core
from tests.support.interleaving import unmerged, with_action_after
from tests.support.shop_engines import Shop

ALL = fx.Query()
Read = Callable[[Any, int], Plan[Any]]
Write = Callable[[Shop, Any, int], Plan[Any]]

READS: dict[str, Read] = {
    "get_by_id": get_by_id_plan,
    "get_by_ids": lambda unit, id: get_by_ids_plan(unit, [id, id + 1]),
    "get_by_email": lambda unit, id: get_by_unique_plan(unit, "email", [f"{id}@example.com"]),
    "get_all": lambda unit, _: get_all_plan(unit),
    "search_many": lambda unit, _: search_many_plan(unit, ALL),
    "with total": lambda unit, _: search_many_with_total_plan(unit, ALL.limit(1)),
    "search_one": lambda unit, _: search_one_plan(unit, ALL),
    "iterate": lambda unit, _: Iteration(unit, ALL, 10).batch_plan(),
    "from_sql": lambda unit, _: from_sql_plan(unit, "SELECT * FROM UserEntity", ()),
}


def past_the_library(shop: Shop, unit: Any, id: int) -> Plan[Any]:
    shop.sql("UPDATE UserEntity SET age = 100")
    return invalidate_ids_plan(unit, [id])


WRITES: dict[str, Write] = {
    "update_where": lambda shop, unit, _: update_where_plan(unit, ALL, {"age": 100}),
    "save_many": lambda shop, unit, id: save_many_plan(
        unit, [{"id": id, "name": "A", "email": f"{id}@example.com", "age": 100}], "update"
    ),
    "invalidate": past_the_library,
}


def stored_user(shop: Shop) -> int:
    ctx = shop.context()
    user = shop.do(shop.users.new(ctx, name="A"))
    user.email = f"{user.id}@example.com"
    shop.do(ctx.flush())
    return int(user.id)


def first(found: Any) -> Any:
    while isinstance(found, (list, tuple)):
        found = found[0]
    return found


def read_overtaken(shop: Shop, unit: Any, id: int, read: Read, write: Write) -> Any:
    """What a read gives that a write of the same context overtakes, between its SELECT and its end."""
    runner = core(shop.engine).sync_runner
    plan = with_action_after(read(unit, id), FetchRows, lambda: runner.run(write(shop, unit, id)))
    return first(runner.run(plan))


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
@pytest.mark.parametrize(
    ("read", "write"),
    [*((read, "update_where") for read in READS), ("get_by_id", "save_many"), ("get_all", "invalidate")],
)
def test_a_row_that_was_overtaken_is_read_again(cached_shop: Shop, read: str, write: str, is_known: bool) -> None:
    """Served as current, it would be written back over what the other task has changed."""
    id = stored_user(cached_shop)
    ctx = cached_shop.context()
    unit = ctx._identity_map_of(cached_shop.users)
    known = cached_shop.do(cached_shop.users.get_by_id(ctx, id)) if is_known else None
    if is_known:
        unit.make_stale()
        # else look-ups ask no database
        cached_shop.do(cached_shop.users.clear_redis_cache(cached_shop.context()))

    user = read_overtaken(cached_shop, unit, id, READS[read], WRITES[write])
    again = cached_shop.do(cached_shop.users.get_by_id(ctx, id))
    again.age += 1
    cached_shop.do(ctx.flush())

    assert user is again
    assert known in (None, again)
    assert [("101",)] == cached_shop.sql("SELECT age FROM UserEntity")


@pytest.mark.parametrize("read", READS)
def test_a_row_that_is_deleted_meanwhile_is_not_found_again(cached_shop: Shop, read: str) -> None:
    """Whoever read it has an object; the context does not pass it on."""
    id = stored_user(cached_shop)
    ctx = cached_shop.context()
    unit = ctx._identity_map_of(cached_shop.users)

    user = read_overtaken(
        cached_shop, unit, id, READS[read], lambda _, unit, __: delete_where_plan(unit, ALL, force=False)
    )

    assert id == user.id
    assert None is cached_shop.do(cached_shop.users.get_by_id(ctx, id))


def test_a_reload_that_was_overtaken_is_read_again(cached_shop: Shop) -> None:
    """It asks for the newest row, and has one that is not."""
    id = stored_user(cached_shop)
    ctx = cached_shop.context()
    user = cached_shop.do(cached_shop.users.get_by_id(ctx, id))

    read_overtaken(
        cached_shop,
        user._identity_map,
        id,
        lambda identity_map, _: reload_plan(identity_map.unit_of_work, [user]),
        WRITES["update_where"],
    )

    assert 100 == cached_shop.do(cached_shop.users.get_by_id(ctx, id)).age
    assert 100 == user.age


def test_what_was_read_after_the_write_stays(cached_shop: Shop) -> None:
    """A slow reader does not take an entity back to what it was before."""
    id = stored_user(cached_shop)
    ctx = cached_shop.context()
    unit = ctx._identity_map_of(cached_shop.users)
    newer: list[Any] = []

    def write_and_read(shop: Shop, unit: Any, id: int) -> Plan[Any]:
        yield from update_where_plan(unit, ALL, {"age": 100})
        newer.append((yield from unmerged(get_by_id_plan(unit, id))))

    user = read_overtaken(cached_shop, unit, id, READS["search_many"], write_and_read)

    assert [user] == newer
    assert 100 == user.age


def test_rows_that_the_write_left_alone_are_as_they_were_read(cached_shop: Shop) -> None:
    """Only what was changed is read again: a busy context would else ask for everything twice."""
    id, other = stored_user(cached_shop), stored_user(cached_shop)
    ctx = cached_shop.context()
    unit = ctx._identity_map_of(cached_shop.users)

    read_overtaken(
        cached_shop,
        unit,
        id,
        READS["search_many"],
        lambda _, unit, id: update_where_plan(unit, ALL.filter(cached_shop.users.fields.id == id), {"age": 100}),
    )

    # nobody holds the entities, so what is asked for is what is known to be old
    assert (True, False) == (unit.is_overtaken(id, 0), unit.is_overtaken(other, 0))


def test_many_changed_rows_are_remembered_as_all(plain_shop: Shop) -> None:
    """A context that lives long and writes much does not grow with what it wrote."""
    unit = plain_shop.context()._identity_map_of(plain_shop.counters)

    unit.make_stale(range(1, 5_000))
    read_before, read_after = unit.is_overtaken(7_000, 0), unit.is_overtaken(7_000, unit.writes_seen)

    assert (True, False) == (read_before, read_after)


def test_a_row_read_from_the_cache_while_it_is_invalidated_is_read_again(cached_shop: Shop) -> None:
    """The caches have the old row until they are told."""
    id = stored_user(cached_shop)
    cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id))
    ctx = cached_shop.context()
    unit = ctx._identity_map_of(cached_shop.users)
    found: list[Any] = []

    def read_first() -> Plan[Any]:
        plan = past_the_library(cached_shop, unit, id)
        effect = next(plan)
        assert isinstance(effect, RedisRoundTrip)
        found.append((yield from unmerged(get_by_id_plan(unit, id))))
        while True:
            try:
                effect = plan.send((yield effect))
            except StopIteration:
                return

    core(cached_shop.engine).sync_runner.run(read_first())

    assert 100 == cached_shop.do(cached_shop.users.get_by_id(ctx, id)).age
    assert 100 == found[0].age
