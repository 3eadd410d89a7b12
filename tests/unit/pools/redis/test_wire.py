"""What travels to and from a Redis server."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm.errors import RedisError
from fluxaorm.pools.base.redis_ports import RedisServer
from fluxaorm.pools.redis.wire import NOTHING_YET, Refusals, identity_from, packed, reply_reader, server_from


def read(data: bytes) -> list[Any]:
    """All replies in some bytes."""
    reader = reply_reader(Refusals("cache"))
    reader.feed(data)
    replies: list[Any] = []
    while (reply := reader.gets()) is not NOTHING_YET:
        replies.append(reply)
    return replies


def test_commands_are_packed_one_behind_the_other() -> None:
    """Keys and values of any kind of word."""
    assert b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n" == packed((("GET", "a"),))
    assert b"*3\r\n$3\r\nSET\r\n$3\r\n\xc5\x82b\r\n$2\r\n-7\r\n*1\r\n$4\r\nPING\r\n" == packed(
        (("SET", "łb", -7), ("PING",))
    )


def test_replies_are_bytes_numbers_and_nothing() -> None:
    """Nothing is decoded on the way."""
    assert [b"OK", 7, None, b"\xff\x00", [b"a", None, [1]]] == read(
        b"+OK\r\n:7\r\n$-1\r\n$2\r\n\xff\x00\r\n*3\r\n$1\r\na\r\n$-1\r\n*1\r\n:1\r\n"
    )


def test_a_refused_command_is_a_value() -> None:
    """One refusal does not hide the other replies; it names the pool."""
    first, refused, last = read(b"+OK\r\n-ERR no such thing\r\n:1\r\n")

    assert (b"OK", 1) == (first, last)
    assert isinstance(refused, RedisError)
    assert ("ERR no such thing", "cache") == (refused.reason, refused.pool)


def test_a_demoted_primary_is_noticed() -> None:
    """Its connections are of no more use."""
    refusals = Refusals("cache")
    reader = reply_reader(refusals)
    reader.feed(b"-READONLY You can't write against a read only replica.\r\n")

    reader.gets()

    assert refusals.demoted


REPLICATION = b"# Replication\r\nrole:master\r\nmaster_replid:ffff\r\nmaster_replid2:0000\r\n"


def test_the_identity_is_that_of_run_and_replication() -> None:
    """Another run, or a promotion, is another server."""
    assert b"abcd ffff" == identity_from([b"# Server\r\nredis_version:7.0.15\r\nrun_id:abcd\r\n", REPLICATION])


def test_a_server_that_does_not_tell_is_an_error() -> None:
    """A user without the right to INFO, for example."""
    with pytest.raises(RedisError, match="NOPERM"):
        identity_from([RedisError("NOPERM"), REPLICATION])


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (b"redis_version:7.0.15\r\n", ("redis", (7, 0, 15))),
        (b"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n", ("valkey", (9, 1, 2))),
        (b"redis_version:255.255.255\r\n", ("redis", (255, 255, 255))),
    ],
)
def test_the_product_and_its_version(info: bytes, expected: tuple[str, tuple[int, ...]]) -> None:
    """Valkey calls itself Redis 7.2.4 besides."""
    modules = b"# Modules\r\nmodule:name=search,ver=21005,api=1\r\nmodule:name=ReJSON,ver=1\r\n"

    server = server_from([b"# Server\r\n" + info, modules, b"# Memory\r\nmaxmemory_policy:allkeys-lru\r\n"])

    assert RedisServer(*expected, frozenset({"search", "ReJSON"}), "allkeys-lru") == server
