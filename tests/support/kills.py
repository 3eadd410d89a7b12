"""``KILL`` of a database's connections, the way an administrator does it."""

from __future__ import annotations

from tests.support.server_threads import threads_of
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until


def kill_all(database: Database) -> None:
    """End them, and wait until they are gone and what they did is rolled back."""
    for thread in threads_of(database):
        database.server.execute(f"KILL {thread}")
    wait_until(lambda: not threads_of(database), "the killed threads to be gone")
