"""The engine on real servers: the page's first snippet, and connections after a fork."""

from __future__ import annotations

import os

from fluxaorm import Engine, RedisOptions, Registry
from tests.seed.entities import CategoryEntity, OrderEntity, ProductEntity, UserEntity
from tests.support.insides import core, dialect_of
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database


def _engine(database: Database, redis: RedisServer) -> Engine:
    registry = Registry()
    registry.register_mysql(database.url)
    registry.register_redis(redis.host_port, 0, options=RedisOptions(namespace=redis.namespace))
    registry.register_local_cache(limit=100_000)
    registry.register_clickhouse("clickhouse://localhost:9000/default", "analytics")
    registry.register_entity(UserEntity, ProductEntity, CategoryEntity, OrderEntity)
    return registry.validate()


def test_the_first_snippet_of_the_page_on_real_servers(mysql_database: Database, redis_server: RedisServer) -> None:
    """On each MySQL with each Redis: what a newcomer runs first."""
    with _engine(mysql_database, redis_server) as engine, engine.new_context():
        assert mysql_database.server.kind == dialect_of(engine).name
        assert mysql_database.name == engine.mysql().database


def _connection_id(engine: Engine) -> int:
    connection = core(engine).mysql_pool().sync.acquire()
    try:
        return int(connection.fetch("SELECT CONNECTION_ID()")[0][0])
    finally:
        core(engine).mysql_pool().sync.release(connection)


def _client_id(engine: Engine) -> int:
    return int(core(engine).redis_pool().sync.round_trip([("CLIENT", "ID")]).values[0])


def test_a_child_process_opens_connections_of_its_own(mysql_database: Database, redis_server: RedisServer) -> None:
    """Two processes on one connection read each other's answers. The parent's go on as if nothing had happened."""
    with _engine(mysql_database, redis_server) as engine:
        before = (_connection_id(engine), _client_id(engine))
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                mine = (_connection_id(engine), _client_id(engine))
                os.write(writer, f"{mine[0]} {mine[1]}".encode())
                engine.close()
            finally:
                os._exit(0)
        os.close(writer)
        answer = os.read(reader, 100).decode()
        os.close(reader)
        _, status = os.waitpid(child, 0)
        after = (_connection_id(engine), _client_id(engine))

    assert 0 == status
    assert before == after
    assert [] == sorted(set(map(int, answer.split())) & set(before))
