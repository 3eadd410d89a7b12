"""Servers that belong to one test, which may kill, stop and restart them as it likes.

What it decides: that whatever a test started is ended with it, and with the session at the latest.
What it never does: touch the shared stack.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from devstack import cluster as clusters
from devstack import mariadb, mysql, redis, valkey
from devstack import sentinel as sentinels
from devstack.cluster import Cluster
from devstack.errors import UnobtainableError
from devstack.private import ensure_guarded
from devstack.sentinel import SentinelGroup
from devstack.server import Server, started
from tests.support.session_stack import session_directory, session_owner

_KINDS: dict[str, Callable[[Path, int, str, tuple[str, ...]], Server]] = {
    "mysql": mysql.server,
    "mariadb": mariadb.server,
    "valkey": valkey.server,
    "redis": redis.server,
}


class StartServer(Protocol):
    """`start("mariadb", "--innodb-flush-log-at-trx-commit=1")` gives a running server."""

    def __call__(self, kind: str, *options: str) -> Server: ...


@pytest.fixture
def private_server(pytestconfig: pytest.Config) -> Iterator[StartServer]:
    """Starts servers for this test alone: kinds mysql, mariadb, valkey, redis; options are the program's own.

    A `Server` has host, port, pid, log, running, and start(), stop(), kill(): data and port survive a restart.
    """
    directory = private_directory(pytestconfig)
    running: list[Server] = []

    def start(kind: str, *options: str) -> Server:
        name = f"{kind}-{uuid.uuid4().hex[:8]}"
        try:
            server = started(lambda port: _KINDS[kind](directory, port, name, options))
        except UnobtainableError as error:
            pytest.skip(str(error))
        running.append(server)
        return server

    yield start

    for server in running:
        server.kill()
        shutil.rmtree(directory / "data" / server.name, ignore_errors=True)


@pytest.fixture
def sentinel_group(pytestconfig: pytest.Config) -> Iterator[SentinelGroup]:
    """A Sentinel group for this test alone, able to fail over."""
    directory = private_directory(pytestconfig) / f"sentinel-{uuid.uuid4().hex[:8]}"
    ensure_guarded(directory, session_owner(pytestconfig))
    group = sentinels.group(directory)
    yield group
    for server in group.servers:
        server.kill()
    shutil.rmtree(directory, ignore_errors=True)


class StartCluster(Protocol):
    """`start("redis", replicas=True)` gives a running cluster."""

    def __call__(self, kind: str = ..., *, replicas: bool = ..., node_timeout: int = ...) -> Cluster: ...


@pytest.fixture
def private_cluster(pytestconfig: pytest.Config) -> Iterator[StartCluster]:
    """Starts clusters for this test alone, of kind valkey or redis; `node_timeout` in milliseconds."""
    with private_clusters(pytestconfig) as start:
        yield start


@contextmanager
def private_clusters(config: pytest.Config) -> Iterator[StartCluster]:
    """The same as a block."""
    directory = private_directory(config)
    running: list[Cluster] = []

    def start(kind: str = "valkey", *, replicas: bool = False, node_timeout: int = 15_000) -> Cluster:
        prefix = f"cluster-{uuid.uuid4().hex[:8]}"
        made = clusters.group(directory, kind, prefix=prefix, replicas=replicas, node_timeout=node_timeout)
        running.append(made)
        return made

    try:
        yield start
    finally:
        for server in [server for each in running for server in each.servers]:
            server.kill()
            shutil.rmtree(directory / "data" / server.name, ignore_errors=True)


def private_directory(config: pytest.Config) -> Path:
    """Where servers of one test live; what runs there ends with the session at the latest."""
    # not the directory of the session's stack, which ends everything below it that it did not start
    directory = session_directory(config) / "own"
    ensure_guarded(directory, session_owner(config))
    return directory
