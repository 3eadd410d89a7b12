"""Databases for tests of dialects and alters, without the library's pools: plans are driven by the bare drivers.

What it decides: how each effect of ``plans.alters`` becomes a call of PyMySQL or sqlite3, and that queries are counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pymysql
import pytest

from fluxaorm.alters import Alter
from fluxaorm.dialects import SQLITE, VERSION_SQL, Dialect, dialect_for
from fluxaorm.dialects.sqlite.collations import COLLATIONS
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import FluxaError
from fluxaorm.plans.effects import (
    Begin,
    Commit,
    Effect,
    ExecResult,
    Execute,
    ExecuteBatch,
    FetchRows,
    Parallel,
    Plan,
    Rollback,
)
from fluxaorm.plans.tables.alters import get_alters_plan
from tests.support.sql_servers import SqlServer


@dataclass
class RawStore:
    """One database. ``run`` drives a plan on it; ``_run`` makes it a context as far as alters need one."""

    connection: Any = field(repr=False)
    dialect: Dialect
    collation: str
    ignored_tables: frozenset[str] = frozenset()
    drops_unknown_tables: bool = False
    statements: list[str] = field(default_factory=list[str], repr=False)
    errors: list[FluxaError] = field(default_factory=list[FluxaError], repr=False)
    """What the database refused, also where a plan went on."""
    in_transaction: ClassVar[bool] = False

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a statement with ``?`` placeholders; errors come mapped."""
        self.statements.append(sql)
        try:
            if isinstance(self.connection, sqlite3.Connection):
                return list(self.connection.execute(sql, args).fetchall())
            with self.connection.cursor() as cursor:
                cursor.execute(sql.replace("%", "%%").replace("?", "%s") if args else sql, args or None)
                return list(cursor.fetchall())
        except pymysql.MySQLError as error:
            raise self.dialect.map_error(error.args[0], str(error.args[1]), statement=sql) from error
        except sqlite3.Error as error:
            raise self.dialect.map_error(error.sqlite_errorcode, str(error), statement=sql) from error

    def run(self, plan: Plan[Any]) -> Any:
        """The plan's value."""
        step: Callable[[Any], Effect[Any]] = plan.send
        value: Any = None
        while True:
            try:
                effect = step(value)
            except StopIteration as stop:
                return stop.value
            try:
                step, value = plan.send, self._perform(effect)
            except FluxaError as error:
                self.errors.append(error)
                step, value = plan.throw, error

    _run = run

    def _perform(self, effect: Effect[Any]) -> Any:
        match effect:
            case FetchRows():
                return self.query(effect.sql, effect.args)
            case Execute():
                self.query(effect.sql, effect.args)
                return ExecResult(0, 0)
            case ExecuteBatch():
                return [self.query(statement.sql, statement.args) for statement in effect.statements]
            case Parallel():
                return [self._perform(part) for part in effect.effects]
            case Begin():
                return [self.query(sql) for sql in self.dialect.begin_statements()]
            case Commit() | Rollback():
                return self.query("COMMIT" if isinstance(effect, Commit) else "ROLLBACK")
            case _:
                raise AssertionError(f"unexpected effect {effect!r}")

    def alters(self, *schemas: EntitySchema, reorder: bool = False) -> list[Alter]:
        """What the entities need here."""
        engine = SimpleNamespace(schemas={schema.name: schema for schema in schemas}, mysql_pools={"default": self})
        alters: list[Alter] = self.run(get_alters_plan(engine, reorder))
        return alters

    def apply(self, *schemas: EntitySchema, reorder: bool = False) -> list[Alter]:
        """Run every alter the entities need; returns them."""
        alters = self.alters(*schemas, reorder=reorder)
        for alter in alters:
            alter.exec(self, allow_destructive=True)  # type: ignore[call-overload]  # a stand-in for a Context
        return alters

    def tables(self) -> Any:
        """The tables that are there, by name."""
        return self.dialect.parse_introspection(self.query(self.dialect.introspection_sql()))


def open_sqlite(path: str) -> RawStore:
    """A SQLite file, or ``:memory:``."""
    connection = sqlite3.connect(path, isolation_level=None)
    for name, function in COLLATIONS.items():
        connection.create_collation(name, function)
    return RawStore(connection, SQLITE, "NOCASE")


def open_server(server: SqlServer, database: str) -> RawStore:
    """A database on MySQL or MariaDB."""
    connection = server.connect(database)
    with connection.cursor() as cursor:
        cursor.execute(VERSION_SQL)
        row = cursor.fetchone()
        assert row is not None
        dialect = dialect_for(*row)
        for sql in dialect.session_statements():
            cursor.execute(sql)
        cursor.execute(dialect.collations_sql().replace("?", "%s"), ("utf8mb4",))
        collation = dialect.choose_collation([name for (name,) in cursor.fetchall()], "utf8mb4")
    assert collation is not None
    return RawStore(connection, dialect, collation)


@pytest.fixture(params=["mysql", "mariadb", "sqlite"])
def raw_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RawStore]:
    """A fresh database on MySQL, MariaDB and SQLite."""
    yield from _opened(request, request.param, tmp_path)


@pytest.fixture(params=["mysql", "mariadb"])
def raw_server_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RawStore]:
    """A fresh database on MySQL and MariaDB."""
    yield from _opened(request, request.param, tmp_path)


def _opened(request: pytest.FixtureRequest, kind: str, directory: Path) -> Iterator[RawStore]:
    if kind == "sqlite":
        store = open_sqlite(str(directory / "app.db"))
        yield store
        store.connection.close()
        return
    stack = request.getfixturevalue("stack")
    address = getattr(stack, kind)
    if address is None:
        pytest.skip(f"{kind} is missing: {stack.missing.get(kind)}")
    server = SqlServer.at(address)
    database = server.create_database()
    store = open_server(server, database.name)
    with closing(store.connection):
        yield store
    database.drop()


MakeStore = Callable[[], RawStore]
