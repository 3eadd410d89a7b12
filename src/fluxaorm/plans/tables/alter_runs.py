"""Run one alter of a SQL pool, look into its rows before, and say what is wrong when the server refuses. No I/O.

A waiting ALTER makes everybody wait who wants the table after it, so its own wait is limited. Each statement is done or
not: after an interruption ``get_alters`` finds what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fluxaorm.alters import Alter, Finding, refuse
from fluxaorm.alters.sql.checks import Check, shown_value
from fluxaorm.errors import (
    AlterError,
    AlterLockedError,
    AlterRowsError,
    CommitUnknownError,
    FluxaError,
    MySQLConnectionError,
    MySQLError,
)
from fluxaorm.plans.effects import (
    Begin,
    Commit,
    Execute,
    ExecuteBatch,
    FetchRows,
    Plan,
    Rollback,
    Row,
    Session,
    Statement,
)

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect


@dataclass(frozen=True, slots=True)
class SQLAlterPlans:
    """How the alters of one SQL pool run; see ``alters.alter.AlterPlans``."""

    dialect: Dialect

    def run(self, alter: Alter, *, allow_destructive: bool, lock_timeout: float) -> Plan[None]:
        """See ``run_alter_plan``."""
        return run_alter_plan(alter, self.dialect, allow_destructive, lock_timeout)

    def precheck(self, alter: Alter) -> Plan[list[Finding]]:
        """See ``precheck_plan``."""
        return precheck_plan(alter, self.dialect)


def run_alter_plan(alter: Alter, dialect: Dialect, allow_destructive: bool, lock_timeout: float) -> Plan[None]:
    """Run an alter's statements on one connection; as one transaction where the database can.

    See ``Alter.exec`` for what is raised.
    """
    refuse(alter, allow_destructive=allow_destructive)
    try:
        if dialect.transactional_ddl:
            yield from _transaction_plan(alter)
        else:
            yield from _statements_plan(alter, dialect, lock_timeout)
    except MySQLError as error:
        raise (yield from _explained_plan(alter, dialect, error, lock_timeout)) from error


def _transaction_plan(alter: Alter) -> Plan[None]:
    session = Session(alter.pool)
    yield from Begin(session)
    try:
        yield from ExecuteBatch(session, [Statement(sql) for sql in alter.statements])
    except BaseException:
        yield from Rollback(session)
        raise
    yield from Commit(session)


def _statements_plan(alter: Alter, dialect: Dialect, lock_timeout: float) -> Plan[None]:
    """A transaction pins the connection, no more: the server commits before and after each statement."""
    limited, unlimited = dialect.lock_timeout_statements(lock_timeout)
    session = Session(alter.pool)
    yield from Begin(session)
    try:
        yield from _executed_plan(session, limited)
        try:
            for sql in alter.statements:
                yield from _statement_plan(session, sql, dialect)
        except MySQLConnectionError as error:
            raise _unknown(alter, error) from error
        except MySQLError:
            yield from _executed_plan(session, unlimited)
            raise
        yield from _executed_plan(session, unlimited)
    except BaseException:
        yield from Rollback(session)
        raise
    yield from Commit(session)


def _executed_plan(session: Session, statements: Sequence[str]) -> Plan[None]:
    for sql in statements:
        yield from Execute(session, sql)


def _statement_plan(session: Session, sql: str, dialect: Dialect) -> Plan[None]:
    """Each spelling asks the server for less than the one before it."""
    spellings = dialect.ddl_spellings(sql)
    for spelling in spellings[:-1]:
        try:
            yield from Execute(session, spelling)
        except MySQLError as error:
            if not dialect.is_refused_algorithm(error):
                raise
        else:
            return
    yield from Execute(session, spellings[-1])


def _unknown(alter: Alter, error: MySQLConnectionError) -> CommitUnknownError:
    message = f"it is not known whether '{alter.description}' was done ({error.reason}); ask get_alters() again"
    return CommitUnknownError(message, errno=error.errno, pool=alter.pool)


# what went wrong


def _explained_plan(alter: Alter, dialect: Dialect, error: MySQLError, lock_timeout: float) -> Plan[FluxaError]:
    """The error to raise instead of the server's own."""
    where = f"{alter.pool}.{alter.table}"
    if dialect.is_missing_right(error):
        return AlterError(f"{where}: the user may not do '{alter.description}': {error.reason}; {_RIGHTS}")
    if dialect.is_lock_timeout(error):
        holders = yield from _holders_plan(alter, dialect)
        waited = lock_timeout if dialect.capabilities.metadata_locks else 0
        return AlterLockedError(where, alter.description, waited, holders)
    if isinstance(error, MySQLConnectionError | CommitUnknownError):
        return error
    findings = yield from _blocking_plan(alter, dialect, error)
    return AlterRowsError(where, alter.description, findings) if findings else error


_RIGHTS: Final = "alters need ALTER, CREATE, DROP, INDEX, INSERT and SELECT on the database"


def _holders_plan(alter: Alter, dialect: Dialect) -> Plan[list[str]]:
    for sql in dialect.lock_holders_sql():
        try:
            rows = yield from FetchRows(alter.pool, sql, (dialect.recorded_name(alter.table),) * sql.count("?"))
        except MySQLError:
            continue  # the user may not look
        if rows:
            return [_holder(*map(shown_value, row)) for row in rows]
    return []


def _holder(connection: object, user: object, host: object, seconds: object, certain: object) -> str:
    perhaps = "" if int(str(certain)) else ", perhaps,"
    return f"connection {connection}{perhaps} of {user}@{host}, {seconds} s without another statement"


def _blocking_plan(alter: Alter, dialect: Dialect, error: MySQLError) -> Plan[list[Finding]]:
    """The findings that keep the alter from being made; else the row that the server counted to, or all in question."""
    try:
        findings = yield from precheck_plan(alter, dialect)
        found = [finding for finding in findings if finding.blocking]
        if found:
            return found
        counted = yield from _counted_row_plan(alter, dialect, error)
    except MySQLError:
        return []
    if counted or not dialect.is_refused_value(error):
        return counted
    unsure = {check.what for check in alter._checks if check.unsure}
    return [replace(finding, blocking=True) for finding in findings if finding.what in unsure]


def _counted_row_plan(alter: Alter, dialect: Dialect, error: MySQLError) -> Plan[list[Finding]]:
    """``Data truncated for column 'a' at row 3``: rows are read in the order of their keys."""
    position = dialect.row_in_message(error.reason)
    if position is None or alter._key is None:
        return []
    key, table = dialect.quote(alter._key), dialect.quote(alter.table)
    sql = f"SELECT {key} FROM {table} ORDER BY {key} {dialect.limit_clause(1, position - 1)}"
    rows = yield from FetchRows(alter.pool, sql)
    keys = tuple(shown_value(row[0]) for row in rows)
    return [Finding(error.reason, 1, tuple(f"id {key}" for key in keys), True, keys)] if keys else []


# before


def precheck_plan(alter: Alter, dialect: Dialect) -> Plan[list[Finding]]:
    """What an alter would lose or run against; see ``Alter.precheck``."""
    findings: list[Finding] = []
    for check in alter._checks:
        rows = yield from _asked_plan(alter.pool, check, dialect)
        finding = check.finding(rows)
        if finding is not None:
            findings.append(finding)
    return [*findings, *alter.broken]


def _asked_plan(pool: str, check: Check, dialect: Dialect) -> Plan[list[Row]]:
    """Where the table is neither as it will be nor as it was, the alter was made already: nothing is left to lose."""
    for sql in (check.sql, check.early_sql):
        if sql:
            try:
                return (yield from FetchRows(pool, sql))
            except MySQLError as error:
                if not dialect.is_missing_table(error) and not dialect.is_missing_column(error):
                    raise
    return []
