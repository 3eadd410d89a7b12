"""The Redis-like servers that tests share, alone, under Sentinels and as a cluster: each test has its own namespace.

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

from devstack.cluster import Cluster
from devstack.state import ClusterAddress, RedisAddress, SentinelAddress, StackState
from devstack.wire import WireError, redis_command

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

    def text(self, key: str) -> str | None:
        """What a key holds, byte for byte."""
        held = self.command("GET", key)
        return held.decode("latin-1") if isinstance(held, bytes) else None if held is None else str(held)

    def keys(self) -> list[str]:
        """This test's keys on database 0."""
        return sorted(_keys(self.host, self.port, self.namespace))

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


@dataclass(frozen=True, slots=True)
class RedisCluster:
    """A cluster as one test sees it, with the parts of RedisServer that a cluster has."""

    nodes: tuple[tuple[str, int], ...]
    namespace: str

    @classmethod
    def of(cls, cluster: Cluster) -> RedisCluster:
        """A cluster that belongs to one test."""
        return cls(tuple((server.host, server.port) for server in cluster.primaries), f"t{uuid.uuid4().hex[:12]}")

    @property
    def host_port(self) -> str:
        """The address, as `register_redis` takes it; of one node, since the others are to be found."""
        host, port = self.nodes[0]
        return f"redis+cluster://{host}:{port}"

    def command(self, *words: str) -> object:
        """One command, past the code under test, at the node that owns its key."""
        for host, port in self.nodes:
            try:
                return redis_command(host, port, *words)
            except WireError as error:
                if not str(error).startswith("MOVED"):
                    raise
        raise AssertionError(f"no node owns the key of {words}")

    def keys(self) -> list[str]:
        """This test's keys."""
        return sorted(key for host, port in self.nodes for key in _keys(host, port, self.namespace))

    def clean(self) -> None:
        """Removes this test's keys."""
        for host, port in self.nodes:
            for key in _keys(host, port, self.namespace):
                redis_command(host, port, "UNLINK", key)


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


@pytest.fixture
def valkey_cluster(stack: StackState) -> Iterator[RedisCluster]:
    """Three primaries of Valkey; a test that kills or moves slots asks for `private_cluster` instead."""
    address: ClusterAddress | None = stack.cluster
    if address is None:
        pytest.skip("this stack was started without cluster")
    cluster = RedisCluster(address.nodes, f"t{uuid.uuid4().hex[:12]}")
    yield cluster
    cluster.clean()


def _keys(host: str, port: int, namespace: str) -> Iterator[str]:
    cursor = "0"
    while True:
        reply = redis_command(host, port, "SCAN", cursor, "MATCH", f"*{namespace}*", "COUNT", "1000")
        assert isinstance(reply, list)
        cursor, keys = str(reply[0]), reply[1]
        assert isinstance(keys, list)
        yield from map(str, keys)
        if cursor == "0":
            return


def _database() -> int:
    worker = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", ""))
    return 1 + int(worker or 0) % (_DATABASES - 1)
