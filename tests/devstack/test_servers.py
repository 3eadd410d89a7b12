"""Every server of the stack answers, is what it says it is, and can do what the tests ask of it."""

from __future__ import annotations

import asyncio
import contextlib

import pymysql
import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError
from redis.sentinel import MasterNotFoundError, Sentinel

from devstack.process import wait_until
from devstack.sentinel import SERVICE, SentinelGroup
from devstack.state import SentinelAddress
from devstack.wire import redis_info
from tests.support.network import MakeProxy
from tests.support.private_servers import StartCluster, StartServer
from tests.support.redis_servers import RedisCluster, RedisServer
from tests.support.sql_servers import Database, SqlServer


def test_the_sql_servers_are_what_they_are_called(mysql_server: SqlServer) -> None:
    """Tests branch on `kind`; it must not lie."""
    [(version, comment)] = mysql_server.execute("SELECT VERSION(), @@version_comment")

    assert ("MariaDB" in version) == (mysql_server.kind == "mariadb")
    assert version == mysql_server.version or mysql_server.version == "named", comment


def test_each_test_has_a_database_of_its_own(mysql_database: Database) -> None:
    """utf8mb4, empty, and reachable under its URL."""
    mysql_database.execute("CREATE TABLE t (v VARCHAR(20))")
    mysql_database.execute("INSERT INTO t VALUES (%s)", "naïve 🦉")

    assert mysql_database.execute("SELECT v FROM t") == [("naïve 🦉",)]
    assert mysql_database.url.endswith(f":{mysql_database.server.port}/{mysql_database.name}")


def test_the_sql_servers_write_a_row_binlog(mysql_server: SqlServer) -> None:
    """Change data capture reads it."""
    settings = mysql_server.execute("SELECT @@log_bin, @@binlog_format, @@binlog_row_metadata")

    assert settings == [(1, "ROW", "FULL")]


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_sql_servers_keep_what_they_acknowledged_over_kill_9(private_server: StartServer, kind: str) -> None:
    """The crash tests need servers that are durable against the death of their process."""
    server = private_server(kind)
    where = SqlServer(kind, server.host, server.port, "root", "", server.version)
    where.execute("CREATE DATABASE d")
    where.execute("CREATE TABLE d.t (id INT PRIMARY KEY)")
    where.execute("INSERT INTO d.t VALUES (1)")
    pid = server.pid

    server.kill()
    assert not server.running
    with pytest.raises(pymysql.err.OperationalError):
        where.execute("SELECT 1")
    server.start()

    assert server.pid != pid
    assert where.execute("SELECT id FROM d.t") == [(1,)]


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_private_sql_servers_take_options(private_server: StartServer, kind: str) -> None:
    """Fault tests set limits and time-outs at the server."""
    server = private_server(kind, "--max-connections=17")
    where = SqlServer(kind, server.host, server.port, "root", "", server.version)

    assert where.execute("SELECT @@max_connections") == [(17,)]


def test_a_pymysql_login_and_query_through_the_proxy(mariadb: SqlServer, proxy_factory: MakeProxy) -> None:
    """Round trips are counted on the wire: one for each statement."""
    proxy = proxy_factory(mariadb.address)
    with contextlib.closing(
        pymysql.connect(host=proxy.host, port=proxy.port, user=mariadb.user, password=mariadb.password)
    ) as connection:
        cursor = connection.cursor()
        proxy.reset()

        cursor.execute("SELECT 1")
        cursor.execute("SELECT 2")

        assert proxy.round_trips == 2
        cursor.close()


def test_redis_pipelines_are_one_round_trip(redis_server: RedisServer, proxy_factory: MakeProxy) -> None:
    """The budgets of the cache protocol are counted this way."""
    proxy = proxy_factory(redis_server.address)
    with redis.Redis(host=proxy.host, port=proxy.port) as client:
        client.ping()
        proxy.reset()

        pipeline = client.pipeline(transaction=False)
        for number in range(100):
            pipeline.set(f"{redis_server.namespace}:{number}", number)
        pipeline.execute()

        assert proxy.round_trips == 1
    assert len(redis_server.keys()) == 100


def test_redis_fixtures_clean_up_after_themselves(redis_server: RedisServer) -> None:
    """Tests share the server; what one leaves would be another's surprise."""
    redis_server.command("SET", f"fx:{redis_server.namespace}:t:1", "x")

    redis_server.clean()

    assert redis_server.keys() == []


def test_valkey_searches(valkey: RedisServer) -> None:
    """The search module is loaded and finds a document."""
    name = f"fx:{valkey.namespace}:t"
    valkey.command(
        *("FT.CREATE", name, "ON", "HASH", "PREFIX", "1", f"{name}:"),
        *("SCHEMA", "name", "TAG", "SEPARATOR", "|", "SORTABLE", "age", "NUMERIC"),
    )
    valkey.command("HSET", f"{name}:1", "name", "Ada", "age", "36")

    def found() -> bool:
        return valkey.command("FT.SEARCH", name, "@name:{Ada} @age:[30 40]", "NOCONTENT") == [1, f"{name}:1"]

    assert wait_until(found, 5)
    valkey.clean()
    assert name not in str(valkey.command("FT._LIST"))


def test_versions_are_the_supported_extremes(valkey: RedisServer, redis7: RedisServer) -> None:
    """The newest of the family with search, and the oldest supported without."""
    assert valkey.search
    assert int(valkey.version.partition(".")[0]) >= 9
    assert not redis7.search
    assert int(redis7.version.partition(".")[0]) >= 7


def test_sentinels_name_a_primary(sentinel: SentinelAddress) -> None:
    """Clients find the primary through any sentinel."""
    watch = Sentinel(list(sentinel.sentinels), socket_timeout=5)

    with watch.master_for(sentinel.service) as primary:
        assert primary.set("devstack:probe", "1", px=1000)
    for each in watch.sentinels:
        each.close()


@pytest.mark.fault
def test_sentinel_fails_over_after_kill_9(sentinel_group: SentinelGroup) -> None:
    """The replica is promoted and takes writes, within a bounded wait."""
    watch = Sentinel([(server.host, server.port) for server in sentinel_group.sentinels], socket_timeout=5)
    with watch.master_for(SERVICE, socket_timeout=5) as primary:
        primary.set("before", "1")
        assert sentinel_group.current_primary() == (sentinel_group.primary.host, sentinel_group.primary.port)

        sentinel_group.primary.kill()

        def writes() -> bool:
            try:
                return bool(primary.set("after", "1"))
            except (RedisConnectionError, MasterNotFoundError, ReadOnlyError):
                return False

        assert wait_until(writes, 90)
        assert sentinel_group.current_primary() == (sentinel_group.replica.host, sentinel_group.replica.port)
    for each in watch.sentinels:
        each.close()


def test_the_cluster_shares_its_slots_among_three_primaries(valkey_cluster: RedisCluster) -> None:
    """A client that knows one node finds the owner of any key."""
    host, port = valkey_cluster.nodes[0]

    with redis.RedisCluster(host=host, port=port) as client:
        for number in range(50):
            client.set(f"{valkey_cluster.namespace}:{number}", number)
        owners = {client.get_node_from_key(f"{valkey_cluster.namespace}:{number}").port for number in range(50)}

    assert {port for _, port in valkey_cluster.nodes} == owners
    assert len(valkey_cluster.keys()) == 50
    valkey_cluster.clean()
    assert valkey_cluster.keys() == []


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_a_cluster_fails_over_after_kill_9(private_cluster: StartCluster, kind: str) -> None:
    """The replica of a killed primary takes its slots, within a bounded wait."""
    cluster = private_cluster(kind, replicas=True, node_timeout=1_000)
    replica = cluster.replicas[0]

    cluster.primaries[0].kill()

    def took_over() -> bool:
        return redis_info(replica.host, replica.port, "replication")["role"] == "master"

    assert wait_until(took_over, 90)


@pytest.mark.usefixtures("no_sockets")
def test_no_sockets_refuses_the_network() -> None:
    """Unit tests prove with it that a plan performs no I/O, on an event loop too."""
    with pytest.raises(AssertionError, match="may not use the network"):
        pymysql.connect(host="127.0.0.1", port=3306)

    async def connect() -> None:
        await asyncio.open_connection("127.0.0.1", 3306)

    with pytest.raises(AssertionError, match="may not use the network"):
        asyncio.run(connect())
