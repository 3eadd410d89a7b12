"""``kill -9`` of a client at every step of a flush over three tables: all or nothing, and what returned is there."""

from __future__ import annotations

import os
import time

import pytest

from tests.support.killed_flushes import Fate, run_killed
from tests.support.measured import Measured
from tests.support.redis_servers import RedisServer
from tests.support.server_threads import threads_of
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow]
CLIENT_KILLS = int(os.environ.get("FLUXA_CLIENT_KILLS", "500"))
"""Processes killed on each server with each shell: 2,000 in all; a nightly run may ask for more."""
ALL, NOTHING = (True, True, True), (False, False, False)


@pytest.mark.parametrize("shell_name", ["sync", "asyncio"])
def test_a_killed_client_wrote_all_or_nothing(
    mysql_database: Database, valkey: RedisServer, measured: Measured, shell_name: str
) -> None:
    """An insert, a change and a removal in three tables are there together or not at all, whenever the client died."""
    started = time.monotonic()

    fates = run_killed(mysql_database.url, valkey.host_port, valkey.namespace, shell_name, CLIENT_KILLS)
    written = rows_of(mysql_database, fates)

    measured(
        "client kills",
        f"{sum(fate.killed for fate in fates)} at {len({fate.moment for fate in fates})} moments in "
        f"{time.monotonic() - started:.0f} s, {sum(ALL == rows for rows in written.values())} of them committed",
    )
    assert [] == [fate for fate in fates if written[fate.name] not in (ALL, NOTHING)]
    assert [] == [fate for fate in fates if fate.returned and written[fate.name] != ALL]
    assert CLIENT_KILLS == sum(fate.killed for fate in fates)
    assert {ALL, NOTHING} == set(written.values())
    # begin, statements, intents, commit and release of a flush at least, before and after each; a block has more
    assert len({(fate.moment.explicit, fate.moment.number, fate.moment.after) for fate in fates}) >= 2 * 2 * 5


def rows_of(database: Database, fates: list[Fate]) -> dict[str, tuple[bool, bool, bool]]:
    """For each process: is its user there, is its counter raised, is its note gone."""
    wait_until(lambda: not threads_of(database), "the server to see that the clients are gone")
    users = {name for (name,) in database.execute("SELECT name FROM UserEntity")}
    raised = {label for (label,) in database.execute("SELECT label FROM CounterEntity WHERE hits = 1")}
    notes = {text for (text,) in database.execute("SELECT text FROM NoteEntity")}
    return {fate.name: (fate.name in users, fate.name in raised, fate.name not in notes) for fate in fates}
