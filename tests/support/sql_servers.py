"""MySQL and MariaDB for tests: each test that asks runs on both, in a fresh database of its own.

What it decides: the databases' names and character set, and that they are dropped afterwards. With FLUXA_TEST_DRIVER
set to `pymysql` or `mysqlclient` every URL asks for that driver, so that any test can be run with it.
What it never does: use the code under test; the statements go through PyMySQL.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import pymysql
import pytest

from devstack.state import SqlAddress, StackState
from tests.support.passwords import new_password

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SqlServer:
    """A MySQL or MariaDB server; `kind` is "mysql" or "mariadb"."""

    kind: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    version: str

    @classmethod
    def at(cls, address: SqlAddress) -> SqlServer:
        """The server that the devstack describes."""
        return cls(address.kind, address.host, address.port, address.user, address.password, address.version)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as a proxy wants its target."""
        return self.host, self.port

    def url(self, database: str, port: int | None = None, **parameters: str) -> str:
        """`mysql://user@host:port/database?parameters`; `port` may be a proxy's."""
        password = f":{quote(self.password, safe='')}" if self.password else ""
        user = quote(self.user, safe="")
        return f"mysql://{user}{password}@{self.host}:{port or self.port}/{database}{_query(parameters)}"

    def connect(self, database: str | None = None) -> pymysql.Connection[Any]:
        """A PyMySQL connection in autocommit; the caller closes it."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
            autocommit=True,
        )

    def execute(self, sql: str, *arguments: object, database: str | None = None) -> list[Row]:
        """Runs one statement (placeholders are `%s`) on a connection of its own and returns its rows."""
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments or None)
            return list(cursor.fetchall())

    def create_database(self) -> Database:
        """A database with a name that no other test has."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        self.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return Database(self, name)


@dataclass(frozen=True, slots=True)
class Database:
    """One test's own database."""

    server: SqlServer
    name: str

    @property
    def url(self) -> str:
        """`mysql://user@host:port/name`."""
        return self.server.url(self.name)

    def execute(self, sql: str, *arguments: object) -> list[Row]:
        """Runs one statement in it, past the code under test, and returns its rows."""
        return self.server.execute(sql, *arguments, database=self.name)

    def drop(self) -> None:
        """Removes it with all it holds."""
        self.server.execute(f"DROP DATABASE IF EXISTS `{self.name}`")


@pytest.fixture(scope="session", params=["mysql", "mariadb"])
def mysql_server(request: pytest.FixtureRequest, stack: StackState) -> SqlServer:
    """MySQL, then MariaDB: a test that uses it runs on each; it is skipped, with the reason, where one is missing."""
    return _server(stack, request.param)


@pytest.fixture(scope="session")
def mariadb(stack: StackState) -> SqlServer:
    """MariaDB alone, for what one SQL server is enough for."""
    return _server(stack, "mariadb")


@pytest.fixture
def mysql_database(mysql_server: SqlServer) -> Iterator[Database]:
    """A fresh database on each SQL server, dropped afterwards."""
    database = mysql_server.create_database()
    yield database
    database.drop()


@pytest.fixture
def login(mysql_database: Database) -> Iterator[str]:
    """`user:password` of a user of `mysql_database` who logs in the server's default way."""
    name, password = f"u{uuid.uuid4().hex[:10]}", new_password()
    mysql_database.execute(f"CREATE USER '{name}'@'%%' IDENTIFIED BY '{password}'")
    mysql_database.execute(f"GRANT ALL ON `{mysql_database.name}`.* TO '{name}'@'%%'")
    yield f"{name}:{password}"
    mysql_database.execute(f"DROP USER '{name}'@'%%'")


@pytest.fixture
def mysql_url(mysql_database: Database) -> str:
    """The URL of `mysql_database`."""
    return mysql_database.url


@pytest.fixture
def mariadb_database(mariadb: SqlServer) -> Iterator[Database]:
    """A fresh database on MariaDB alone, dropped afterwards."""
    database = mariadb.create_database()
    yield database
    database.drop()


def _query(parameters: dict[str, str]) -> str:
    """What follows the database in a URL: also the driver that the whole run is to use, if any."""
    driver = os.environ.get("FLUXA_TEST_DRIVER")
    given = {"driver": driver, **parameters} if driver else parameters
    return f"?{urlencode(given)}" if given else ""


def _server(stack: StackState, kind: str) -> SqlServer:
    address = stack.mysql if kind == "mysql" else stack.mariadb
    if address is None:
        pytest.skip(f"{kind} is missing: {stack.missing.get(kind, 'this stack was started without it')}")
    return SqlServer.at(address)
