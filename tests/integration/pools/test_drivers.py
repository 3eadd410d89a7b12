"""The driver that a MySQL pool is told to use: that it is the one, and what it says where it cannot log in."""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
from typing import Any

import pytest

from fluxaorm import MySQLOptions, Registry
from fluxaorm.addresses import parse_mysql
from fluxaorm.errors import MissingExtraError, MySQLConnectionError
from fluxaorm.options.mysql import DRIVERS
from fluxaorm.pools import make_sql_pool
from tests.support.impostor import impostor
from tests.support.insides import core
from tests.support.sql_servers import Database, SqlServer

SECRET = "hunter2"
UNKNOWN_WAY = b"authentication_ldap__"


def _usual_way(server: SqlServer) -> bytes:
    return {"mysql": b"caching_sha2_password", "mariadb": b"mysql_native_password"}[server.kind]


def _adapter(registry: Registry) -> str:
    """The module of the pool's connections."""
    with registry.validate() as engine:
        pool = core(engine).mysql_pools["default"].sync
        connection = pool.acquire()
        pool.release(connection)
        return type(connection).__module__


def _open(url: str, driver: Any) -> None:
    """Opens a connection; asyncmy is asyncio's and no option."""
    options = MySQLOptions() if driver == "asyncmy" else MySQLOptions(driver=driver)
    pool = make_sql_pool("default", parse_mysql("default", url)[0], options)

    async def open_one() -> None:
        await pool.asyncio.acquire()

    if driver == "asyncmy":
        asyncio.run(open_one())
    else:
        pool.sync.acquire()


def _login_problem(url: str, driver: str) -> str:
    """What opening a connection says; it must say no password."""
    with pytest.raises(MySQLConnectionError) as caught:
        _open(url, driver)
    assert SECRET not in repr(caught.value) + str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("driver", DRIVERS)
def test_option_url_and_yaml_name_the_driver(mysql_database: Database, driver: Any) -> None:
    """Who tries another one must not measure the first."""
    by_option, by_url, by_yaml = Registry(), Registry(), Registry()
    by_option.register_mysql(mysql_database.url, options=MySQLOptions(driver=driver))
    by_url.register_mysql(mysql_database.server.url(mysql_database.name, driver=driver))
    by_yaml.init_by_yaml({"default": {"mysql": {"uri": mysql_database.url, "driver": driver}}})

    adapters = [_adapter(each) for each in (by_option, by_url, by_yaml)]

    assert [f"fluxaorm.pools.mysql.{driver}"] * 3 == adapters


def test_a_driver_that_is_not_installed(mysql_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what to install."""
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    monkeypatch.delitem(sys.modules, "fluxaorm.pools.mysql.mysqlclient", raising=False)
    registry = Registry()
    registry.register_mysql(mysql_database.url, options=MySQLOptions(driver="mysqlclient"))

    with pytest.raises(MissingExtraError, match=r"pip install 'fluxaorm\[mysqlclient\]'"):
        registry.validate()


@pytest.mark.parametrize(
    ("driver", "advice"),
    [
        ("mysqlclient", "mysqlclient cannot log in this way: MySQLOptions(driver='pymysql') may know it, or give"),
        ("pymysql", "PyMySQL cannot log in this way: MySQLOptions(driver='mysqlclient') may know it, or give"),
        ("asyncmy", "asyncmy cannot log in this way: give the user a way that every driver knows"),
    ],
)
def test_a_way_to_log_in_that_the_driver_lacks(mysql_database: Database, login: str, driver: str, advice: str) -> None:
    """MariaDB's C library calls it a wrong password, and so would we: people would look for the wrong thing."""
    server = mysql_database.server
    with impostor(server.address, (_usual_way(server), UNKNOWN_WAY)) as (host, port):
        text = _login_problem(f"mysql://{login}@{host}:{port}/{mysql_database.name}", driver)

    assert advice in text
    # the C library loses the name of a way that is not among those allowed
    assert driver == "mysqlclient" or UNKNOWN_WAY.decode() in text
    assert "wrong user or password" not in text


@pytest.mark.parametrize("mysql_server", ["mysql"], indirect=True)  # MariaDB's default way needs no package
@pytest.mark.parametrize(("driver", "library"), [("pymysql", "pymysql._auth"), ("asyncmy", "asyncmy.auth")])
def test_a_package_that_a_login_needs(
    mysql_database: Database, login: str, driver: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drivers' RuntimeError would pass by whoever waits for a server to come up."""
    server = mysql_database.server
    monkeypatch.setattr(importlib.import_module(library), "_have_cryptography", False)

    text = _login_problem(f"mysql://{login}@{server.host}:{server.port}/{mysql_database.name}", driver)

    assert "'cryptography' package is required" in text
    assert "cannot log in this way" in text


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_stream_that_is_cut_off_complains_to_nobody(
    mysql_database: Database, driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyMySQL's result would go on reading when it is forgotten, from a socket that is closed, and tell stderr."""
    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    pool = make_sql_pool("default", parse_mysql("default", mysql_database.url)[0], MySQLOptions(driver=driver))
    connection = pool.sync.acquire()
    connection.open_stream(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i FROM n"
    )
    first = connection.read_stream(3)

    connection.abort()
    pool.sync.release(connection)
    del connection
    gc.collect()

    assert ([(1,), (2,), (3,)], []) == (first, complaints)
