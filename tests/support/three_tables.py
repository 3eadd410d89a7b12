"""Work for one flush over three tables, all or nothing: an insert, a change and a removal that bear one name."""

from __future__ import annotations

from typing import Any, Final

from fluxaorm.errors import CommitUnknownError, MySQLConnectionError
from tests.support.blocks import flush
from tests.support.shop_engines import Shop
from tests.support.sql_servers import Database

Written = tuple[bool, bool, bool]
"""Is the user there, the counter raised, the note gone."""
ALL: Final[Written] = (True, True, True)
NOTHING: Final[Written] = (False, False, False)
ALLOWED: Final[dict[str, list[Written]]] = {"returned": [ALL], "failed": [NOTHING], "unknown": [ALL, NOTHING]}
"""End of a flush -> what may be there then."""


def pend(shop: Shop, ctx: Any, name: str) -> list[Any]:
    """Make the rows that are changed and removed, and what waits for a flush of ``ctx``: a user, a counter, a note."""
    first = shop.context()
    counter, note = shop.do(shop.counters.new(first, label=name)), shop.do(shop.notes.new(first, text=name))
    shop.do(first.flush())
    user = shop.do(shop.users.new(ctx, name=name, email=f"{name}@example.com"))
    counter = shop.do(shop.counters.must_get_by_id(ctx, counter.id))
    counter.hits += 1
    note = shop.do(shop.notes.must_get_by_id(ctx, note.id))
    note.delete()
    return [user, counter, note]


def end_of_flush(shop: Shop, ctx: Any, explicit: bool) -> str:
    """Flush while something is killed; how that ended: ``returned``, ``failed`` or ``unknown``."""
    try:
        flush(shop, ctx, explicit)
    except CommitUnknownError:
        return "unknown"
    except MySQLConnectionError:
        return "failed"
    return "returned"


def written(database: Database, name: str) -> Written:
    """What the tables hold of it, looked at past the library."""
    ((users, hits, notes),) = database.execute(
        "SELECT (SELECT COUNT(*) FROM UserEntity WHERE name = %s), "
        "(SELECT hits FROM CounterEntity WHERE label = %s), (SELECT COUNT(*) FROM NoteEntity WHERE text = %s)",
        *(name, name, name),
    )
    return users == 1, hits == 1, notes == 0
