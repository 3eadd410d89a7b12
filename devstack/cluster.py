"""A Valkey or Redis Cluster: three primaries that share the slots, each with a replica if asked.

What it decides: the nodes' configuration, which is written before their first start, so that they know each other and
their slots from their first moment, where introductions would take seconds.
What it never does: repair a cluster; tests that kill or move slots take their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from devstack import redis, valkey
from devstack.errors import ServerFailedError, last_lines
from devstack.ports import HOST, free_port
from devstack.server import PORT_TAKEN, Server
from devstack.wire import WireError, redis_command

NAME = "cluster"
SLOTS = 16_384
PRIMARIES = 3


def _valkey(directory: Path, port: int, name: str, options: Sequence[str]) -> Server:
    return valkey.server(directory, port, name, options, search=False)


KINDS: dict[str, Callable[[Path, int, str, Sequence[str]], Server]] = {"valkey": _valkey, "redis": redis.server}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The servers, as they were started: primary 0 has the lowest slots, and replica 0 follows it."""

    primaries: tuple[Server, ...]
    replicas: tuple[Server, ...] = ()

    @property
    def servers(self) -> tuple[Server, ...]:
        """All of them."""
        return (*self.primaries, *self.replicas)

    def stop(self) -> None:
        """Stops all."""
        for server in self.servers:
            server.stop()


def group(
    directory: Path, kind: str = "valkey", *, prefix: str = NAME, replicas: bool = False, node_timeout: int = 15_000
) -> Cluster:
    """Starts a cluster; all slots are served when this returns.

    `node_timeout`: milliseconds of silence after which a node counts as failed.
    """
    directory = directory.absolute()
    for attempt in range(3):
        nodes = _nodes(directory, kind, prefix, replicas, node_timeout)
        try:
            _start_all(nodes)
        except ServerFailedError as error:
            if attempt == 2 or not any(sign in last_lines(error.log) for sign in PORT_TAKEN):
                raise
        else:
            return Cluster(tuple(nodes[:PRIMARIES]), tuple(nodes[PRIMARIES:]))
    raise AssertionError("unreachable")


def node_id(server: Server) -> str:
    """How the cluster calls a node."""
    return _id(server.port)


def _start_all(nodes: Sequence[Server]) -> None:
    """Together, since none serves before it hears of the others."""
    try:
        with ThreadPoolExecutor(len(nodes)) as pool:
            for job in [pool.submit(node.start) for node in nodes]:
                job.result()
    except BaseException:
        for node in nodes:
            node.stop()
        raise


def _nodes(directory: Path, kind: str, prefix: str, replicas: bool, node_timeout: int) -> list[Server]:
    count = PRIMARIES * (2 if replicas else 1)
    free = _distinct_ports(2 * count)
    ports, bus_ports = free[:count], free[count:]
    nodes: list[Server] = []
    for number, (port, bus_port) in enumerate(zip(ports, bus_ports, strict=True)):
        options = ["--cluster-enabled", "yes", "--cluster-port", str(bus_port)]
        options += ["--cluster-node-timeout", str(node_timeout), "--cluster-replica-validity-factor", "0"]
        options += ["--repl-diskless-sync-delay", "0", "--databases", "1"]
        node = KINDS[kind](directory, port, f"{prefix}-{number + 1}", options)
        node.answer = _answer
        data = directory / "data" / node.name
        data.mkdir(parents=True, exist_ok=True)
        (data / "nodes.conf").write_text(_configuration(kind, ports, bus_ports, number))
        nodes.append(node)
    return nodes


def _configuration(kind: str, ports: Sequence[int], bus_ports: Sequence[int], myself: int) -> str:
    lines: list[str] = []
    for number, (port, bus_port) in enumerate(zip(ports, bus_ports, strict=True)):
        primary = number < PRIMARIES
        flags = ("myself," if number == myself else "") + ("master" if primary else "slave")
        follows = "-" if primary else _id(ports[number - PRIMARIES])
        first, last = number * SLOTS // PRIMARIES, (number + 1) * SLOTS // PRIMARIES - 1
        slots = f" {first}-{last}" if primary else ""
        epoch = number % PRIMARIES + 1
        # Redis 7.0 has no such names; Valkey fails an assertion at the first SPUBLISH when they are missing
        shard = f",,shard-id={_id(ports[number % PRIMARIES])}" if kind == "valkey" else ""
        lines.append(f"{_id(port)} {HOST}:{port}@{bus_port}{shard} {flags} {follows} 0 0 {epoch} connected{slots}")
    return "\n".join([*lines, f"vars currentEpoch {PRIMARIES} lastVoteEpoch 0"]) + "\n"


def _answer(server: Server) -> str:
    version = redis.answer(server)
    state = str(redis_command(server.host, server.port, "CLUSTER", "INFO"))
    if "cluster_state:ok" not in state:
        raise WireError("the cluster does not serve all slots yet")
    return version


def _distinct_ports(count: int) -> list[int]:
    ports: dict[int, None] = {}
    while len(ports) < count:
        ports[free_port()] = None
    return list(ports)


def _id(port: int) -> str:
    return hashlib.sha1(str(port).encode(), usedforsecurity=False).hexdigest()
