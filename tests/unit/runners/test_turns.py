"""Plans of tasks that share a transaction: one after the other, and who is cancelled while he waits holds up nobody."""

from __future__ import annotations

import asyncio

import pytest

from fluxaorm.plans.commits.transactions import Transaction, turn_plan
from fluxaorm.plans.effects import FetchRows, Plan, Turn
from tests.unit.plans.world import World as PlanWorld
from tests.unit.runners.doubles import AsyncWorld


def twice(name: str) -> Plan[str]:
    """A plan of two round trips."""
    for _ in range(2):
        _ = yield from FetchRows("default", name)
    return name


def in_turn(turn: Turn, name: str) -> Plan[str]:
    """The same inside a transaction that others share."""
    return turn_plan(Transaction(PlanWorld().unit_of_work, None, False), turn, twice(name))


def test_plans_that_share_a_transaction_do_not_mix(async_world: AsyncWorld) -> None:
    """One connection takes one statement at a time, and a plan may rest on what its own statements locked."""
    run = async_world.runner.run

    async def scenario() -> list[str]:
        turn = asyncio.Lock()
        return await asyncio.gather(*[run(in_turn(turn, name)) for name in "abc"])

    assert ["a", "b", "c"] == asyncio.run(scenario())
    assert ["a", "a", "b", "b", "c", "c"] == [sql for _, sql, *_ in async_world.script.asked]


def test_who_is_cancelled_while_he_waits_holds_up_nobody(async_world: AsyncWorld) -> None:
    """The turn was never his."""
    run = async_world.runner.run

    async def scenario() -> str:
        turn = asyncio.Lock()
        await turn.acquire()
        first, second = (asyncio.ensure_future(run(in_turn(turn, name))) for name in "ab")
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        turn.release()
        return await asyncio.wait_for(second, 60)

    assert "b" == asyncio.run(scenario())
    assert ["b", "b"] == [sql for _, sql, *_ in async_world.script.asked]
