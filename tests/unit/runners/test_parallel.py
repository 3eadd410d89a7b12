"""Independent effects: concurrent on asyncio, in few round trips in threads, the same in their outcome."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fluxaorm.errors import MySQLError, RedisConnectionError
from fluxaorm.plans.effects import CallHandler, Effect, FetchRows, Parallel, Plan, RedisRoundTrip
from tests.unit.runners.doubles import AsyncWorld, SyncWorld, Watching, World


def together(*effects: Effect[Any]) -> Plan[list[Any]]:
    """A plan of effects at once."""
    return (yield from Parallel(effects))


def test_replies_come_in_the_order_of_the_effects(world: World) -> None:
    """However they were performed."""
    world.script.answers |= {"fetch": lambda sql, args: [(sql,)], "GET": b"1", "SET": b"OK"}

    replies = world.run(
        together(
            RedisRoundTrip("default", (("GET", "a"),)),
            FetchRows("default", "one"),
            RedisRoundTrip("other", (("SET", "b", 1),)),
            FetchRows("default", "two"),
            RedisRoundTrip("default", (("SET", "c", 1), ("GET", "d"))),
        )
    )

    first, one, second, two, third = replies
    assert [[b"1"], [b"OK"], [b"OK", b"1"]] == [first.values, second.values, third.values]
    assert [[("one",)], [("two",)]] == [one, two]


def test_threads_send_commands_for_one_server_together() -> None:
    """Two round trips to one server cost one."""
    world = SyncWorld()

    world.run(
        together(
            RedisRoundTrip("default", (("GET", "a"),)),
            RedisRoundTrip("other", (("GET", "b"),)),
            RedisRoundTrip("default", (("GET", "c"),)),
        )
    )

    assert [("redis", ("GET", "a"), ("GET", "c")), ("redis", ("GET", "b"))] == world.script.asked


def test_nothing_in_parallel_is_nothing(world: World) -> None:
    """Plans need not count."""
    assert [] == world.run(together())


def test_all_are_performed_although_one_fails(world: World) -> None:
    """A release on one server does not depend on another server; the first error is raised."""
    world.script.answers |= {"fetch": MySQLError("no"), "GET": RedisConnectionError("gone")}

    with pytest.raises(MySQLError, match="no"):
        world.run(
            together(
                FetchRows("default", "one"), RedisRoundTrip("default", (("GET", "a"),)), FetchRows("default", "two")
            )
        )
    assert {("fetch", "one", ()), ("redis", ("GET", "a")), ("fetch", "two", ())} == set(world.script.asked)


def test_the_observer_sees_what_was_performed(world: World) -> None:
    """Not the group, but its effects."""
    seen: list[str] = []

    world.run(
        together(FetchRows("default", "one"), RedisRoundTrip("default", (("GET", "a"),))),
        Watching(lambda effect, *_: seen.append(type(effect).__name__)),
    )

    assert ["FetchRows", "RedisRoundTrip"] == sorted(seen)


def test_effects_overlap_on_asyncio(async_world: AsyncWorld) -> None:
    """Each of ten waits for the nine others, which one after the other would wait forever."""

    async def scenario() -> list[Any]:
        barrier = asyncio.Barrier(10)
        async with asyncio.timeout(60):
            return await async_world.runner.run(together(*[CallHandler(barrier.wait, ())] * 10))

    assert list(range(10)) == sorted(asyncio.run(scenario()))


def test_a_cancelled_group_ends_as_a_whole(async_world: AsyncWorld) -> None:
    """Nothing of it goes on in the background."""
    ended: list[str] = []

    async def long(under_way: asyncio.Semaphore) -> None:
        try:
            under_way.release()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("long")

    async def scenario() -> None:
        under_way = asyncio.Semaphore(0)
        both = together(*[CallHandler(long, (under_way,))] * 2)
        task = asyncio.ensure_future(async_world.runner.run(both))
        for _ in range(2):
            await under_way.acquire()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())

    assert ["long", "long"] == ended
