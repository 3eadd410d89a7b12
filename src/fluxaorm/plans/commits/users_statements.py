"""Statements of the user's own inside a transaction, each in a packet of its own. Decides; no I/O.

What a text does is not always to be seen (CALL, EXECUTE, what a server adds tomorrow), and one that ends the
transaction makes what ran before it durable, and lets what follows commit by itself. So they run behind a savepoint,
which is gone when the transaction is. Drivers speak UTF-8 and nothing else, so that comes back at once; what else the
library's SQL rests on when that comes next (``Session.changed``), so that the user's statements see what he set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from fluxaorm.errors import CommitUnknownError, DeadlockError, MySQLConnectionError, MySQLError, PartialCommitError
from fluxaorm.plans.effects import (
    ExecResult,
    Execute,
    ExecuteBatch,
    FetchRows,
    FetchTable,
    OpenStream,
    Plan,
    Session,
    Statement,
)
from fluxaorm.plans.writes.pipelines import PipelineHandle, short_sql
from fluxaorm.query.own_sql.raw_statements import Reach, reach_of

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect

GUARD: Final = "SAVEPOINT fluxa_guard"
_RELEASE: Final = "RELEASE SAVEPOINT fluxa_guard"

Direct: TypeAlias = "Execute | FetchTable | OpenStream"
"""A statement that is run at once."""


def queued_plan(session: Session, statements: Sequence[Statement], dialect: Dialect) -> Plan[None]:
    """Run statements of a flush after ``GUARD``; what may end the transaction is followed by a look whether it runs.

    Raises PartialCommitError, with ``statements_done``, when one has ended it; CommitUnknownError; MySQLError.
    """
    for position, statement in enumerate(statements):
        reach = reach_of(statement.sql)
        handle: PipelineHandle[ExecResult] = statement.tag
        is_last = position == len(statements) - 1
        try:
            (result,) = yield from ExecuteBatch(session, [statement], reach=reach)
        except BaseException as error:
            told = yield from _judged_plan(session, dialect, reach, handle._what, error)
            if told is None:
                raise
            raise _counted(told, position) from error
        handle._keep(result)
        looks = is_last or reach is Reach.TRANSACTION
        after = (*((_RELEASE,) if looks else ()), *(() if is_last or not looks else (GUARD,)), *_utf8(dialect, reach))
        if told := (yield from _look_plan(session, dialect, after, handle._what)):
            raise _counted(told, position + 1)


def _counted(error: Exception, done: int) -> Exception:
    if isinstance(error, PartialCommitError):
        error.statements_done = done
    return error


def restore_plan(session: Session, dialect: Dialect, database: str) -> Plan[None]:
    """Before the library's own SQL: what that rests on is as it was set."""
    statements = [Statement(sql) for sql in dialect.restored_statements(database)]
    if statements:
        _ = yield from ExecuteBatch(session, statements, reach=Reach.READ)
    session.changed = False


def direct_plan(session: Session, effect: Direct, dialect: Dialect) -> Plan[Any]:
    """Perform a statement that may change the session, and find out if it has ended the transaction. As above."""
    what = f"the statement {short_sql(effect.sql)}"
    if _is_guarded(dialect, effect.reach):
        _ = yield from Execute(session, GUARD, reach=Reach.READ)
    session.changed = True
    try:
        reply = yield effect
    except BaseException as error:
        told = yield from _judged_plan(session, dialect, effect.reach, what, error)
        if told is None:
            raise
        raise told from error
    if isinstance(effect, OpenStream):
        # nothing else is sent before its rows were read
        return reply
    if told := (yield from _look_plan(session, dialect, _after(dialect, effect.reach), what)):
        raise told
    return reply


def _is_guarded(dialect: Dialect, reach: Reach) -> bool:
    return reach is Reach.TRANSACTION and not dialect.transactional_ddl


def _after(dialect: Dialect, reach: Reach) -> Sequence[str]:
    """What follows a statement that is run by itself, or that failed."""
    return (*((_RELEASE,) if _is_guarded(dialect, reach) else ()), *_utf8(dialect, reach))


def _utf8(dialect: Dialect, reach: Reach) -> Sequence[str]:
    return dialect.charset_statements() if reach >= Reach.SESSION else ()


def _judged_plan(
    session: Session, dialect: Dialect, reach: Reach, what: str, error: BaseException
) -> Plan[Exception | None]:
    """What to raise instead of a statement's error; None: it is what it says it is."""
    if session.doubt is not None:
        return _doubted(session, error)
    if reach < Reach.SESSION or not isinstance(error, MySQLError) or isinstance(error, MySQLConnectionError):
        return None
    if isinstance(error, DeadlockError) and not _is_guarded(dialect, reach):
        return None
    return (yield from _look_plan(session, dialect, _after(dialect, reach), what, error))


def _doubted(session: Session, error: BaseException) -> Exception | None:
    """An interruption stays what it is."""
    if isinstance(error, Exception):
        return session.doubt
    error.add_note(f"{session.doubt}; leave the transaction's block and look what is there")
    return None


def _look_plan(
    session: Session, dialect: Dialect, after: Sequence[str], what: str, error: MySQLError | None = None
) -> Plan[Exception | None]:
    """What to raise when the transaction does not go on after a statement, which may have failed with ``error``."""
    if not after:
        return None
    try:
        _ = yield from ExecuteBatch(session, [Statement(sql) for sql in after], reach=Reach.READ)
    except MySQLError as failure:
        if dialect.is_missing_savepoint(failure):
            return (yield from _ended_plan(session, dialect, what, error))
        if after[0] != _RELEASE or not isinstance(failure, MySQLConnectionError | DeadlockError):
            raise
        session.doubt = _unknown(session, what, failure)
        return session.doubt
    except BaseException as interruption:
        if after[0] == _RELEASE and not isinstance(interruption, GeneratorExit):
            session.doubt = _unknown(session, what, interruption)
            if told := _doubted(session, interruption):
                raise told from interruption
        raise
    return None


def _ended_plan(session: Session, dialect: Dialect, what: str, error: MySQLError | None) -> Plan[Exception]:
    """The transaction is over: by a COMMIT, unless something has rolled back."""
    if isinstance(error, DeadlockError) or (yield from _rolled_back_plan(session, dialect)):
        session.doubt = _unknown(session, what, error)
        return session.doubt
    reason = f"{what} ended the transaction half-way"
    return PartialCommitError((session.pool,), session.pool, f"{reason}: {error}" if error is not None else reason)


def _rolled_back_plan(session: Session, dialect: Dialect) -> Plan[bool]:
    """Whether a ROLLBACK ran on this connection that was not the library's."""
    try:
        rows = yield from FetchRows(session, dialect.rollbacks_sql())
    except MySQLError:
        return True
    return not rows or int(rows[0][1]) > session.rollbacks


def _unknown(session: Session, what: str, error: BaseException | None) -> CommitUnknownError:
    """Nothing of it runs any more, so there is no thread to wait for."""
    cause = f": {error}" if error is not None else ""
    return CommitUnknownError(
        f"{what} ended the transaction half-way, and it is not known whether by a COMMIT or a rollback{cause}",
        errno=error.errno if isinstance(error, MySQLError) else 0,
        pool=session.pool,
    )
