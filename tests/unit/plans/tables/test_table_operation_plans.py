"""Emptying a table, step by step: who is told what, and what happens when somebody cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm.errors import CacheUnavailableError, CommitUnknownError, MySQLError, PostCommitError, RedisConnectionError
from fluxaorm.plans.cache.functions import INTEND, RELEASE
from fluxaorm.plans.effects import Execute, FetchRows, RedisRoundTrip, ShieldedRedisRoundTrip
from fluxaorm.plans.tables.table_operations import drop_table_plan, truncate_table_plan
from tests.unit.plans.world import World, done, replies, run, words

KEYS = [b"fx:db:thing:7", b"fx:db:thing:id", b"fx:db:thing:u:name:ab"]
IDS = [(FetchRows, [(b"7",)]), (Execute, done())]
ANNOUNCED = [(RedisRoundTrip, replies([b"0", KEYS])), (ShieldedRedisRoundTrip, replies(b"ok", b"ok"))]
RELEASED = ANNOUNCED
GONE = RedisConnectionError("gone")


def _truncation(world: World) -> Any:
    return truncate_table_plan(world.unit_of_work, world.engine.binding_of("Thing"))


def test_caches_are_told_before_and_after() -> None:
    """Between the two nobody can leave an old row in them."""
    world = World(local_limit=10)
    entity = world.stored(7)
    binding = world.identity_map.binding
    assert binding.local is not None
    binding.local.put(7, (7, b"n", b""), binding.local.mark(7))

    _, effects = run(_truncation(world), *IDS, *ANNOUNCED, (Execute, done()), *RELEASED)

    assert ["SELECT MAX(`id`) FROM `thing`", "TRUNCATE TABLE `thing`"] == [effects[0].sql, effects[4].sql]
    called = [[command[1:4] for command in effect.commands] for effect in (effects[3], effects[6])]
    names = [key.decode() for key in (KEYS[0], KEYS[2])]
    assert [[(step, 1, name) for name in names] for step in (INTEND, RELEASE)] == called
    assert words(effects[3])[4] == words(effects[6])[4]
    assert (None, None) == (binding.local.get(7), world.identity_map.known(7))
    assert "n" == entity.name


def test_what_waits_for_a_flush_stays() -> None:
    """A new row is written into the empty table, and a change of a row that is gone has to be told."""
    world = World(redis="off")
    changed = world.stored(7)
    changed.name = "other"

    run(_truncation(world), *IDS, (Execute, done()))

    assert changed is world.identity_map.known(7)


def test_an_empty_table_has_no_ids_to_keep() -> None:
    """MAX of nothing is NULL."""
    world = World(redis="off")

    _, effects = run(_truncation(world), (FetchRows, [(None,)]), (Execute, done()))

    assert "TRUNCATE TABLE `thing`" == effects[-1].sql


def test_nothing_is_removed_when_the_caches_cannot_be_told() -> None:
    """Old rows would be served for an hour."""
    world = World()

    with pytest.raises(CacheUnavailableError, match="thing was left as it is"):
        run(_truncation(world), *IDS, (RedisRoundTrip, GONE), (RedisRoundTrip, GONE))

    assert 1 == len(world.engine.steps)


def test_the_user_may_choose_to_remove_without_the_cache() -> None:
    """on_write_failure="proceed" goes for tables as it does for rows."""
    world = World()
    world.engine.proceeds = True

    run(_truncation(world), *IDS, (RedisRoundTrip, GONE), (Execute, done()), (RedisRoundTrip, GONE))

    assert [] == world.engine.steps


def test_a_refused_statement_gives_the_caches_back() -> None:
    """Nothing changed, so readers may use them again at once."""
    world = World()
    refused = MySQLError("referenced by a foreign key", errno=1701)

    with pytest.raises(MySQLError, match="foreign key"):
        run(_truncation(world), *IDS, *ANNOUNCED, (Execute, refused), *RELEASED)


def test_caches_that_cannot_be_told_afterwards_are_told_later() -> None:
    """The rows are gone; who called must know that somebody may still see them, and for how long."""
    world = World()

    with pytest.raises(PostCommitError, match="it will be told later"):
        run(_truncation(world), *IDS, *ANNOUNCED, (Execute, done()), (RedisRoundTrip, GONE))

    (step,) = world.engine.steps
    assert (False, True) == (run(step(), (RedisRoundTrip, GONE))[0], run(step(), *RELEASED)[0])


def test_a_truncation_that_may_still_happen_keeps_its_intents() -> None:
    """The server may be at it yet: rows that are cached again now would outlive it."""
    world = World()
    lost = CommitUnknownError("lost", errno=2013, pool="default")

    with pytest.raises(CommitUnknownError):
        run(_truncation(world), *IDS, *ANNOUNCED, (Execute, lost))

    (step,) = world.engine.steps
    settled, effects = run(step(), *ANNOUNCED, *RELEASED)
    assert (True, INTEND, RELEASE) == (settled, words(effects[1])[1], words(effects[3])[1])


def test_dropping_a_table_that_is_not_there_still_clears_the_caches() -> None:
    """Somebody else dropped it, past the library."""
    world = World()
    missing = MySQLError("no such table", errno=1146)
    plan = drop_table_plan(world.unit_of_work, world.engine.binding_of("Thing"))

    _, effects = run(plan, (FetchRows, missing), *ANNOUNCED, *RELEASED)

    assert 5 == len(effects)
