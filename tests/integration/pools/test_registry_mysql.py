"""What `validate()` learns from real MySQL and MariaDB servers, and says of those that cannot serve."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from devstack.process import wait_until
from devstack.proxy import Verdict
from fluxaorm import Entity, MySQLOptions, RedisOptions, Reference, Registry, UInt32
from fluxaorm.engine import Engine
from fluxaorm.errors import MySQLConnectionError, PoolConnectError, RegistryError
from tests.support.impostor import impostor
from tests.support.insides import core
from tests.support.network import MakeProxy
from tests.support.private_servers import StartServer
from tests.support.redis_servers import RedisServer
from tests.support.server_threads import threads_of
from tests.support.sql_servers import Database, SqlServer

SECRET = "hunter2"


def _validated(address: str, options: MySQLOptions | None = None) -> Engine:
    registry = Registry()
    registry.register_mysql(address, options=options)
    return registry.validate()


def _refusal(address: str, options: MySQLOptions | None = None) -> PoolConnectError:
    with pytest.raises(PoolConnectError) as caught:
        _validated(address, options)
    assert SECRET not in "".join(map(str, (caught.value, caught.value.__cause__, caught.value.args)))
    assert "default" == caught.value.pool
    return caught.value


@pytest.fixture(params=["mysql", "mariadb"])
def small_server(request: pytest.FixtureRequest, private_server: StartServer) -> SqlServer:
    """A server that allows 20 connections and ends idle ones after a minute."""
    server = private_server(request.param, "--max-connections=20", "--wait-timeout=60")
    return SqlServer(request.param, server.host, server.port, "root", "", "")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (MySQLOptions(), (20, 20, 60)),
        (MySQLOptions(max_open_connections=10), (10, 10, 60)),
        (MySQLOptions(max_open_connections=10, max_idle_connections=3, conn_max_lifetime=30), (10, 3, 30)),
        (MySQLOptions(max_open_connections=30, max_idle_connections=25, conn_max_lifetime=90), (20, 20, 60)),
    ],
)
def test_limits_are_the_smaller_of_options_and_server(
    small_server: SqlServer, options: MySQLOptions, expected: tuple[int, int, int]
) -> None:
    """More connections than the server allows fail under load; idle ones it ended fail at their next use."""
    database = small_server.create_database()

    with _validated(database.url, options) as engine:
        limits = engine.mysql().limits

    assert expected == (limits.max_open, limits.max_idle, limits.lifetime)


def test_defaults_hold_where_the_server_allows_more(mysql_database: Database) -> None:
    """100 connections, five minutes."""
    ((most, idle),) = mysql_database.execute("SELECT @@max_connections, @@global.wait_timeout")

    with _validated(mysql_database.url) as engine:
        limits = engine.mysql().limits

    assert (min(100, most), min(100, most), min(300, idle)) == (limits.max_open, limits.max_idle, limits.lifetime)


def _collations(database: Database) -> list[str]:
    sql = "SELECT FULL_COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
    if database.server.kind == "mysql":
        sql = "SELECT COLLATION_NAME FROM information_schema.COLLATIONS"
    return [row[0] for row in database.execute(sql)]


def test_the_collation_is_one_the_server_has(mysql_database: Database) -> None:
    """MySQL's default is unknown to MariaDB: the server is asked."""
    with _validated(mysql_database.url) as engine:
        collation = engine.mysql().collation

    expected = "utf8mb4_0900_ai_ci" if mysql_database.server.kind == "mysql" else "utf8mb4_general_ci"
    assert expected == collation
    assert collation in _collations(mysql_database)


@pytest.mark.parametrize("wanted", ["unicode_ci", "utf8mb4_unicode_ci"])
def test_a_collation_may_be_named_without_its_charset(mysql_database: Database, wanted: str) -> None:
    """As the original's options name it."""
    with _validated(mysql_database.url, MySQLOptions(default_collate=wanted)) as engine:
        assert "utf8mb4_unicode_ci" == engine.mysql().collation


class ParentEntity(Entity):
    """Whose rows are pointed to."""

    id: UInt32


class CachedEntity(Entity, local_cache=True):
    """Rows of it are kept in the process."""

    id: UInt32
    parent: Reference[ParentEntity] | None = None


class UncachedEntity(Entity):
    """Rows of it are not kept."""

    id: UInt32
    parent: Reference[ParentEntity] | None = None


@pytest.mark.parametrize(
    ("rule", "told"),
    [("CASCADE", "the server deletes rows"), ("SET NULL", "the server changes rows"), ("RESTRICT", None)],
)
def test_rows_that_a_server_deletes_behind_a_caches_back_are_warned_of(
    mysql_database: Database, caplog: pytest.LogCaptureFixture, rule: str, told: str | None
) -> None:
    """They would be served until their time is over, with no error anywhere."""
    mysql_database.execute("CREATE TABLE ParentEntity (id int unsigned PRIMARY KEY)")
    for table in ("CachedEntity", "UncachedEntity"):
        mysql_database.execute(
            f"CREATE TABLE {table} (id int unsigned PRIMARY KEY, parent int unsigned, CONSTRAINT fk_{table}"
            f" FOREIGN KEY (parent) REFERENCES ParentEntity (id) ON DELETE {rule})"
        )
    registry = Registry()
    registry.register_mysql(mysql_database.url)
    registry.register_entity(ParentEntity, CachedEntity, UncachedEntity)

    with caplog.at_level(logging.WARNING, logger="fluxaorm.registry"):
        registry.validate().close()

    warnings = [record.getMessage() for record in caplog.records]
    assert (0 if told is None else 1) == len(warnings)
    if told is not None:
        assert warnings[0].startswith(f"CachedEntity: by the foreign key 'fk_CachedEntity' {told} of 'CachedEntity'")
        assert f"(ON DELETE {rule})" in warnings[0]


@pytest.mark.parametrize(
    "options",
    [
        MySQLOptions(default_encoding="utf8", default_collate="utf8_bin"),
        MySQLOptions(default_encoding="UTF8", default_collate="bin"),
        MySQLOptions(default_encoding="utf8mb3", default_collate="utf8_bin"),
    ],
)
def test_utf8_is_the_old_name_of_utf8mb3(mysql_database: Database, options: MySQLOptions) -> None:
    """Old tables' definitions say so, and servers list only the new name."""
    with _validated(mysql_database.url, options) as engine:
        assert "utf8mb3_bin" == engine.mysql().collation


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (MySQLOptions(default_collate="nonsense"), "the server has no collation 'nonsense' of charset 'utf8mb4'"),
        (MySQLOptions(default_encoding="nonsense"), "the server has no charset 'nonsense'"),
    ],
)
def test_an_unknown_collation_is_found_at_once(mysql_database: Database, options: MySQLOptions, cause: str) -> None:
    """Else the first CREATE TABLE would fail, in production."""
    assert cause == _refusal(mysql_database.url, options).cause


def test_a_server_that_is_down(mysql_server: SqlServer) -> None:
    """The pool, the address without its password, and the reason."""
    error = _refusal(f"root:{SECRET}@tcp(127.0.0.1:1)/app")

    assert "mysql://root:***@127.0.0.1:1/app" == error.address
    assert str(error).startswith("pool 'default' (mysql://root:***@127.0.0.1:1/app): ")
    assert re.search("refused|can't connect", error.cause, re.IGNORECASE)


def test_all_servers_that_are_down_are_named() -> None:
    """One restart of the application instead of one for each of them."""
    registry = Registry()
    registry.register_mysql("root@tcp(127.0.0.1:1)/a")
    registry.register_mysql("root@tcp(127.0.0.1:1)/b", "logs")
    registry.register_redis("127.0.0.1:1", 0, "sessions")

    with pytest.raises(PoolConnectError, match="pool 'default'") as caught:
        registry.validate()

    notes = "\n".join(caught.value.__notes__)
    assert "also: pool 'logs' (mysql://root@127.0.0.1:1/b)" in notes
    assert "also: pool 'sessions' (redis://127.0.0.1:1/0)" in notes


def test_without_connecting_no_server_is_needed(no_sockets: None) -> None:
    """Code generation runs in CI, where there is none."""
    registry = Registry()
    registry.register_mysql("root@tcp(127.0.0.1:1)/app")
    registry.register_redis("127.0.0.1:1")

    registry.validate(connect=False).close()


DRIVERS = pytest.mark.parametrize("driver", ["mysqlclient", "pymysql"])


@DRIVERS
def test_a_wrong_password(mysql_database: Database, login: str, driver: Any) -> None:
    """The server's words; neither the wrong password nor the right one."""
    server = mysql_database.server
    address = f"{login}wrong@tcp({server.host}:{server.port})/{mysql_database.name}"

    error = _refusal(address, MySQLOptions(driver=driver))

    assert "Access denied" in error.cause


@DRIVERS
def test_the_right_password(mysql_database: Database, login: str, driver: Any) -> None:
    """Both drivers log in with the server's default way."""
    server = mysql_database.server
    address = f"{login}@tcp({server.host}:{server.port})/{mysql_database.name}"

    with _validated(address, MySQLOptions(driver=driver)) as engine:
        assert SECRET not in repr(engine.mysql())


@DRIVERS
def test_a_database_that_is_not_there(mysql_server: SqlServer, driver: Any) -> None:
    """A misspelt name."""
    assert "nowhere" in _refusal(mysql_server.url("nowhere"), MySQLOptions(driver=driver)).cause


@DRIVERS
def test_a_certificate_nobody_vouches_for_is_refused(mysql_server: SqlServer, driver: Any) -> None:
    """TLS that checks nothing protects from nobody; MariaDB here speaks no TLS at all, which is no excuse."""
    address = mysql_server.url("mysql", tls="true")

    error = _refusal(address, MySQLOptions(driver=driver))

    assert re.search("certificate|ssl|tls", error.cause, re.IGNORECASE)


@DRIVERS
def test_unchecked_tls_must_be_asked_for(mysql_database: Database, driver: Any) -> None:
    """For servers that made their own certificate; one without any, as MariaDB 10.11, is never spoken to in clear."""
    address = mysql_database.server.url(mysql_database.name, tls="skip-verify")
    if mysql_database.server.kind == "mariadb":
        assert re.search("ssl|tls", _refusal(address, MySQLOptions(driver=driver)).cause, re.IGNORECASE)
        return

    with _validated(address, MySQLOptions(driver=driver)) as engine:
        connection = core(engine).mysql_pool().sync.acquire()
        (row,) = connection.fetch("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        core(engine).mysql_pool().sync.release(connection)

    assert b"" != row[1]


def test_a_server_that_is_too_old(mysql_database: Database) -> None:
    """MySQL 5.7 knows neither atomic DDL nor roles; better said at once than by a syntax error."""
    server = mysql_database.server
    old = {"mysql": b"5.7.4", "mariadb": b"10.05.18"}[server.kind]
    true = re.match(rb"[0-9.]+", server.version.encode())
    assert true is not None
    padded = old.ljust(len(true[0]), b"0")[: len(true[0])]

    with impostor(server.address, (true[0], padded)) as (_, port), pytest.raises(RegistryError) as caught:
        _validated(server.url(mysql_database.name, port))

    (problem,) = caught.value.problems
    assert problem.startswith("MySQL pool 'default' (mysql://root@127.0.0.1:")
    assert problem.endswith("; MySQL 8.0 and MariaDB 10.6 are the oldest supported")
    assert padded.decode() in problem


def test_a_failed_validation_leaves_no_connection(mysql_database: Database) -> None:
    """Frameworks retry it while a server comes up."""
    registry = Registry()
    registry.register_mysql(mysql_database.url)
    registry.register_redis("127.0.0.1:1")

    with pytest.raises(PoolConnectError):
        registry.validate()

    # the server takes a moment to see that a client left
    assert wait_until(lambda: not threads_of(mysql_database), 20)


class _CachedEntity(Entity, redis_cache=True):
    id: UInt32


def test_a_server_that_dies_while_it_is_looked_at_could_not_be_connected(
    mysql_database: Database, valkey: RedisServer, proxy_factory: MakeProxy
) -> None:
    """An application that waits for its servers at the start catches one error, whenever one of them goes."""
    server = mysql_database.server
    proxy = proxy_factory((server.host, server.port))
    proxy.intercept = lambda _, chunk: Verdict.CUT if b"_fluxa_meta" in chunk else Verdict.FORWARD
    registry = Registry()
    registry.register_mysql(mysql_database.url.replace(f":{server.port}/", f":{proxy.port}/"))
    registry.register_redis(valkey.host_port, options=RedisOptions(namespace=valkey.namespace))
    registry.register_entity(_CachedEntity)

    with pytest.raises(PoolConnectError) as caught:
        registry.validate()

    assert "default" == caught.value.pool
    assert f"{server.host}:{proxy.port}" in caught.value.address
    assert isinstance(caught.value.__cause__, MySQLConnectionError)
