"""Every way of a value into a table and out of it: servers, drivers, statements, protocols, caches.

What it decides: which ways there are, and that each reader starts from a context that knows nothing.
What it never does: judge what came back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from devstack.state import StackState
from fluxaorm.engine import Engine
from fluxaorm.pools.mysql.asyncmy import PREPARED_AFTER
from fluxaorm.query.query import Query
from tests.support.insides import core
from tests.support.redis_servers import RedisServer, server_at
from tests.support.shells import Shell, open_shell
from tests.support.shop_engines import open_engine
from tests.support.sql_servers import SqlServer

Values: TypeAlias = "dict[str, Any]"
"""Attribute -> value."""

SERVERS: Final = ("mysql", "mariadb", "sqlite")
DRIVERS: Final = {
    "mysql": ("mysqlclient", "pymysql", "asyncmy"),
    "mariadb": ("mysqlclient", "pymysql", "asyncmy"),
    "sqlite": ("threads", "asyncio"),
}
PATHS: Final = [(server, driver) for server in SERVERS for driver in DRIVERS[server]]
_ASYNC: Final = ("asyncmy", "asyncio")


@dataclass(slots=True)
class ValuePath:
    """An engine on one server through one driver, and the shell to use it in."""

    server: str
    driver: str
    engine: Engine
    shell: Shell

    def provider(self, entity: type[Any]) -> Any:
        """The provider of an entity."""
        return self.engine.provider(entity)

    def context(self) -> Any:
        """A fresh context."""
        return self.shell.context(self.engine)

    def do(self, value: Any) -> Any:
        """The result of a call."""
        return self.shell.do(value)

    def prepared_runs(self) -> int:
        """How many statements the pool's connection of asyncmy has run prepared."""
        return int(self.do(self._prepared_runs()))

    async def _prepared_runs(self) -> int:
        pool = core(self.engine).mysql_pools["default"].asyncio
        connection = await pool.acquire()
        try:
            rows = await connection.fetch("SHOW SESSION STATUS LIKE 'Com_stmt_execute'")
        finally:
            pool.release(connection)
        return int(rows[0][1])


@contextmanager
def database_at(server: str, stack: StackState, directory: Path) -> Iterator[str]:
    """The URL of a fresh database on a server, dropped afterwards; the test is skipped where the server is missing."""
    if server == "sqlite":
        yield f"sqlite:///{directory}/values.db"
        return
    address = stack.mysql if server == "mysql" else stack.mariadb
    if address is None:
        pytest.skip(f"{server} is missing: {stack.missing.get(server)}")
    database = SqlServer.at(address).create_database()
    yield database.url
    database.drop()


@contextmanager
def open_path(url: str, server: str, driver: str, redis: RedisServer, entities: tuple[Any, ...]) -> Iterator[ValuePath]:
    """An engine of its own on a database, with the tables made."""
    options: dict[str, Any] = {"driver": driver} if driver in ("mysqlclient", "pymysql") else {}
    with open_shell("asyncio" if driver in _ASYNC else "sync") as shell:
        engine = open_engine(url, redis.host_port, redis.namespace, entities, **options)
        yield ValuePath(server, driver, engine, shell)
        shell.close(engine)


@contextmanager
def redis_at(stack: StackState) -> Iterator[RedisServer]:
    """Valkey with a namespace of its own, for as long as a module wants."""
    yield from server_at("valkey", stack.valkey)


def insert(path: ValuePath, provider: Any, rows: Sequence[Values], starts: Sequence[Values]) -> list[Any]:
    """Rows by one INSERT."""
    ctx = path.context()
    entities = [path.do(provider.new(ctx, **row)) for row in rows]
    path.do(ctx.flush())
    return entities


def update(path: ValuePath, provider: Any, rows: Sequence[Values], starts: Sequence[Values]) -> list[Any]:
    """Rows that are there become these, by an UPDATE each."""
    entities = insert(path, provider, starts, ())
    for entity, row in zip(entities, rows, strict=True):
        entity.set(**row)
        path.do(entity._identity_map.unit_of_work.flush())
    return entities


def joint_update(path: ValuePath, provider: Any, rows: Sequence[Values], starts: Sequence[Values]) -> list[Any]:
    """Rows that are there become these, by one UPDATE with CASE."""
    entities = insert(path, provider, starts, ())
    for entity, row in zip(entities, rows, strict=True):
        entity.set(**row)
    path.do(entities[0]._identity_map.unit_of_work.flush())
    return entities


WRITERS: Final[dict[str, Callable[..., list[Any]]]] = {
    "INSERT": insert,
    "UPDATE": update,
    "UPDATE with CASE": joint_update,
}


def readings(
    path: ValuePath, provider: Any, entities: Sequence[Any], names: Sequence[str]
) -> Iterator[tuple[str, list[Values]]]:
    """The rows of these entities as every reader gives them, in order. ``names``: the attributes to read."""
    ids = [entity.id for entity in entities]
    yield "the context that wrote", [_values(entity, names) for entity in entities]
    for time in ("first", "second"):
        found = path.do(provider.get_by_ids(path.context(), *ids))
        yield f"get_by_ids, {time} time", [_values(entity, names) for entity in found]
    for run in range(PREPARED_AFTER + 1):
        found = [path.do(provider.get_by_id(path.context(), id)) for id in ids]
        yield f"get_by_id, run {run}", [_values(entity, names) for entity in found]
    query = Query().filter(provider.fields.id.is_in(ids)).sort_by_asc(provider.fields.id)
    found = path.do(provider.search_many(path.context(), query))
    yield "search_many", [_values(entity, names) for entity in found]


def selected(path: ValuePath, provider: Any, entities: Sequence[Any], fields: Sequence[str]) -> list[Values]:
    """The same of single columns by ``select``, which makes no entities."""
    ids = [entity.id for entity in entities]
    query = Query().filter(provider.fields.id.is_in(ids)).sort_by_asc(provider.fields.id)
    columns = [getattr(provider.fields, field) for field in fields]
    return [dict(zip(fields, row, strict=True)) for row in path.do(provider.select(path.context(), query, *columns))]


def _values(entity: Any, names: Sequence[str]) -> Values:
    return {name: getattr(entity, name) for name in names}
