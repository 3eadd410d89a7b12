"""Callers that go away: cancelled tasks, interrupted threads, killed processes. At every step: all or nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import fluxaorm as fx
from tests.support.effects import AtEffect
from tests.support.insides import core, pending
from tests.support.redis_servers import RedisServer
from tests.support.server_threads import threads_at
from tests.support.shells import open_shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database
from tests.support.waiting import until, wait_until

pytestmark = pytest.mark.fault
LIMIT = 25.0
MOST_EFFECTS = 40


def pend(shop: Shop, ctx: Any, name: str) -> list[Any]:
    """Work for three tables."""
    return [
        shop.do(shop.users.new(ctx, name=name, email=f"{name}@example.com")),
        shop.do(shop.counters.new(ctx, label=name)),
        shop.do(shop.notes.new(ctx, text=name)),
    ]


class Tables:
    """The three tables that ``pend`` fills, looked at past the library on one connection."""

    def __init__(self, database: Database) -> None:
        self.connection = database.server.connect(database.name)

    def rows(self, name: str) -> tuple[int, ...]:
        """How many rows of this name each has, at one moment."""
        columns = {"UserEntity": "name", "CounterEntity": "label", "NoteEntity": "text"}
        selects = [f"(SELECT COUNT(*) FROM {table} WHERE {column} = %s)" for table, column in columns.items()]
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(selects)}", (name, name, name))
            row = cursor.fetchone()
        assert row is not None
        return tuple(map(int, row))


@pytest.fixture
def tables(mysql_database: Database) -> Iterator[Tables]:
    """Of the test's database."""
    looked = Tables(mysql_database)
    yield looked
    looked.connection.close()


@pytest.fixture
def aio(mysql_database: Database, valkey: RedisServer) -> Iterator[Shop]:
    """A shop on asyncio."""
    with open_shell("asyncio") as shell:
        engine = open_engine(mysql_database.url, valkey.host_port, valkey.namespace)
        yield Shop(engine, shell, mysql_database.url)
        shell.close(engine)


@pytest.mark.parametrize("explicit", [False, True], ids=["flush", "block"])
def test_a_flush_cancelled_at_any_effect_is_all_or_nothing(aio: Shop, tables: Tables, explicit: bool) -> None:
    """The connection goes back clean or is closed, the same objects flush again, and nobody's rows are doubled."""
    pool = core(aio.engine).mysql_pools["default"]

    async def write(ctx: Any, number: int) -> bool:
        """Whether it was cancelled before its end."""
        task = asyncio.current_task()
        assert task is not None
        at = AtEffect(ctx, number, lambda: task.cancel())
        try:
            if explicit:
                async with ctx.transaction():
                    await ctx.flush()
            else:
                await ctx.flush()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            task.uncancel()
        return at.happened

    async def held() -> int:
        stats = pool.asyncio.stats()
        return stats.open - stats.idle

    for number in range(MOST_EFFECTS):
        ctx = aio.context()
        made = pend(aio, ctx, name := f"n{number}")
        happened = aio.do(write(ctx, number))
        there = tables.rows(name)

        assert there == ((0, 0, 0) if made[0].is_new else (1, 1, 1)), f"cancelled at effect {number}"
        assert 0 == aio.do(held())
        if made[0].is_new:
            aio.do(ctx.clone().aclose())
            assert 3 == len(pending(ctx))
            ctx._run_plan = core(aio.engine).async_runner.run
            assert fx.FlushResult(inserted=3) == aio.do(ctx.flush())
        if not happened:
            break
    else:
        pytest.fail("the flush never ran to its end")

    assert number >= 4
    assert [(1,)] == list(aio.do(aio.context().mysql().query("SELECT 1")))


def test_a_cancelled_statement_is_ended_on_the_server(aio: Shop, mysql_database: Database) -> None:
    """Nobody waits for it any more."""
    marker = "SELECT SLEEP(100), 'of_cancellation'"

    async def cancelled() -> None:
        task = asyncio.ensure_future(aio.context().mysql().query(marker))
        await until(lambda: threads_at(mysql_database, "of_cancellation"), "the statement to run")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    aio.do(cancelled())

    wait_until(lambda: not threads_at(mysql_database, "of_cancellation"), "the statement to be killed", LIMIT)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Whoever starts the tests in the background of a shell lets them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("driver", ["mysqlclient", "pymysql"])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "block"])
def test_an_interrupt_inside_a_driver_closes_the_connection(mysql_database: Database, driver: str, alone: bool) -> None:
    """Ctrl-C while the driver waits: the next caller gets the answer to his own question."""
    engine = open_engine(mysql_database.url, None, driver=driver)

    def interrupt() -> None:
        wait_until(lambda: threads_at(mysql_database, "of_interrupt"), "the statement to run")
        os.kill(os.getpid(), signal.SIGINT)

    def wait_in_driver(ctx: Any) -> None:
        if alone:
            ctx.mysql().query("SELECT SLEEP(3), 'of_interrupt'")
        else:
            with ctx.transaction():
                ctx.mysql().exec("INSERT INTO NoteEntity (id, text, counters) VALUES (1, 'x', '[]')")
                ctx.mysql().query("SELECT SLEEP(3), 'of_interrupt'")
        # a C library hands the interrupt over only when it returns
        time.sleep(LIMIT)

    thread = threading.Thread(target=interrupt)
    with engine.new_context() as ctx:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            wait_in_driver(ctx)
    thread.join()
    wait_until(lambda: core(engine).resources.background.unfinished == 0, "the statement's thread to be seen gone")
    stats = core(engine).mysql_pools["default"].sync.stats()

    with engine.new_context() as ctx:
        assert [(7,)] == list(ctx.mysql().query("SELECT 7"))
        assert [(0,)] == list(ctx.mysql().query("SELECT COUNT(*) FROM NoteEntity"))
    assert stats.open == stats.idle
    engine.close()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("work", ["three", "one", "block"])
def test_an_interrupt_after_the_commit_says_that_the_rows_are_durable(
    mysql_database: Database, valkey: RedisServer, tables: Tables, kind: type[BaseException], work: str
) -> None:
    """At any answer: what is written is clean and is not written twice, and its caches are let go in the background."""
    engine = open_engine(mysql_database.url, valkey.host_port, valkey.namespace)
    with open_shell("sync") as shell:
        shop = Shop(engine, shell, mysql_database.url)
        notes: set[bool] = set()
        for number in range(MOST_EFFECTS):
            ctx = shop.context()
            made = pend(shop, ctx, name := f"i{number}")
            if work == "one":
                for entity in made[1:]:
                    ctx._pending.pop(entity)
            caught = interrupted_at(ctx, number, kind, explicit=work == "block")
            there = tables.rows(name)[0]

            assert there == (0 if made[0].is_new else 1), f"interrupted at effect {number}"
            if caught is not None:
                durable = any("are durable" in note for note in getattr(caught, "__notes__", ()))
                notes.add(durable)
                assert durable == (there == 1)
            ctx._run_plan = core(engine).sync_runner.run
            again = ctx.flush().inserted
            assert tables.rows(name)[0] == 1
            assert again == (0 if there else len(made) if work != "one" else 1)
            key = core(engine).binding_of("UserEntity").row_key(made[0].id)
            wait_until(lambda: core(engine).resources.background.unfinished == 0, "the background to do its part")
            assert not str(valkey.command("GET", key)).startswith("W")
            if caught is None:
                break
        else:
            pytest.fail("the flush never ran to its end")
    engine.close()

    assert {True, False} == notes


def interrupted_at(ctx: Any, number: int, kind: type[BaseException], *, explicit: bool) -> BaseException | None:
    """Flush; what came out of it when an interrupt met the answer to its effect ``number``, if there was one."""

    def interrupt() -> None:
        raise kind

    _ = AtEffect(ctx, number, interrupt, after=True)
    try:
        if explicit:
            with ctx.transaction():
                ctx.flush()
        else:
            ctx.flush()
    except kind as error:
        return error
    return None
