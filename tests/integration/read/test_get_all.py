"""``get_all`` of an entity whose ids are kept in Redis: what changes the list, and what it costs."""

from __future__ import annotations

import pytest

from fluxaorm.plans.reads.all_ids import get_all_plan
from tests.support.cached import Cached, OpenCached, ShelfEntity
from tests.support.insides import core
from tests.support.interleaving import overtaken


@pytest.fixture
def shelves(open_cached: OpenCached) -> Cached:
    """Shelves on each database, in each shell."""
    return open_cached(ShelfEntity)


def names(shelves: Cached) -> list[str]:
    return [shelf.name for shelf in shelves.do(shelves.provider.get_all(shelves.context()))]


def test_a_hit_costs_one_redis_for_the_ids_and_one_for_the_rows(open_counted: OpenCached) -> None:
    """And MySQL hears nothing; the first look fills the list, the second the rows."""
    shelves = open_counted(ShelfEntity)
    for name in ("a", "b", "c"):
        shelves.add(name=name)
    shelves.reset()

    cold = names(shelves), shelves.counts
    names(shelves)
    shelves.reset()
    warm = names(shelves), shelves.counts

    assert (["a", "b", "c"], (1, 2)) == cold
    assert (["a", "b", "c"], (0, 2)) == warm


def test_the_list_follows_inserts_deletes_soft_deletes_and_restores(shelves: Cached) -> None:
    """Each of them changes which rows live, and is seen by the next call."""
    first, second = shelves.add(name="a"), shelves.add(name="b")
    seen = [names(shelves)]

    shelves.add(name="c")
    seen.append(names(shelves))
    shelves.delete(first)
    seen.append(names(shelves))
    shelves.delete(second, force=True)
    seen.append(names(shelves))
    ctx = shelves.context()
    shelves.do(shelves.provider.must_get_by_id(ctx, first, include_deleted=True)).restore()
    shelves.do(ctx.flush())
    seen.append(names(shelves))

    assert [["a", "b"], ["a", "b", "c"], ["b", "c"], ["c"], ["a", "c"]] == seen


def test_a_change_of_a_row_leaves_the_list_alone_and_is_seen(shelves: Cached) -> None:
    """The list holds ids; what a row says comes from the row."""
    id = shelves.add(name="a")
    names(shelves)
    before = shelves.keys()

    shelves.change(id, name="z")

    assert "all" in before
    assert "all" in shelves.keys()
    assert ["z"] == names(shelves)


def test_an_empty_table_is_kept_as_empty(open_counted: OpenCached) -> None:
    """Asking again for nothing costs MySQL nothing."""
    shelves = open_counted(ShelfEntity)
    names(shelves)
    shelves.reset()

    again = names(shelves)

    assert ([], (0, 1)) == (again, shelves.counts)


def test_a_list_read_before_an_insert_is_not_stored_after_it(shelves: Cached) -> None:
    """The reader missed, read the ids, was overtaken by a flush, and must not store what it read."""
    shelves.add(name="a")

    def overtake() -> None:
        with shelves.engine.new_context() as other:
            shelves.provider.new(other, name="b")
            other.flush()

    ctx = shelves.context()
    shelves.do(ctx._run(overtaken(get_all_plan(ctx._identity_map_of(shelves.provider)), overtake)))

    assert ["a", "b"] == names(shelves)


@pytest.mark.parametrize("poison", ["", "junk", "\x91", "L", "\x92\x01\x02"])
def test_a_poisoned_list_is_a_miss(shelves: Cached, poison: str) -> None:
    """It is read from the database, and the key recovers."""
    shelves.add(name="a")
    names(shelves)
    key = f"{core(shelves.engine).binding(shelves.provider).key_prefix}all"
    shelves.redis.command("SET", key, poison, "PX", "30000")

    assert [["a"], ["a"]] == [names(shelves), names(shelves)]


def test_invalidate_and_clear_drop_the_list_too(shelves: Cached) -> None:
    """After SQL past the library the list may miss a row."""
    shelves.add(name="a")
    names(shelves)
    shelves.sql("INSERT INTO ShelfEntity (id, name, fake_delete) VALUES (700, 'b', 0)")
    stale = names(shelves)

    shelves.do(shelves.provider.invalidate(shelves.context(), 700))
    fresh = names(shelves)
    removed = shelves.do(shelves.provider.clear_redis_cache(shelves.context()))

    assert (["a"], ["a", "b"]) == (stale, fresh)
    assert 1 <= removed
    assert [] == shelves.keys()
