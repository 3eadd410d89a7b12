"""Valkey with search, Redis 7.0 and Sentinel for tests that share them: each test has a namespace of its own.

What it decides: the namespace, and that keys and indexes with it in their names are removed afterwards.
What it never does: flush a database, for other tests use it at the same time.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from devstack.state import RedisAddress, SentinelAddress, StackState
from devstack.wire import redis_command

_DATABASES = 64


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A Redis or Valkey server as one test sees it: give `namespace` to `RedisOptions`, or begin your keys with it.

    `database` belongs to this xdist worker alone, for tests of database numbers; search works on database 0 only.
    """

    kind: str
    host: str
    port: int
    version: str
    search: bool
    namespace: str
    database: int

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as a proxy wants its target."""
        return self.host, self.port

    @property
    def host_port(self) -> str:
        """`host:port`, as `register_redis` takes it."""
        return f"{self.host}:{self.port}"

    def command(self, *words: str) -> object:
        """One command on database 0, past the code under test."""
        return redis_command(self.host, self.port, *words)

    def keys(self) -> list[str]:
        """This test's keys on database 0."""
        found: list[str] = []
        cursor = "0"
        while True:
            reply = redis_command(self.host, self.port, "SCAN", cursor, "MATCH", f"*{self.namespace}*", "COUNT", "1000")
            assert isinstance(reply, list)
            cursor, keys = str(reply[0]), reply[1]
            assert isinstance(keys, list)
            found.extend(str(key) for key in keys)
            if cursor == "0":
                return sorted(found)

    def clean(self) -> None:
        """Removes this test's indexes and keys."""
        if self.search:
            indexes = redis_command(self.host, self.port, "FT._LIST")
            assert isinstance(indexes, list)
            for index in indexes:
                if self.namespace in str(index):
                    self.command("FT.DROPINDEX", str(index))
        keys = self.keys()
        if keys:
            self.command("UNLINK", *keys)


@pytest.fixture
def valkey(stack: StackState) -> Iterator[RedisServer]:
    """Valkey with search."""
    yield from server_at("valkey", stack.valkey)


@pytest.fixture
def redis7(stack: StackState) -> Iterator[RedisServer]:
    """Redis 7.0, the oldest supported, without search."""
    yield from server_at("redis", stack.redis)


@pytest.fixture(params=["valkey", "redis"])
def redis_server(request: pytest.FixtureRequest, stack: StackState) -> Iterator[RedisServer]:
    """Valkey, then Redis 7.0: a test that uses it runs on each."""
    yield from server_at(request.param, stack.valkey if request.param == "valkey" else stack.redis)


@pytest.fixture(scope="session")
def sentinel(stack: StackState) -> SentinelAddress:
    """The shared Sentinel group; a test that kills asks for `sentinel_group` instead."""
    if stack.sentinel is None:
        pytest.skip("this stack was started without sentinel")
    return stack.sentinel


def server_at(kind: str, address: RedisAddress | None) -> Iterator[RedisServer]:
    """A server with a fresh namespace, cleaned afterwards."""
    if address is None:
        pytest.skip(f"this stack was started without {kind}")
    namespace = f"t{uuid.uuid4().hex[:12]}"
    server = RedisServer(kind, address.host, address.port, address.version, address.search, namespace, _database())
    yield server
    server.clean()


def _database() -> int:
    worker = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", ""))
    return 1 + int(worker or 0) % (_DATABASES - 1)
