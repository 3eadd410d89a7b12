"""SQL pools when things break: killed and cut connections, servers that hang, transactions that clash, crowds."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from devstack.process import wait_until
from devstack.proxy import Direction, Proxy, Verdict
from fluxaorm.errors import (
    CommitUnknownError,
    DeadlockError,
    FluxaError,
    MySQLConnectionError,
    MySQLError,
    PoolTimeoutError,
)
from fluxaorm.plans.effects import Begin, Commit, Execute, ExecuteBatch, FetchRows, Plan, Rollback, Session, Statement
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.runners.asyncio import AsyncRunner
from tests.support.driven_pools import Driven, OpenPool, each_driver
from tests.support.insides import failed_statement_of
from tests.support.kills import kill_all
from tests.support.network import MakeProxy
from tests.support.server_threads import threads_at, threads_of
from tests.support.sql_servers import Database
from tests.support.waiting import until

TABLE = "CREATE TABLE thing (id INTEGER NOT NULL PRIMARY KEY, amount INTEGER)"


@pytest.fixture
def proxy(sql_database: Database, proxy_factory: MakeProxy) -> Proxy:
    """Between the pool and the server."""
    return proxy_factory(sql_database.server.address)


@pytest.fixture
def through(open_pool: OpenPool, sql_database: Database, proxy: Proxy) -> Iterator[Driven]:
    """A pool behind the proxy, on a database with a table of two rows."""
    driven = open_pool(sql_database.server.url(sql_database.name, proxy.port))
    driven.execute(TABLE)
    driven.execute("INSERT INTO thing VALUES ", rows=[(1, 10), (2, 20)])
    yield driven
    proxy.resume()


def amounts(database: Database) -> list[int]:
    """What is stored, past the code under test."""
    return [row[0] for row in database.execute("SELECT amount FROM thing ORDER BY id")]


def ended(plan: Plan[Any]) -> Plan[Any]:
    """A plan that returns its error."""
    try:
        return (yield from plan)
    except FluxaError as error:
        return error


@each_driver(sqlite=False)
def test_a_connection_killed_while_idle_is_not_handed_out(
    through: Driven, sql_database: Database, proxy: Proxy
) -> None:
    """The server said farewell on it: a fresh one takes its place, and nobody sees an error."""
    for _ in range(3):
        proxy.reset()
        assert 1 == kill_all(sql_database)
        assert wait_until(lambda: proxy.farewells == 1, 20)
        assert [1] == [int(cell) for cell in through.column("SELECT 1")]

    assert PoolStats(1, 1, 0) == through.stats()


@each_driver(sqlite=False)
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_connection_cut_while_idle_is_not_handed_out(through: Driven, proxy: Proxy, reset: bool) -> None:
    """The same when the network went away."""
    proxy.cut(reset=reset)

    assert [1] == [int(cell) for cell in through.column("SELECT 1")]
    assert PoolStats(1, 1, 0) == through.stats()


def cut_answers(proxy: Proxy, marker: bytes) -> None:
    """The statement with this text reaches the server, but its answer gets lost with the connection."""
    seen = threading.Event()

    def intercept(direction: Direction, chunk: bytes) -> Verdict:
        if direction is Direction.REQUEST and marker in chunk:
            seen.set()
        elif direction is Direction.ANSWER and seen.is_set():
            seen.clear()
            return Verdict.CUT
        return Verdict.FORWARD

    proxy.intercept = intercept


@each_driver(sqlite=False)
def test_a_read_whose_connection_is_lost_fails(through: Driven, proxy: Proxy) -> None:
    """With an error that says so, and the next one gets a fresh connection."""
    cut_answers(proxy, b"SELECT 7")

    with pytest.raises(MySQLConnectionError):
        through.fetch("SELECT 7")

    assert PoolStats(0, 0, 0) == through.stats()
    assert [8] == [int(cell) for cell in through.column("SELECT 8")]


@each_driver(sqlite=False)
def test_a_lone_statement_whose_answer_is_lost_is_unknown(
    through: Driven, proxy: Proxy, sql_database: Database
) -> None:
    """Here it was done, and the error does not claim otherwise."""
    cut_answers(proxy, b"UPDATE")

    with pytest.raises(CommitUnknownError):
        through.execute("UPDATE thing SET amount = 11 WHERE id = 1")

    assert [11, 20] == amounts(sql_database)
    assert PoolStats(0, 0, 0) == through.stats()


@each_driver(sqlite=False)
def test_a_commit_whose_answer_is_lost_is_unknown(through: Driven, proxy: Proxy, sql_database: Database) -> None:
    """Statements before it that were lost would not be."""
    cut_answers(proxy, b"COMMIT")

    def plan() -> Plan[None]:
        session = Session("default")
        yield from Begin(session)
        yield from ExecuteBatch(session, [Statement("UPDATE thing SET amount = ?", (0,))])
        yield from Commit(session)

    with pytest.raises(CommitUnknownError):
        through.run(plan())

    assert [0, 0] == amounts(sql_database)
    assert PoolStats(0, 0, 0) == through.stats()


@each_driver(sqlite=False)
def test_a_statement_lost_inside_a_transaction_wrote_nothing(
    through: Driven, proxy: Proxy, sql_database: Database
) -> None:
    """It can be tried again from the start."""
    cut_answers(proxy, b"UPDATE")

    def plan() -> Plan[None]:
        session = Session("default")
        yield from Begin(session)
        try:
            yield from ExecuteBatch(session, [Statement("UPDATE thing SET amount = 0")])
        finally:
            yield from Rollback(session)

    with pytest.raises(MySQLConnectionError) as caught:
        through.run(plan())

    assert 0 == failed_statement_of(caught.value)
    assert [10, 20] == amounts(sql_database)
    assert PoolStats(0, 0, 0) == through.stats()


@each_driver(sqlite=False)
def test_a_killed_statement_is_unknown_when_alone(through: Driven, sql_database: Database) -> None:
    """The server rolled it back, most likely; only the table knows."""
    blocker = sql_database.server.connect(sql_database.name)
    blocker.begin()
    blocker.cursor().execute("UPDATE thing SET amount = 99 WHERE id = 1")
    killer = threading.Thread(target=kill_query, args=(sql_database, "UPDATE thing SET amount = 12"))
    killer.start()

    with pytest.raises(CommitUnknownError):
        through.execute("UPDATE thing SET amount = 12 WHERE id = 1")
    killer.join()
    blocker.rollback()
    blocker.close()

    assert [10, 20] == amounts(sql_database)


def kill_query(database: Database, start: str) -> None:
    """Kill the statement that starts so, once it runs."""
    found: list[int] = []

    def runs() -> bool:
        found.extend(threads_at(database, start=start))
        return bool(found)

    assert wait_until(runs, 30)
    database.server.execute(f"KILL QUERY {found[0]}")


@each_driver(sqlite=False)
def test_a_server_that_hangs_is_given_up(open_pool: OpenPool, sql_database: Database, proxy: Proxy) -> None:
    """After read_timeout; the connection is closed, since its answer may still come."""
    driven = open_pool(sql_database.server.url(sql_database.name, proxy.port), read_timeout=1.0)
    driven.fetch("SELECT 1")
    proxy.stall()
    started = time.monotonic()

    with pytest.raises(MySQLConnectionError):
        driven.fetch("SELECT 2")

    assert 0.5 < time.monotonic() - started < 30
    assert PoolStats(0, 0, 0) == driven.stats()
    proxy.resume()
    assert [3] == [int(cell) for cell in driven.column("SELECT 3")]


@each_driver(sqlite=False)
def test_a_server_that_never_greets_is_given_up(open_pool: OpenPool, sql_database: Database, proxy: Proxy) -> None:
    """After connect_timeout."""
    driven = open_pool(sql_database.server.url(sql_database.name, proxy.port), connect=False, connect_timeout=1.0)
    proxy.stall()
    started = time.monotonic()

    with pytest.raises(MySQLConnectionError):
        driven.fetch("SELECT 1")

    assert time.monotonic() - started < 30
    proxy.resume()
    assert [1] == [int(cell) for cell in driven.column("SELECT 1")]


@each_driver(sqlite=False)
def test_a_pool_recovers_when_its_server_comes_back(through: Driven, proxy: Proxy) -> None:
    """What could not be opened is not counted."""
    proxy.refuse()
    for _ in range(3):
        with pytest.raises(MySQLConnectionError):
            through.fetch("SELECT 1")
    proxy.accept()

    assert [1] == [int(cell) for cell in through.column("SELECT 1")]
    assert PoolStats(1, 1, 0) == through.stats()


@each_driver()
def test_an_exhausted_pool_gives_up_after_its_time(open_pool: OpenPool) -> None:
    """With the numbers in the message."""
    driven = open_pool(max_open_connections=1, pool_timeout=0.1)

    def plan() -> Plan[Any]:
        session = Session("default")
        yield from Begin(session)
        error = yield from ended(_lone_read())
        yield from Rollback(session)
        return error

    error = driven.run(plan())

    assert isinstance(error, PoolTimeoutError)
    assert "within 0.1 s (all 1 are in use" in str(error)
    assert PoolStats(1, 1, 0) == driven.stats()


def _lone_read() -> Plan[Any]:
    return (yield from FetchRows("default", "SELECT 1"))


@each_driver(sqlite=False)
def test_a_deadlock_is_told_apart(through: Driven, sql_database: Database) -> None:
    """Two transactions in opposite order: one of them is chosen, and may be tried again."""
    other = sql_database.server.connect(sql_database.name)
    other.begin()
    cursor = other.cursor()
    cursor.execute("UPDATE thing SET amount = amount + 1 WHERE id IN (2)")
    # the heavier transaction survives
    cursor.execute("INSERT INTO thing SELECT seq.n + 100, 0 FROM (SELECT 1 n UNION SELECT 2 UNION SELECT 3) seq")
    crossing = threading.Thread(target=lambda: cursor.execute("UPDATE thing SET amount = 5 WHERE id = 1"))

    def plan() -> Plan[Any]:
        session = Session("default")
        yield from Begin(session)
        yield from Execute(session, "UPDATE thing SET amount = 6 WHERE id = 1")
        crossing.start()
        wait_until(lambda: bool(threads_at(sql_database, "SET amount = 5")), 60)
        error = yield from ended(_update(session))
        yield from Rollback(session)
        return error

    error = through.run(plan())
    crossing.join()
    other.rollback()
    other.close()

    assert isinstance(error, DeadlockError)
    assert 1213 == error.errno
    assert PoolStats(1, 1, 0) == through.stats()


def _update(session: Session) -> Plan[Any]:
    return (yield from Execute(session, "UPDATE thing SET amount = 6 WHERE id = 2"))


@each_driver(sqlite=False)
def test_a_lock_that_is_not_given_in_time_is_a_deadlock_too(through: Driven, sql_database: Database) -> None:
    """The transaction may be tried again."""
    holder = sql_database.server.connect(sql_database.name)
    holder.begin()
    holder.cursor().execute("UPDATE thing SET amount = 7 WHERE id = 2")

    def plan() -> Plan[Any]:
        session = Session("default")
        yield from Begin(session)
        yield from Execute(session, "SET SESSION innodb_lock_wait_timeout = 1")
        error = yield from ended(_update(session))
        yield from Rollback(session)
        return error

    error = through.run(plan())
    holder.rollback()
    holder.close()

    assert isinstance(error, DeadlockError)
    assert 1205 == error.errno


@each_driver(sqlite=False)
def test_connections_are_replaced_when_they_are_old(open_pool: OpenPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """``conn_max_lifetime``: behind a proxy, say, that wants its clients to move."""
    young = open_pool(conn_max_lifetime=300)
    kept = [young.column("SELECT CONNECTION_ID()") for _ in range(2)]
    # what is opened from here on is as old as if it had been opened five minutes ago
    earlier = SimpleNamespace(monotonic=lambda: time.monotonic() - 300)
    monkeypatch.setattr("fluxaorm.pools.base.sql.time", earlier)
    old = open_pool(conn_max_lifetime=300)

    replaced = [old.column("SELECT CONNECTION_ID()") for _ in range(2)]

    assert kept[0] == kept[1]
    assert replaced[0] != replaced[1]
    assert [PoolStats(1, 1, 0)] * 2 == [young.stats(), old.stats()]


@each_driver(sqlite=False)
def test_closing_a_pool_closes_its_connections(open_pool: OpenPool, sql_database: Database) -> None:
    """The server sees none of them any more."""
    driven = open_pool()

    def plan() -> Plan[None]:
        session = Session("default")
        yield from Begin(session)
        yield from FetchRows("default", "SELECT 1")
        yield from Rollback(session)

    driven.run(plan())
    assert PoolStats(2, 2, 0) == driven.stats()
    if driven.loop is None:
        driven.pool.close()
    else:
        driven.loop.run_until_complete(driven.pool.aclose())

    assert wait_until(lambda: connected(sql_database) == 0, 20)


def connected(database: Database) -> int:
    """Clients of a database."""
    return len(threads_of(database))


@each_driver()
def test_hundreds_of_failures_leak_nothing(open_pool: OpenPool) -> None:
    """No connection, no file descriptor."""
    driven = open_pool()
    driven.execute(TABLE)

    def plan() -> Plan[None]:
        session = Session("default")
        yield from Begin(session)
        try:
            yield from Execute(session, "INSERT INTO thing VALUES (1, 1)")
            yield from ExecuteBatch(session, [Statement("INSERT INTO thing VALUES (1, 2)")])
        finally:
            yield from Rollback(session)

    def fail_everywhere() -> None:
        with pytest.raises(MySQLError):
            driven.run(plan())
        with pytest.raises(FluxaError):
            driven.fetch("SELECT missing FROM thing")
        with pytest.raises(FluxaError):
            driven.execute("UPDATE missing SET a = 1")

    fail_everywhere()
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        fail_everywhere()
    gc.collect()

    assert before == len(os.listdir("/proc/self/fd"))
    assert PoolStats(1, 1, 0) == driven.stats()


ASYNCIO = pytest.mark.parametrize(
    "sql_database", [("mysql", "asyncmy"), ("mariadb", "asyncmy")], ids=["mysql", "mariadb"], indirect=True
)


@ASYNCIO
def test_queries_of_many_tasks_overlap_without_threads(open_pool: OpenPool) -> None:
    """Eight sleeps on eight connections take about as long as one, and no thread is started."""
    driven = open_pool()
    runner = AsyncRunner({"default": driven.pool}, {})

    async def scenario() -> tuple[float, int]:
        await asyncio.gather(*[runner.run(_sleep(0)) for _ in range(8)])
        threads = threading.active_count()
        started = time.monotonic()
        await asyncio.gather(*[runner.run(_sleep(0.4)) for _ in range(8)])
        return time.monotonic() - started, threading.active_count() - threads

    assert driven.loop is not None
    before = threading.active_count()
    taken, started = driven.loop.run_until_complete(scenario())

    assert taken < 8 * 0.4
    assert 0 == started
    assert before == threading.active_count()
    assert 8 == driven.stats().open


def _sleep(seconds: float) -> Plan[Any]:
    return (yield from FetchRows("default", "SELECT SLEEP(?)", (seconds,)))


@ASYNCIO
def test_a_cancelled_query_closes_its_connection(open_pool: OpenPool, sql_database: Database) -> None:
    """Its answer would be read by the next query otherwise."""
    driven = open_pool()
    runner = AsyncRunner({"default": driven.pool}, {})

    async def scenario() -> None:
        for seconds in range(5, 10):
            task = asyncio.ensure_future(runner.run(_sleep(seconds)))
            await until(partial(threads_at, sql_database, f"SLEEP({seconds})"), "the query to run")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    assert driven.loop is not None
    driven.loop.run_until_complete(scenario())

    assert PoolStats(0, 0, 0) == driven.stats()
    assert [1] == [int(cell) for cell in driven.column("SELECT 1")]


@ASYNCIO
def test_cancelled_at_random_no_task_reads_the_answer_of_another(open_pool: OpenPool) -> None:
    """Every answer is that of its own question, whatever else is torn apart."""
    driven = open_pool(max_open_connections=4)
    runner = AsyncRunner({"default": driven.pool}, {})

    async def ask(number: int) -> None:
        for turn in range(20):
            value = number * 1000 + turn
            rows = await runner.run(_echo(value))
            assert value == int(rows[0][0])

    async def scenario() -> list[Any]:
        tasks = [asyncio.ensure_future(ask(number)) for number in range(24)]
        for position, task in enumerate(tasks):
            if position % 3 == 0:
                await asyncio.sleep(0.003)
                task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert driven.loop is not None
    results = driven.loop.run_until_complete(scenario())

    assert [None] * 16 == [result for position, result in enumerate(results) if position % 3]
    assert driven.stats().open == driven.stats().idle <= 4


def _echo(value: int) -> Plan[Any]:
    return (yield from FetchRows("default", "SELECT ?", (value,)))


@ASYNCIO
def test_each_loop_has_connections_of_its_own(open_pool: OpenPool) -> None:
    """A connection cannot move to another loop."""
    driven = open_pool()
    runner = AsyncRunner({"default": driven.pool}, {})

    async def scenario() -> tuple[Any, PoolStats]:
        rows = await runner.run(_echo(1))
        stats = driven.pool.asyncio.stats()
        await driven.pool.aclose()
        return int(rows[0][0]), stats

    assert (1, PoolStats(1, 1, 0)) == asyncio.run(scenario())


@ASYNCIO
def test_uvloop_drives_the_pool_too(open_pool: OpenPool) -> None:
    """The driver writes to its sockets past the loop now and then."""
    uvloop = pytest.importorskip("uvloop")
    driven = open_pool(max_open_connections=8)
    runner = AsyncRunner({"default": driven.pool}, {})

    async def scenario() -> list[int]:
        results: list[int] = []
        for _ in range(6):
            rows = await asyncio.gather(*[runner.run(_echo(number)) for number in range(30)])
            results = [int(row[0][0]) for row in rows]
        await driven.pool.aclose()
        return results

    loop = uvloop.new_event_loop()
    try:
        assert list(range(30)) == loop.run_until_complete(scenario())
    finally:
        loop.close()


@pytest.mark.parametrize(
    "sql_database", [("mysql", "mysqlclient"), ("mysql", "pymysql"), ("sqlite", "threads")], indirect=True,
    ids=["mysqlclient", "pymysql", "sqlite"],
)  # fmt: skip
def test_a_child_process_opens_fresh_connections(open_pool: OpenPool) -> None:
    """And leaves the parent's alone, also when it throws them away and ends."""
    driven = open_pool()
    driven.execute(TABLE)
    driven.execute("INSERT INTO thing VALUES (1, 1)")
    me = driven.column("SELECT CONNECTION_ID()") if driven.kind != "sqlite" else None

    def plan() -> Plan[list[Any]]:
        session = Session("default")
        yield from Begin(session)
        yield from Execute(session, "UPDATE thing SET amount = 2 WHERE id = 1")
        status = in_child(driven)
        inside = yield from FetchRows(session, "SELECT amount FROM thing")
        yield from Commit(session)
        return [status, int(inside[0][0])]

    assert [0, 2] == driven.run(plan())
    assert [2] == [int(cell) for cell in driven.column("SELECT amount FROM thing")]
    if me is not None:
        assert me == driven.column("SELECT CONNECTION_ID()")


def in_child(driven: Driven) -> int:
    """The exit status of a child that reads and collects its garbage: 0 when all went well."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            driven.pool.reset_after_fork()
            gc.collect()
            read = driven.column("SELECT amount FROM thing")
            if [1] == [int(cell) for cell in read] and 1 == driven.pool.sync.stats().open:
                driven.pool.close()
                gc.collect()
                status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
