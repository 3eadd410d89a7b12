"""Many writers of the same rows in opposite orders: whatever was acknowledged is there, nothing else is."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fluxaorm.errors import DeadlockError
from tests.support.shop_engines import Shop

pytestmark = [pytest.mark.fault, pytest.mark.slow]
WRITERS = 8
ROUNDS = 6


@pytest.fixture
def counters(plain_shop: Shop) -> tuple[int, int]:
    """Two rows that everybody wants."""
    if plain_shop.url.startswith("sqlite"):
        pytest.skip("SQLite has one lock for all")
    ctx = plain_shop.context()
    made = [plain_shop.do(plain_shop.counters.new(ctx, label=label)) for label in ("a", "b")]
    plain_shop.do(ctx.flush())
    return made[0].id, made[1].id


def test_every_acknowledged_increment_is_there(plain_shop: Shop, counters: tuple[int, int]) -> None:
    """``for_update`` locks in the order of the calls: deadlocks happen, and are repeated or told."""
    acknowledged: list[int] = []
    if plain_shop.shell.name == "sync":
        writers = [
            threading.Thread(target=write, args=(plain_shop, counters[:: 1 if at % 2 else -1], acknowledged))
            for at in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    else:
        plain_shop.do(write_together(plain_shop, counters, acknowledged))

    hits = {int(row[0]) for row in plain_shop.sql("SELECT hits FROM CounterEntity")}
    assert {len(acknowledged)} == hits
    assert len(acknowledged) >= WRITERS


def write(shop: Shop, ids: tuple[int, ...], acknowledged: list[int]) -> None:
    def increment(ctx: Any) -> None:
        for id in ids:
            shop.counters.must_get_by_id(ctx, id, for_update=True).hits += 1
        ctx.flush()

    for _ in range(ROUNDS):
        with shop.engine.new_context() as ctx:
            try:
                ctx.run_in_transaction(increment)
            except DeadlockError:
                ctx.clear_flush()
            else:
                acknowledged.append(1)


async def write_together(shop: Shop, ids: tuple[int, int], acknowledged: list[int]) -> None:
    async def write_one(ids: tuple[int, ...]) -> None:
        async def increment(ctx: Any) -> None:
            for id in ids:
                (await shop.counters.must_get_by_id(ctx, id, for_update=True)).hits += 1
            await ctx.flush()

        for _ in range(ROUNDS):
            async with shop.engine.new_async_context() as ctx:
                try:
                    await ctx.run_in_transaction(increment)
                except DeadlockError:
                    ctx.clear_flush()
                else:
                    acknowledged.append(1)

    await asyncio.gather(*(write_one(ids[:: 1 if at % 2 else -1]) for at in range(WRITERS)))
