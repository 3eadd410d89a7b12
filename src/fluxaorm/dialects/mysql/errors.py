"""What the error numbers of MySQL, MariaDB, Vitess and TiDB mean, as tables."""

from __future__ import annotations

import re
from typing import Final

from fluxaorm.dialects.port import Duplicate
from fluxaorm.errors import DeadlockError, MySQLConnectionError, MySQLError

DUPLICATE_KEYS: Final = frozenset({1022, 1062, 1169, 1586})
MISSING_TABLE: Final = 1146
MISSING_COLUMN: Final = 1054
LOCK_WAIT_TIMEOUT: Final = 1205
LOCK_NOT_FREE: Final = 3572
"""What NOWAIT says: the statement did nothing, the transaction goes on."""
LOCK_TIMEOUTS: Final = frozenset({LOCK_WAIT_TIMEOUT, LOCK_NOT_FREE})
FOREIGN_KEYS: Final = frozenset({1216, 1217, 1451, 1452})
REFUSED_NULL: Final = 1048
REFUSED_VALUES: Final = frozenset(
    {
        1264,  # out of the column's range
        1265,  # data truncated
        1292,  # truncated incorrect value
        1366,  # incorrect value
        1406,  # too long
        1690,  # a result out of its type's range
        1916,  # overflow in a conversion (MariaDB)
        1917,  # truncated in a conversion (MariaDB)
        1918,  # illegal in a conversion (MariaDB)
        3140,  # no JSON
    }
)
MISSING_SAVEPOINT: Final = 1305
MISSING_RIGHTS: Final = frozenset({1044, 1142, 1143, 1227, 1370})
MISSING_THREADS: Final = frozenset(
    {
        1094,  # there is none of this number
        1095,  # it is another user's
    }
)
REFUSED_ALGORITHMS: Final = frozenset(
    {
        1221,  # this ALGORITHM and this LOCK do not go together
        1800,  # unknown ALGORITHM
        1801,  # unknown LOCK
        1845,  # not supported
        1846,  # not supported, with the reason
        4092,  # INSTANT was used too often
    }
)
OUT_OF_RANGE: Final = frozenset(
    {
        1264,  # of a column
        1690,  # of the type that the server computes in
    }
)

DEADLOCKS: Final = frozenset(
    {
        1020,  # a row changed since the snapshot (MariaDB's innodb_snapshot_isolation): all is rolled back
        1205,  # lock wait timeout
        1206,  # no room for more locks: all is rolled back
        1213,  # deadlock
        1614,  # XA: deadlock
        3101,  # group replication: another member changed the rows first
        3132,  # deadlock of user-level locks
        3572,  # NOWAIT found a lock
        9007,  # TiDB: write conflict
    }
)

KILLED: Final = frozenset(
    {
        1317,  # killed by somebody, or over a limit of Vitess
        1969,  # MariaDB's max_statement_time
        3024,  # max_execution_time; Vitess's limit of a query or transaction
    }
)
HANG_UPS: Final = frozenset(
    {
        1053,  # server shutdown in progress
        1927,  # MariaDB: connection killed
        2006,  # gone away
        2013,  # lost during the query
        2055,  # lost at ...
        3169,  # session killed
        4031,  # closed after idling
    }
)
REFUSED_LOGINS: Final = frozenset({1044, 1045, 1049})

CONNECTION_ERRORS: Final = frozenset(
    {
        1040,  # too many connections
        1042,  # host name unknown
        1043,  # bad handshake
        1044,  # no right to the database
        1045,  # wrong user or password
        1049,  # unknown database
        1053,  # server shutdown in progress
        1077,  # normal shutdown
        1079,  # shutdown complete
        1129,  # host blocked
        1130,  # host not allowed
        1152,  # aborted connection
        1158,  # reading packets failed
        1159,  # reading packets timed out
        1160,  # writing packets failed
        1161,  # writing packets timed out
        1184,  # aborted connection
        1203,  # the user's connections
        1226,  # the user's limit
        1251,  # the client cannot log in this way
        1835,  # malformed packet
        1927,  # MariaDB: connection killed
        2000,
        2002,
        2003,
        2004,
        2005,
        2006,  # gone away
        2012,
        2013,  # lost during the query
        2014,  # out of sync: not usable any more
        2026,  # TLS
        2027,  # malformed packet
        2055,  # lost at ...
        2059,  # login plugin missing
        2061,  # login plugin failed
        3159,  # TLS required
        3169,  # session killed
        4031,  # closed after idling
    }
)

TRANSIENT: Final = (
    CONNECTION_ERRORS
    | DEADLOCKS
    | KILLED
    | MISSING_RIGHTS
    | frozenset(
        {
            3,  # writing a file failed
            1021,  # disk full
            1026,  # writing a file failed
            1028,  # sorting was stopped
            1030,  # the storage engine failed
            1031,  # the storage engine does not do that just now: its disk is full
            1036,  # the table is read-only
            1037,  # out of memory
            1038,  # out of memory for sorting
            1041,  # out of memory
            1099,  # the table is locked for reading
            1100,  # the table is not locked
            1114,  # the table or the disk is full
            1135,  # no thread can be made
            1180,  # COMMIT failed
            1194,  # the table is marked as crashed
            1195,
            1223,  # a read lock of the whole server
            1290,  # read-only
            1297,  # temporary error
            1412,  # the table was altered since the transaction began
            1637,  # too many transactions
            1665,  # logging the statement failed
            1792,  # a read-only transaction
            1836,  # read-only
            3100,  # group replication: not the primary
            3675,  # disk full
        }
    )
)
"""What the server's state is at fault for: the same statement may succeed later."""

ADVICE: Final[dict[int, str]] = {
    3: "the server cannot write: is its disk full?",
    1040: "the server has no connection left: raise max_connections or lower max_open_connections",
    1044: "the user may not use this database: GRANT it",
    1045: "wrong user or password",
    1049: "create the database first",
    1142: "the user may not do this: GRANT it",
    1143: "the user may not do this to the column: GRANT it",
    1227: "the user may not do this: GRANT it",
    1114: "the table or the disk is full",
    1021: "the disk is full",
    1153: "raise max_allowed_packet",
    1203: "the user has no connection left: lower max_open_connections",
    1205: "another transaction held the lock too long",
    1264: "the column's type is too narrow for it, whoever made it: the statement, or a trigger of the table",
    1290: "the server is read-only: is this address a replica?",
    1317: "the statement was killed",
    1364: "the statement does not name this column, which is required: give it a default, or declare a field for it",
    1792: "the transaction was opened read_only",
    1836: "the server is read-only: is this address a replica?",
    1969: "the statement ran longer than max_statement_time",
    3024: "the statement ran longer than the server allows",
    3100: "the server is not the primary of its group, or lost the group",
    3675: "the disk is full",
    4031: "the connection was idle for wait_timeout",
    8025: "TiDB takes at most 6 MiB in one value",
}


def error_of(errno: int, message: str, pool: str, statement: str) -> MySQLError:
    """The library's error for a server's number and message."""
    reason = _without_values(message)
    if advice := ADVICE.get(errno) or _missing_advice(errno, reason, statement):
        reason = f"{reason}; {advice}"
    kind = DeadlockError if errno in DEADLOCKS else MySQLConnectionError if errno in CONNECTION_ERRORS else MySQLError
    error = kind(reason, errno=errno, pool=pool, statement=statement)
    error._transaction_goes_on = errno == LOCK_NOT_FREE
    error._was_killed, error._hung_up = errno in KILLED, errno in HANG_UPS
    error._refused_login = errno in REFUSED_LOGINS
    return error


def rolled_back_error(error: MySQLError) -> DeadlockError:
    """What a lock that was not free has become when the server has rolled the whole transaction back."""
    reason = f"{error.reason}, and the server has rolled the whole transaction back"
    ended = DeadlockError(reason, errno=LOCK_WAIT_TIMEOUT, pool=error.pool, statement=error.statement)
    ended.__cause__ = error
    return ended


_UNKNOWN_COLUMN: Final = re.compile(r"Unknown column '(?P<name>[^']*)' in '(?P<place>[^']*)'")
_UNKNOWN_TABLE: Final = re.compile(r"Table '(?:[^']*\.)?(?P<name>[^'.]*)' doesn't exist")
_DATA: Final = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|\()", re.IGNORECASE)
_PLACES: Final = {
    "NEW": "a trigger of the table names it: see SHOW TRIGGERS",
    "OLD": "a trigger of the table names it: see SHOW TRIGGERS",
    "CHECK": "a CHECK of the table names it: see SHOW CREATE TABLE",
}


def _missing_advice(errno: int, reason: str, statement: str) -> str:
    """What to do about a table or a column that is not there; "" when the statement itself does not name it.

    Then something does that runs along with it: a trigger, a view, a routine.
    """
    found = {MISSING_COLUMN: _UNKNOWN_COLUMN, MISSING_TABLE: _UNKNOWN_TABLE}.get(errno, _NOTHING).match(reason)
    if found is None:
        return ""
    if errno == MISSING_COLUMN and (place := _PLACES.get(found["place"].upper())):
        return place
    name = found["name"].rpartition(".")[2]
    if _DATA.match(statement) is None or f"`{name}`".lower() not in statement.lower():
        return ""
    what = "table" if errno == MISSING_TABLE else "column"
    return f"if an entity declares this {what}, make it with fluxaorm.get_alters(ctx)"


_NOTHING: Final = re.compile(r"(?!)")


def _without_values(message: str) -> str:
    """Vitess repeats the statement with its values behind its message."""
    return message.split(': Sql: "', 1)[0]


def row_in_message(message: str) -> int | None:
    """``Data truncated for column 'a' at row 3`` gives 3."""
    found = re.search(r" at row (\d+)", message)
    return int(found[1]) if found and int(found[1]) else None


def duplicate_of(message: str) -> Duplicate | None:
    """``Duplicate entry 'a-b' for key 'table.index'``; MariaDB leaves the table out."""
    found = _DUPLICATE.search(message)
    if found is None:
        return None
    table, _, index = found["key"].rpartition(".")
    return Duplicate(index=index, value=found["value"], table=table or None)


_DUPLICATE: Final = re.compile(r"Duplicate entry '(?P<value>.*)' for key '(?P<key>[^']*)'", re.DOTALL)
