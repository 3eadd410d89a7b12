"""Redis pools on real servers, in threads and on asyncio."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from devstack.proxy import Direction, Proxy, Verdict
from devstack.sentinel import SERVICE, SentinelGroup
from devstack.state import SentinelAddress
from fluxaorm.addresses import parse_redis
from fluxaorm.errors import PoolConnectError, RedisConnectionError, RedisError
from fluxaorm.options import RedisOptions
from fluxaorm.plans.effects import RedisCommand, RedisReplies
from fluxaorm.pools import make_redis_pool
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.pools.base.redis_ports import RedisPool
from tests.support.network import MakeProxy
from tests.support.passwords import MARK, new_password
from tests.support.private_servers import StartServer
from tests.support.redis_servers import RedisServer


async def _turns() -> None:
    # one to look what can be read, one to read it, one to act on it
    for _ in range(3):
        await asyncio.sleep(0)


@dataclass(slots=True)
class Driven:
    """A pool, and the world its round trips are made in; ``loop`` is None for threads."""

    pool: RedisPool
    loop: asyncio.AbstractEventLoop | None

    def round_trip(self, *commands: RedisCommand) -> RedisReplies:
        """One round trip."""
        if self.loop is None:
            return self.pool.sync.round_trip(commands)
        return self.loop.run_until_complete(self._round_trip(commands))

    async def _round_trip(self, commands: Sequence[RedisCommand]) -> RedisReplies:
        return await self.pool.asyncio.round_trip(commands)

    def values(self, *commands: RedisCommand) -> list[Any]:
        """The replies of one round trip."""
        return self.round_trip(*commands).values

    def turn(self) -> None:
        """Let the loop read what has arrived; a thread sees it when it looks."""
        if self.loop is not None:
            self.loop.run_until_complete(_turns())

    def close(self) -> None:
        """Close the pool and the loop."""
        if self.loop is None:
            self.pool.close()
            return
        self.loop.run_until_complete(self.pool.aclose())
        self.loop.close()


OpenRedis = Callable[..., Driven]


@pytest.fixture(params=["sync", "asyncio"])
def open_redis(request: pytest.FixtureRequest) -> Iterator[OpenRedis]:
    """Opens pools: ``open_redis("host:port", **options)``."""
    opened: list[Driven] = []

    def open_one(address: str, database: int = 0, **options: Any) -> Driven:
        chosen = RedisOptions(**options)
        pool = make_redis_pool("default", parse_redis("default", address, database, chosen), chosen)
        loop = asyncio.new_event_loop() if request.param == "asyncio" else None
        opened.append(Driven(pool, loop))
        return opened[-1]

    yield open_one
    for driven in opened:
        driven.close()


def test_commands_of_one_round_trip_are_answered_in_order(open_redis: OpenRedis, redis_server: RedisServer) -> None:
    """Bytes, numbers, nothing and lists; a refused command does not hide the others."""
    driven, key = open_redis(redis_server.host_port), redis_server.namespace

    replies = driven.values(
        ("SET", key, b"\x00\xff", "PX", 60_000),
        ("GET", key),
        ("INCR", key),
        ("GET", key + "-missing"),
        ("MGET", key, key + "-missing"),
        ("STRLEN", key),
    )

    assert [b"OK", b"\x00\xff"] == replies[:2]
    assert isinstance(replies[2], RedisError)
    assert [None, [b"\x00\xff", None], 2] == replies[3:]


def test_every_reply_tells_which_run_of_which_server_it_came_from(
    open_redis: OpenRedis, redis_server: RedisServer
) -> None:
    """The run id and the replication id."""
    info = str(redis_server.command("INFO", "server")), str(redis_server.command("INFO", "replication"))

    run, replication = open_redis(redis_server.host_port).round_trip(("PING",)).server.decode().split(" ")

    assert f"run_id:{run}" in info[0]
    assert f"master_replid:{replication}" in info[1]


def test_large_replies_and_requests_are_read_and_sent_whole(open_redis: OpenRedis, valkey: RedisServer) -> None:
    """Megabytes, and thousands of commands."""
    driven, key = open_redis(valkey.host_port), valkey.namespace
    large = os.urandom(3_000_000)

    assert [b"OK", large] == driven.values(("SET", key, large), ("GET", key))
    assert list(range(1, 5001)) == driven.values(*[("INCR", key + "-n")] * 5000)
    driven.values(("DEL", key, key + "-n"))


def test_the_database_and_the_unix_path_are_those_of_the_address(open_redis: OpenRedis, valkey: RedisServer) -> None:
    """SELECT is sent once a connection."""
    driven, key = open_redis(valkey.host_port, valkey.database), valkey.namespace

    driven.values(("SET", key, "here"))

    assert [b"here"] == driven.values(("GET", key))
    assert [None] == open_redis(valkey.host_port).values(("GET", key))
    driven.values(("DEL", key))


def test_the_server_tells_what_it_is(open_redis: OpenRedis, redis_server: RedisServer) -> None:
    """Product, version, modules, eviction policy."""
    server = open_redis(redis_server.host_port).pool.connect()

    assert redis_server.kind == server.product
    assert redis_server.version == ".".join(map(str, server.version))
    assert redis_server.search == ("search" in server.modules)
    assert "noeviction" == server.maxmemory_policy


def test_users_have_redis_py_for_everything_else(open_redis: OpenRedis, valkey: RedisServer) -> None:
    """One client a pool, in each world."""
    driven, key = open_redis(valkey.host_port), valkey.namespace

    async def use() -> Any:
        client = driven.pool.async_client
        assert client is driven.pool.async_client
        await client.set(key, "1")
        return await client.get(key)

    if driven.loop is None:
        driven.pool.client.set(key, "1")
        assert b"1" == driven.pool.client.get(key)
        assert driven.pool.client is driven.pool.client
    else:
        assert b"1" == driven.loop.run_until_complete(use())


def test_users_and_passwords_are_used(open_redis: OpenRedis, valkey: RedisServer) -> None:
    """And never shown."""
    user, password = valkey.namespace, new_password(" sesame")
    valkey.command("ACL", "SETUSER", user, "on", f">{password}", "~*", "+@all")
    wrong = open_redis(valkey.host_port, user=user, password=new_password("guess"))

    right = open_redis(valkey.host_port, user=user, password=password).values(("ACL", "WHOAMI"))
    with pytest.raises(RedisConnectionError) as caught:
        wrong.values(("PING",))
    with pytest.raises(PoolConnectError) as connect:
        wrong.pool.connect()
    valkey.command("ACL", "DELUSER", user)

    assert [user.encode()] == right
    shown = repr(caught.value) + repr(caught.value.__cause__) + repr(connect.value) + repr(wrong.pool)
    assert MARK not in shown


def test_a_server_that_restarts_is_reached_again(open_redis: OpenRedis, private_server: StartServer) -> None:
    """Idle connections that died are replaced without anybody seeing an error; it is another run then."""
    server = private_server("valkey")
    driven = open_redis(f"{server.host}:{server.port}")
    first = driven.round_trip(("PING",)).server

    server.kill()
    driven.turn()
    with pytest.raises(RedisConnectionError):
        driven.values(("PING",))
    server.start()
    driven.turn()

    assert first != driven.round_trip(("PING",)).server


@pytest.fixture
def proxy(valkey: RedisServer, proxy_factory: MakeProxy) -> Proxy:
    """Between the pool and the server."""
    return proxy_factory(valkey.address)


def test_a_round_trip_is_one_on_the_wire(open_redis: OpenRedis, proxy: Proxy) -> None:
    """However many commands it has."""
    driven = open_redis(f"{proxy.host}:{proxy.port}")
    driven.values(("PING",))
    proxy.reset()

    driven.values(("PING",), ("GET", "a"), ("PING",))
    driven.values(("PING",))

    assert 2 == proxy.round_trips
    assert 0 == proxy.connections_made


def test_nothing_is_repeated_when_the_connection_is_lost(
    open_redis: OpenRedis, proxy: Proxy, valkey: RedisServer
) -> None:
    """The command may have been done: here it was, once."""
    driven, key = open_redis(f"{proxy.host}:{proxy.port}", read_timeout=5.0), valkey.namespace
    driven.values(("PING",))
    proxy.intercept = lambda way, _: Verdict.CUT if way is Direction.ANSWER else Verdict.FORWARD

    with pytest.raises(RedisConnectionError, match="default"):
        driven.values(("INCR", key))
    proxy.intercept = None

    assert [b"1"] == driven.values(("GET", key))


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_connection_cut_while_idle_is_replaced(open_redis: OpenRedis, proxy: Proxy, reset: bool) -> None:
    """Nobody sees an error."""
    driven = open_redis(f"{proxy.host}:{proxy.port}")
    driven.values(("PING",))

    proxy.cut(reset=reset)
    driven.turn()

    assert [b"PONG"] == driven.values(("PING",))


def test_a_server_that_hangs_is_given_up(open_redis: OpenRedis, proxy: Proxy) -> None:
    """After read_timeout; the next round trip has a connection of its own."""
    driven = open_redis(f"{proxy.host}:{proxy.port}", read_timeout=1.0)
    driven.values(("PING",))
    proxy.stall()
    started = time.monotonic()

    with pytest.raises(RedisConnectionError, match="in time"):
        driven.values(("GET", "a"))

    assert 0.5 < time.monotonic() - started < 30
    proxy.resume()
    assert [b"PONG"] == driven.values(("PING",))


def test_a_server_that_never_greets_is_given_up(open_redis: OpenRedis, proxy: Proxy) -> None:
    """After connect_timeout, or read_timeout while logging in."""
    driven = open_redis(f"{proxy.host}:{proxy.port}", connect_timeout=0.5, read_timeout=0.5)
    proxy.stall()
    started = time.monotonic()

    with pytest.raises(RedisConnectionError):
        driven.values(("PING",))

    assert time.monotonic() - started < 30
    proxy.resume()


def test_a_refused_connection_is_an_error_at_once(open_redis: OpenRedis, proxy: Proxy) -> None:
    """redis-py would try ten times, for the better part of a minute."""
    driven = open_redis(f"{proxy.host}:{proxy.port}")
    proxy.refuse()
    started = time.monotonic()

    for _ in range(5):
        with pytest.raises(RedisConnectionError):
            driven.values(("PING",))

    assert time.monotonic() - started < 15
    proxy.accept()
    assert [b"PONG"] == driven.values(("PING",))


def test_a_demoted_primary_is_left(open_redis: OpenRedis, private_server: StartServer) -> None:
    """The refusal is a reply like any other; the connection is not used again."""
    server = private_server("redis")
    driven = open_redis(f"{server.host}:{server.port}")
    driven.values(("REPLICAOF", "127.0.0.1", "1"))

    refused = driven.values(("SET", "a", 1), ("PING",))

    assert isinstance(refused[0], RedisError)
    assert b"PONG" == refused[1]
    assert 0 == (driven.pool.sync.stats().open if driven.loop is None else 0)
    assert [b"PONG"] == driven.values(("PING",))


def sentinels_of(found: Sequence[tuple[str, int]]) -> list[str]:
    """As RedisOptions takes them."""
    return [f"{host}:{port}" for host, port in found]


def test_the_primary_is_found_through_sentinels(open_redis: OpenRedis, sentinel: SentinelAddress) -> None:
    """Whichever sentinel answers."""
    dead = "127.0.0.1:1"
    driven = open_redis("", master=sentinel.service, sentinels=[dead, *sentinels_of(sentinel.sentinels)])

    assert [b"PONG", b"master"] == [*driven.values(("PING",)), driven.values(("ROLE",))[0][0]]
    assert "redis" == driven.pool.connect().product


def test_connections_may_be_lost_as_often_as_it_happens(open_redis: OpenRedis, sentinel: SentinelAddress) -> None:
    """A process outlives many outages; what it keeps of each must not add up to a limit."""
    driven = open_redis("", master=sentinel.service, sentinels=sentinels_of(sentinel.sentinels))

    products = {driven.pool.connect().product for _ in range(120)}

    assert {"redis"} == products
    assert [b"PONG"] == driven.values(("PING",))


def test_an_unknown_master_is_named(open_redis: OpenRedis, sentinel: SentinelAddress) -> None:
    """The sentinels know none of this name."""
    driven = open_redis("", master="nobody", sentinels=sentinels_of(sentinel.sentinels))

    with pytest.raises(RedisConnectionError, match="nobody"):
        driven.values(("PING",))


@pytest.mark.fault
def test_writes_go_on_at_the_promoted_replica(open_redis: OpenRedis, sentinel_group: SentinelGroup) -> None:
    """After the primary was killed; its replies are another server's."""
    sentinels = [(each.host, each.port) for each in sentinel_group.sentinels]
    driven = open_redis("", master=SERVICE, sentinels=sentinels_of(sentinels), connect_timeout=5, read_timeout=5)
    before = driven.round_trip(("SET", "a", 1)).server

    sentinel_group.primary.kill()
    deadline = time.monotonic() + 90
    while True:
        try:
            replies = driven.round_trip(("SET", "a", 2), ("ROLE",))
        except RedisConnectionError:
            assert time.monotonic() < deadline, "no fail-over"
            time.sleep(0.1)
            continue
        if replies.values[0] == b"OK":
            break

    assert b"master" == replies.values[1][0]
    assert before != replies.server


def test_a_crowd_of_threads_gets_its_own_answers(valkey: RedisServer) -> None:
    """On fewer connections than threads."""
    options = RedisOptions(max_connections=4)
    pool = make_redis_pool("default", parse_redis("default", valkey.host_port, 0, options), options)
    wrong: list[Any] = []

    def work(number: int) -> None:
        for turn in range(200):
            word = f"{number}-{turn}"
            reply = pool.sync.round_trip((("ECHO", word), ("ECHO", word * 2))).values
            if [word.encode(), (word * 2).encode()] != reply:
                wrong.append((word, reply))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = pool.sync.stats()
    pool.close()

    assert [] == wrong
    assert stats.open == stats.idle <= 4


def test_a_crowd_of_tasks_gets_its_own_answers(valkey: RedisServer) -> None:
    """On one connection, some of them cancelled."""
    options = RedisOptions()
    pool = make_redis_pool("default", parse_redis("default", valkey.host_port, 0, options), options)

    async def work(number: int) -> None:
        for turn in range(50):
            word = f"{number}-{turn}"
            reply = (await pool.asyncio.round_trip((("ECHO", word), ("ECHO", word * 2)))).values
            assert [word.encode(), (word * 2).encode()] == reply

    async def scenario() -> tuple[list[Any], PoolStats]:
        tasks = [asyncio.ensure_future(work(number)) for number in range(60)]
        for position, task in enumerate(tasks):
            if position % 3 == 0:
                await asyncio.sleep(0.001)
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        stats = pool.asyncio.stats()
        await pool.aclose()
        return results, stats

    results, stats = asyncio.run(scenario())

    assert [None] * 40 == [result for position, result in enumerate(results) if position % 3]
    assert 1 == stats.open


def test_tasks_of_one_tick_share_a_packet(proxy: Proxy) -> None:
    """Fifty look-ups at once are one round trip."""
    options = RedisOptions()
    pool = make_redis_pool("default", parse_redis("default", f"{proxy.host}:{proxy.port}", 0, options), options)

    async def scenario() -> list[Any]:
        await pool.asyncio.round_trip((("PING",),))
        proxy.reset()
        replies = await asyncio.gather(*[pool.asyncio.round_trip((("ECHO", str(n)),)) for n in range(50)])
        await pool.aclose()
        return [reply.values[0] for reply in replies]

    assert [str(n).encode() for n in range(50)] == asyncio.run(scenario())
    assert 1 == proxy.round_trips


def test_all_tasks_fail_with_errors_of_their_own(proxy: Proxy) -> None:
    """One exception raised in many tasks would collect all their tracebacks."""
    options = RedisOptions()
    pool = make_redis_pool("default", parse_redis("default", f"{proxy.host}:{proxy.port}", 0, options), options)

    async def scenario() -> tuple[list[Any], list[Any]]:
        await pool.asyncio.round_trip((("PING",),))
        proxy.stall()
        tasks = [asyncio.ensure_future(pool.asyncio.round_trip((("PING",),))) for _ in range(5)]
        # each has sent its command by the time that it waits
        await asyncio.sleep(0)
        proxy.refuse()
        lost = await asyncio.gather(*tasks, return_exceptions=True)
        refused = await asyncio.gather(
            *[pool.asyncio.round_trip((("PING",),)) for _ in range(5)], return_exceptions=True
        )
        await pool.aclose()
        return lost, refused

    for errors in asyncio.run(scenario()):
        assert {RedisConnectionError} == {type(error) for error in errors}
        assert 5 == len({id(error) for error in errors})


def test_hundreds_of_connections_leak_nothing(proxy: Proxy, open_redis: OpenRedis) -> None:
    """No file descriptor stays open behind a lost connection."""
    driven = open_redis(f"{proxy.host}:{proxy.port}")
    driven.values(("PING",))
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(50):
        proxy.cut()
        driven.turn()
        driven.values(("PING",))
    gc.collect()

    assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_a_child_process_opens_fresh_connections(valkey: RedisServer) -> None:
    """And leaves the parent's alone."""
    options = RedisOptions()
    pool = make_redis_pool("default", parse_redis("default", valkey.host_port, 0, options), options)
    mine = pool.sync.round_trip((("CLIENT", "ID"),)).values

    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            pool.reset_after_fork()
            gc.collect()
            if pool.sync.round_trip((("CLIENT", "ID"),)).values != mine:
                pool.close()
                status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert 0 == status
    assert mine == pool.sync.round_trip((("CLIENT", "ID"),)).values
    pool.close()
