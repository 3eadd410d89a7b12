"""Asyncio all the way down: look-ups wait on the server at the same time, and no thread waits for them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import fluxaorm as fx
from tests.support import shop
from tests.support.server_threads import threads_at
from tests.support.shop_engines import open_engine
from tests.support.sql_servers import Database

SLEEPING = "SELECT * FROM CounterEntity WHERE id = ? AND SLEEP(?) = 0"


def test_eight_look_ups_overlap_on_eight_connections_without_a_new_thread(mysql_database: Database) -> None:
    """Eight queries that each sleep on the server are all there at once, on eight connections of the one thread."""
    engine = open_engine(mysql_database.url, None)
    counters: Any = engine.provider(shop.CounterEntity)
    with engine.new_context() as ctx:
        ids = [counters.new_with_id(ctx, number, label=str(number)).id for number in range(1, 9)]
        ctx.flush()
    # one that is left of something earlier may end meanwhile
    threads = set(threading.enumerate())

    async def look_up(id: int, seconds: float) -> str:
        async with engine.new_async_context() as ctx:
            (counter,) = await counters.from_sql(ctx, SLEEPING, id, seconds)
            return f"{counter.label} {len(set(threading.enumerate()) - threads)}"

    async def all_at_once(seconds: float) -> tuple[list[str], int]:
        look_ups = asyncio.gather(*(look_up(id, seconds) for id in ids))
        most = 0
        while not look_ups.done():
            await asyncio.sleep(0.02)
            most = max(most, sleeping(mysql_database))
        return list(await look_ups), most

    async def until_all_were_seen_at_once() -> tuple[list[str], int]:
        # on a busy machine the first connections may be done before the last are open, or nobody looks in time
        seconds = 0.2
        async with engine, asyncio.timeout(120):
            while (seen := await all_at_once(seconds))[1] < 8:
                seconds *= 2
            return seen

    labels, most_at_once = asyncio.run(until_all_were_seen_at_once())

    assert [f"{id} 0" for id in ids] == labels
    assert 8 == most_at_once


def sleeping(database: Database) -> int:
    """How many connections run the query now, by the server's own list."""
    return len(threads_at(database, "SLEEP(", ") = 0"))


def test_metadata_and_loggers_go_along_with_a_clone(mysql_database: Database) -> None:
    """A handler that needs a context of its own keeps the request's id and query log."""
    engine = open_engine(mysql_database.url, None)
    seen: list[tuple[str, str]] = []
    with engine, engine.new_context() as ctx:
        ctx.set_meta_data("request", "r1")
        ctx.register_query_logger(lambda _, entry: seen.append((entry.operation, entry.meta["request"])))

        with ctx.clone() as other:
            engine.provider(shop.CounterEntity).search_many(other, fx.Query())

    assert [("SELECT", "r1")] == seen
