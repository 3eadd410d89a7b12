"""A Sentinel group of Redis 7.0: one primary, one replica, three sentinels that watch them as "mymaster".

What it decides: the sentinels' configuration (they notice a dead primary after 0.5 s) and that they know each other and
the replica from their first moment, where they would take seconds to find out.
What it never does: repair a group after a fail-over; tests that kill take their own group.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from devstack import redis
from devstack.ports import HOST, free_port
from devstack.process import wait_until
from devstack.server import Server, started
from devstack.wire import WireError, redis_command, redis_info

NAME = "sentinel"
SERVICE = "mymaster"
_DATA_OPTIONS = ("--repl-diskless-sync-delay", "0")


@dataclass(frozen=True, slots=True)
class SentinelGroup:
    """The five servers; primary and replica are as they were started."""

    primary: Server
    replica: Server
    sentinels: tuple[Server, ...]

    @property
    def servers(self) -> tuple[Server, ...]:
        """All of them."""
        return (*self.sentinels, self.replica, self.primary)

    def current_primary(self) -> tuple[str, int]:
        """Where the first sentinel that answers says the primary is; they may disagree for a moment."""
        for sentinel in self.sentinels:
            try:
                reply = redis_command(sentinel.host, sentinel.port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
            except OSError:
                continue
            if isinstance(reply, list):
                host, port = reply
                return str(host), int(str(port))
        raise WireError("no sentinel answers")

    def stop(self) -> None:
        """Stops the sentinels first, so that they do not fail over what is being stopped."""
        for server in self.servers:
            server.stop()


def group(directory: Path) -> SentinelGroup:
    """Starts a group; it is able to fail over when this returns."""
    directory = directory.absolute()
    running: list[Server] = []
    try:
        primary = started(lambda port: redis.server(directory, port, "sentinel-primary", _DATA_OPTIONS))
        running.append(primary)
        follow = (*_DATA_OPTIONS, "--replicaof", HOST, str(primary.port))
        replica = started(lambda port: redis.server(directory, port, "sentinel-replica", follow))
        running.append(replica)
        if not wait_until(lambda: _linked(replica), 20):
            raise WireError("the replica does not follow its primary")
        ports = _distinct_ports(3)
        sentinels = tuple(_sentinel(directory, port, ports, primary, replica) for port in ports)
        running.extend(sentinels)
        for sentinel in sentinels:
            sentinel.start()
    except BaseException:
        for server in reversed(running):
            server.stop()
        raise
    return SentinelGroup(primary, replica, sentinels)


def _sentinel(directory: Path, port: int, ports: tuple[int, ...], primary: Server, replica: Server) -> Server:
    name = f"sentinel-{ports.index(port) + 1}"
    data = directory / "data" / name
    lines = [
        f"port {port}",
        f"bind {HOST}",
        f"dir {data}",
        f"sentinel myid {_sentinel_id(port)}",
        f"sentinel monitor {SERVICE} {HOST} {primary.port} 2",
        f"sentinel down-after-milliseconds {SERVICE} 500",
        f"sentinel failover-timeout {SERVICE} 3000",
        f"sentinel known-replica {SERVICE} {HOST} {replica.port}",
        *(f"sentinel known-sentinel {SERVICE} {HOST} {p} {_sentinel_id(p)}" for p in ports if p != port),
    ]
    data.mkdir(parents=True, exist_ok=True)
    (data / "sentinel.conf").write_text("\n".join(lines) + "\n")
    command = [*redis.program(), str(data / "sentinel.conf"), "--sentinel"]
    return Server(name, command, directory, port, _answer)


def _answer(server: Server) -> str:
    version = redis.answer(server)
    redis_command(server.host, server.port, "SENTINEL", "CKQUORUM", SERVICE)
    return version


def _linked(replica: Server) -> bool:
    return redis_info(replica.host, replica.port, "replication").get("master_link_status") == "up"


def _distinct_ports(count: int) -> tuple[int, ...]:
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return tuple(ports)


def _sentinel_id(port: int) -> str:
    return hashlib.sha1(str(port).encode(), usedforsecurity=False).hexdigest()
