"""Engines over the shop's entities: each on a fresh database with its tables made, and a Redis namespace of its own.

What it decides: that tables come from the library's own alters, and that everything is closed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.engine import Engine
from tests.support import shop
from tests.support.insides import core
from tests.support.local_caches import wait_until_open
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.sql_servers import SqlServer


@dataclass(slots=True)
class Shop:
    """An engine, the shell to use it in, and its providers."""

    engine: Engine
    shell: Shell
    url: str

    @property
    def categories(self) -> Any:
        """Cached in the process and in Redis."""
        return self.engine.provider(shop.CategoryEntity)

    @property
    def users(self) -> Any:
        """Cached in Redis."""
        return self.engine.provider(shop.UserEntity)

    @property
    def products(self) -> Any:
        """Cached in Redis, soft delete."""
        return self.engine.provider(shop.ProductEntity)

    @property
    def counters(self) -> Any:
        """Not cached, optimistic locking."""
        return self.engine.provider(shop.CounterEntity)

    @property
    def notes(self) -> Any:
        """Cached in the process only."""
        return self.engine.provider(shop.NoteEntity)

    def do(self, value: Any) -> Any:
        """The result of a call, blocking or awaited."""
        return self.shell.do(value)

    def context(self) -> Any:
        """A fresh context of the shell's kind."""
        return self.shell.context(self.engine)

    def sql(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        """Rows of a statement run past the library's entities, raw values as text."""
        pool = core(self.engine).mysql_pools["default"].sync
        connection = pool.acquire()
        try:
            if sql.lstrip().upper().startswith("SELECT"):
                return [tuple(map(_text, row)) for row in connection.fetch(sql, args)]
            connection.execute(sql, args)
            return []
        finally:
            pool.release(connection)


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else None if value is None else str(value)


Prepare = Callable[[Engine], None]
"""What is done with an engine before its first context."""


def open_engine(
    url: str,
    redis: str | None,
    namespace: str = "",
    entities: tuple[Any, ...] = shop.ENTITIES,
    prepare: Prepare | None = None,
    **options: Any,
) -> Engine:
    """An engine on a database whose tables are made if they are missing; without Redis only of what needs none."""
    registry = fx.Registry()
    registry.register_mysql(url, options=fx.MySQLOptions(**options))
    if redis is not None:
        registry.register_redis(redis, 0, options=fx.RedisOptions(namespace=namespace))
    registry.register_entity(*(entities if redis is not None else shop.UNCACHED))
    engine = registry.validate()
    if prepare is not None:
        prepare(engine)
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    return engine


@pytest.fixture(params=["mysql", "mariadb", "sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database on MySQL, MariaDB, and as a SQLite file."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/app.db"
        return
    stack = request.getfixturevalue("stack")
    address = stack.mysql if request.param == "mysql" else stack.mariadb
    if address is None:
        pytest.skip(f"{request.param} is missing: {stack.missing.get(request.param)}")
    database = SqlServer.at(address).create_database()
    yield database.url
    database.drop()


@pytest.fixture
def make_shop(database_url: str, shell: Shell) -> Iterator[Any]:
    """Opens shops on this test's database; further ones see the same rows."""
    shops: list[Shop] = []

    def make(redis: str | None = None, namespace: str = "", **options: Any) -> Shop:
        made = Shop(open_engine(database_url, redis, namespace, **options), shell, database_url)
        shops.append(made)
        wait_until_open(made.engine)
        return made

    yield make
    for made in shops:
        shell.close(made.engine)


@pytest.fixture
def cached_shop(make_shop: Any, valkey: RedisServer) -> Shop:
    """A shop with Valkey behind its caches."""
    made: Shop = make_shop(valkey.host_port, valkey.namespace)
    return made


@pytest.fixture
def plain_shop(make_shop: Any) -> Shop:
    """A shop without Redis."""
    made: Shop = make_shop()
    return made
