"""Connections that are killed, grow old, or are not to be had; servers that do not write: nothing is lost or left."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import pymysql
import pytest

import fluxaorm as fx
from devstack.proxy import Direction, Verdict
from fluxaorm.errors import CommitUnknownError, MySQLConnectionError, MySQLError
from tests.support.blocks import block
from tests.support.fragile import Fragile
from tests.support.insides import core, pending
from tests.support.kills import kill_all
from tests.support.passwords import new_password
from tests.support.private_servers import StartServer
from tests.support.server_threads import threads_of
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database
from tests.support.waiting import until, wait_until

PASSWORD = new_password()

pytestmark = pytest.mark.fault


def kill_at(shop: Fragile, word: bytes, way: Direction) -> list[str]:
    """Kill every connection when the statement with this word comes along, or its answer; once. What happened."""
    happened: list[str] = []
    asked = threading.Event()

    def intercept(going: Direction, chunk: bytes) -> Verdict:
        if going is Direction.REQUEST and word in chunk:
            asked.set()
        if asked.is_set() and going is way and not happened:
            happened.append("killed")
            kill_all(shop.database)
        return Verdict.FORWARD

    shop.mysql.intercept = intercept
    return happened


def counts(shop: Fragile) -> tuple[int, int, int]:
    """Rows of the three tables that ``pend`` fills."""
    tables = ("UserEntity", "CounterEntity", "NoteEntity")
    return tuple(int(shop.database.execute(f"SELECT COUNT(*) FROM {table}")[0][0]) for table in tables)  # type: ignore[return-value]  # three tables


def pend(shop: Shop, ctx: Any) -> None:
    """Work for three tables."""
    shop.do(shop.users.new(ctx, name="A", email="a@example.com"))
    shop.do(shop.counters.new(ctx, label="a"))
    shop.do(shop.notes.new(ctx, text="a"))


BEFORE, AFTER = Direction.REQUEST, Direction.ANSWER
INSERT = "INSERT INTO `NoteEntity`"


@pytest.mark.parametrize(
    ("word", "way"), [("START TRANSACTION", BEFORE), ("START TRANSACTION", AFTER), (INSERT, BEFORE)]
)
def test_a_kill_before_the_commit_is_not_noticed(fragile: Fragile, word: str, way: Direction) -> None:
    """Nothing was committed, so the flush runs again on a fresh connection."""
    ctx = fragile.context()
    pend(fragile, ctx)
    happened = kill_at(fragile, word.encode(), way)

    result = fragile.do(ctx.flush())

    assert (["killed"], fx.FlushResult(inserted=3), (1, 1, 1)) == (happened, result, counts(fragile))


@pytest.mark.parametrize(("word", "way"), [(INSERT, AFTER), ("COMMIT", BEFORE), ("COMMIT", AFTER)])
def test_a_kill_around_the_commit_is_all_or_nothing(fragile: Fragile, word: str, way: Direction) -> None:
    """When the caller is told that the outcome is unknown, the objects still wait; else everything is there."""
    ctx = fragile.context()
    pend(fragile, ctx)
    happened = kill_at(fragile, word.encode(), way)
    known = True

    try:
        fragile.do(ctx.flush())
    except CommitUnknownError:
        known = False
    fragile.mysql.intercept = None
    wait_until(lambda: core(fragile.engine).resources.background.unfinished == 0, "the keys to be released")

    assert ["killed"] == happened
    assert (((1, 1, 1), 0) if known else ((0, 0, 0), 3)) == (counts(fragile), len(pending(ctx)))
    assert known or (word, way) != ("COMMIT", AFTER)
    ctx.clear_flush()


@pytest.mark.parametrize("way", list(Direction), ids=["before", "after"])
def test_a_kill_inside_a_block_ends_it(fragile: Fragile, way: Direction) -> None:
    """It cannot be repeated by itself; nothing of it is there, and the same objects can be written again."""
    ctx = fragile.context()
    pend(fragile, ctx)
    happened = kill_at(fragile, b"INSERT INTO `NoteEntity`", way)

    def write() -> None:
        with block(fragile, ctx):
            fragile.do(ctx.flush())
            fragile.do(fragile.notes.count(ctx, fx.Query()))

    with pytest.raises(MySQLConnectionError):
        write()
    nothing = counts(fragile)
    result = fragile.do(ctx.flush())

    assert (["killed"], (0, 0, 0)) == (happened, nothing)
    assert (fx.FlushResult(inserted=3), (1, 1, 1)) == (result, counts(fragile))


def test_a_function_run_in_a_transaction_outlives_a_kill(fragile: Fragile) -> None:
    """It is run again, once, from where it began."""
    ctx = fragile.context()
    happened = kill_at(fragile, b"INSERT INTO `NoteEntity`", Direction.ANSWER)

    def body(inner: Any) -> None:
        fragile.notes.new(inner, text="a")
        inner.flush()
        fragile.notes.count(inner, fx.Query())

    async def async_body(inner: Any) -> None:
        await fragile.notes.new(inner, text="a")
        await inner.flush()
        await fragile.notes.count(inner, fx.Query())

    fragile.do(ctx.run_in_transaction(body if fragile.shell.name == "sync" else async_body))

    assert (["killed"], (0, 0, 1)) == (happened, counts(fragile))


def test_a_connection_that_idled_too_long_is_replaced(fragile: Fragile) -> None:
    """The server hangs up after wait_timeout; nobody notices."""
    ctx = fragile.context()
    pend(fragile, ctx)
    ((thread,),) = fragile.do(ctx.mysql().query("SELECT CONNECTION_ID()"))
    fragile.do(ctx.mysql().exec("SET SESSION wait_timeout = 1"))
    wait_until(lambda: thread not in threads_of(fragile.database), "the server to hang up")

    result = fragile.do(ctx.flush())

    assert (fx.FlushResult(inserted=3), (1, 1, 1)) == (result, counts(fragile))


@pytest.fixture
def poor_user(mysql_database: Database) -> Any:
    """A user who may have two connections; gives his URL, and is dropped afterwards."""
    name = f"poor_{mysql_database.name[-8:]}"
    execute = mysql_database.server.execute
    execute(f"CREATE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS 2")
    execute(f"GRANT ALL ON `{mysql_database.name}`.* TO '{name}'@'%'")
    server = mysql_database.server
    yield f"mysql://{name}:{PASSWORD}@{server.host}:{server.port}/{mysql_database.name}"
    execute(f"DROP USER '{name}'@'%'")


def acquire(shop: Shop, count: int) -> list[Any]:
    pool = core(shop.engine).mysql_pools["default"]

    async def some() -> list[Any]:
        return [await pool.asyncio.acquire() for _ in range(count)]

    return [pool.sync.acquire() for _ in range(count)] if shop.shell.name == "sync" else list(shop.do(some()))


def release(shop: Shop, connections: list[Any]) -> None:
    pool = core(shop.engine).mysql_pools["default"]

    async def give_back() -> None:
        for connection in connections:
            pool.asyncio.release(connection)

    if shop.shell.name == "sync":
        for connection in connections:
            pool.sync.release(connection)
    else:
        shop.do(give_back())


def test_too_many_connections_are_waited_for_and_then_told(poor_user: str, shell: Shell) -> None:
    """A server without room may have some in a moment; when it has none in the pool's time, the error says so."""
    shop = Shop(open_engine(poor_user, None, pool_timeout=1.0), shell, poor_user)
    # what made the tables has left a connection for threads
    taken = acquire(shop, 2 if shell.name == "sync" else 1)

    with pytest.raises(MySQLConnectionError, match=r"max_open_connections|max_user_connections"):
        shop.do(shop.context().mysql().query("SELECT 1"))
    release(shop, taken)

    assert [(1,)] == list(shop.do(shop.context().mysql().query("SELECT 1")))
    shell.close(shop.engine)


def test_a_connection_that_somebody_else_gives_up_is_waited_for(poor_user: str, shell: Shell) -> None:
    """The server was full for a moment only: the caller notices nothing but the wait."""
    shop = Shop(open_engine(poor_user, None), shell, poor_user)
    pool = core(shop.engine).mysql_pools["default"]
    # what made the tables has left a connection for threads
    held = acquire(shop, 1 if shell.name == "sync" else 0)
    name, server = poor_user.removeprefix("mysql://").split(":")[0], pool.address.rpartition("@")[2].split("/")[0]
    host, _, port = server.rpartition(":")
    other = pymysql.connect(host=host, port=int(port), user=name, password=PASSWORD)
    answers: list[Any] = []
    ctx = shop.context()

    def ask() -> None:
        answers.extend(ctx.mysql().query("SELECT 1"))

    async def ask_and_close() -> None:
        asked = asyncio.ensure_future(ctx.mysql().query("SELECT 1"))
        await until(lambda: pool.asyncio.stats().open > 0, "one more to be opened")
        other.close()
        answers.extend(await asked)

    if shell.name == "sync":
        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(lambda: pool.sync.stats().open > len(held), "one more to be opened")
        other.close()
        thread.join()
    else:
        shop.do(ask_and_close())
    release(shop, held)

    assert [(1,)] == answers
    shell.close(shop.engine)


@pytest.mark.parametrize(
    ("kind", "setting", "user"),
    [("mariadb", "read_only", "app"), ("mysql", "read_only", "app"), ("mysql", "super_read_only", "root")],
)
def test_a_server_that_is_read_only_is_told(
    private_server: StartServer, shell: Shell, kind: str, setting: str, user: str
) -> None:
    """After a fail-over the address may be a replica: nothing is written, and the same objects wait for the primary."""
    server = private_server(kind)
    root = pymysql.connect(host=server.host, port=server.port, user="root", autocommit=True)
    execute = root.cursor().execute
    execute("CREATE DATABASE app CHARACTER SET utf8mb4")
    execute("CREATE USER app@'%' IDENTIFIED BY ''")
    execute("GRANT ALL ON app.* TO app@'%'")
    url = f"mysql://{user}@{server.host}:{server.port}/app"
    shop = Shop(open_engine(url, None), shell, url)
    ctx, alone = shop.context(), shop.context()
    shop.do(shop.counters.new(ctx, label="a"))
    shop.do(shop.notes.new(ctx, text="a"))
    shop.do(shop.notes.new(alone, text="b"))
    execute(f"SET GLOBAL {setting} = 1")

    for each in (ctx, alone):
        with pytest.raises(MySQLError, match="read-only"):
            shop.do(each.flush())
    nothing = (shop.do(shop.counters.count(ctx, fx.Query())), shop.do(shop.notes.count(ctx, fx.Query())))
    # the one that includes the other goes with it
    execute("SET GLOBAL super_read_only = 0" if kind == "mysql" else "SET GLOBAL read_only = 0")
    execute("SET GLOBAL read_only = 0")
    results = [shop.do(each.flush()) for each in (ctx, alone)]

    assert (0, 0) == nothing
    assert [fx.FlushResult(inserted=2), fx.FlushResult(inserted=1)] == results
    shell.close(shop.engine)
    root.close()


def test_a_child_leaves_its_parents_transaction_alone(fragile: Fragile) -> None:
    """It has a copy of the context, but not of the connection: what it does there fails, what it does afresh works."""
    ctx = fragile.context()
    with block(fragile, ctx):
        fragile.do(fragile.counters.new(ctx, label="parent"))
        fragile.do(ctx.flush())
        child = os.fork()
        if child == 0:
            os._exit(in_child(fragile, ctx))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        fragile.do(fragile.counters.new(ctx, label="parent 2"))
        fragile.do(ctx.flush())

    labels = tuple(label for (label,) in fragile.database.execute("SELECT label FROM CounterEntity ORDER BY label"))
    assert (0, ("child", "parent", "parent 2")) == (code, labels)


def in_child(shop: Fragile, inherited: Any) -> int:
    """Exit code: 0 as it should be."""
    try:
        with shop.engine.new_context() as ctx:
            shop.engine.new_context()
            counter = shop.counters.new(ctx, label="child")
            ctx.flush()
        if shop.shell.name == "sync":
            try:
                inherited.mysql().query("SELECT 1")
            except MySQLError:
                pass
            else:
                return 2
        return 0 if not counter.is_new else 3
    except Exception:  # noqa: BLE001 - the exit code tells
        return 1
