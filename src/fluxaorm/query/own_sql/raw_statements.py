"""What a statement of the user's own does to the connection it runs on, as far as its text tells. Pure; no I/O.

Only of a few plain kinds it is known that they leave a connection as it was. Everything else may have changed the
session (its mode, character set, database, locks, variables), ended its transaction, or opened one. A text is never
taken for plainer than a server may read it.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final

from fluxaorm.query.kept import SHORT_TEXT
from fluxaorm.query.own_sql.placeholders import has_executable_comment, plainest_of


class Reach(IntEnum):
    """How far what a statement does may go."""

    OURS = 0
    """The library's own, which rests on the session as it was set."""
    READ = 1
    """It gives rows."""
    TRACE = 2
    """It changes no rows, and may leave variables and locks in the session: nothing of the library's rests on them."""
    WRITE = 3
    """It may change rows."""
    SESSION = 4
    """It may change rows, and anything of the session."""
    TRANSACTION = 5
    """It may also end the transaction it runs in, and begin another."""

    @property
    def marks(self) -> bool:
        """Whether its connection is not fit for others any more."""
        return self is Reach.TRACE or self >= Reach.SESSION


_WORD: Final = re.compile(r"[\s(]*([A-Z]+)", re.IGNORECASE | re.ASCII)
_READS: Final = frozenset({"SELECT", "WITH", "TABLE", "VALUES"})
_PLAIN: Final = _READS | {"INSERT", "UPDATE", "DELETE", "REPLACE", "SHOW", "EXPLAIN", "DESC", "DESCRIBE"}
_ONLY_READ: Final = frozenset({"SELECT", "TABLE", "VALUES", "SHOW"})
_INTRODUCES: Final = frozenset({"WITH", "EXPLAIN", "DESC", "DESCRIBE"})
"""WITH may come before an UPDATE, and EXPLAIN ANALYZE runs its statement."""
_WRITES: Final = re.compile(r"(?<![`\w])(?:INSERT|UPDATE|DELETE|REPLACE)(?![`\w])(?!\s*\()", re.IGNORECASE | re.ASCII)
"""Not the functions of these names."""
_SESSION: Final = re.compile(r"@|\b(?:(?:GET|RELEASE(?:_ALL)?)_LOCKS?|GET_(?:READ|WRITE)_LOCKS)\b", re.IGNORECASE)
"""Variables, and locks that a session keeps after its transaction."""
_INTO: Final = re.compile(r"(?<![`\w])INTO(?![`\w])", re.IGNORECASE)
_TRANSACTION: Final = re.compile(
    r"\s*(BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|RELEASE\s+SAVEPOINT|XA|LOCK\s+(?:TABLES?|INSTANCE)"
    r"|UNLOCK\s+(?:TABLES?|INSTANCE)|SET\s+(?:(?:SESSION|LOCAL)\s+)?TRANSACTION)\b",
    re.IGNORECASE | re.ASCII,
)
_SET: Final = re.compile(r"\s*SET\b", re.IGNORECASE | re.ASCII)
_ASSIGNMENT: Final = re.compile(
    r"\s*SET\s+(?!.*\bPASSWORD\b)(?:NAMES\b|CHARSET\b|CHARACTER\s+SET\b|(?:(?:SESSION|LOCAL)\s+)?[@\w$.`]+\s*:?=)",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
"""Of variables, which ends no transaction; SET has other forms that do: PASSWORD, MariaDB's STATEMENT ... FOR."""
_OWN_VARIABLE: Final = re.compile(r"\s*SET\s+@[\w$.]+\s*:?=[^,]*\Z", re.IGNORECASE | re.ASCII)
"""One, and nothing else."""
_USE: Final = re.compile(r"\s*USE\b", re.IGNORECASE | re.ASCII)
_AUTOCOMMIT: Final = re.compile(r"(?<!\w)AUTOCOMMIT(?!\w)", re.IGNORECASE)
_DEFINITION: Final = re.compile(
    r"\s*(CREATE(?!\s+(?:OR\s+REPLACE\s+)?TEMPORARY\b)|ALTER|DROP(?!\s+TEMPORARY\b)|RENAME|TRUNCATE|ANALYZE|OPTIMIZE|REPAIR|CHECK|GRANT"
    r"|REVOKE|FLUSH|RESET|INSTALL|UNINSTALL|IMPORT|CACHE\s+INDEX|LOAD\s+INDEX|SET\s+(?:DEFAULT\s+ROLE|PASSWORD)"
    r"|CHANGE\s+(?:MASTER|REPLICATION)|(?:START|STOP)\s+(?:SLAVE|REPLICA)|CLONE|BACKUP)\b",
    re.IGNORECASE | re.ASCII,
)
_ANALYZED: Final = re.compile(
    r"\s*ANALYZE\s+(?:FORMAT\s*=\s*\w+\s+)?(?:SELECT|WITH|INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE
)
_CALL: Final = re.compile(r"\s*(CALL)\b", re.IGNORECASE | re.ASCII)


def keeps_session(sql: str) -> bool:
    """Whether the statement certainly leaves its connection fit for others."""
    return not reach_of(sql).marks


def reach_of(sql: str) -> Reach:
    """How far a statement of the user's own may go; never less than it does."""
    return _known_reach(sql) if len(sql) <= SHORT_TEXT else _find_reach(sql)


def changes_rows_only(sql: str) -> bool:
    """Whether a statement is one that changes rows, and certainly does nothing else."""
    return reach_of(sql) is Reach.WRITE


@lru_cache(maxsize=1024)
def _known_reach(sql: str) -> Reach:
    return _find_reach(sql)


def _find_reach(sql: str) -> Reach:
    if has_executable_comment(sql):
        return Reach.TRANSACTION
    code = plainest_of(sql)
    found = _WORD.match(code)
    verb = found[1].upper() if found else ""
    if verb == "DO" or _OWN_VARIABLE.match(code):
        return Reach.TRACE
    if verb not in _PLAIN:
        return Reach.SESSION if _ASSIGNMENT.match(code) and not _AUTOCOMMIT.search(code) else Reach.TRANSACTION
    reads = verb in _ONLY_READ or (verb in _INTRODUCES and _WRITES.search(code) is None)
    if _SESSION.search(code) is not None or (verb in _READS and _INTO.search(code) is not None):
        return Reach.TRACE if reads else Reach.SESSION
    return Reach.READ if reads else Reach.WRITE


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


def chooses_database(sql: str) -> bool:
    """Whether it is USE, after which names mean other tables."""
    return _USE.match(plainest_of(sql)) is not None
