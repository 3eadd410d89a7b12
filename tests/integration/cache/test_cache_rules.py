"""What the caches hold, for how long, and what never gets into them: on real servers, in both shells."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from fluxaorm import Entity, Float32, UInt64
from fluxaorm.errors import EntityGoneError, MySQLError
from fluxaorm.plans.cache.functions import LIBRARY, library_source
from fluxaorm.plans.effects import Execute, ExecuteBatch, FetchRows
from fluxaorm.plans.flush.flush import flush_plan
from fluxaorm.plans.reads.by_id import get_by_id_plan
from tests.support.cached import Cached, MemberEntity, OpenCached, SeatEntity, ShelfEntity, StoolEntity
from tests.support.insides import core
from tests.support.interleaving import overtaken, with_action_before
from tests.support.local_caches import wait_until_open
from tests.support.waiting import wait_until


class ReadingEntity(Entity, redis_cache=True, ttl=90):
    """Floats of both widths."""

    id: UInt64
    value: float = 0.0
    narrow: Float32 = 0.0


class BriefEntity(Entity, redis_cache=True, local_cache=True, local_ttl=5):
    """Kept in the process for seconds."""

    id: UInt64
    name: str = ""


class Brief(Entity, redis_cache=True, table="Brief"):
    """A name that begins another's."""

    id: UInt64
    name: str = ""


class TentativeEntity(Entity, redis_cache="intents", table="TentativeEntity"):
    """The first deploy of a cache."""

    id: UInt64
    name: str = ""


class Settled(Entity, redis_cache=True, table="TentativeEntity"):
    """The second."""

    id: UInt64
    name: str = ""


def read(cached: Cached, id: int) -> Any:
    return cached.do(cached.provider.get_by_id(cached.context(), id))


def read_until(cached: Cached, id: int, taken_by: int) -> None:
    """Until a change made elsewhere is followed."""
    wait_until(lambda: taken_by == read(cached, id).taken_by, f"{taken_by} to be read")


def local_hits(cached: Cached) -> int:
    return core(cached.engine).binding(cached.provider).counts.local_hit


# what the original gets wrong


def test_a_reader_that_raced_a_delete_leaves_no_deleted_row_behind(open_cached: OpenCached) -> None:
    """The reader missed, read the row, was overtaken by the delete, and must not store what it read."""
    shelves = open_cached(ShelfEntity)
    id = shelves.add(name="a")

    def overtake() -> None:
        with shelves.engine.new_context() as other:
            shelves.provider.must_get_by_id(other, id).force_delete()
            other.flush()

    ctx = shelves.context()
    shelves.do(ctx._run(overtaken(get_by_id_plan(ctx._identity_map_of(shelves.provider), id), overtake)))

    assert read(shelves, id) is None


def test_updating_a_row_that_is_not_in_redis_works(open_cached: OpenCached) -> None:
    """What is cached must never decide whether a change can be made."""
    shelves = open_cached(ShelfEntity)
    id = shelves.add(name="a")
    ctx = shelves.context()
    shelf = shelves.do(shelves.provider.must_get_by_id(ctx, id))
    shelves.do(shelves.provider.clear_redis_cache(shelves.context()))

    shelf.name = "b"
    shelves.do(ctx.flush())

    assert "b" == read(shelves, id).name


def test_a_row_cached_as_missing_is_found_once_it_is_inserted_and_costs_one_key(open_cached: OpenCached) -> None:
    """However often it was asked for before, it is one key, and the insert ends it."""
    shelves = open_cached(ShelfEntity)
    for _ in range(5):
        assert read(shelves, 77) is None
    keys = shelves.keys()
    size = shelves.redis.command("STRLEN", f"{core(shelves.engine).binding(shelves.provider).key_prefix}77")

    ctx = shelves.context()
    shelves.do(shelves.provider.new_with_id(ctx, 77, name="late"))
    shelves.do(ctx.flush())

    assert ["77"] == keys
    assert isinstance(size, int)
    assert 20 > size
    assert ["late", "late"] == [read(shelves, 77).name, read(shelves, 77).name]


def test_cache_keys_of_two_entities_never_collide(open_cached: OpenCached) -> None:
    """A key says the table's whole name and ends with the id, so no other entity's key can be equal."""
    shelves = open_cached(ShelfEntity, Brief, BriefEntity)
    brief, longer = shelves.of(Brief), shelves.of(BriefEntity)
    for cached, name in ((shelves, "a"), (brief, "b"), (longer, "c")):
        ctx = cached.context()
        cached.do(cached.provider.new_with_id(ctx, 11, name=name))
        cached.do(ctx.flush())

    seen = [read(cached, 11).name for cached in (shelves, brief, longer) for _ in range(2)]

    assert ["a", "a", "b", "b", "c", "c"] == seen
    assert [["11"]] * 3 == [cached.keys() for cached in (shelves, brief, longer)]


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-310, 1.7976931348623157e308, -0.0, 123456789.12345679])
def test_floats_keep_every_digit_on_their_way_through_redis(open_cached: OpenCached, value: float) -> None:
    """A cached row must be the row, bit for bit as the database gives it."""
    readings = open_cached(ReadingEntity)
    id = readings.add(value=value, narrow=0.1)
    hits: Any = core(readings.engine).binding(readings.provider).counts

    from_database, from_redis = read(readings, id), read(readings, id)

    assert 1 == hits.redis_hit
    assert (value, from_database.narrow) == (from_redis.value, from_redis.narrow)
    assert from_database.value.hex() == from_redis.value.hex()


def test_a_row_in_redis_ends_with_its_ttl(open_cached: OpenCached) -> None:
    """A TTL that does nothing keeps what nobody asks for for good."""
    readings = open_cached(ReadingEntity)
    id = readings.add(value=1.0)

    read(readings, id)

    left = readings.redis.command("PTTL", f"{core(readings.engine).binding(readings.provider).key_prefix}{id}")
    assert isinstance(left, int)
    assert 30_000 < left <= 90_000


def test_a_row_in_the_process_ends_with_its_local_ttl(open_cached: OpenCached) -> None:
    """And is read again then, once."""
    now = [time.monotonic()]
    brief = open_cached(BriefEntity)
    binding: Any = core(brief.engine).binding(brief.provider)
    binding.local._clock = lambda: now[0]
    id = brief.add(name="a")
    wait_until_open(brief.engine)
    read(brief, id)
    read(brief, id)
    young = local_hits(brief)

    now[0] += 4.9
    binding.local._trust.until = now[0] + 60
    read(brief, id)
    still = local_hits(brief)
    now[0] += 0.2
    read(brief, id)

    assert (1, 2, 2) == (young, still, local_hits(brief))


def test_a_read_cut_off_midway_caches_nothing(open_cached: OpenCached) -> None:
    """Neither the row nor that there is none: the lease it took ends by itself."""
    shelves = open_cached(ShelfEntity)
    id = shelves.add(name="a")
    ctx = shelves.context()
    plan = get_by_id_plan(ctx._identity_map_of(shelves.provider), id)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelves.do(ctx._run(with_action_before(plan, lambda effect: isinstance(effect, FetchRows), interrupt)))
    key = f"{core(shelves.engine).binding(shelves.provider).key_prefix}{id}"
    left = shelves.redis.command("GET", key), shelves.redis.command("PTTL", key)

    assert str(left[0]).startswith("L")
    assert isinstance(left[1], int)
    assert 0 < left[1] <= 3_000
    assert "a" == read(shelves, id).name


def test_a_read_that_fails_in_the_database_caches_nothing(open_cached: OpenCached) -> None:
    """An error is not an answer."""
    shelves = open_cached(ShelfEntity)
    id = shelves.add(name="a")
    shelves.sql("ALTER TABLE ShelfEntity RENAME TO Elsewhere")

    with pytest.raises(MySQLError):
        read(shelves, id)
    shelves.sql("ALTER TABLE Elsewhere RENAME TO ShelfEntity")

    assert "a" == read(shelves, id).name


# turning caches on


def test_an_entity_that_only_intends_caches_nothing_and_drops_what_others_cached(open_cached: OpenCached) -> None:
    """So that old and new processes may run side by side while a cache is turned on."""
    tentative = open_cached(TentativeEntity)
    settled = open_cached(Settled)
    id = tentative.add(name="a")
    read(tentative, id)
    nothing = settled.keys()
    read(settled, id)
    something = settled.keys()

    tentative.change(id, name="b")

    assert ([], [str(id)]) == (nothing, something)
    assert ("b", "b") == (read(settled, id).name, read(tentative, id).name)


def test_local_rows_without_a_redis_cache_still_intend(open_cached: OpenCached) -> None:
    """The key holds a lease while the row is read, and nothing afterwards."""
    stools = open_cached(StoolEntity)
    id = stools.add(legs=4)

    first = read(stools, id).legs
    keys = stools.keys()
    second = read(stools, id).legs

    assert (4, 4, []) == (first, second, keys)
    assert 1 == local_hits(stools)


# several processes


def test_a_flush_elsewhere_evicts_what_this_process_keeps(open_cached: OpenCached) -> None:
    """Two engines are as good as two processes; the change itself is never served stale from Redis."""
    here, there = open_cached(SeatEntity), open_cached(SeatEntity)
    id = here.add(row="A")
    read(here, id)
    read(here, id)
    kept = local_hits(here)

    there.change(id, taken_by=9)

    read_until(here, id, 9)
    assert 1 == kept


def test_invalidating_elsewhere_evicts_too(open_cached: OpenCached) -> None:
    """Also all of an entity's rows at once."""
    here, there = open_cached(SeatEntity), open_cached(SeatEntity)
    id = here.add(row="A")
    ways: list[Callable[[], Any]] = [
        lambda: there.provider.invalidate(there.context(), id),
        lambda: there.provider.clear_redis_cache(there.context()),
    ]
    for forget in ways:
        read(here, id)
        here.sql("UPDATE SeatEntity SET taken_by = taken_by + 1 WHERE id = ?", id)
        before = read(here, id).taken_by

        there.do(forget())

        read_until(here, id, before + 1)


def test_a_child_process_starts_with_empty_local_caches(open_cached: OpenCached) -> None:
    """It heard of nothing that was published since, and of nothing until it listens itself."""
    seats = open_cached(SeatEntity)
    id = seats.add(row="A")
    read(seats, id)
    reader, writer = os.pipe()

    child = os.fork()
    if child == 0:
        try:
            with seats.engine.new_context() as ctx:
                local: Any = core(seats.engine).binding(seats.provider).local
                empty = len(local) == 0
                wait_until_open(seats.engine)
                same = seats.provider.must_get_by_id(ctx, id).row == "A"
                os.write(writer, f"{empty} {same} {len(local)}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    answer = os.read(reader, 100).decode()
    os.close(reader)
    os.waitpid(child, 0)

    assert "True True 1" == answer


def test_rows_of_another_schema_or_server_are_misses_and_counted(open_cached: OpenCached) -> None:
    """Mixed versions, and a Redis that came back with an old snapshot, are told by the stamp."""
    shelves = open_cached(ShelfEntity)
    id = shelves.add(name="a")
    read(shelves, id)
    binding: Any = core(shelves.engine).binding(shelves.provider)
    counts = binding.counts
    shelves.redis.command("SET", f"{binding.key_prefix}{id}", "\x92\xa81234567\x80\x01")
    before = counts.redis_broken + counts.redis_foreign

    values = [read(shelves, id).name, read(shelves, id).name]

    assert ["a", "a"] == values
    assert before + 1 == counts.redis_broken + counts.redis_foreign


@pytest.mark.parametrize("other", ["another row's value", "a shorter row"])
def test_a_value_that_is_not_this_rows_is_a_miss(open_cached: OpenCached, other: str) -> None:
    """Well-formed and of the right stamp, and still not what the key says."""
    shelves = open_cached(ShelfEntity)
    id, second = shelves.add(name="a"), shelves.add(name="b")
    read(shelves, id)
    read(shelves, second)
    prefix = core(shelves.engine).binding(shelves.provider).key_prefix
    counts: Any = core(shelves.engine).binding(shelves.provider).counts
    if other == "another row's value":
        shelves.redis.command("COPY", f"{prefix}{second}", f"{prefix}{id}", "REPLACE")
    else:
        shelves.redis.command("SETRANGE", f"{prefix}{id}", "0", "\x7f")
    hits = counts.redis_hit

    one = read(shelves, id).name
    many = shelves.do(shelves.provider.get_by_ids(shelves.context(), id, second))

    assert ("a", ["a", "b"]) == (one, [shelf.name for shelf in many])
    assert 1 == counts.redis_broken
    assert hits + 2 == counts.redis_hit


def test_reload_reads_many_entities_in_one_statement_and_changes_none_when_one_is_gone(
    open_counted: OpenCached,
) -> None:
    """Past every cache; half-refreshed entities would be worse than none."""
    shelves = open_counted(ShelfEntity)
    ids = [shelves.add(name=name) for name in ("a", "b", "c")]
    ctx = shelves.context()
    found = shelves.do(shelves.provider.get_by_ids(ctx, *ids))
    shelves.sql("UPDATE ShelfEntity SET name = CONCAT(name, '2')")
    shelves.reset()

    shelves.do(ctx.reload(*found))
    costs = shelves.counts
    shelves.sql("UPDATE ShelfEntity SET name = 'x'")
    shelves.sql("DELETE FROM ShelfEntity WHERE id = ?", ids[2])
    with pytest.raises(EntityGoneError):
        shelves.do(ctx.reload(*found))

    assert (1, 0) == costs
    assert ["a2", "b2", "c2"] == [shelf.name for shelf in found]


def test_another_processes_engine_with_the_same_options_sees_the_same_keys(open_cached: OpenCached) -> None:
    """The stamp is the same in every process of one version: one fills, the other hits."""
    here, there = open_cached(ShelfEntity), open_cached(ShelfEntity)
    id = here.add(name="a")
    read(here, id)

    assert "a" == read(there, id).name
    assert 1 == core(there.engine).binding(there.provider).counts.redis_hit


def test_another_version_of_the_functions_stays_beside_this_one(open_cached: OpenCached) -> None:
    """A server that two versions of the library share runs for each what it brought along: here the other one would
    announce nothing.
    """
    shelves = open_cached(ShelfEntity)
    hash, other = LIBRARY.rpartition("_")[2], f"{os.getpid():016x}"
    source = library_source().replace(hash, other).replace("live[#live + 1] =", "local _ =")
    name = LIBRARY.replace(hash, other)
    shelves.redis.command("FUNCTION", "LOAD", "REPLACE", source)
    try:
        id = shelves.add(name="a")
        ctx = shelves.context()
        shelf = shelves.do(shelves.provider.must_get_by_id(ctx, id))
        shelf.name = "b"
        shelves.do(ctx.flush())
        seen = read(shelves, id).name
        loaded = [shelves.redis.command("FUNCTION", "LIST", "LIBRARYNAME", each) for each in (LIBRARY, name)]
    finally:
        shelves.redis.command("FUNCTION", "DELETE", name)

    assert "b" == seen
    assert all(loaded)


class Announcements:
    """What lay under a row's key when its flush sent its statements."""

    def __init__(self, cached: Cached, id: int) -> None:
        self._redis, self._key = cached.redis, core(cached.engine).binding(cached.provider).row_key(id)
        self.content: object = None
        self.milliseconds: object = None

    def look(self) -> None:
        self.content = self._redis.command("GET", self._key)
        self.milliseconds = self._redis.command("PTTL", self._key)


def flush_looking(cached: Cached, ctx: Any, looked: Announcements) -> None:
    """Flush, with a look right before the statements are sent."""
    plan = with_action_before(flush_plan(ctx), lambda effect: isinstance(effect, (Execute, ExecuteBatch)), looked.look)
    cached.do(ctx._run(plan))


def test_intents_of_a_lone_statement_last_as_long_as_it_can_wait(open_cached: OpenCached) -> None:
    """Nobody renews them when its client dies, and the server goes on with the statement all the same: at its row,
    and at each of its unique values.
    """
    members = open_cached(MemberEntity)
    id = members.add(email="a@example.com")
    binding = core(members.engine).binding(members.provider)
    ctx = members.context()
    members.do(members.provider.must_get_by_id(ctx, id)).note = "changed"
    looked = Announcements(members, id)

    flush_looking(members, ctx, looked)

    waits = sum(index.unique for index in binding.schema.indexes) + 2
    longest = 1_000 * (waits * binding.dialect.lock_seconds + 10)
    assert 3 == sum(index.unique for index in binding.schema.indexes)
    assert str(looked.content).startswith("W")
    assert isinstance(looked.milliseconds, int)
    assert longest - 10_000 < looked.milliseconds <= longest


@pytest.mark.parametrize("verb", ["insert", "delete"])
def test_a_statement_of_several_rows_is_announced_only_before_its_commit(open_cached: OpenCached, verb: str) -> None:
    """It may wait at every row, so that no intent is sure to outlive it."""
    shelves = open_cached(ShelfEntity)
    ids = [shelves.add(name=name) for name in "ab"]
    ctx = shelves.context()
    if verb == "insert":
        fresh = shelves.do(shelves.provider.new_many(ctx, 2))
        ids = [shelf.id for shelf in fresh]
        for shelf in fresh:
            shelf.name = "c"
    else:
        for shelf in shelves.do(shelves.provider.get_by_ids(ctx, *ids)):
            shelf.force_delete()
    looked = Announcements(shelves, ids[0])

    flush_looking(shelves, ctx, looked)

    assert not str(looked.content).startswith("W")
    assert verb == "insert" or read(shelves, ids[0]) is None
