"""Redis primaries that change: older snapshots, replicas that hear no more, fail-overs of a Sentinel group.

What it decides: how a server is brought to lack what another has acknowledged, without waiting for chance.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from devstack.sentinel import SERVICE, SentinelGroup
from devstack.server import Server
from devstack.wire import redis_command, redis_info
from tests.support.waiting import wait_until


def command(server: Server, *words: str) -> object:
    """One command, past the code under test."""
    return redis_command(server.host, server.port, *words)


class Snapshots:
    """What a server held at several moments, kept in a directory."""

    def __init__(self, server: Server, directory: Path) -> None:
        self._server = server
        self._directory = directory
        self._directory.mkdir()
        self.taken: list[Path] = []

    @property
    def _loaded(self) -> Path:
        return self._server.directory / "data" / self._server.name / "dump.rdb"

    def take(self) -> None:
        """Keep what it holds now."""
        command(self._server, "SAVE")
        self.taken.append(Path(shutil.copy(self._loaded, self._directory / f"{len(self.taken)}.rdb")))

    def restore(self, snapshot: Path) -> None:
        """Kill the server and start it with what it held then."""
        self._server.kill()
        shutil.copy(snapshot, self._loaded)
        self._server.start()


def deafen(replica: Server, primary: Server) -> None:
    """The replica, or what becomes one by this, keeps what it has and gets nothing more."""
    # its log-in is refused from now on, and with it the stream
    command(replica, "CONFIG", "SET", "masterauth", "nobody's")
    command(replica, "REPLICAOF", primary.host, str(primary.port))
    command(primary, "CLIENT", "KILL", "TYPE", "replica")
    wait_until(lambda: _link(replica) == "down", "the end of the replication")


def undeafen(server: Server) -> None:
    """It follows again whom it is told to."""
    command(server, "CONFIG", "SET", "masterauth", "")


def wait_until_following(replica: Server, primary: Server) -> None:
    """Until the replica has all that the primary had when this was called."""
    wait_until(lambda: _link(replica) == "up", "the replication")
    wanted = int(redis_info(primary.host, primary.port, "replication")["master_repl_offset"])
    wait_until(lambda: _offset(replica) >= wanted, "what the primary has")


def _link(replica: Server) -> str | None:
    return redis_info(replica.host, replica.port, "replication").get("master_link_status")


def _offset(replica: Server) -> int:
    return int(redis_info(replica.host, replica.port, "replication")["slave_repl_offset"])


@dataclass(slots=True)
class FailOver:
    """A Sentinel group whose primary and replica change places again and again."""

    group: SentinelGroup
    primary: Server
    replica: Server

    @classmethod
    def of(cls, group: SentinelGroup) -> FailOver:
        """A fresh group's."""
        for sentinel in group.sentinels:
            # they would look ten seconds long for what became of a server
            command(sentinel, "SENTINEL", "DEBUG", "info-period", "200")
        return cls(group, group.primary, group.replica)

    @property
    def address(self) -> str:
        """``master@host:port,...`` of the Sentinels."""
        return f"{SERVICE}@{','.join(self.sentinels)}"

    @property
    def sentinels(self) -> list[str]:
        """``host:port`` of each."""
        return [f"{each.host}:{each.port}" for each in self.group.sentinels]

    def notice_after(self, milliseconds: int) -> None:
        """How long the Sentinels wait for a dead primary before they replace it; half a second at first."""
        for sentinel in self.group.sentinels:
            command(sentinel, "SENTINEL", "SET", SERVICE, "down-after-milliseconds", str(milliseconds))

    def kill_primary(self) -> None:
        """``kill -9``, and what ``wait_until_promoted`` waits for."""
        self.primary.kill()
        self.wait_until_promoted()

    def wait_until_promoted(self) -> None:
        """Until every Sentinel tells that the replica is the primary, which it then is."""
        wait_until(lambda: all(self._promoted(sentinel) for sentinel in self.group.sentinels), "the fail-over")
        undeafen(self.replica)

    def bring_back(self) -> None:
        """Start the dead primary as the replica of the other, which takes its place in the next fail-over."""
        old, new = self.primary, self.replica
        start = old.command[: old.command.index("--replicaof")] if "--replicaof" in old.command else old.command
        old.command = [*start, "--replicaof", new.host, str(new.port)]
        old.start()
        wait_until_following(old, new)
        wait_until(lambda: all(map(self._has_healthy_replica, self.group.sentinels)), "a replica to promote")
        self.primary, self.replica = new, old

    def _promoted(self, sentinel: Server) -> bool:
        told = command(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return told == [self.replica.host, str(self.replica.port)] and self._is_primary(self.replica)

    def _is_primary(self, server: Server) -> bool:
        return redis_info(server.host, server.port, "replication")["role"] == "master"

    def _has_healthy_replica(self, sentinel: Server) -> bool:
        found = command(sentinel, "SENTINEL", "REPLICAS", SERVICE)
        assert isinstance(found, list)
        known = [dict(zip(each[::2], each[1::2], strict=True)) for each in found]
        return [("slave", "ok")] == [(each["flags"], each["master-link-status"]) for each in known]
