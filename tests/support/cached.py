"""Entities for tests of the caches, one for each thing that is kept, and engines over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from devstack.proxy import Proxy
from fluxaorm import Entity, Field, UInt32, UInt64, UniqueIndex
from fluxaorm.engine import Engine
from tests.support.insides import core
from tests.support.local_caches import HEARTBEATS, wait_until_open
from tests.support.network import MakeProxy
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import open_engine
from tests.support.sql_servers import Database


class MemberEntity(Entity, redis_cache=True, soft_delete=True):
    """Look-ups by unique values are kept in Redis."""

    id: UInt64
    email: str = Field(unique=True, cached=True, length=100)
    nick: str | None = Field(default=None, unique=True, cached=True, length=100)
    team: UInt32 = 0
    number: UInt32 = 0
    note: str = ""
    indexes = (UniqueIndex("team", "number", name="shirt", cached=True),)


class ShelfEntity(Entity, redis_cache=True, cache_all=True, soft_delete=True):
    """The list of all ids is kept in Redis."""

    id: UInt32
    name: str


class SeatEntity(Entity, redis_cache=True, local_cache=1_000):
    """Rows are kept in Redis and in the process."""

    id: UInt64
    row: str
    taken_by: UInt64 = 0


class StoolEntity(Entity, local_cache=True):
    """Rows are kept in the process only, which intends in Redis where there is one."""

    id: UInt64
    legs: UInt32 = 3


CACHED = (MemberEntity, ShelfEntity, SeatEntity, StoolEntity)


@dataclass(slots=True)
class Cached:
    """An engine, one of its entities, the shell to use it in, and the servers behind it."""

    engine: Engine
    shell: Shell
    provider: Any
    redis: RedisServer
    mysql_proxy: Proxy | None = None
    redis_proxy: Proxy | None = None

    def of(self, definition: type[Any]) -> Cached:
        """The same for another entity of the engine."""
        return replace(self, provider=self.engine.provider(definition))

    def do(self, value: Any) -> Any:
        """The result of a call, blocking or awaited."""
        return self.shell.do(value)

    def context(self) -> Any:
        """A fresh context."""
        return self.shell.context(self.engine)

    def add(self, **values: Any) -> Any:
        """A stored entity's id."""
        ctx = self.context()
        entity = self.do(self.provider.new(ctx, **values))
        self.do(ctx.flush())
        return entity.id

    def change(self, id: int, **values: Any) -> None:
        """Change a row in a context of its own."""
        ctx = self.context()
        self.do(self.provider.must_get_by_id(ctx, id)).set(**values)
        self.do(ctx.flush())

    def delete(self, id: int, *, force: bool = False) -> None:
        """Delete a row in a context of its own."""
        ctx = self.context()
        entity = self.do(self.provider.must_get_by_id(ctx, id))
        if force:
            entity.force_delete()
        else:
            entity.delete()
        self.do(ctx.flush())

    def sql(self, sql: str, *args: object) -> None:
        """Run a statement past the library."""
        pool = core(self.engine).mysql_pools["default"].sync
        connection = pool.acquire()
        try:
            connection.execute(sql, args)
        finally:
            pool.release(connection)

    def keys(self) -> list[str]:
        """What follows the entity's prefix in its Redis keys, without the id block."""
        prefix = core(self.engine).binding(self.provider).key_prefix
        return [
            key.removeprefix(prefix) for key in self.redis.keys() if key.startswith(prefix) and key != f"{prefix}id"
        ]

    @property
    def counts(self) -> tuple[int, int]:
        """MySQL and Redis round trips since the last reset."""
        assert self.mysql_proxy is not None
        assert self.redis_proxy is not None
        return self.mysql_proxy.round_trips, self.redis_proxy.round_trips

    def reset(self) -> None:
        """Count from here."""
        for proxy in (self.mysql_proxy, self.redis_proxy):
            if proxy is not None:
                proxy.reset()


OpenCached = Callable[..., Cached]
"""``open_cached(MemberEntity)``; of more entities the first is the one it is about."""


@pytest.fixture
def open_cached(database_url: str, valkey: RedisServer, shell: Shell) -> Iterator[OpenCached]:
    """Opens engines over one entity on this test's database and Valkey."""
    engines: list[Engine] = []

    def make(definition: type[Any], *others: type[Any]) -> Cached:
        engine = open_engine(database_url, valkey.host_port, valkey.namespace, (definition, *others))
        engines.append(engine)
        wait_until_open(engine)
        return Cached(engine, shell, engine.provider(definition), valkey)

    yield make
    for engine in engines:
        shell.close(engine)


@pytest.fixture
def open_counted(
    mysql_database: Database, redis_server: RedisServer, proxy_factory: MakeProxy, shell: Shell
) -> Iterator[OpenCached]:
    """The same on servers behind counting proxies, warm: connections are open, functions loaded, ids in hand."""
    engines: list[Engine] = []

    def make(definition: type[Any]) -> Cached:
        mysql, redis = proxy_factory(mysql_database.server.address), proxy_factory(redis_server.address)
        redis.uncounted = HEARTBEATS
        url = mysql_database.server.url(mysql_database.name, mysql.port)
        engine = open_engine(url, f"{redis.host}:{redis.port}", redis_server.namespace, (definition,))
        engines.append(engine)
        wait_until_open(engine)
        made = Cached(engine, shell, engine.provider(definition), redis_server, mysql, redis)
        ctx = made.context()
        made.do(made.provider.new_many(ctx, 64))
        ctx.clear_flush()
        # loads the functions
        made.do(made.provider.invalidate(made.context(), 1))
        made.reset()
        return made

    yield make
    for engine in engines:
        shell.close(engine)
