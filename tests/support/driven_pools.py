"""SQL pools as the runners drive them: each driver on each server, for tests of pools without entities.

What it decides: a fresh database for each test, and that pools are closed and loops ended afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from devstack.state import StackState
from fluxaorm.addresses import parse_mysql
from fluxaorm.options import MySQLOptions
from fluxaorm.plans.effects import ExecResult, Execute, FetchRows, Plan, Row, Target
from fluxaorm.pools import make_sql_pool
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.pools.base.sql_ports import SQLPool
from fluxaorm.runners.asyncio import AsyncRunner
from fluxaorm.runners.sync import SyncRunner
from tests.support.sql_servers import Database, SqlServer

T = TypeVar("T")

SERVERS = [(kind, driver) for kind in ("mysql", "mariadb") for driver in ("mysqlclient", "pymysql", "asyncmy")]
ALL = [*SERVERS, ("sqlite", "threads"), ("sqlite", "asyncio")]


@dataclass(slots=True)
class Driven:
    """A pool and the runner that drives it; ``loop`` is None for threads."""

    kind: str
    pool: SQLPool
    loop: asyncio.AbstractEventLoop | None

    @property
    def is_async(self) -> bool:
        """Whether it runs on a loop."""
        return self.loop is not None

    def run(self, plan: Plan[T]) -> T:
        """Drive one plan to its end."""
        pools = {self.pool.code: self.pool}
        if self.loop is None:
            return SyncRunner(pools, {}).run(plan)
        return self.loop.run_until_complete(AsyncRunner(pools, {}).run(plan))

    def fetch(self, sql: str, *args: Any, target: Target = "default") -> list[Row]:
        """Rows of a SELECT."""
        return self.run(_fetch(target, sql, args))

    def execute(
        self, sql: str, *args: Any, rows: Sequence[Sequence[Any]] | None = None, target: Target = "default"
    ) -> ExecResult:
        """Run one statement."""
        return self.run(_execute(target, sql, args, rows))

    def column(self, sql: str, *args: Any, target: Target = "default") -> list[Any]:
        """The first column, bytes as text."""
        return [_plain(row[0]) for row in self.fetch(sql, *args, target=target)]

    def stats(self) -> PoolStats:
        """The pool's connections."""
        if self.loop is None:
            return self.pool.sync.stats()
        return self.loop.run_until_complete(self._stats())

    async def _stats(self) -> PoolStats:
        return self.pool.asyncio.stats()

    def close(self) -> None:
        """Close the pool and the loop."""
        if self.loop is None:
            self.pool.close()
            return
        self.loop.run_until_complete(self.pool.aclose())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


def _fetch(target: Target, sql: str, args: Sequence[Any]) -> Plan[list[Row]]:
    return (yield from FetchRows(target, sql, args))


def _execute(target: Target, sql: str, args: Sequence[Any], rows: Sequence[Sequence[Any]] | None) -> Plan[ExecResult]:
    return (yield from Execute(target, sql, args, rows))


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


OpenPool = Callable[..., Driven]
"""``open_pool(url=None, connect=True, **options)``: a pool on this test's database, or on another address."""


@pytest.fixture
def sql_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database | str]:
    """A fresh database of the kind in the test's parameter: on a server, or a SQLite URL."""
    kind, _ = request.param
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/app.db"
        return
    stack: StackState = request.getfixturevalue("stack")
    address = stack.mysql if kind == "mysql" else stack.mariadb
    if address is None:
        pytest.skip(f"{kind} is missing: {stack.missing.get(kind, 'this stack was started without it')}")
    database = SqlServer.at(address).create_database()
    yield database
    database.drop()


@pytest.fixture
def open_pool(request: pytest.FixtureRequest, sql_database: Database | str) -> Iterator[OpenPool]:
    """Opens pools with the driver in the test's parameter."""
    kind, driver = request.node.callspec.params["sql_database"]
    opened: list[Driven] = []

    def open_one(url: str | None = None, *, connect: bool = True, **options: Any) -> Driven:
        own = sql_database if isinstance(sql_database, str) else sql_database.url
        if driver in ("mysqlclient", "pymysql"):
            options["driver"] = driver
        chosen = MySQLOptions(**options)
        pool = make_sql_pool("default", parse_mysql("default", url or own)[0], chosen)
        if connect:
            pool.connect()
        loop = asyncio.new_event_loop() if driver in ("asyncmy", "asyncio") else None
        opened.append(Driven(kind, pool, loop))
        return opened[-1]

    yield open_one
    for driven in opened:
        driven.close()


@pytest.fixture
def sql(open_pool: OpenPool) -> Driven:
    """A pool on a fresh database."""
    return open_pool()


def each_driver(*, sqlite: bool = True) -> pytest.MarkDecorator:
    """Runs a test with each driver on each server, and on SQLite in both worlds."""
    chosen = ALL if sqlite else SERVERS
    return pytest.mark.parametrize("sql_database", chosen, ids=["-".join(each) for each in chosen], indirect=True)
