"""What SQLite's result codes mean. ``errno`` is the extended result code (``sqlite3.Error.sqlite_errorcode``)."""

from __future__ import annotations

import re
from typing import Final

from fluxaorm.dialects.port import Duplicate
from fluxaorm.errors import DeadlockError, MySQLConnectionError, MySQLError

BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, MISMATCH, NOTADB = 5, 6, 8, 10, 11, 13, 14, 20, 26

NOMEM, INTERRUPT, PROTOCOL = 7, 9, 15
TRANSIENT: Final = frozenset({BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL})
"""What is no fault of the statement's: the same one may succeed later."""

ADVICE: Final[dict[int, str]] = {
    BUSY: "another connection is writing",
    LOCKED: "another connection is writing",
    READONLY: "the transaction was opened read_only, or the file or its directory is read-only",
    FULL: "the disk is full",
    CANTOPEN: "the file cannot be opened: does its directory exist?",
    NOTADB: "the file is not a SQLite database",
}

_KINDS: Final[dict[int, type[MySQLError]]] = {
    BUSY: DeadlockError,
    LOCKED: DeadlockError,
    CANTOPEN: MySQLConnectionError,
    NOTADB: MySQLConnectionError,
}

_MISSING_TABLE: Final = "no such table: "
_MISSING_COLUMN: Final = "no such column: "
_NO_COLUMN: Final = "has no column named"
_DUPLICATE: Final = re.compile(r"UNIQUE constraint failed: (?P<columns>.*)")
_BROKEN: Final = re.compile(r"error in (?P<what>(view|trigger) \S+):")
_SCHEMA: Final[dict[str, str]] = {
    _MISSING_TABLE: "create the table with fluxaorm.get_alters(ctx)",
    _MISSING_COLUMN: "bring the table up to date with fluxaorm.get_alters(ctx)",
    _NO_COLUMN: "bring the table up to date with fluxaorm.get_alters(ctx)",
}


def error_of(errno: int, message: str, pool: str, statement: str) -> MySQLError:
    """The library's error for a result code and message."""
    code = errno & 0xFF
    advice = ADVICE.get(code) or _schema_advice(message)
    reason = f"{message}; {advice}" if advice else message
    return _KINDS.get(code, MySQLError)(reason, errno=errno, pool=pool, statement=statement)


def _schema_advice(message: str) -> str | None:
    broken = _BROKEN.search(message)
    if broken is not None:
        return f"no table can be changed before {broken['what']} is dropped or mended"
    return next((text for part, text in _SCHEMA.items() if part in message), None)


def duplicate_of(message: str) -> Duplicate | None:
    """``UNIQUE constraint failed: table.a, table.b``."""
    found = _DUPLICATE.search(message)
    if found is None:
        return None
    names = [part.strip().rpartition(".") for part in found["columns"].split(",")]
    return Duplicate(columns=tuple(column for _, _, column in names), table=names[0][0])


def is_missing_column(error: MySQLError) -> bool:
    """SQLite has no number for it, and other words where an INSERT names it."""
    return _is_missing(_MISSING_COLUMN, error) or _is_missing(_NO_COLUMN, error)


def is_lock_timeout(error: MySQLError) -> bool:
    """Another connection is writing."""
    return error.errno & 0xFF in (BUSY, LOCKED)


def is_missing_table(error: MySQLError) -> bool:
    """SQLite has no number for it."""
    return _is_missing(_MISSING_TABLE, error)


def _is_missing(what: str, error: MySQLError) -> bool:
    """Whether the statement itself names it: what a broken view or trigger lacks is no matter of ours."""
    return what in error.reason and _BROKEN.search(error.reason) is None


def is_refused_null(error: MySQLError) -> bool:
    """SQLite has no number for it."""
    return "NOT NULL constraint failed" in error.reason


def is_out_of_range(error: MySQLError) -> bool:
    """An integer that is too large becomes a REAL, which its column does not take."""
    return "cannot store REAL value in INTEGER column" in error.reason


def is_refused_id(error: MySQLError) -> bool:
    """A row's number was to become NULL."""
    return error.errno & 0xFF == MISMATCH
