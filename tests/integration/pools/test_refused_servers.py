"""What `validate()` says of servers that cannot serve, word for word; `golden/refused_<server>.txt` keeps the texts."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.wire import redis_command
from fluxaorm import MySQLOptions, RedisOptions, Registry
from fluxaorm.errors import PoolConnectError, RegistryError
from tests.support.golden_texts import assert_golden
from tests.support.impostor import impostor
from tests.support.private_servers import StartServer
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database

GOLDEN = Path(__file__).parent / "golden"
SECRET = "hunter2"
# the driver that every installation has; others have words of their own
PYMYSQL = MySQLOptions(driver="pymysql")


def refusal(*register: Callable[[Registry], object]) -> str:
    """The error's text without what differs from run to run."""
    registry = Registry()
    for each in register:
        each(registry)
    with pytest.raises((PoolConnectError, RegistryError)) as caught:
        registry.validate().close()
    text = str(caught.value)
    assert SECRET not in text
    text = re.sub(r"127\.0\.0\.1:\d{2,5}", "127.0.0.1:PORT", text)
    text = re.sub(r"(the server is (?:Redis |Valkey )?\d+\.\d+)[\w.+-]*", r"\1", text)
    return re.sub(r" ?\(_ssl\.c:\d+\)", "", text)


def mysql(address: str) -> Callable[[Registry], object]:
    """Registers a MySQL pool."""
    return lambda registry: registry.register_mysql(address, options=PYMYSQL)


def redis(address: str, database: int = 0, options: RedisOptions | None = None) -> Callable[[Registry], object]:
    """Registers a Redis pool."""
    return lambda registry: registry.register_redis(address, database, options=options)


def older(database: Database) -> tuple[bytes, bytes]:
    """The version that a server gives, and an old one as long as it."""
    true = re.match(rb"[0-9.]+", database.server.version.encode())
    assert true is not None
    old = {"mysql": b"5.7.4", "mariadb": b"10.05.18"}[database.server.kind]
    return true[0], old.ljust(len(true[0]), b"0")[: len(true[0])]


def test_what_is_said_of_sql_servers(mysql_database: Database) -> None:
    """Whoever deploys reads nothing else: pool, address without its password, cause."""
    server, name = mysql_database.server, mysql_database.name
    user = f"u{uuid.uuid4().hex[:10]}"
    mysql_database.execute(f"CREATE USER '{user}'@'%%' IDENTIFIED BY 'right'")
    where = f"tcp({server.host}:{server.port})"

    texts = {
        "down": refusal(mysql(f"root:{SECRET}@tcp(127.0.0.1:10)/app")),
        "wrong password": refusal(mysql(f"{user}:{SECRET}@{where}/{name}")),
        "no such database": refusal(mysql(f"root:@{where}/nowhere")),
        "tls": refusal(mysql(f"root:@{where}/mysql?tls=true")),
    }
    with impostor(server.address, older(mysql_database)) as (_, port):
        texts["too old"] = refusal(mysql(f"root:@tcp({server.host}:{port})/mysql"))

    mysql_database.execute(f"DROP USER '{user}'@'%%'")

    names = {user: "USER", name: "DATABASE"}
    texts = {case: re.sub("|".join(names), lambda found: names[found[0]], text) for case, text in texts.items()}
    assert_golden(GOLDEN / f"refused_{server.kind}.txt", texts)


DOWN = ["127.0.0.1:10", "127.0.0.1:11"]
OLD = {"redis": b"6.2.99", "valkey": b"7.1.9"}


def test_what_is_said_of_redis_servers(redis_server: RedisServer, private_server: StartServer) -> None:
    """The same; the search module is missing from Redis 7."""
    guarded = private_server(redis_server.kind)
    redis_command(guarded.host, guarded.port, "CONFIG", "SET", "requirepass", SECRET)
    locked = f"{guarded.host}:{guarded.port}"
    impatient = RedisOptions(tls=True, connect_timeout=5, read_timeout=5)

    texts = {
        "down": refusal(redis(f"redis://me:{SECRET}@127.0.0.1:10/2")),
        "wrong password": refusal(redis(locked, 0, RedisOptions(password=f"{SECRET}wrong"))),
        "no password": refusal(redis(locked)),
        "no such database": refusal(redis(redis_server.host_port, 9999)),
        "tls": refusal(redis(redis_server.host_port, 0, impatient)),
        "sentinels down": refusal(redis("", 0, RedisOptions(master="m", sentinels=DOWN, password=SECRET))),
    }
    true = redis_server.version.encode()
    old = OLD[redis_server.kind][: len(true)].ljust(len(true), b"0")
    field = f"{redis_server.kind}_version:".encode()
    with impostor(redis_server.address, (field + true, field + old)) as (host, port):
        texts["too old"] = refusal(redis(f"{host}:{port}"))

    assert_golden(GOLDEN / f"refused_{redis_server.kind}.txt", texts)
