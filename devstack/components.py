"""The servers a stack is made of: for each its name, how it is fetched, how it is started, what its address is.

What it decides: which components there are, which of them a stack can do without, and the order they may need. A new
server is a module of its own and one entry here.
What it never does: start anything by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from devstack import cluster, kafka, kafka_files, mariadb, mysql, redis, sentinel, valkey
from devstack.server import Server, started
from devstack.state import ClusterAddress, KafkaAddress, RedisAddress, SentinelAddress, SqlAddress

Address = SqlAddress | RedisAddress | SentinelAddress | ClusterAddress | KafkaAddress


@dataclass(frozen=True, slots=True)
class Started:
    """A component that runs: its address for the tests and its processes."""

    address: Address
    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """One kind of server; a stack goes on without an `optional` one, saying so."""

    name: str
    fetch: Callable[[], object]
    start: Callable[[Path], Started]
    optional: bool = False


def start_mysql(directory: Path) -> Started:
    """MySQL: the one that `FLUXA_TEST_MYSQL` (`mysql://user:password@host:port`) names, or ours."""
    named = os.environ.get("FLUXA_TEST_MYSQL")
    if named:
        url = urlsplit(named)
        user, password = unquote(url.username or "root"), unquote(url.password or "")
        address = SqlAddress("mysql", url.hostname or "127.0.0.1", url.port or 3306, "named", user, password)
        return Started(address, ())
    server = started(lambda port: mysql.server(directory, port))
    return Started(SqlAddress("mysql", server.host, server.port, server.version), (server,))


def fetch_mysql() -> None:
    """Fetches MySQL unless another server is named."""
    if not os.environ.get("FLUXA_TEST_MYSQL"):
        mysql.fetch()


def start_mariadb(directory: Path) -> Started:
    """MariaDB."""
    server = started(lambda port: mariadb.server(directory, port))
    return Started(SqlAddress("mariadb", server.host, server.port, server.version), (server,))


def start_valkey(directory: Path) -> Started:
    """Valkey with search."""
    server = started(lambda port: valkey.server(directory, port))
    return Started(RedisAddress(server.host, server.port, server.version, search=True), (server,))


def start_redis(directory: Path) -> Started:
    """Redis 7.0, without search."""
    server = started(lambda port: redis.server(directory, port))
    return Started(RedisAddress(server.host, server.port, server.version), (server,))


def start_sentinel(directory: Path) -> Started:
    """A Sentinel group of Redis 7.0."""
    group = sentinel.group(directory)
    sentinels = tuple((server.host, server.port) for server in group.sentinels)
    return Started(SentinelAddress(sentinel.SERVICE, sentinels, group.primary.version), group.servers)


def start_cluster(directory: Path) -> Started:
    """A Valkey Cluster of three primaries."""
    group = cluster.group(directory)
    nodes = tuple((server.host, server.port) for server in group.primaries)
    return Started(ClusterAddress(nodes, group.primaries[0].version), group.servers)


def start_kafka(directory: Path) -> Started:
    """Apache Kafka, one broker."""
    # nobody kills this one: on a busy machine it is slow, not dead
    broker = kafka.started(directory, options=["broker.session.timeout.ms=30000"])
    ports = {f"{name}_port": broker.ports[name] for name in ("sasl", "tls", "sasl_tls")}
    address = KafkaAddress(
        broker.host, broker.port, broker.version, kafka_files.USER, kafka_files.PASSWORD, str(broker.authority), **ports
    )
    return Started(address, (broker,))


# the slowest first: they start in parallel
COMPONENTS = (
    Component("kafka", kafka.fetch, start_kafka),
    Component("mysql", fetch_mysql, start_mysql, optional=True),
    Component("mariadb", mariadb.fetch, start_mariadb),
    Component("cluster", valkey.fetch, start_cluster),
    Component("sentinel", redis.fetch, start_sentinel),
    Component("redis", redis.fetch, start_redis),
    Component("valkey", valkey.fetch, start_valkey),
)
NAMES = tuple(component.name for component in COMPONENTS)
