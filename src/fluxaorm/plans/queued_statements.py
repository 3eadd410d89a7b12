"""Statements of the user's own inside the transaction of a flush, each in a packet of its own. Decides; no I/O.

What a text does is not always to be seen (EXECUTE, what a server adds tomorrow), and one that ends the transaction
makes what ran before it durable. So they run behind a savepoint, which is gone when the transaction is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fluxaorm.errors import DeadlockError, MySQLConnectionError, MySQLError, PartialCommitError
from fluxaorm.plans.effects import ExecResult, ExecuteBatch, Plan, Session, Statement
from fluxaorm.plans.pipelines import PipelineHandle
from fluxaorm.query.raw_statements import keeps_session

SAVEPOINT: Final = "SAVEPOINT fluxa_queued"
_RELEASE: Final = "RELEASE SAVEPOINT fluxa_queued"
_NO_SAVEPOINT: Final = 1305


def queued_plan(session: Session, statements: Sequence[Statement]) -> Plan[None]:
    """Run statements after ``SAVEPOINT``; what is not plain is followed by a look whether the transaction still runs.

    Raises PartialCommitError, with ``statements_done``, when one has ended it; MySQLError.
    """
    for position, statement in enumerate(statements):
        plain = keeps_session(statement.sql)
        try:
            (result,) = yield from ExecuteBatch(session, [statement], touches=not plain)
        except (DeadlockError, MySQLConnectionError):
            # all of it is undone, the savepoint too
            raise
        except MySQLError as error:
            if not plain and not (yield from _runs_plan(session, _RELEASE)):
                raise _ended(session, statement, position, error) from error
            raise
        handle: PipelineHandle[ExecResult] = statement.tag
        handle.keep(result)
        is_last = position == len(statements) - 1
        if (is_last or not plain) and not (
            yield from _runs_plan(session, _RELEASE, *(() if is_last else (SAVEPOINT,)))
        ):
            raise _ended(session, statement, position + 1)


def _runs_plan(session: Session, *statements: str) -> Plan[bool]:
    """Whether the transaction goes on."""
    try:
        _ = yield from ExecuteBatch(session, [Statement(sql) for sql in statements])
    except MySQLError as error:
        if error.errno != _NO_SAVEPOINT:
            raise
        return False
    return True


def _ended(session: Session, statement: Statement, done: int, cause: MySQLError | None = None) -> PartialCommitError:
    handle: PipelineHandle[ExecResult] = statement.tag
    reason = f"{handle.what} ended the flush's transaction half-way"
    error = PartialCommitError((session.pool,), session.pool, f"{reason}: {cause}" if cause is not None else reason)
    error.statements_done = done
    return error
