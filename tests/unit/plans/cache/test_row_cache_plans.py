"""What a reader asks of Redis and the database, step by step, with replies written down by the test."""

from __future__ import annotations

import pytest

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.plans.cache.functions import DROP, FILL, SWAP
from fluxaorm.plans.effects import FetchRows, RedisReplies, RedisRoundTrip
from fluxaorm.plans.reads.by_id import entity_at_hand, get_by_id_plan, get_by_ids_plan
from fluxaorm.plans.state.keys import encode_row
from tests.unit.plans.world import SERVER, World, replies, run, words

ROW = (b"7", b"seven", b"")


def cached(world: World, row: tuple[object, ...] | None = ROW) -> bytes:
    return encode_row(world.identity_map.binding.stamp(SERVER), row)


def test_a_hit_is_one_look() -> None:
    """The look is also the lease: one command, and a value ends it."""
    world = World()

    thing, effects = run(get_by_id_plan(world.identity_map, 7), (RedisRoundTrip, replies(cached(world))))

    assert ("SET", "fx:db:thing:7") == tuple(words(effects[0]))[:2]
    assert ("NX", "GET", "PX", 3_000) == tuple(words(effects[0]))[3:]
    assert "seven" == thing.name


def test_a_miss_reads_and_fills_with_its_own_lease() -> None:
    """Only the reader that took the lease may fill, and says which lease it was."""
    world = World()

    thing, effects = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(1)),
    )

    lease = words(effects[0])[2]
    assert ("FCALL", FILL, 1, "fx:db:thing:7", lease, cached(world), 3_600_000, SERVER) == tuple(words(effects[2]))
    assert "seven" == thing.name


@pytest.mark.parametrize("held", [b"Lffff00000000000000000000", b"Waa:9999999999999;", b"Pabc"])
def test_a_lease_or_intent_of_somebody_else_fills_nothing(held: bytes) -> None:
    """Somebody writes or fills this key: the row comes from the database and is not kept."""
    world = World(local_limit=10)

    thing, _ = run(get_by_id_plan(world.identity_map, 7), (RedisRoundTrip, replies(held)), (FetchRows, [ROW]))

    assert "seven" == thing.name
    assert len(world.identity_map.binding.local or ()) == 0


def test_a_value_of_another_stamp_is_swapped_for_a_lease() -> None:
    """Another version or another run of the server wrote it: it does not count and is replaced."""
    world = World()
    foreign = encode_row(world.identity_map.binding.stamp(b"run0 repl1"), (b"7", b"old", b""))

    thing, effects = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(foreign)),
        (RedisRoundTrip, replies(1)),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(1)),
    )

    assert (SWAP, foreign) == (words(effects[1])[1], words(effects[1])[4])
    assert FILL == words(effects[3])[1]
    assert "seven" == thing.name


def test_a_fill_is_stamped_with_the_server_that_gave_the_lease() -> None:
    """A fail-over between lease and fill must not make the row look like the new primary's."""
    world = World()

    _, effects = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None, server=b"run1 repl1")),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(1, server=b"run2 repl2")),
    )

    assert cached(world) == words(effects[2])[5]


def test_a_missing_row_is_cached_as_missing() -> None:
    """Absence is worth caching too."""
    world = World()

    nothing, effects = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (FetchRows, []),
        (RedisRoundTrip, replies(1)),
    )
    again, _ = run(get_by_id_plan(world.identity_map, 7), (RedisRoundTrip, replies(words(effects[2])[5])))

    assert (None, None) == (nothing, again)


def test_redis_down_is_served_from_the_database_and_counted() -> None:
    """A cache that cannot be reached costs speed, not answers."""
    world = World(local_limit=10)

    thing, _ = run(
        get_by_id_plan(world.identity_map, 7), (RedisRoundTrip, RedisConnectionError("gone")), (FetchRows, [ROW])
    )

    assert ("seven", ["default"]) == (thing.name, world.engine.outages)
    assert len(world.identity_map.binding.local or ()) == 0


def test_a_failed_fill_costs_nothing_but_the_fill() -> None:
    """The row was read; that it could not be cached is counted."""
    world = World()

    thing, _ = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (FetchRows, [ROW]),
        (RedisRoundTrip, RedisConnectionError("gone")),
    )

    assert ("seven", ["default"]) == (thing.name, world.engine.outages)


def test_the_library_of_functions_is_loaded_when_the_server_does_not_know_it() -> None:
    """A fresh or emptied Redis learns the functions, and only the missing commands are repeated."""
    world = World()

    _, effects = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(RedisError("ERR Function not found"))),
        (RedisRoundTrip, replies(b"fluxaorm")),
        (RedisRoundTrip, replies(1)),
    )

    assert ("FUNCTION", "LOAD", "REPLACE") == tuple(words(effects[3]))[:3]
    assert words(effects[2]) == words(effects[4])


def test_only_commands_that_missed_the_library_are_repeated() -> None:
    """What was done must not be done twice."""
    world = World()

    _, effects = run(
        get_by_ids_plan(world.identity_map, [1, 2]),
        (RedisRoundTrip, replies([None, b"\x91x"])),
        (RedisRoundTrip, replies(None, RedisError("ERR Function not found"))),
        (RedisRoundTrip, replies(b"fluxaorm")),
        (RedisRoundTrip, replies(1)),
        (FetchRows, [(b"1", b"a", b""), (b"2", b"b", b"")]),
        (RedisRoundTrip, replies(1, 1)),
    )

    assert [SWAP] == [command[1] for command in effects[3].commands]


def test_with_intents_only_a_reader_gives_its_lease_back() -> None:
    """Where nobody fills Redis, a lease still tells whether the local cache may keep the row."""
    world = World(redis="intents", local_limit=10)

    run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(1)),
    )
    world.fresh_unit_of_work()
    thing = entity_at_hand(world.identity_map, 7)

    assert "seven" == thing.name


def test_a_lost_lease_keeps_the_local_cache_empty() -> None:
    """Somebody wrote while the row was read: it may be old, so nobody keeps it."""
    world = World(redis="intents", local_limit=10)

    _, effects = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(0)),
    )

    assert DROP == words(effects[2])[1]
    assert len(world.identity_map.binding.local or ()) == 0


def test_many_ids_are_one_mget_when_all_hit() -> None:
    """One command for a whole list."""
    world = World()
    values = [cached(world, (str(id).encode(), b"n", b"")) for id in (1, 2, 3)]

    things, effects = run(get_by_ids_plan(world.identity_map, [1, 2, 3]), (RedisRoundTrip, replies(values)))

    assert ("MGET", "fx:db:thing:1", "fx:db:thing:2", "fx:db:thing:3") == tuple(words(effects[0]))
    assert [1, 2, 3] == [thing.id for thing in things]


def test_many_ids_lease_only_what_is_missing() -> None:
    """Hits are used, foreign values swapped, keys of writers left alone, the rest leased, all in one round trip."""
    world = World()
    hit = cached(world, (b"1", b"n", b""))

    things, effects = run(
        get_by_ids_plan(world.identity_map, [1, 2, 3, 4]),
        (RedisRoundTrip, replies([hit, None, b"\x91x", b"Waa:9;"])),
        (RedisRoundTrip, replies(None, 1)),
        (FetchRows, [(b"2", b"b", b""), (b"3", b"c", b""), (b"4", b"d", b"")]),
        (RedisRoundTrip, replies(1, 1)),
    )

    assert ["SET", "FCALL"] == [command[0] for command in effects[1].commands]
    assert (2, 3, 4) == effects[2].args
    assert [FILL, FILL] == [command[1] for command in effects[3].commands]
    assert [1, 2, 3, 4] == [thing.id for thing in things]


def test_many_ids_of_several_primaries_count_by_the_stamp_of_their_own() -> None:
    """On a cluster a value is compared with the primary that gave it, and filled for the one that gave the lease."""
    world = World()
    stamp = world.identity_map.binding.stamp
    first, second, third = b"run1 repl1", b"run2 repl2", b"run3 repl3"
    seven, eight = encode_row(stamp(first), (b"7", b"x", b"")), encode_row(stamp(second), (b"8", b"x", b""))
    nine = encode_row(stamp(first), (b"9", b"old", b""))
    found = RedisReplies([[seven, eight, nine, None]], first, [[first, second, second, third]])
    leased = RedisReplies([1, None], second, [second, third])
    rows = [(b"9", b"nine", b""), (b"10", b"ten", b"")]

    _, effects = run(
        get_by_ids_plan(world.identity_map, [7, 8, 9, 10]),
        (RedisRoundTrip, found),
        (RedisRoundTrip, leased),
        (FetchRows, rows),
        (RedisRoundTrip, replies(1, 1)),
    )

    assert (9, 10) == effects[2].args
    filled = [words(effects[3], position)[5] for position in range(2)]
    assert [encode_row(stamp(second), rows[0]), encode_row(stamp(third), rows[1])] == filled


def test_many_ids_of_which_one_primary_is_lost_are_not_asked_of_it_again() -> None:
    """Its keys come from the database and are counted as errors; the others' are hits."""
    world = World()
    lost = RedisConnectionError("connection lost", pool="default")

    things, _ = run(
        get_by_ids_plan(world.identity_map, [7, 8]),
        (RedisRoundTrip, replies([cached(world), lost])),
        (FetchRows, [(b"8", b"eight", b"")]),
    )

    assert ["seven", "eight"] == [thing.name for thing in things]
    assert (1, 1, 0) == tuple(
        getattr(world.identity_map.binding.counts, f"redis_{name}") for name in ("hit", "error", "miss")
    )


def test_a_row_filled_between_the_two_looks_is_not_read_again() -> None:
    """The lease command shows what is there by now."""
    world = World()
    filled = cached(world, (b"2", b"b", b""))

    things, _ = run(
        get_by_ids_plan(world.identity_map, [2]), (RedisRoundTrip, replies([None])), (RedisRoundTrip, replies(filled))
    )

    assert ["b"] == [thing.name for thing in things]


def test_inside_a_transaction_every_shared_cache_is_bypassed() -> None:
    """A transaction sees its own writes, and what it reads is nobody else's business."""
    from fluxaorm.plans.effects import Session

    world = World(local_limit=10)
    session = Session("default")
    world.unit_of_work._sessions = {"default": session}

    thing, effects = run(get_by_id_plan(world.identity_map, 7), (FetchRows, [ROW]))
    more, _ = run(get_by_ids_plan(world.identity_map, [8]), (FetchRows, [(b"8", b"eight", b"")]))

    assert session is effects[0].target
    assert ("seven", "eight") == (thing.name, more[0].name)
    assert len(world.identity_map.binding.local or ()) == 0
