"""``KILL`` of a database's connections, the way an administrator does it."""

from __future__ import annotations

from tests.support.sql_servers import Database
from tests.support.waiting import wait_until


def threads_of(database: Database) -> list[int]:
    """The server's numbers of the connections to it."""
    sql = "SELECT id FROM information_schema.processlist WHERE db = %s AND id <> CONNECTION_ID()"
    return [int(id) for (id,) in database.server.execute(sql, database.name)]


def kill_all(database: Database) -> None:
    """End them, and wait until they are gone and what they did is rolled back."""
    for thread in threads_of(database):
        database.server.execute(f"KILL {thread}")
    wait_until(lambda: not threads_of(database), "the killed threads to be gone")
