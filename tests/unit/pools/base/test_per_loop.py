"""What belongs to an event loop."""

from __future__ import annotations

import asyncio

import pytest

from fluxaorm.pools.base.per_loop import PerLoop


class Thing:
    """Something that holds on to its loop, as connections do."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()


def test_each_loop_has_its_own() -> None:
    """Made once, on first use."""
    things: PerLoop[Thing] = PerLoop(Thing)

    async def ask() -> tuple[Thing, Thing]:
        return things.get(), things.get()

    first, again = asyncio.run(ask())
    second, _ = asyncio.run(ask())

    assert first is again
    assert first is not second


def test_closed_loops_are_let_go() -> None:
    """A server that starts a loop a request would keep them all."""
    things: PerLoop[Thing] = PerLoop(Thing)

    async def ask() -> Thing:
        return things.get()

    for _ in range(3):
        asyncio.run(ask())
    last = asyncio.run(ask())

    assert [last] == things.take_all()


def test_what_was_taken_is_made_anew() -> None:
    """After aclose() the loop may be used again."""
    things: PerLoop[Thing] = PerLoop(Thing)

    async def scenario() -> tuple[Thing, Thing | None, Thing | None, Thing]:
        return things.get(), things.take(), things.take(), things.get()

    first, taken, nothing, second = asyncio.run(scenario())

    assert first is taken
    assert nothing is None
    assert second is not first


def test_outside_a_loop_there_is_none() -> None:
    """Asyncio pools are for coroutines."""
    with pytest.raises(RuntimeError):
        PerLoop(Thing).get()
