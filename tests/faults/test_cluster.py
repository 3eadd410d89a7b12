"""A cluster that changes under load: slots move, a primary dies. No stale row, and no error but those of an outage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from devstack.cluster import Cluster
from devstack.process import wait_until
from devstack.server import Server
from devstack.wire import redis_command, redis_info
from fluxaorm.engine import Engine
from fluxaorm.pools.redis.wire import CONFIRM_AFTER
from tests.support.cached import SeatEntity
from tests.support.cluster_moves import move_slot, owner_of, slot_of
from tests.support.insides import core
from tests.support.killed_workers import RegisterEntity
from tests.support.local_caches import wait_until_open
from tests.support.private_servers import StartCluster
from tests.support.redis_servers import RedisCluster
from tests.support.register_load import RegisterLoad
from tests.support.shells import Shell
from tests.support.shop_engines import open_engine
from tests.support.sql_servers import Database

pytestmark = pytest.mark.fault
ROWS = 24


def open_registers(database: Database, cluster: Cluster) -> Engine:
    seen = RedisCluster.of(cluster)
    engine = open_engine(database.url, seen.host_port, seen.namespace, (RegisterEntity,))
    registers: Any = engine.provider(RegisterEntity)
    with engine.new_context() as ctx:
        for id in range(1, ROWS + 1):
            registers.new_with_id(ctx, id, value=0)
        ctx.flush()
    return engine


def keys_at(engine: Engine, cluster: Cluster, number: int) -> list[str]:
    """Keys of rows that primary ``number`` owns."""
    prefix = core(engine).binding(engine.provider(RegisterEntity)).key_prefix
    keys = [f"{prefix}{id}" for id in range(1, ROWS + 1)]
    return [key for key in keys if owner_of(cluster, slot_of(cluster, key)) is cluster.primaries[number]]


def hits_go_on(engine: Engine) -> bool:
    counts: Any = core(engine).binding(engine.provider(RegisterEntity)).counts
    hits, errors = counts.redis_hit, counts.redis_error
    return wait_until(lambda: counts.redis_hit > hits + ROWS, 5) and bool(counts.redis_error == errors)


def test_slots_that_move_under_load_are_followed(
    mariadb_database: Database, private_cluster: StartCluster, shell: Shell
) -> None:
    """A key is in one place at any time, and its readers and writers meet there, also when half a slot is moved."""
    cluster = private_cluster()
    engine = open_registers(mariadb_database, cluster)
    load = RegisterLoad(engine, ROWS)
    moving = keys_at(engine, cluster, 0)[:4]

    with load.running(shell.name):
        load.wait_for(reads=30, writes=5)
        for number, key in enumerate(moving):
            slot = slot_of(cluster, key)
            move_slot(
                cluster, slot, cluster.primaries[1], lambda: load.wait_for(reads=30, writes=ROWS), keep=number % 2
            )
            load.wait_for(reads=30, writes=5)
        used_again = wait_until(lambda: hits_go_on(engine), 20)

    assert [] == load.wrong
    assert 0 == load.refused
    assert used_again
    assert all(owner_of(cluster, slot_of(cluster, key)) is cluster.primaries[1] for key in moving)


@dataclass(slots=True)
class TwoEngines:
    """One that changes a row, and one that keeps it in its process."""

    writer: Engine
    reader: Engine
    shell: Shell
    id: int

    @property
    def channel(self) -> str:
        """Where changes of the row are published."""
        found = core(self.reader).binding(self.reader.provider(SeatEntity)).channel
        assert found is not None
        return found

    def take(self, taken_by: int) -> None:
        """Change the row."""
        seats: Any = self.writer.provider(SeatEntity)
        with self.writer.new_context() as ctx:
            seats.must_get_by_id(ctx, self.id).taken_by = taken_by
            ctx.flush()

    def read(self) -> tuple[int, bool]:
        """What the reader sees, and whether it had it in its process."""
        seats: Any = self.reader.provider(SeatEntity)
        counts = core(self.reader).binding(seats).counts
        before = counts.local_hit
        seat = self.shell.do(seats.must_get_by_id(self.shell.context(self.reader), self.id))
        return seat.taken_by, counts.local_hit > before

    def wait_until_kept(self, taken_by: int) -> None:
        """Read until the row comes out of the process, and is the new one."""
        assert wait_until(lambda: self.read() == (taken_by, True), 30)


@pytest.fixture
def two_engines(mariadb_database: Database, private_cluster: StartCluster, shell: Shell) -> Iterator[Any]:
    """Opens them on a cluster of their own."""
    opened: list[Engine] = []

    def make(kind: str = "valkey") -> tuple[Cluster, TwoEngines]:
        cluster = private_cluster(kind)
        seen = RedisCluster.of(cluster)
        opened.extend(
            open_engine(mariadb_database.url, seen.host_port, seen.namespace, (SeatEntity,)) for _ in range(2)
        )
        writer, reader = opened
        seats: Any = writer.provider(SeatEntity)
        with writer.new_context() as ctx:
            id = seats.new(ctx, row="A").id
            ctx.flush()
        wait_until_open(reader)
        return cluster, TwoEngines(writer, reader, shell, id)

    yield make
    for engine in opened:
        shell.close(engine)


@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_local_caches_follow_the_channel_to_its_next_owner(two_engines: Any, kind: str) -> None:
    """Whoever listens to the old one would hear nothing any more, and keep what others change."""
    cluster, engines = two_engines(kind)
    engines.wait_until_kept(0)
    channel = engines.channel
    slot = slot_of(cluster, channel)
    owner = owner_of(cluster, slot)
    target = next(server for server in cluster.primaries if server is not owner)

    move_slot(cluster, slot, target)
    for number in range(1, 4):
        engines.take(number)
        engines.wait_until_kept(number)

    assert owner_of(cluster, slot) is target


def test_local_caches_are_shut_while_the_owner_of_their_channel_is_gone(two_engines: Any) -> None:
    """What is published meanwhile reaches nobody."""
    cluster, engines = two_engines()
    engines.wait_until_kept(0)
    channel = engines.channel
    owner = owner_of(cluster, slot_of(cluster, channel))

    owner.kill()
    wait_until_open(engines.reader, is_open=False)
    gone = [engines.read() for _ in range(2)]
    owner.start()
    wait_until_open(engines.reader, seconds=30)

    assert [(0, False), (0, False)] == gone
    engines.wait_until_kept(0)
    engines.take(5)
    engines.wait_until_kept(5)


def fail_over(cluster: Cluster, load: RegisterLoad) -> None:
    """Kill a primary whose replica has not heard of the last writes."""
    primary, replica = cluster.primaries[0], cluster.replicas[0]
    with redis.Redis(host=primary.host, port=primary.port) as client:
        # whoever is connected stays so, but the replica does not get in again
        client.config_set("requirepass", "from now on")
        client.client_kill_filter(_type="replica")
    assert wait_until(lambda: redis_info(replica.host, replica.port, "replication")["master_link_status"] == "down", 30)
    load.wait_for(reads=30, writes=2 * ROWS)
    primary.kill()

    assert wait_until(lambda: role_of(replica) == "master", 60)


def test_a_primary_that_was_demoted_and_promoted_again_is_another_server(
    mariadb_database: Database, private_cluster: StartCluster, shell: Shell
) -> None:
    """It may lack what the other one was told meanwhile, and connections that slept through it are told nothing."""
    cluster = private_cluster(replicas=True)
    engine = open_registers(mariadb_database, cluster)
    registers: Any = engine.provider(RegisterEntity)
    counts = core(engine).binding(registers).counts
    ids = [int(key.rpartition(":")[2]) for key in keys_at(engine, cluster, 0)]

    def read() -> tuple[int, int]:
        """Hits, and values that another server gave."""
        hits, foreign = counts.redis_hit, counts.redis_foreign
        for id in ids:
            shell.do(registers.must_get_by_id(shell.context(engine), id))
        return counts.redis_hit - hits, counts.redis_foreign - foreign

    read()
    before = read()
    promote(cluster.replicas[0])
    promote(cluster.primaries[0])
    # in agreement, as here, it can take less than such fail-overs do that lose something
    time.sleep(CONFIRM_AFTER)
    after = read()

    assert ((len(ids), 0), (0, len(ids)), (len(ids), 0)) == (before, after, read())
    shell.close(engine)


def promote(server: Server) -> None:
    """Make a replica the primary, in agreement with the one it follows."""

    def follows() -> bool:
        info = redis_info(server.host, server.port, "replication")
        return info["role"] == "slave" and info["master_link_status"] == "up"

    assert wait_until(follows, 30)
    redis_command(server.host, server.port, "CLUSTER", "FAILOVER")
    assert wait_until(lambda: role_of(server) == "master", 30)


def role_of(server: Server) -> str:
    with suppress(OSError):
        return redis_info(server.host, server.port, "replication")["role"]
    return ""


def restart(cluster: Cluster, load: RegisterLoad) -> None:
    """Kill a primary and start it again with nothing in it."""
    cluster.primaries[0].kill()
    load.wait_for(reads=30, writes=1)
    cluster.primaries[0].start()


@pytest.mark.parametrize(
    ("kind", "fault", "batches"), [("valkey", fail_over, False), ("redis", restart, True)], ids=["fail-over", "restart"]
)
def test_a_primary_that_dies_under_load_costs_its_keys_the_cache_until_it_is_replaced(
    mariadb_database: Database,
    private_cluster: StartCluster,
    shell: Shell,
    kind: str,
    fault: Callable[[Cluster, RegisterLoad], None],
    batches: bool,
) -> None:
    """Its replica lacks the last intents, its restart all of them: neither's values are taken for those of before."""
    cluster = private_cluster(kind, replicas=fault is fail_over, node_timeout=1_000 if fault is fail_over else 15_000)
    engine = open_registers(mariadb_database, cluster)
    load = RegisterLoad(engine, ROWS, batches=batches)

    with load.running(shell.name):
        load.wait_for(reads=30, writes=ROWS)
        fault(cluster, load)
        load.wait_for(reads=30, writes=ROWS)
        used_again = wait_until(lambda: hits_go_on(engine), 20)

    assert [] == load.wrong
    assert used_again
