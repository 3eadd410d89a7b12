"""SQLite in the place of MySQL: what only it does."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fluxaorm.addresses import parse_mysql
from fluxaorm.errors import DeadlockError, MySQLError, NotSupportedError, PoolConnectError
from fluxaorm.options import MySQLOptions
from fluxaorm.plans.effects import Begin, Commit, Execute, FetchRows, Plan, Rollback, Session, Sleep
from fluxaorm.pools import make_sql_pool
from fluxaorm.pools.base.sql_ports import SQLPool
from fluxaorm.pools.sqlite import connection as sqlite
from fluxaorm.runners.asyncio import AsyncRunner
from fluxaorm.runners.sync import SyncRunner


def pool_at(url: str) -> SQLPool:
    """A pool on a SQLite database."""
    return make_sql_pool("default", parse_mysql("default", url)[0], MySQLOptions())


@pytest.fixture(params=["file", "memory"])
def pool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SQLPool]:
    """A pool on a file, and on a database in memory."""
    made = pool_at(f"sqlite:///{tmp_path}/app.db" if request.param == "file" else "sqlite://:memory:")
    made.connect()
    yield made
    made.close()


def read(sql: str, *args: Any) -> Plan[Any]:
    """The first cell of a SELECT."""
    rows = yield from FetchRows("default", sql, args)
    return rows[0][0]


def write(sql: str, *args: Any) -> Plan[Any]:
    """One statement alone."""
    return (yield from Execute("default", sql, args))


def test_all_connections_see_one_database(pool: SQLPool) -> None:
    """Also in memory: a reader beside an open transaction sees what was committed before."""
    runner = SyncRunner({"default": pool}, {})
    runner.run(write("CREATE TABLE t (a INTEGER)"))
    runner.run(write("INSERT INTO t VALUES (1)"))

    def plan() -> Plan[list[Any]]:
        session = Session("default")
        yield from Begin(session)
        yield from Execute(session, "UPDATE t SET a = 2")
        inside = yield from FetchRows(session, "SELECT a FROM t")
        outside = yield from FetchRows("default", "SELECT a FROM t")
        yield from Commit(session)
        return [inside[0][0], outside[0][0]]

    assert [2, 1] == runner.run(plan())
    assert 2 == runner.run(read("SELECT a FROM t"))


def test_two_databases_in_memory_are_two() -> None:
    """Each pool has its own."""
    first, second = pool_at("sqlite://:memory:"), pool_at("sqlite://:memory:")

    SyncRunner({"default": first}, {}).run(write("CREATE TABLE t (a INTEGER)"))

    with pytest.raises(MySQLError, match="no such table"):
        SyncRunner({"default": second}, {}).run(read("SELECT a FROM t"))
    first.close()
    second.close()


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")  # Python 3.13 tells who forgets one
def test_a_database_in_memory_goes_with_its_pool() -> None:
    """Nothing of it is left on any disk, whether the pool was closed or forgotten."""
    closed, forgotten = pool_at("sqlite://:memory:"), pool_at("sqlite://:memory:")
    files = [database_file(closed), database_file(forgotten)]
    there = [os.path.exists(file) for file in files]

    closed.close()
    del forgotten
    gc.collect()

    assert [True, True] == there
    assert [False, False] == [os.path.exists(os.path.dirname(file)) for file in files]


def database_file(pool: SQLPool) -> str:
    """The file behind a pool."""
    path = SyncRunner({"default": pool}, {}).run(read("SELECT file FROM pragma_database_list WHERE name = 'main'"))
    assert isinstance(path, str)
    return path


def test_tasks_take_turns_at_writing(pool: SQLPool) -> None:
    """Whoever waits for the lock lets the loop go on, so that the task that holds it can release it."""
    runner = AsyncRunner({"default": pool}, {})

    def transaction() -> Plan[None]:
        session = Session("default")
        yield from Begin(session)
        rows = yield from FetchRows(session, "SELECT a FROM t")
        yield from Sleep(0.005)
        yield from Execute(session, "UPDATE t SET a = ?", (rows[0][0] + 1,))
        yield from Sleep(0.005)
        yield from Commit(session)

    async def scenario() -> Any:
        await runner.run(write("CREATE TABLE t (a INTEGER)"))
        await runner.run(write("INSERT INTO t VALUES (0)"))
        lone = [runner.run(write("UPDATE t SET a = a + 100")) for _ in range(5)]
        await asyncio.gather(*[runner.run(transaction()) for _ in range(10)], *lone)
        value = await runner.run(read("SELECT a FROM t"))
        await pool.aclose()
        return value

    threads = threading.active_count()

    assert 510 == asyncio.run(scenario())
    assert threads == threading.active_count()


def test_a_lock_that_is_never_released_is_given_up(pool: SQLPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a lock wait that timed out is on MySQL."""
    monkeypatch.setattr(sqlite, "LOCK_SECONDS", 0.1)
    runner = AsyncRunner({"default": pool}, {})

    def plan() -> Plan[str]:
        session = Session("default")
        yield from Begin(session)
        try:
            yield from Execute("default", "CREATE TABLE t (a INTEGER)")
        except DeadlockError as error:
            return str(error)
        finally:
            yield from Rollback(session)
        raise AssertionError("no error")

    async def scenario() -> str:
        started = time.monotonic()
        message = await runner.run(plan())
        assert time.monotonic() - started < 30
        await pool.aclose()
        return message

    assert "locked" in asyncio.run(scenario())


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT FIND_IN_SET('a', 'a,b')", "FIND_IN_SET"),
        ("SELECT 1 FOR UPDATE", "syntax error"),
        ("SELECT a FROM t ORDER BY a COLLATE utf8mb4_bin", "utf8mb4_bin"),
        ("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1", "syntax error"),
    ],
)
def test_what_only_mysql_understands_is_not_supported(pool: SQLPool, sql: str, reason: str) -> None:
    """The error says who does not understand, and what."""
    runner = SyncRunner({"default": pool}, {})
    runner.run(write("CREATE TABLE t (a INTEGER)"))

    with pytest.raises(NotSupportedError, match=reason) as caught:
        runner.run(read(sql))
    assert "stands in for MySQL" in str(caught.value)


def test_numbers_beyond_64_bits_are_stored_as_text(pool: SQLPool) -> None:
    """Unsigned columns hold them so, in a collation that orders them as numbers."""
    runner = SyncRunner({"default": pool}, {})
    runner.run(write("CREATE TABLE t (a TEXT COLLATE FX_DECIMAL) STRICT"))
    for value in (2**64 - 1, 9, 10, 2**63):
        runner.run(write("INSERT INTO t VALUES (?)", value))

    found = runner.run(read("SELECT group_concat(a) FROM (SELECT a FROM t WHERE a > ? ORDER BY a)", 9))

    assert f"10,{2**63},{2**64 - 1}" == found


def test_after_an_error_that_ended_its_transaction_a_commit_fails(pool: SQLPool) -> None:
    """Nothing was committed, and nobody is told otherwise."""
    runner = SyncRunner({"default": pool}, {})

    def plan() -> Plan[None]:
        session = Session("default")
        yield from Begin(session)
        yield from Execute(session, "ROLLBACK")
        yield from Commit(session)

    with pytest.raises(MySQLError, match="no transaction is active"):
        runner.run(plan())


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """At validate()."""
    (tmp_path / "app.db").write_bytes(b"something else" * 100)

    with pytest.raises(PoolConnectError, match="not a database"):
        pool_at(f"sqlite:///{tmp_path}/app.db").connect()


def test_a_file_that_is_no_database_is_not_held_open(tmp_path: Path) -> None:
    """An application that tries again until the file is right must not run out of file descriptors by that."""
    path = tmp_path / "app.db"
    path.write_bytes(b"this is not a database at all, and much too long for a header" * 20)

    with pytest.raises(PoolConnectError) as caught:
        pool_at(f"sqlite:///{path}").connect()

    held = [os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if _is_open(number)]
    # the error's traceback still holds everything that was not closed
    assert caught.value.__traceback__ is not None
    assert str(path) not in held


def _is_open(number: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{number}")


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """The message says what to look for."""
    with pytest.raises(PoolConnectError, match="directory"):
        pool_at(f"sqlite:///{tmp_path}/nowhere/app.db").connect()


def test_a_sqlite_that_is_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STRICT tables came with 3.37."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))

    with pytest.raises(PoolConnectError, match="too old"):
        pool_at(f"sqlite:///{tmp_path}/app.db").connect()
