"""What is particular to a cluster: who is asked how often, what is cut by owner, what is refused and why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import redis
import redis.asyncio

from devstack.cluster import Cluster
from devstack.proxy import Proxy
from devstack.wire import redis_command
from fluxaorm import Engine, Registry
from fluxaorm.errors import DeadlineExceededError, PoolConnectError, PostCommitError, RedisError
from fluxaorm.plans.state.keys import stamp_for
from fluxaorm.pools.redis.cluster.slots import slot_of
from tests.support.insides import core
from tests.support.killed_workers import RegisterEntity
from tests.support.passwords import new_password
from tests.support.private_servers import private_clusters
from tests.support.redis_servers import RedisCluster, RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import open_engine
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

ROWS = range(1, 61)


@dataclass(slots=True)
class Registers:
    """An engine over registers on a cluster, whose nodes may be behind proxies."""

    engine: Engine
    shell: Shell
    cluster: RedisCluster
    proxies: tuple[Proxy, ...] = ()

    @property
    def provider(self) -> Any:
        return self.engine.provider(RegisterEntity)

    def context(self) -> Any:
        return self.shell.context(self.engine)

    def do(self, value: Any) -> Any:
        return self.shell.do(value)

    def add(self) -> None:
        """The rows."""
        with self.engine.new_context() as ctx:
            for id in ROWS:
                self.provider.new_with_id(ctx, id, value=id)
            ctx.flush()

    def read(self) -> list[int]:
        """The values of all rows, by one look-up."""
        return [each.value for each in self.do(self.provider.get_by_ids(self.context(), *ROWS))]

    def counted(self, what: Any) -> tuple[int, ...]:
        """How many round trips each node is asked for while ``what`` is done."""
        for proxy in self.proxies:
            proxy.reset()
        what()
        return tuple(proxy.round_trips for proxy in self.proxies)


@pytest.fixture
def registers(mariadb_database: Database, valkey_cluster: RedisCluster, shell: Shell) -> Iterator[Registers]:
    """On the shared cluster."""
    engine = open_engine(mariadb_database.url, valkey_cluster.host_port, valkey_cluster.namespace, (RegisterEntity,))
    yield Registers(engine, shell, valkey_cluster)
    shell.close(engine)


@pytest.fixture(scope="module")
def proxied(pytestconfig: pytest.Config) -> Iterator[tuple[Cluster, tuple[Proxy, ...]]]:
    """A cluster whose nodes announce the ports of counting proxies."""
    with private_clusters(pytestconfig) as start, ExitStack() as running:
        cluster = start()
        proxies = tuple(running.enter_context(Proxy((node.host, node.port))) for node in cluster.primaries)
        for node, proxy in zip(cluster.primaries, proxies, strict=True):
            redis_command(node.host, node.port, "CONFIG", "SET", "cluster-announce-port", str(proxy.port))

        def announced() -> bool:
            views = [str(redis_command(node.host, node.port, "CLUSTER", "NODES")) for node in cluster.primaries]
            return all(f":{proxy.port}@" in view for view in views for proxy in proxies)

        wait_until(announced)
        yield cluster, proxies


@pytest.fixture
def counted(
    mariadb_database: Database, proxied: tuple[Cluster, tuple[Proxy, ...]], shell: Shell
) -> Iterator[Registers]:
    """On that cluster, with the rows cached."""
    cluster = RedisCluster.of(proxied[0])
    engine = open_engine(mariadb_database.url, cluster.host_port, cluster.namespace, (RegisterEntity,))
    made = Registers(engine, shell, cluster, proxied[1])
    made.add()
    made.read()
    yield made
    shell.close(engine)


def test_each_owner_is_asked_once(counted: Registers) -> None:
    """Many keys that are there cost each node a round trip, one key its owner alone; what is missing costs three."""
    hit = counted.counted(counted.read)
    one = counted.counted(lambda: counted.do(counted.provider.get_by_id(counted.context(), 1)))
    counted.do(counted.provider.clear_redis_cache(counted.context()))
    missed = counted.counted(counted.read)

    assert ((1, 1, 1), 1, (3, 3, 3)) == (hit, sum(one), missed)
    assert (1, 1, 1) == counted.counted(counted.read)


def test_values_carry_the_identity_of_their_own_primary(registers: Registers) -> None:
    """One primary that restarts must not turn the keys of the others into misses."""
    registers.add()
    assert list(ROWS) == registers.read()
    binding = core(registers.engine).binding(registers.provider)
    identities: list[bytes] = []
    for host, port in registers.cluster.nodes:
        with redis.Redis(host=host, port=port) as client:
            run_id, replication_id = client.info("server")["run_id"], client.info("replication")["master_replid"]
            stamp = stamp_for(binding.schema.fingerprint, f"{run_id} {replication_id}".encode())
            own = [key for key in client.keys(f"*{registers.cluster.namespace}*") if key[-1:].isdigit()]
            assert own
            identities += [stamp for key in own if stamp not in (client.get(key) or b"")]

    assert [] == identities


def test_clearing_drops_the_keys_of_all_primaries(registers: Registers) -> None:
    """SCAN knows one node only; the pages go on to the next one."""
    registers.add()
    registers.read()

    dropped = registers.do(registers.provider.clear_redis_cache(registers.context()))

    assert len(ROWS) == dropped
    # what names the database, and the ids, stay
    assert [] == [key for key in registers.cluster.keys() if not key.endswith((":id", ":identity"))]


def test_users_commands_are_cut_by_owner(registers: Registers) -> None:
    """MGET and DEL of many keys are refused by the servers, and done by the library."""
    names = [f"{registers.cluster.namespace}:{number}" for number in range(20)]
    ctx = registers.context()
    pipeline = ctx.redis_pipeline()
    for number, name in enumerate(names):
        pipeline.add("SET", name, number)
    found = pipeline.add("MGET", *names, "nowhere")
    exist = pipeline.add("EXISTS", *names, "nowhere")
    registers.do(ctx.flush())

    gone = registers.context()
    deleted = gone.redis_pipeline().add("DEL", *names)
    registers.do(gone.flush())

    assert [*(str(number).encode() for number in range(20)), None] == found.result
    assert (20, 20) == (exist.result, deleted.result)


def test_a_command_without_a_key_is_refused_with_the_way_out(registers: Registers) -> None:
    """It has no owner; the others are done."""
    ctx = registers.context()
    pipeline = ctx.redis_pipeline()
    refused, done = pipeline.add("DBSIZE"), pipeline.add("SET", f"{registers.cluster.namespace}:x", 1)

    with pytest.raises(PostCommitError):
        registers.do(ctx.flush())

    with pytest.raises(RedisError, match=r"DBSIZE names no key.*engine\.redis\(pool\)\.client"):
        _ = refused.result
    assert b"OK" == done.result


def test_the_client_is_redis_pys_own_for_clusters(registers: Registers) -> None:
    """For everything that is not the library's business."""
    pool = registers.engine.redis()
    pool.client.set(f"{registers.cluster.namespace}:client", "x")

    async def read() -> Any:
        value = await pool.async_client.get(f"{registers.cluster.namespace}:client")
        await registers.engine.aclose()
        return value

    assert isinstance(pool.client, redis.RedisCluster)
    assert b"x" == asyncio.run(read())


def refusal(address: str) -> str:
    registry = Registry()
    registry.register_redis(address)
    with pytest.raises(PoolConnectError) as caught:
        registry.validate()
    return str(caught.value)


def test_one_server_is_no_cluster_and_a_node_of_a_cluster_no_single_server(
    valkey: RedisServer, valkey_cluster: RedisCluster
) -> None:
    """Told by validate(), where it would otherwise be told by one key in three."""
    single = valkey_cluster.host_port.removeprefix("redis+cluster://")

    assert "cluster support disabled" in refusal(f"redis+cluster://{valkey.host_port}")
    assert "it is a node of a cluster; use redis+cluster://" in refusal(single)


def test_a_cluster_nobody_answers_for_is_told_by_its_address() -> None:
    """All nodes that the address names were asked."""
    assert "redis+cluster://127.0.0.1:1,127.0.0.1:2" in refusal("redis+cluster://127.0.0.1:1,127.0.0.1:2")


@pytest.mark.parametrize("key", ["", "a", "{a}b", "a{b}c", "{}a", "a{}{b}", "{a", "}{a}", "ł{ß}", "fx:app:User:17"])
def test_slots_are_those_of_the_server(valkey_cluster: RedisCluster, key: str) -> None:
    """Braces decide, where there is something between the first two."""
    assert valkey_cluster.command("CLUSTER", "KEYSLOT", key) == slot_of(key) == slot_of(key.encode())


def test_a_deadline_ends_a_look_at_many_keys_though_one_node_is_silent(counted: Registers) -> None:
    """It is one wait, for whichever node takes longest; the links to the others are not taken for what they were."""
    engine, silent = counted.engine, counted.proxies[1]
    silent.stall()
    ctx = engine.new_context(timeout=0.5) if counted.shell.name == "sync" else engine.new_async_context(timeout=0.5)

    with pytest.raises(DeadlineExceededError):
        counted.do(counted.provider.get_by_ids(ctx, *ROWS))
    silent.resume()

    assert list(ROWS) == counted.read()
    assert list(ROWS) == counted.read()


def test_every_node_is_logged_in_to_as_the_address_says(
    mariadb_database: Database, proxied: tuple[Cluster, tuple[Proxy, ...]], shell: Shell
) -> None:
    """Also those that the address does not name."""
    cluster, password = RedisCluster.of(proxied[0]), new_password()
    for node in cluster.nodes:
        redis_command(*node, "ACL", "SETUSER", "app", "on", f">{password}", "~*", "&*", "+@all")
    address = cluster.host_port.replace("://", f"://app:{password}@")

    engine = open_engine(mariadb_database.url, address, cluster.namespace, (RegisterEntity,))
    made = Registers(engine, shell, cluster)
    made.add()
    values = made.read()

    assert list(ROWS) == values
    assert all("user=app" in str(redis_command(*node, "CLIENT", "LIST")) for node in cluster.nodes)
    assert password not in repr(engine.redis())
    shell.close(engine)


def test_a_deployment_on_a_cluster_has_no_problems(registers: Registers) -> None:
    """Every node is asked what a command without a key asks; one that answered otherwise would fail each deployment."""
    with registers.engine.new_context() as ctx:
        registers.engine.schema(RegisterEntity).update_schema(ctx)

    problems = registers.do(registers.engine.check(registers.context()))

    assert [] == problems
