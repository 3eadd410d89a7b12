"""``KILL`` of a database's connections, the way an administrator does it."""

from __future__ import annotations

import contextlib

import pymysql

from tests.support.server_threads import threads_of
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until


def kill_all(database: Database) -> int:
    """End them, and wait until they are gone and what they did is rolled back; how many there were.

    Who has lost one may have opened another by then: that one stays.
    """
    killed = threads_of(database)
    for thread in killed:
        with contextlib.suppress(pymysql.OperationalError):
            # it may have ended by itself
            database.server.execute(f"KILL {thread}")
    wait_until(lambda: not {*killed} & {*threads_of(database)}, "the killed threads to be gone")
    return len(killed)
