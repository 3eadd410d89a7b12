"""Where a plan gets ids from, and how many it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm.errors import CommitUnknownError, DeadlockError, MySQLError, RedisConnectionError
from fluxaorm.plans.cache.functions import INSTALL_IDS, TAKE_IDS
from fluxaorm.plans.effects import Execute, FetchRows, RedisRoundTrip, Sleep
from fluxaorm.plans.ids.new_ids import take_id_plan, take_ids_plan
from fluxaorm.plans.state.id_supply import IdSupply
from tests.unit.plans.world import World, done, replies, run, words


def test_an_id_comes_from_the_block_in_redis() -> None:
    """One round trip; further ids of the batch cost none."""
    world = World()

    world.identity_map.binding.ids.known_block = 1001, 11_000

    id, effects = run(
        take_id_plan(world.unit_of_work, world.identity_map.binding), (RedisRoundTrip, replies([b"1001", 5, 1, 10_000]))
    )

    assert 1006 == id
    assert ("FCALL", TAKE_IDS, 1, "fx:db:thing:id", 1) == tuple(words(effects[0]))


def test_batches_double_in_a_hurry_and_shrink_after_a_pause() -> None:
    """A loop asks for more each time, an occasional insert for one."""
    supply = IdSupply()

    quick = [supply.batch_size(0.1 * step) for step in range(12)]
    later = supply.batch_size(60.0)

    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000] == quick
    assert 1 == later


def _sizes(supply: IdSupply, ids: int, pace: float, start: float) -> list[int]:
    """The batches asked for by one who takes ``ids`` ids, ``pace`` seconds apart."""
    sizes: list[int] = []
    for now in [start + pace * number for number in range(ids)]:
        if supply.take(now) is None:
            sizes.append(supply.batch_size(now))
            supply.add(1, sizes[-1])
            supply.take(now)
    return sizes


def test_a_large_batch_that_lasts_is_no_pause() -> None:
    """A loader that spends four milliseconds on each of its rows has not stopped when a batch was used up: it goes on
    with as many ids as it takes in a second, not with one.
    """
    supply = IdSupply()

    hurry = _sizes(supply, 2_000, 0.0001, 0.0)
    slower = _sizes(supply, 3_000, 0.004, 0.21)

    assert 1_000 == hurry[-1]
    assert min(slower) >= 125
    assert len(slower) <= 3_000 * 0.004 * 2


def test_ids_that_are_taken_one_now_and_then_come_one_by_one() -> None:
    """An id a minute is no hurry, whatever came before: ids stay near the order of time across processes."""
    supply = IdSupply()
    _sizes(supply, 1_023, 0.0001, 0.0)

    occasional = _sizes(supply, 3, 60.0, 100.0)

    assert [1, 1, 1] == occasional


def test_an_empty_redis_gets_a_block_from_the_database() -> None:
    """Reserve, keep what was asked for, give Redis the rest."""
    world = World()

    ids, effects = run(
        take_ids_plan(world.unit_of_work, world.identity_map.binding, 3),
        (RedisRoundTrip, replies(None)),
        (Execute, done(1, insert_id=20_000)),
        (FetchRows, []),
        (RedisRoundTrip, replies(1)),
    )

    assert [10_001, 10_002, 10_003] == ids
    assert ("FCALL", INSTALL_IDS, 1, "fx:db:thing:id", "10001", 10_000, 3) == tuple(words(effects[3]))


def test_a_block_that_redis_refuses_is_kept_by_the_process() -> None:
    """Another process was faster: nothing of ours is lost, and nothing is handed out twice."""
    world = World()

    run(
        take_ids_plan(world.unit_of_work, world.identity_map.binding, 3),
        (RedisRoundTrip, replies(None)),
        (Execute, done(1, insert_id=20_000)),
        (FetchRows, []),
        (RedisRoundTrip, replies(0)),
    )

    assert 10_004 == world.identity_map.binding.ids.take(0.0)


def test_who_comes_while_a_block_is_reserved_waits_for_it() -> None:
    """Many contexts that make their first entity at once would use up a block each."""
    world = World()
    binding = world.identity_map.binding
    first = take_id_plan(world.unit_of_work, binding)
    next(first)
    reserving = first.send(replies(None))

    second = take_id_plan(world.unit_of_work, binding)
    next(second)
    waiting = [second.send(replies(None)), second.send(None)]
    first.send(done(1, insert_id=20_000))
    first.send([])
    with pytest.raises(StopIteration) as id:
        first.send(replies(1))
    again = second.send(None)
    with pytest.raises(StopIteration) as other:
        second.send(replies([b"10001", 1, 1, 10_000]))

    assert [Execute, Sleep, Sleep, RedisRoundTrip] == [type(each) for each in (reserving, *waiting, again)]
    assert (10_001, 10_002) == (id.value.value, other.value.value)


def test_who_has_looked_before_a_block_was_there_looks_again() -> None:
    """The answer was on its way while somebody else reserved one."""
    world = World()
    binding = world.identity_map.binding
    late = take_id_plan(world.unit_of_work, binding)
    next(late)
    script = [(RedisRoundTrip, replies(None)), (Execute, done(1, insert_id=20_000)), (FetchRows, [])]
    run(take_id_plan(world.unit_of_work, binding), *script, (RedisRoundTrip, replies(1)))

    again = late.send(replies(None))

    assert isinstance(again, RedisRoundTrip)
    assert TAKE_IDS == words(again)[1]
    late.close()


@pytest.mark.parametrize("pool", ["default", None])
def test_whoever_reserves_and_fails_leaves_it_to_the_next(pool: str | None) -> None:
    """An error, or a cancelled task, must not keep all others from their ids."""
    world = World()
    binding = world.identity_map.binding
    binding.id_redis_pool = binding.id_redis_pool if pool else None
    first = take_id_plan(world.unit_of_work, binding)
    effect = next(first)
    if pool:
        effect = first.send(replies(None))

    with pytest.raises(KeyboardInterrupt):
        first.throw(KeyboardInterrupt())
    script: list[Any] = [(Execute, done(1, insert_id=20_000)), (FetchRows, [])]
    if pool:
        script = [(RedisRoundTrip, replies(None)), *script, (RedisRoundTrip, replies(1))]
    id, _ = run(take_id_plan(world.unit_of_work, binding), *script)

    assert isinstance(effect, Execute)
    assert 10_001 == id


def test_nobody_waits_long_for_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was first may hang, and numbers are cheap."""
    monkeypatch.setattr("fluxaorm.plans.ids.new_ids.SHARED_PAUSES", 2)
    world = World()
    binding = world.identity_map.binding
    binding.id_redis_pool = None
    first = take_id_plan(world.unit_of_work, binding)
    next(first)

    id, _ = run(
        take_id_plan(world.unit_of_work, binding),
        (Sleep, None),
        (Sleep, None),
        (Execute, done(1, insert_id=20_000)),
        (FetchRows, []),
    )

    assert 10_001 == id


def test_redis_down_takes_ids_from_the_database() -> None:
    """Inserts go on; the outage is counted."""
    world = World()

    id, _ = run(
        take_id_plan(world.unit_of_work, world.identity_map.binding),
        (RedisRoundTrip, RedisConnectionError("gone")),
        (Execute, done(1, insert_id=501)),
        (FetchRows, []),
    )

    assert (501, ["default"]) == (id, world.engine.outages)


def test_a_lost_reservation_is_repeated() -> None:
    """Whether it was done or not: a repetition costs at most a gap."""
    world = World()

    id, _ = run(
        take_id_plan(world.unit_of_work, world.identity_map.binding),
        (RedisRoundTrip, RedisConnectionError("gone")),
        (Execute, CommitUnknownError("lost")),
        (Execute, done(1, insert_id=502)),
        (FetchRows, []),
    )

    assert 502 == id


def test_a_reservation_that_met_a_deadlock_is_repeated() -> None:
    """Others reserve at the same time."""
    world = World()

    id, _ = run(
        take_id_plan(world.unit_of_work, world.identity_map.binding),
        (RedisRoundTrip, RedisConnectionError("gone")),
        (Execute, DeadlockError("met a writer", errno=1213)),
        (Sleep, None),
        (Execute, done(1, insert_id=502)),
        (FetchRows, []),
    )

    assert 502 == id


def test_the_table_of_ids_is_made_on_need() -> None:
    """A fresh database needs no set-up step."""
    world = World()

    id, effects = run(
        take_id_plan(world.unit_of_work, world.identity_map.binding),
        (RedisRoundTrip, RedisConnectionError("gone")),
        (Execute, MySQLError("Table 'db._fluxa_ids' doesn't exist", errno=1146)),
        (Execute, done(0)),
        (FetchRows, [(None,)]),
        (Execute, done(1)),
        (Execute, done(1, insert_id=1)),
        (FetchRows, []),
    )

    assert 1 == id
    assert ["UPDATE", "CREATE", "SELECT", "INSERT", "UPDATE", "SELECT"] == [
        effect.sql.split()[0] for effect in effects[1:]
    ]


def test_many_ids_at_the_end_of_a_block_come_from_it_and_a_fresh_one() -> None:
    """What is left is used, and the next block is reserved without asking the empty one again."""
    world = World()

    ids, _ = run(
        take_ids_plan(world.unit_of_work, world.identity_map.binding, 5),
        (RedisRoundTrip, replies([b"1", 9_998, 2, 10_000])),
        (FetchRows, [(10_000,)]),
        (Execute, done(1, insert_id=20_000)),
        (FetchRows, []),
        (RedisRoundTrip, replies(1)),
    )

    assert [9_999, 10_000, 10_001, 10_002, 10_003] == ids


@pytest.mark.parametrize(
    "reply",
    [
        b"odd",
        [b"0", 5, 1, 10_000],
        [b"1001", 5, 1, 999_999_999],
        [b"18446744073709551610", 5, 1, 10_000],
        [b"1001", 10_000, 1, 10_000],
        [b"1001", 5, 2, 10_000],
    ],
)
def test_what_redis_shows_is_not_used_unless_it_has_the_form_of_a_block(reply: Any) -> None:
    """Anybody may have written there; an id that is negative or absurd would break every INSERT."""
    world = World()

    id, effects = run(
        take_id_plan(world.unit_of_work, world.identity_map.binding),
        (RedisRoundTrip, replies(reply)),
        (RedisRoundTrip, replies(1)),
        (Execute, done(1, insert_id=20_000)),
        (FetchRows, []),
        (RedisRoundTrip, replies(1)),
    )

    assert 10_001 == id
    assert ("DEL", "fx:db:thing:id") == tuple(words(effects[1]))


def test_a_block_that_was_never_reserved_is_not_used() -> None:
    """A hash of another database, or of somebody's making, would hand out what others own: MySQL knows."""
    world = World()

    id, _ = run(
        take_id_plan(world.unit_of_work, world.identity_map.binding),
        (RedisRoundTrip, replies([b"1001", 5, 1, 10_000])),
        (FetchRows, [(500,)]),
        (RedisRoundTrip, replies(1)),
        (Execute, done(1, insert_id=10_500)),
        (FetchRows, []),
        (RedisRoundTrip, replies(1)),
    )

    assert 501 == id


def test_a_block_is_checked_once() -> None:
    """What was reserved stays reserved: MySQL is asked no more."""
    world = World()

    for number, replied in enumerate(([(11_000,)], None)):
        asked = [] if replied is None else [(FetchRows, replied)]
        id, _ = run(
            take_id_plan(world.unit_of_work, world.identity_map.binding),
            (RedisRoundTrip, replies([b"1001", number, 1, 10_000])),
            *asked,
        )
        assert 1001 + number == id


def test_ids_that_are_taken_are_left_out_of_a_block() -> None:
    """Redis shares out the longest run; the ids before and after it are the process's own, none is lost."""
    world = World()

    ids, effects = run(
        take_ids_plan(world.unit_of_work, world.identity_map.binding, 3),
        (RedisRoundTrip, replies(None)),
        (Execute, done(1, insert_id=10_000)),
        (FetchRows, [(1,), (3,), (9_999,)]),
        (RedisRoundTrip, replies(1)),
    )

    assert [2, 4, 10_000] == ids
    assert ("FCALL", INSTALL_IDS, 1, "fx:db:thing:id", "4", 9_995, 1) == tuple(words(effects[3]))


def test_a_block_that_is_all_taken_is_passed_by() -> None:
    """Another program has inserted for a while: ids go on above its rows, not block by block."""
    world = World()
    binding = world.identity_map.binding
    binding.id_redis_pool = None

    id, effects = run(
        take_id_plan(world.unit_of_work, binding),
        (Execute, done(1, insert_id=10_000)),
        (FetchRows, [(id,) for id in range(1, 10_001)]),
        (FetchRows, [(75_000,)]),
        (Execute, done(1)),
        (Execute, done(1, insert_id=85_000)),
        (FetchRows, []),
    )

    assert 75_001 == id
    assert (75_000, "thing", 75_000) == effects[3].args


def test_without_the_table_of_the_entity_there_are_no_ids() -> None:
    """Nothing was reserved, and what comes of that are negative numbers."""
    world = World()
    missing = MySQLError("Table 'db.thing' doesn't exist", errno=1146)

    with pytest.raises(MySQLError, match="thing"):
        run(
            take_id_plan(world.unit_of_work, world.identity_map.binding),
            (RedisRoundTrip, replies(None)),
            (Execute, done(0)),
            (FetchRows, missing),
        )


def test_a_user_who_may_not_make_the_table_of_ids_is_told_of_its_alter() -> None:
    """The table is among the alters, which somebody with more rights runs."""
    world = World()

    with pytest.raises(MySQLError, match="create table `_fluxa_ids`"):
        run(
            take_id_plan(world.unit_of_work, world.identity_map.binding),
            (RedisRoundTrip, replies(None)),
            (Execute, MySQLError("Table 'db._fluxa_ids' doesn't exist", errno=1146)),
            (Execute, MySQLError("CREATE command denied", errno=1142)),
        )


def test_ids_that_were_chosen_are_not_given_out_of_the_hand() -> None:
    """A process knows at least of its own."""
    supply = IdSupply()
    supply.add(1, 3)
    supply.add(5, 5)
    supply.add(7, 9)

    supply.leave_out([5, 2, 9, 100])

    assert [1, 3, 7, 8] == supply.take_many(10)
