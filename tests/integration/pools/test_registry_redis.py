"""What `validate()` learns from real Redis, Valkey and Sentinel servers, and says of those that cannot serve."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from devstack.state import SentinelAddress
from devstack.wire import redis_command
from fluxaorm import Engine, RedisOptions, Registry
from fluxaorm.errors import PoolConnectError, RegistryError
from tests.support.impostor import impostor
from tests.support.insides import core
from tests.support.private_servers import StartServer
from tests.support.redis_servers import RedisServer

SECRET = "hunter2"


def _validated(address: str, database: int = 0, options: RedisOptions | None = None) -> Engine:
    registry = Registry()
    registry.register_redis(address, database, options=options)
    return registry.validate()


def _refusal(address: str, database: int = 0, options: RedisOptions | None = None) -> PoolConnectError:
    with pytest.raises(PoolConnectError) as caught:
        _validated(address, database, options)
    assert SECRET not in "".join(map(str, (caught.value, caught.value.__cause__, caught.value.args)))
    assert "default" == caught.value.pool
    return caught.value


def test_a_server_that_serves(redis_server: RedisServer) -> None:
    """Valkey, and the oldest Redis supported."""
    with _validated(redis_server.host_port) as engine:
        assert engine.redis().client.ping()
        assert f"redis://{redis_server.host_port}/0" == engine.redis().address


def test_the_database_is_the_one_registered(redis_server: RedisServer) -> None:
    """Two pools on one server must not see each other's keys."""
    with _validated(redis_server.host_port, redis_server.database) as engine:
        engine.redis().client.set(redis_server.namespace, "x", px=5_000)

        info = engine.redis().client.client_info()

    assert redis_server.database == info["db"]
    assert [] == redis_server.keys()


def test_a_server_that_is_down() -> None:
    """The pool, the address without its password, and the reason."""
    error = _refusal(f"redis://me:{SECRET}@127.0.0.1:1/2")

    assert "redis://me:***@127.0.0.1:1/2" == error.address
    assert str(error).startswith("pool 'default' (redis://me:***@127.0.0.1:1/2): ")
    assert "refused" in error.cause.lower()


@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_passwords(private_server: StartServer, kind: str) -> None:
    """A wrong one, none, and the right one."""
    server = private_server(kind)
    redis_command(server.host, server.port, "CONFIG", "SET", "requirepass", SECRET)
    address = f"{server.host}:{server.port}"

    wrong = _refusal(address, 0, RedisOptions(password=f"{SECRET}wrong"))
    missing = _refusal(address)

    assert re.search("invalid username-password|invalid password|WRONGPASS", wrong.cause)
    assert re.search("authentication required", missing.cause, re.IGNORECASE)
    with _validated(address, 0, RedisOptions(password=SECRET)) as engine:
        assert engine.redis().client.ping()
        assert SECRET not in repr(engine.redis())


def test_a_database_that_is_not_there(redis_server: RedisServer) -> None:
    """Redis has 16 of them unless told otherwise."""
    assert "out of range" in _refusal(redis_server.host_port, 9999).cause


def test_tls_to_a_server_without_it(redis_server: RedisServer) -> None:
    """Never falls back to plain text."""
    options = RedisOptions(tls=True, connect_timeout=2, read_timeout=2)

    assert _refusal(redis_server.host_port, 0, options).address.startswith("rediss://")


@pytest.mark.parametrize(
    ("kind", "old", "shown"), [("redis", b"6.2.99", "Redis 6.2"), ("valkey", b"7.1.9", "Valkey 7.1")]
)
def test_a_server_that_is_too_old(request: pytest.FixtureRequest, kind: str, old: bytes, shown: str) -> None:
    """No Redis Functions, no protocol of ours. Valkey calls itself Redis 7.2.4: its own version counts."""
    server: RedisServer = request.getfixturevalue({"redis": "redis7", "valkey": "valkey"}[kind])
    true = server.version.encode()
    false = old[: len(true)].ljust(len(true), b"0")

    said = (b"%s_version:%s" % (kind.encode(), true), b"%s_version:%s" % (kind.encode(), false))
    with impostor(server.address, said) as (host, port), pytest.raises(RegistryError) as caught:
        _validated(f"{host}:{port}")

    (problem,) = caught.value.problems
    assert problem.startswith(f"Redis pool 'default' (redis://{host}:{port}/0): the server is {shown}")
    assert problem.endswith("; Redis 7.0 and Valkey 7.2 are the oldest supported")


@pytest.mark.parametrize(
    ("policy", "warnings"),
    [("allkeys-lru", 1), ("volatile-lru", 1), ("volatile-ttl", 1), ("volatile-random", 1), ("noeviction", 0)],
)
def test_a_server_that_may_evict_intents_is_warned_of(
    private_server: StartServer, caplog: pytest.LogCaptureFixture, policy: str, warnings: int
) -> None:
    """Write intents are keys: evicted ones let readers keep old rows."""
    server = private_server("valkey", "--maxmemory-policy", policy)
    caplog.set_level(logging.WARNING, "fluxaorm.registry")

    _validated(f"{server.host}:{server.port}").close()

    found = [record.getMessage() for record in caplog.records if "may evict write intents" in record.getMessage()]
    assert warnings == len(found)


def _sentinels(sentinel: SentinelAddress) -> list[str]:
    return [f"{host}:{port}" for host, port in sentinel.sentinels]


def test_a_master_is_found_through_sentinels(sentinel: SentinelAddress) -> None:
    """One of them may be down."""
    options = RedisOptions(master=sentinel.service, sentinels=["127.0.0.1:1", *_sentinels(sentinel)])

    with _validated("", 0, options) as engine:
        assert "master" == engine.redis().client.role()[0].decode()


def test_a_master_the_sentinels_do_not_know(sentinel: SentinelAddress) -> None:
    """A misspelt name."""
    error = _refusal("", 0, RedisOptions(master="nobody", sentinels=_sentinels(sentinel)))

    assert "/nobody/0" in error.address
    assert "nobody" in error.cause


def test_sentinels_that_are_all_down() -> None:
    """There is nobody to ask."""
    error = _refusal("", 0, RedisOptions(master="mymaster", sentinels=["127.0.0.1:1"], password=SECRET))

    assert ":***@sentinel(127.0.0.1:1)/mymaster/0" == error.address


def test_an_engine_serves_asyncio_after_a_blocking_validation(redis_server: RedisServer) -> None:
    """Applications validate at import and run on a loop."""
    engine = _validated(redis_server.host_port)

    async def main() -> bool:
        async with engine:
            replies = await core(engine).redis_pool().asyncio.round_trip([("PING",)])
            return bool(replies.values)

    assert asyncio.run(main())
