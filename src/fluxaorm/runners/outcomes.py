"""What a failure means for a statement's outcome, said once for both runners. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final, Protocol, TypeVar

from fluxaorm.errors import CommitUnknownError, DeadlockError, MySQLConnectionError, MySQLError
from fluxaorm.plans.effects import Execute, ExecuteBatch, FetchTable, OpenStream, Session, Stream
from fluxaorm.query.own_sql.raw_statements import Reach


class Touchable(Protocol):
    """A connection."""

    def touch(self) -> None:
        """Its session may change."""
        ...


C = TypeVar("C", bound=Touchable)
_AT_ONCE: Final = 1.0


def unknown_outcome(
    error: BaseException, connection: Any, pool: str, what: str, reach: Reach = Reach.OURS
) -> CommitUnknownError | None:
    """The error to raise instead when a COMMIT or a lone statement failed this way: it may be done or not.

    None when the server refused it, which means that nothing was done. An interruption counts as unknown; so does a
    deadlock of what may have committed before it (``reach``).
    """
    if isinstance(error, DeadlockError) and reach is Reach.TRANSACTION:
        return _unknown(f"{error.reason}; what it committed before that is there", error.errno, connection, pool, what)
    if isinstance(error, MySQLError):
        if isinstance(error.__cause__, UnicodeDecodeError):
            # what could not be read is the answer
            return _unknown(error.reason, 0, connection, pool, what)
        if not isinstance(error, MySQLConnectionError) and not error._was_killed:
            return None
        reason, errno = error.reason, error.errno
    elif isinstance(error, Exception):
        # before anything was sent, or from a driver in the middle of the answer
        if not connection.interrupted:
            return None
        reason, errno = f"{type(error).__name__}: {error}", 0
    else:
        reason, errno = f"interrupted by {type(error).__name__}", 0
    return _unknown(reason, errno, connection, pool, what)


def _unknown(reason: str, errno: int, connection: Any, pool: str, what: str) -> CommitUnknownError:
    message = f"it is not known whether {what} was done: {reason}"
    unknown = CommitUnknownError(message, errno=errno, pool=pool)
    unknown.thread, unknown._opened, unknown.server = connection.thread, connection.opened, connection.server
    return unknown


def note_doubt(session: Session, reach: Reach, error: BaseException, connection: Any) -> None:
    """Tell the plan of a statement in a transaction that may have ended it, and of whose end nobody heard."""
    if reach is Reach.TRANSACTION and not (isinstance(error, MySQLError) and error._was_killed):
        session.doubt = unknown_outcome(error, connection, session.pool, "a statement that may commit")


def is_dead(error: MySQLConnectionError, connection: Any) -> bool:
    """Whether a read failed since the server had ended an idle connection, so that another one would have served it.

    Not when it was cut off at a deadline or by a time limit, or had been at it for a while.
    """
    return (
        error._hung_up
        and connection.lost
        # a fresh one was never idle
        and 0 < connection.taken > monotonic() - _AT_ONCE
        and "timed out" not in error.reason
    )


def open_connection_of(session: Session) -> Any:
    """The same before a COMMIT. MySQLConnectionError when the server has hung up: then nothing can be in doubt."""
    connection = connection_of(session)
    if connection.usable and not connection.is_alive():
        connection.usable = False
    if not connection.usable:
        raise MySQLConnectionError("the connection was lost before the COMMIT was sent", pool=session.pool)
    return connection


def connection_of(session: Session) -> Any:
    """The connection of an open transaction. MySQLError when it is over, or was never begun."""
    connection = session.connection
    if connection is None:
        raise MySQLError("the transaction is not open", pool=session.pool)
    return connection


def prepared(connection: C, effect: Execute | FetchTable | OpenStream | ExecuteBatch) -> C:
    """The connection, told that what comes may change its session."""
    if effect.reach.marks:
        connection.touch()
    return connection


def begin_stream(stream: Stream, connection: Any, drop: Callable[[Any], None]) -> None:
    """The connection is the stream's until ``end_stream``. ``drop``: gives one up that is not a transaction's."""
    stream.connection = connection
    if isinstance(stream.target, str):
        stream.drop = drop
    if not isinstance(stream.target, str):
        stream.target.stream = stream


def end_stream(stream: Stream) -> Any:
    """Take the connection away from a stream."""
    connection, stream.connection = stream.connection, None
    if not isinstance(stream.target, str):
        stream.target.stream = None
    return connection
