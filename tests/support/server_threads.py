"""What a MySQL or MariaDB server is doing for others, whatever their statements say.

What it decides: that the list is SHOW's. MySQL cannot give the one of information_schema while anybody's statement
holds a character past U+FFFF, and no other where performance_schema is off.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pymysql

from tests.support.sql_servers import Database, SqlServer


@dataclass(frozen=True, slots=True)
class ServerThread:
    """One of the server's threads; what it does not have is ""."""

    number: int
    database: str
    command: str
    state: str
    statement: str


def server_threads(server: SqlServer) -> list[ServerThread]:
    """All but the one that asks."""
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        autocommit=True,
        use_unicode=False,
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        own = cursor.fetchall()[0][0]
        cursor.execute("SHOW FULL PROCESSLIST")
        threads = [_thread(row) for row in cursor.fetchall()]
    return [thread for thread in threads if thread.number != int(own)]


def _thread(row: tuple[Any, ...]) -> ServerThread:
    number, _, _, database, command, _, state, statement, *_ = row
    return ServerThread(int(number), *map(_text, (database, command, state, statement)))


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")


def threads_of(database: Database) -> list[int]:
    """The numbers of the connections to a database."""
    return [thread.number for thread in server_threads(database.server) if thread.database == database.name]


def threads_at(database: Database, *texts: str, start: str = "") -> list[int]:
    """The numbers of the connections to a database that are at a statement with all these texts, and this start."""
    return [
        thread.number
        for thread in server_threads(database.server)
        if thread.database == database.name
        and thread.statement.startswith(start)
        and all(text in thread.statement for text in texts)
    ]


def threads_waiting(database: Database) -> list[int]:
    """The numbers of the connections to a database that wait until nobody uses a table."""
    return [
        thread.number
        for thread in server_threads(database.server)
        if thread.database == database.name and thread.state.startswith("Waiting for table metadata lock")
    ]
