"""What a statement of the user's own does to the connection it runs on, as far as its text tells. Pure; no I/O.

Only of a few plain kinds it is known that they leave a connection as it was. Everything else may have changed the
session (its mode, character set, database, locks, variables), ended its transaction, or opened one. A text is never
taken for plainer than a server may read it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fluxaorm.query.kept import SHORT_TEXT
from fluxaorm.query.placeholders import has_executable_comment, plainest_of

_WORD: Final = re.compile(r"[\s(]*([A-Z]+)", re.IGNORECASE | re.ASCII)
_READS: Final = frozenset({"SELECT", "WITH", "TABLE", "VALUES"})
_PLAIN: Final = _READS | {"INSERT", "UPDATE", "DELETE", "REPLACE", "SHOW", "EXPLAIN", "DESC", "DESCRIBE"}
_SESSION: Final = re.compile(r"@|\b(?:(?:GET|RELEASE(?:_ALL)?)_LOCKS?|GET_(?:READ|WRITE)_LOCKS)\b", re.IGNORECASE)
"""Variables, and locks that a session keeps after its transaction."""
_INTO: Final = re.compile(r"(?<![`\w])INTO(?![`\w])", re.IGNORECASE)
_TRANSACTION: Final = re.compile(
    r"\s*(BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|RELEASE\s+SAVEPOINT|XA|LOCK\s+(?:TABLES?|INSTANCE)"
    r"|UNLOCK\s+(?:TABLES?|INSTANCE)|SET\s+(?:(?:SESSION|LOCAL)\s+)?TRANSACTION)\b",
    re.IGNORECASE | re.ASCII,
)
_SET: Final = re.compile(r"\s*SET\b", re.IGNORECASE | re.ASCII)
_AUTOCOMMIT: Final = re.compile(r"(?<!\w)AUTOCOMMIT(?!\w)", re.IGNORECASE)
_DEFINITION: Final = re.compile(
    r"\s*(CREATE(?!\s+TEMPORARY\b)|ALTER|DROP(?!\s+TEMPORARY\b)|RENAME|TRUNCATE|ANALYZE|OPTIMIZE|REPAIR|CHECK|GRANT"
    r"|REVOKE|FLUSH|RESET|INSTALL|UNINSTALL|IMPORT|CACHE\s+INDEX|LOAD\s+INDEX)\b",
    re.IGNORECASE | re.ASCII,
)
_ANALYZED: Final = re.compile(
    r"\s*ANALYZE\s+(?:FORMAT\s*=\s*\w+\s+)?(?:SELECT|WITH|INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE
)
_CALL: Final = re.compile(r"\s*(CALL)\b", re.IGNORECASE | re.ASCII)


def keeps_session(sql: str) -> bool:
    """Whether the statement certainly leaves its connection fit for others."""
    return _keeps_session(sql) if len(sql) <= SHORT_TEXT else _surely_keeps_session(sql)


@lru_cache(maxsize=1024)
def _keeps_session(sql: str) -> bool:
    return _surely_keeps_session(sql)


def _surely_keeps_session(sql: str) -> bool:
    code = plainest_of(sql)
    found = _WORD.match(code)
    verb = found[1].upper() if found else ""
    if verb not in _PLAIN or has_executable_comment(sql) or _SESSION.search(code) is not None:
        return False
    return verb not in _READS or _INTO.search(code) is None


def transaction_control(sql: str) -> str | None:
    """The words by which a statement would begin or end a transaction or lock tables: the library's own to do."""
    code = plainest_of(sql)
    if found := _TRANSACTION.match(code):
        return " ".join(found[1].split()).upper()
    return "SET AUTOCOMMIT" if _SET.match(code) and _AUTOCOMMIT.search(code) else None


def definition(sql: str) -> str | None:
    """The word of a statement for which MySQL and MariaDB commit an open transaction."""
    code = plainest_of(sql)
    found = _DEFINITION.match(code)
    return None if found is None or _ANALYZED.match(code) else " ".join(found[1].split()).upper()


def procedure_call(sql: str) -> str | None:
    """``CALL``: a procedure may do anything."""
    found = _CALL.match(plainest_of(sql))
    return None if found is None else "CALL"
