"""Cached rows stay registers when Redis comes back with less than it had: an older snapshot, a replica that lagged."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx
from devstack.proxy import Proxy
from devstack.sentinel import SentinelGroup
from devstack.server import Server
from fluxaorm.engine import Engine
from fluxaorm.plans.state import bound_entity
from fluxaorm.plans.state.keys import stamp_for
from tests.support.insides import core
from tests.support.killed_workers import (
    FEW_ROWS,
    RegisterEntity,
    histories,
    open_registers,
    operations_done,
    running_workers,
)
from tests.support.measured import Measured
from tests.support.network import MakeProxy
from tests.support.primaries import FailOver, Snapshots, command, deafen, wait_until_following
from tests.support.private_servers import StartServer
from tests.support.register_history import Operation, is_linearizable
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault
SEED = 20_261_127
RESTORES, FAIL_OVERS = 8, 2


class Watched:
    """Registers whose every use is noted, so that the checker can judge it."""

    def __init__(self, url: str, redis: str) -> None:
        self.engine: Engine = open_registers(url, redis, "watched")
        self._provider: Any = self.engine.provider(RegisterEntity)
        self.counts = core(self.engine).binding(self._provider).counts
        self.history: list[Operation] = []
        with self.engine.new_context() as ctx:
            for alter in fx.get_alters(ctx):
                alter.exec(ctx)

    def add(self, rows: int) -> None:
        """Rows 1 to ``rows``, all 0."""
        with self.engine.new_context() as ctx:
            for id in range(1, rows + 1):
                self._provider.new_with_id(ctx, id)
            ctx.flush()

    def read(self) -> int:
        """The first row's value."""
        called = time.monotonic()
        with self.engine.new_context() as ctx:
            value = int(self._provider.must_get_by_id(ctx, 1).value)
        self.history.append(Operation("read", value, called, time.monotonic()))
        return value

    def read_from_cache(self) -> None:
        """Read until Redis was not only asked but had something to say, right or wrong."""

        def answered() -> bool:
            before = self.counts.redis_hit + self.counts.redis_foreign
            self.read()
            return self.counts.redis_hit + self.counts.redis_foreign > before

        wait_until(answered, "an answer of Redis")

    def write(self, value: int) -> None:
        """Change the first row."""
        with self.engine.new_context() as ctx:
            register = self._provider.must_get_by_id(ctx, 1)
            register.value = value
            called = time.monotonic()
            ctx.flush()
        self.history.append(Operation("write", value, called, time.monotonic()))


def watched_with_a_cached_row(directory: Path, redis: str) -> Watched:
    """A register that Redis holds as it is in the table."""
    watched = Watched(f"sqlite:///{directory}/app.db", redis)
    watched.add(1)
    watched.read()
    watched.read_from_cache()
    return watched


def primary_and_replica(start: StartServer) -> tuple[Server, Server]:
    """Two servers, of which the second follows the first."""
    primary = start("redis", "--repl-diskless-sync-delay", "0")
    return primary, start("redis", "--replicaof", primary.host, str(primary.port))


def promote(server: Server, proxy: Proxy) -> None:
    """Make a server the primary that everybody talks to from now on."""
    command(server, "REPLICAOF", "NO", "ONE")
    lead_to(server, proxy)


def lead_to(server: Server, proxy: Proxy) -> None:
    """Let everybody talk to this server from now on."""
    proxy.target = (server.host, server.port)
    proxy.cut()


def weaken(monkeypatch: pytest.MonkeyPatch, kept: Callable[[list[bytes]], list[bytes]]) -> None:
    """Keep only a part of what a stamp says of the server: its run id and its replication id."""

    def stamp_of_part(fingerprint: str, server: bytes) -> bytes:
        return stamp_for(fingerprint, b" ".join(kept(server.split())))

    monkeypatch.setattr(bound_entity, "stamp_for", stamp_of_part)


def complete(identity: list[bytes]) -> list[bytes]:
    return identity


def only_run_id(identity: list[bytes]) -> list[bytes]:
    return identity[:1]


def neither(_: list[bytes]) -> list[bytes]:
    return []


@pytest.mark.parametrize(("kept", "coherent"), [(complete, True), (neither, False)])
def test_what_an_older_snapshot_holds_counts_only_without_the_servers_identity(
    private_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Any, coherent: bool
) -> None:
    """The restart has forgotten that the row was changed; its stamp is all that tells."""
    weaken(monkeypatch, kept)
    server = private_server("valkey")
    snapshots = Snapshots(server, tmp_path / "snapshots")
    watched = watched_with_a_cached_row(tmp_path, f"{server.host}:{server.port}")
    snapshots.take()
    watched.write(7)

    snapshots.restore(snapshots.taken[0])
    watched.read_from_cache()

    assert coherent == is_linearizable(watched.history)
    watched.engine.close()


@pytest.mark.parametrize(("kept", "coherent"), [(complete, True), (neither, False)])
def test_what_a_replica_without_the_last_writes_holds_counts_only_without_the_servers_identity(
    private_server: StartServer,
    proxy_factory: MakeProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: Any,
    coherent: bool,
) -> None:
    """A fail-over promotes what there is; replication does not wait for anybody."""
    weaken(monkeypatch, kept)
    primary, replica = primary_and_replica(private_server)
    proxy = proxy_factory((primary.host, primary.port))
    watched = watched_with_a_cached_row(tmp_path, f"{proxy.host}:{proxy.port}")
    wait_until_following(replica, primary)
    deafen(replica, primary)
    watched.write(7)

    primary.kill()
    promote(replica, proxy)
    watched.read_from_cache()

    assert coherent == is_linearizable(watched.history)
    watched.engine.close()


@pytest.mark.parametrize(("kept", "coherent"), [(complete, True), (only_run_id, False), (neither, False)])
def test_what_a_primary_that_was_replaced_and_is_back_holds_counts_only_without_its_replication_id(
    private_server: StartServer,
    proxy_factory: MakeProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: Any,
    coherent: bool,
) -> None:
    """It is the very same process, so that its run id tells nothing."""
    weaken(monkeypatch, kept)
    first, second = primary_and_replica(private_server)
    proxy = proxy_factory((first.host, first.port))
    watched = watched_with_a_cached_row(tmp_path, f"{proxy.host}:{proxy.port}")
    wait_until_following(second, first)
    command(second, "REPLICAOF", "NO", "ONE")
    deafen(first, second)
    lead_to(second, proxy)
    watched.read_from_cache()
    watched.write(7)

    promote(first, proxy)
    watched.read_from_cache()

    assert coherent == is_linearizable(watched.history)
    watched.engine.close()


def judged(directory: Path, disturbances: str, measured: Measured) -> dict[int, list[Operation]]:
    """The histories that no order explains; how many there are is noted."""
    found = histories(directory)
    measured("linearizability", f"{disturbances}, {sum(map(len, found.values()))} operations, {len(found)} histories")
    return {row: history for row, history in found.items() if not is_linearizable(history)}


def test_rows_are_linearizable_while_valkey_returns_to_older_snapshots(
    mysql_database: Database, private_server: StartServer, tmp_path: Path, measured: Measured
) -> None:
    """Under load, at moments that nobody chose."""
    chance = random.Random(SEED)
    server = private_server("valkey")
    redis = f"{server.host}:{server.port}"
    log = tmp_path / "log"
    log.mkdir()
    snapshots = Snapshots(server, tmp_path / "snapshots")
    watched = Watched(mysql_database.url, redis)
    watched.add(FEW_ROWS)

    with running_workers(mysql_database.url, redis, "watched", log, SEED):
        for _ in range(RESTORES):
            for _ in range(2):
                work_on(log, chance.randrange(50, 600))
                snapshots.take()
            work_on(log, chance.randrange(50, 600))
            snapshots.restore(chance.choice(snapshots.taken[-4:]))
        work_on(log, 600)
    wrong = judged(log, f"{RESTORES} restores", measured)

    assert {} == wrong
    watched.engine.close()


def test_rows_are_linearizable_while_sentinels_fail_over_and_back(
    mariadb_database: Database, sentinel_group: SentinelGroup, tmp_path: Path, measured: Measured
) -> None:
    """To a replica that lacks the last writes, and again when the first primary is back."""
    fail_over = FailOver.of(sentinel_group)
    log = tmp_path / "log"
    log.mkdir()
    watched = Watched(mariadb_database.url, fail_over.address)
    watched.add(FEW_ROWS)

    with running_workers(mariadb_database.url, fail_over.address, "watched", log, SEED):
        for turn in range(FAIL_OVERS):
            work_on(log, 500)
            if turn:
                fail_over.bring_back()
                work_on(log, 500)
            deafen(fail_over.replica, fail_over.primary)
            work_on(log, 300)
            fail_over.kill_primary()
        work_on(log, 1_000)
    wrong = judged(log, f"{FAIL_OVERS} fail-overs", measured)
    hits = watched.counts.redis_hit
    wait_until(lambda: watched.read() >= 0 and watched.counts.redis_hit > hits, "a hit")

    assert {} == wrong
    watched.engine.close()


def work_on(log: Path, operations: int) -> None:
    """Let the workers do so many operations more."""
    wanted = operations_done(log) + operations
    wait_until(lambda: operations_done(log) >= wanted, f"{operations} operations", 20)
