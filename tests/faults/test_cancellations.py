"""Tasks cancelled anywhere in what a context does: connections are clean or closed, writes whole, caches right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import pytest

import fluxaorm as fx
from fluxaorm import Entity, UInt64
from fluxaorm.errors import FluxaError
from tests.support.effects import AtEffect
from tests.support.insides import core
from tests.support.measured import Measured
from tests.support.own_tables import without_own_tables
from tests.support.redis_servers import RedisServer
from tests.support.server_threads import threads_waiting
from tests.support.shells import open_shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault
MOST_EFFECTS = 40
TURNS: Final = (0, 1, 2, 5, 12, 30)
"""How many turns of the loop after an effect began the task is cancelled."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two users with this name, both of age 0."""

    name: str
    ids: list[int]
    emails: list[str]


Operation = Callable[[Shop, Any, Pair], Awaitable[Any]]


async def look_up_one(shop: Shop, ctx: Any, pair: Pair) -> None:
    await shop.users.get_by_id(ctx, pair.ids[0])


async def look_up_many(shop: Shop, ctx: Any, pair: Pair) -> None:
    await shop.users.get_by_ids(ctx, *pair.ids, 10**9)


async def search(shop: Shop, ctx: Any, pair: Pair) -> None:
    await shop.users.search_many(ctx, fx.Query().filter(shop.users.fields.name == pair.name))


async def stream(shop: Shop, ctx: Any, pair: Pair) -> None:
    async for _ in await ctx.mysql().query("SELECT id FROM UserEntity WHERE id <= ?", pair.ids[-1], stream=True):
        pass


async def flush(shop: Shop, ctx: Any, pair: Pair) -> None:
    for user in await shop.users.get_by_ids(ctx, *pair.ids):
        user.age = 7
    await ctx.flush()


async def save_many(shop: Shop, ctx: Any, pair: Pair) -> None:
    rows = [{"name": pair.name, "email": email, "age": 7} for email in pair.emails]
    await shop.users.save_many(ctx, rows, on_conflict="update")


async def update_where(shop: Shop, ctx: Any, pair: Pair) -> None:
    fields = shop.users.fields
    await shop.users.update_where(ctx, fx.Query().filter(fields.name == pair.name), age=fields.age + 7)


async def delete_where(shop: Shop, ctx: Any, pair: Pair) -> None:
    await shop.users.delete_where(ctx, fx.Query().filter(shop.users.fields.name == pair.name))


async def pipelines(shop: Shop, ctx: Any, pair: Pair) -> None:
    for id in pair.ids:
        ctx.mysql_pipeline().add("UPDATE UserEntity SET age = 7 WHERE id = ?", id)
        ctx.redis_pipeline().add("SET", f"{{cancelled}}:{id}", id)
    await ctx.flush()


READS: Final = (look_up_one, look_up_many, search, stream)
WRITES: Final = (flush, save_many, update_where, delete_where, pipelines)


@pytest.fixture
def aio(mysql_database: Database, valkey: RedisServer) -> Iterator[Shop]:
    """A shop on asyncio, with few connections: a lost one would soon be missed."""
    with open_shell("asyncio") as shell:
        engine = open_engine(mysql_database.url, valkey.host_port, valkey.namespace, max_open_connections=3)
        yield Shop(engine, shell, mysql_database.url)
        shell.close(engine)


async def cancelled_at(ctx: Any, number: int, turns: int, work: Awaitable[Any]) -> tuple[bool, bool]:
    """Run ``work`` in a task, cancelled so many turns after effect ``number`` began: was that reached, and the end."""
    loop = asyncio.get_running_loop()

    def cancel(left: int) -> None:
        if left:
            loop.call_soon(cancel, left - 1)
        else:
            task.cancel()

    at = AtEffect(ctx, number, lambda: cancel(turns))
    task = asyncio.ensure_future(work)
    with suppress(asyncio.CancelledError):
        await task
        return at.happened, True
    return at.happened, False


async def pair_of(shop: Shop, name: str) -> Pair:
    emails = [f"{name}{letter}@example.com" for letter in "ab"]
    ids = await shop.users.save_many(shop.context(), [{"name": name, "email": email} for email in emails])
    return Pair(name, ids, emails)


async def assert_clean(shop: Shop, number: int) -> None:
    """Every connection is back, and answers what it is asked."""
    pool = core(shop.engine).mysql_pools["default"].asyncio
    limit = asyncio.get_running_loop().time() + 20
    # a batch of look-ups goes on without those who left
    while (stats := pool.stats()).open != stats.idle:
        assert asyncio.get_running_loop().time() < limit, f"{stats.open - stats.idle} connections are missing"
        await asyncio.sleep(0)
    answers = await asyncio.gather(*(shop.context().mysql().query(f"SELECT {number + at}") for at in range(3)))
    assert [[(number + at,)] for at in range(3)] == [list(rows) for rows in answers]


async def assert_coherent(shop: Shop, database: Any, pair: Pair) -> list[int]:
    """What the caches say is what the table holds; the ages that are left."""
    with database.cursor() as cursor:
        cursor.execute("SELECT id, age FROM UserEntity WHERE name = %s ORDER BY id", (pair.name,))
        stored = dict(cursor.fetchall())
    for _ in range(2):
        found = await shop.users.get_by_ids(shop.context(), *pair.ids)
        assert stored == {user.id: user.age for user in found}
    return list(stored.values())


@pytest.mark.parametrize("operation", [*READS, *WRITES], ids=lambda each: each.__name__)
def test_what_is_cancelled_leaves_nothing_half_done(
    aio: Shop, mysql_database: Database, measured: Measured, operation: Operation
) -> None:
    """At every effect, some turns of the loop into it: writes are whole or not there, nothing half-read is cached."""
    looking = mysql_database.server.connect(mysql_database.name)
    outcomes: set[tuple[int, ...]] = set()
    ended: list[bool] = []

    async def attempt(number: int, turns: int) -> bool:
        pair = await pair_of(aio, f"n{number}t{turns}")
        ctx = aio.context()
        reached, finished = await cancelled_at(ctx, number, turns, operation(aio, ctx, pair))
        ctx.clear_flush()
        await assert_clean(aio, len(ended))
        if operation is not pipelines:
            outcomes.add(tuple(await assert_coherent(aio, looking, pair)))
        ended.append(finished)
        return reached

    async def every_effect() -> None:
        for number in range(MOST_EFFECTS):
            if not [turns for turns in TURNS if await attempt(number, turns)]:
                return
        pytest.fail("it never ran to its end")

    aio.do(every_effect())
    looking.close()

    measured(operation.__name__, f"{ended.count(False)} cancelled, {ended.count(True)} ended before")
    assert {True, False} == set(ended)
    if operation in WRITES and operation is not pipelines:
        assert outcomes == {(0, 0), () if operation is delete_where else (7, 7)}
    elif operation in READS:
        assert outcomes == {(0, 0)}


class TicketEntity(Entity, id_block=5):
    """Small blocks: of two times that three ids are taken, one reserves the next in MySQL and hands it to Redis."""

    id: UInt64


def test_ids_whose_reservation_was_cancelled_are_handed_out_to_nobody_twice(
    mysql_database: Database, valkey: RedisServer
) -> None:
    """A block may be lost, which costs nothing; one may not be shared."""
    taken: list[int] = []

    async def attempt(shop: Shop, tickets: Any, number: int, turns: int) -> bool:
        ctx = shop.context()

        async def take() -> None:
            taken.extend(ticket.id for ticket in await tickets.new_many(ctx, 3))

        reached, _ = await cancelled_at(ctx, number, turns, take())
        ctx.clear_flush()
        await assert_clean(shop, turns)
        return reached

    with open_shell("asyncio") as shell:
        engine = open_engine(mysql_database.url, valkey.host_port, valkey.namespace, (TicketEntity,))
        shop, tickets = Shop(engine, shell, mysql_database.url), engine.provider(TicketEntity)
        for number in range(MOST_EFFECTS):
            if not [turns for turns in TURNS if shell.do(attempt(shop, tickets, number, turns))]:
                break
        shell.close(engine)

    assert number >= 3
    assert len(taken) == len(set(taken)) >= 18


def test_an_alter_that_waits_for_a_lock_can_be_cancelled(mysql_database: Database) -> None:
    """It waits for a reader's transaction; cancelled, it holds nobody up any more, and is there to be run again."""
    reader = mysql_database.server.connect(mysql_database.name)
    registry = fx.Registry()
    registry.register_mysql(mysql_database.url)
    registry.register_entity(TicketEntity)
    mysql_database.execute("CREATE TABLE TicketEntity (id int unsigned PRIMARY KEY, old int)")

    async def cancel_waiting(alter: Any, ctx: Any) -> None:
        task = asyncio.ensure_future(alter.exec(ctx, allow_destructive=True))
        limit = asyncio.get_running_loop().time() + 30
        while not threads_waiting(mysql_database):
            assert asyncio.get_running_loop().time() < limit
            assert not task.done()
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, FluxaError)):
            await task

    with open_shell("asyncio") as shell:
        engine = registry.validate()
        ctx = shell.context(engine)
        alters = shell.do(fx.get_alters(ctx))
        reader.begin()
        reader.cursor().execute("SELECT * FROM TicketEntity")
        shell.do(cancel_waiting(without_own_tables(alters)[0], ctx))
        wait_until(lambda: not threads_waiting(mysql_database), "the alter to be gone")
        nobody = shell.do(ctx.mysql().query("SELECT COUNT(*) FROM TicketEntity"))
        reader.close()
        again = shell.do(fx.get_alters(ctx))
        for alter in again:
            shell.do(alter.exec(ctx, allow_destructive=True))
        left = shell.do(fx.get_alters(ctx))
        shell.close(engine)

    assert [alter.statements for alter in alters] == [alter.statements for alter in again]
    assert [(0,)] == list(nobody)
    assert [] == left
