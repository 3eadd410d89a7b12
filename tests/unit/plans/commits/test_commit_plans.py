"""The end of a write, step by step: when intents are renewed, and how an unknown outcome is seen through."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm.errors import (
    CacheUnavailableError,
    CommitUnknownError,
    MySQLConnectionError,
    MySQLError,
    PartialCommitError,
    RedisConnectionError,
)
from fluxaorm.plans.cache.functions import INTEND, RELEASE
from fluxaorm.plans.cache.intents import KEYS_A_TRIP, Intents
from fluxaorm.plans.commits.commits import commit_plan
from fluxaorm.plans.effects import (
    Begin,
    Commit,
    Execute,
    FetchRows,
    RedisRoundTrip,
    Rollback,
    Session,
    ShieldedRedisRoundTrip,
)
from fluxaorm.plans.flush.flush import flush_plan
from tests.unit.plans.world import World, done, replies, run, words

pytestmark = pytest.mark.usefixtures("no_sockets")
INTENDED: Any = (RedisRoundTrip, replies(b"ok"))
RELEASED: Any = (ShieldedRedisRoundTrip, replies(b"ok"))
THREAD = 7
SERVER = "5303135a"
BEGUN: Any = (Begin, None)
ITS_SERVER: Any = (FetchRows, [(SERVER.encode(),)])
ANOTHER: Any = (FetchRows, [(b"other",)])
OLD: Any = (FetchRows, [("Uptime", b"5000")])
NO_STRANGERS: Any = (FetchRows, [(b"0",)])
ENDED: Any = (Rollback, None)


def intents_of(world: World) -> Intents:
    intents = Intents(world.engine)
    intents.add("default", "key")
    return intents


def unknown(opened: float = 990.0) -> CommitUnknownError:
    error = CommitUnknownError("lost", pool="default")
    error.thread, error._opened, error.server = THREAD, opened, SERVER
    return error


def left_in_doubt(world: World, error: CommitUnknownError) -> Any:
    """The step that a flush leaves to the background when its statement's outcome is unknown."""
    world.stored(1).name = "changed"
    with pytest.raises(CommitUnknownError):
        run(flush_plan(world.unit_of_work), INTENDED, (Execute, error))
    (step,) = world.engine.steps
    return step


def test_intents_are_renewed_before_a_commit_that_comes_late() -> None:
    """Ten seconds after they were announced a COMMIT may outlive them."""
    world = World()
    plan = commit_plan(world.engine, [Session("default"), Session("default")], intents_of(world))
    effects = [next(plan), plan.send(replies(b"ok"))]

    world.engine.now += 11
    effects.append(plan.send(None))
    effects.append(plan.send(replies(b"ok")))
    with pytest.raises(StopIteration):
        plan.send(None)

    assert [RedisRoundTrip, Commit, RedisRoundTrip, Commit] == [type(effect) for effect in effects]
    assert INTEND == words(effects[2])[1]


def test_intents_are_held_until_they_are_released() -> None:
    """While a COMMIT is under way the engine renews them; a renewal that comes after the release does nothing."""
    world = World()
    intents = intents_of(world)

    run(intents.intend_plan(), INTENDED)
    (renewal,) = world.engine.held
    renewed, _ = run(renewal(), INTENDED)
    run(intents.release_plan(), RELEASED)
    late, effects = run(renewal())

    assert (True, True) == (renewed, late)
    assert ([], []) == (effects, world.engine.held)


def test_many_keys_go_out_in_parts_and_are_published_behind_the_last() -> None:
    """A flush of 100,000 rows must not be one packet; who is told of a change must find its intent in place."""
    world = World()
    binding = world.identity_map.binding
    binding.channel = "changes"
    intents = Intents(world.engine)
    for id in range(KEYS_A_TRIP + 1):
        intents.add_row(binding, id)
    ok = [b"ok"] * KEYS_A_TRIP

    _, effects = run(
        commit_plan(world.engine, [Session("default")], intents),
        (RedisRoundTrip, replies(*ok)),
        (RedisRoundTrip, replies(b"ok", 0, 0)),
        (Commit, None),
    )

    assert [KEYS_A_TRIP, 3] == [len(effect.commands) for effect in effects[:2]]
    assert ["FCALL", "SPUBLISH", "SPUBLISH"] == [command[0] for command in effects[1].commands]


def test_a_part_that_fails_lets_no_commit_happen_and_is_released_with_the_others() -> None:
    """All intents or no COMMIT: a row whose intent is missing could be filled with its old values."""
    world = World()
    intents = Intents(world.engine)
    for number in range(KEYS_A_TRIP + 1):
        intents.add("default", f"key{number}")
    plan = commit_plan(world.engine, [Session("default")], intents)
    ok = [b"ok"] * KEYS_A_TRIP

    next(plan)
    plan.send(replies(*ok))
    rollback = plan.throw(RedisConnectionError("gone"))
    released: list[Any] = [plan.send(None), plan.send(replies(*ok))]
    with pytest.raises(CacheUnavailableError):
        plan.send(replies(b"ok"))

    assert Rollback is type(rollback)
    assert [(ShieldedRedisRoundTrip, KEYS_A_TRIP), (ShieldedRedisRoundTrip, 1)] == [
        (type(effect), len(effect.commands)) for effect in released
    ]


def test_a_renewal_in_parts_stops_when_the_release_begins() -> None:
    """An intent announced behind a release would send readers to MySQL for half a minute."""
    world = World()
    intents = Intents(world.engine)
    for number in range(KEYS_A_TRIP + 1):
        intents.add("default", f"key{number}")
    ok = [b"ok"] * KEYS_A_TRIP
    run(intents.intend_plan(), (RedisRoundTrip, replies(*ok)), INTENDED)
    (renewal,) = world.engine.held

    renewing = renewal()
    next(renewing)
    run(intents.release_plan(), (ShieldedRedisRoundTrip, replies(*ok)), RELEASED)

    with pytest.raises(StopIteration):
        renewing.send(replies(*ok))


def test_a_second_pool_that_hung_up_is_a_partial_commit() -> None:
    """What is committed is not announced for ever: the caches of both are let go."""
    world = World()
    sessions = [Session("default"), Session("other")]

    with pytest.raises(PartialCommitError) as caught:
        run(
            commit_plan(world.engine, sessions, intents_of(world)),
            INTENDED,
            (Commit, None),
            (Commit, MySQLConnectionError("hung up")),
            (Rollback, None),
            (Rollback, None),
            RELEASED,
        )

    assert (("default",), "other") == (caught.value.committed, caught.value.failed)


def test_an_unknown_statement_is_killed_and_its_key_released_when_its_thread_is_gone() -> None:
    """Until then the key stays intended, so nobody caches what may still change."""
    world = World()
    step = left_in_doubt(world, unknown())

    looked = (INTENDED, BEGUN, ITS_SERVER, OLD, NO_STRANGERS)
    first, effects = run(step(), *looked, (Execute, done()), ENDED)
    gone = MySQLError("Unknown thread id: 7", errno=1094)
    second, after = run(step(), *looked, (Execute, gone), ENDED, RELEASED)

    assert (False, True) == (first, second)
    assert (f"KILL {THREAD}", RELEASE) == (effects[-2].sql, words(after[-1])[1])


def test_on_another_server_nothing_is_killed_and_the_keys_are_let_go_after_ten_minutes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its threads are other people's; what became of the statement on its own server nobody will ever know."""
    world = World()
    step = left_in_doubt(world, unknown())
    elsewhere = (INTENDED, BEGUN, ANOTHER, ENDED)

    first, _ = run(step(), *elsewhere)
    world.engine.now += 599
    before = len(caplog.records)
    second, _ = run(step(), *elsewhere)
    world.engine.now += 2
    third, _ = run(step(), *elsewhere, RELEASED)

    assert (False, False, True) == (first, second, third)
    assert (0, ["ERROR"]) == (before, [record.levelname for record in caplog.records])


def test_a_thread_of_another_user_is_left_alone() -> None:
    """Ours is gone then, whatever the server was before."""
    world = World()
    step = left_in_doubt(world, unknown())

    finished, _ = run(step(), INTENDED, BEGUN, ITS_SERVER, OLD, (FetchRows, [(b"1",)]), ENDED, RELEASED)

    assert finished


def test_a_user_who_may_not_list_threads_kills_all_the_same() -> None:
    """Who has no right to look has none to kill other users' threads either."""
    world = World()
    step = left_in_doubt(world, unknown())
    denied: Any = (FetchRows, MySQLError("denied", errno=1142))

    finished, effects = run(step(), INTENDED, BEGUN, ITS_SERVER, OLD, denied, (Execute, done()), ENDED)

    assert not finished
    assert f"KILL {THREAD}" == effects[-2].sql


def test_a_server_that_was_restarted_has_no_such_thread() -> None:
    """Its number may be somebody else's by now: he is left alone."""
    world = World()
    step = left_in_doubt(world, unknown(opened=10.0))

    finished, _ = run(step(), INTENDED, BEGUN, ITS_SERVER, (FetchRows, [("Uptime", b"3")]), ENDED, RELEASED)

    assert finished


@pytest.mark.parametrize("away", ["redis", "mysql"])
def test_a_step_waits_for_servers_that_are_away(away: str) -> None:
    """It is tried again until both have answered."""
    world = World()
    step = left_in_doubt(world, unknown())
    script: list[Any] = [(RedisRoundTrip, RedisConnectionError("away"))]
    if away == "mysql":
        script = [INTENDED, (Begin, MySQLConnectionError("away")), ENDED]

    finished, _ = run(step(), *script)

    assert not finished


def test_a_release_that_fails_is_left_to_the_background() -> None:
    """With nothing but the keys that are still held."""
    world = World()
    intents = intents_of(world)
    run(intents.intend_plan(), INTENDED)

    failures, _ = run(intents.release_or_later_plan(), (ShieldedRedisRoundTrip, RedisConnectionError("away")))
    (step,) = world.engine.steps
    again, _ = run(step(), (ShieldedRedisRoundTrip, RedisConnectionError("away")))
    finished, _ = run(step(), RELEASED)

    assert (1, False, True) == (len(failures), again, finished)
