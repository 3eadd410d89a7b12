"""Explicit transactions: what an open one knows, and the plans that run in it; its blocks are in ``blocks``.

Decides; never does I/O itself. A pool takes part from its first statement on: BEGIN is sent then, and the savepoint of
each nested block right before the first statement that needs it. What a flush changed is announced to the caches
before the COMMIT, and what has to wait for the COMMIT is in ``after_commit``, which a rollback drops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from fluxaorm.errors import (
    CommitUnknownError,
    ContextMisuseError,
    DeadlineExceededError,
    DeadlockError,
    EntityGoneError,
    MySQLConnectionError,
    MySQLError,
    PartialCommitError,
    PendingAsyncWriteError,
    PoolTimeoutError,
    TransactionLostError,
)
from fluxaorm.plans.cache.pending_writes import PendingWrites, WriteIntents
from fluxaorm.plans.commits.after_commit import AfterCommit, follow_part_plan
from fluxaorm.plans.commits.undo import Unsaved, Written
from fluxaorm.plans.commits.unknown_commits import resolve_later
from fluxaorm.plans.commits.users_statements import GUARD, direct_plan, queued_plan, restore_plan
from fluxaorm.plans.commits.written_work import mark_work_written
from fluxaorm.plans.effects import (
    Begin,
    CloseStream,
    Effect,
    ExecResult,
    Execute,
    ExecuteBatch,
    FetchRows,
    FetchTable,
    OpenStream,
    Plan,
    Session,
    TakeTurn,
    Turn,
)
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.writes.changed_keys import add_write
from fluxaorm.plans.writes.flush_work import FlushWork
from fluxaorm.plans.writes.order.pools import Precedence, in_commit_order
from fluxaorm.plans.writes.pipelines import PipelineHandle
from fluxaorm.plans.writes.statements import statements_plan
from fluxaorm.query.own_sql.raw_statements import Reach

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect

T = TypeVar("T")


class Transaction:
    """An open transaction of one unit of work over any of its pools."""

    def __init__(self, unit_of_work: UnitOfWork, isolation: str | None, read_only: bool) -> None:
        self.unit_of_work = unit_of_work
        self.isolation, self.read_only = isolation, read_only
        self.sessions = {pool: Session(pool) for pool in unit_of_work._engine.mysql_pools}
        self.begun: dict[Session, int] = {}
        """Those that have a transaction on a server, with the number of their savepoints."""
        self.depth = 0
        """Nested blocks that are open."""
        self.left_early: set[int] = set()
        """Depths of blocks that were left while one within them was open: all of it is rolled back in the end."""
        self.intents = WriteIntents(unit_of_work._engine, locks=True)
        self._missed: PendingWrites | None = None
        """What a flush that has not found a row has met."""
        self.before = Unsaved(unit_of_work)
        """What waited for a flush when it began."""
        self.written: list[Written] = []
        self.ran: list[tuple[str, PipelineHandle[ExecResult]]] = []
        """Statements of the user's own that flushes have run, with their pools."""
        self.after_commit: list[AfterCommit] = []
        """What waits for the COMMIT, of each flush, in order."""
        self.precedences: set[Precedence] = set()
        """Which pools must commit before which, for what flushes have written."""
        self.apart: list[Execute] = []
        """Statements that were to commit by themselves, but had to join: a rollback repeats them. See ``joined``."""
        self.ended: set[str] = set()
        """Pools where a statement of the user's own has committed, or may have: nothing of them can be undone."""
        self.failure: BaseException | None = None
        """What made the server, or the loss of it, end the transaction before its block did."""

    @property
    def pending(self) -> PendingWrites:
        """The asynchronous writes it has met, which whoever begins anew waits for."""
        return self._missed or self.intents.pending

    def ready_plan(self, session: Session, reach: Reach = Reach.OURS) -> Plan[None]:
        """Before a statement: BEGIN, and the savepoints of the blocks around it; its session, if it is the library's.

        Raises TransactionLostError, ContextMisuseError while a stream has the connection.
        """
        self.check()
        if session.stream is not None and session.stream.abandoned:
            yield from CloseStream(session.stream)
        if session.stream is not None:
            raise ContextMisuseError("a stream is being read in this transaction: read it to its end, or close it")
        if session not in self.begun:
            yield from self._begin_plan(session)
            self.begun[session] = 0
        while self.begun[session] < self.depth:
            yield from Execute(session, f"SAVEPOINT {savepoint_of(self.begun[session] + 1)}")
            self.begun[session] += 1
        if session.changed and reach is Reach.OURS:
            pool = self.unit_of_work._engine.mysql_pools[session.pool]
            yield from restore_plan(session, pool.dialect, pool.database)

    def _begin_plan(self, session: Session) -> Plan[None]:
        try:
            yield from Begin(session, self.isolation, self.read_only)
        except PoolTimeoutError:
            raise
        except MySQLConnectionError:
            # nothing was done on it yet
            yield from Begin(session, self.isolation, self.read_only)

    def in_commit_order(self) -> list[Session]:
        """Those that take part, in the order in which they commit."""
        begun = {session.pool: session for session in self.begun}
        return [begun[pool] for pool in in_commit_order(list(begun), self.precedences)]

    def check(self) -> None:
        """TransactionLostError when the server has ended the transaction already; a deadline stays what it is.

        So do misuse, and what says that some of it is written, or may be: nobody is to repeat that.
        """
        if isinstance(self.failure, PartialCommitError | CommitUnknownError):
            raise self.failure
        if isinstance(self.failure, DeadlineExceededError | ContextMisuseError):
            raise type(self.failure)(str(self.failure)) from self.failure
        if self.failure is not None:
            raise TransactionLostError(str(self.failure)) from self.failure

    def joined(self, effect: Effect[Any]) -> Effect[Any]:
        """The effect to perform instead: where a transaction locks all (SQLite), nothing can be written beside it.

        Only blocks of ids are: they must not be reserved twice, so a rollback reserves them anew.
        """
        if not isinstance(effect, Execute) or isinstance(effect.target, Session):
            return effect
        session = self.sessions.get(effect.target)
        if (
            session not in self.begun
            or self.unit_of_work._engine.mysql_pools[effect.target].dialect.capabilities.row_locks
        ):
            return effect
        self.apart.append(effect)
        return Execute(session, effect.sql, effect.args, effect.rows)

    def noted_plan(self, session: Session, error: BaseException) -> Plan[BaseException]:
        """Remember an error after which statements would run outside the transaction; the error as it is to be told."""
        if error is self.failure:
            # told again
            return error
        if isinstance(error, PartialCommitError):
            yield from _hidden_commit_plan(self, None, error)
            return error
        if session.doubt is not None:
            self.doubt(session.doubt)
            return error
        if isinstance(error, MySQLError) and session in self.begun:
            error = yield from self._ended_by_plan(session, error)
        self.note(session, error)
        return error

    def _ended_by_plan(self, session: Session, error: MySQLError) -> Plan[MySQLError]:
        """Of an error after which the transaction goes on with some servers, and with others does not."""
        dialect: Dialect = self.unit_of_work._engine.mysql_pools[session.pool].dialect
        asked = dialect.in_transaction_sql(error)
        if not asked or self.failure is not None:
            return error
        try:
            goes_on = int((yield from FetchRows(session, asked))[0][0])
        except MySQLError as lost:
            return lost
        return error if goes_on else dialect.rolled_back_error(error)

    def note(self, session: Session, error: BaseException) -> None:
        """The same where nothing is to be asked."""
        ended = isinstance(error, MySQLError) and error._ended_transaction
        lost = isinstance(error, MySQLConnectionError | DeadlockError) and not error._transaction_goes_on
        left = isinstance(error, DeadlineExceededError) or not isinstance(error, Exception)
        if session in self.begun and (ended or lost or left):
            self.fail(error)

    def doubt(self, unknown: CommitUnknownError) -> None:
        """Nobody knows whether a statement has committed: nothing is to be repeated, and everything to be read."""
        if unknown.pool in self.ended:
            return
        self.fail(unknown)
        self.ended.add(unknown.pool)
        intents, self.intents = self.intents, WriteIntents(self.unit_of_work._engine, locks=True)
        intents.evict_local()
        resolve_later(self.unit_of_work._engine, unknown, intents)

    def fail(self, error: BaseException) -> None:
        """From here on every statement raises TransactionLostError."""
        if self.failure is None:
            self.failure = error


def transaction_of(unit_of_work: UnitOfWork) -> Transaction | None:
    """The explicit transaction that is open in a unit of work, or None."""
    transaction = unit_of_work._open_transaction
    assert transaction is None or isinstance(transaction, Transaction)
    return transaction


def savepoint_of(depth: int) -> str:
    """The name of a nested block's savepoint."""
    return f"fluxa_{depth}"


FLUSH_SAVEPOINT: Final = "fluxa_flush"


def inside_plan(transaction: Transaction, plan: Plan[T]) -> Plan[T]:
    """Any plan of a unit of work with an open transaction: begins what it touches, notes what ends it.

    | effect                          | before it  | performed                 | its error                       |
    | ------------------------------- | ---------- | ------------------------- | ------------------------------- |
    | not in a session (Redis, sleep) |            | as it is                  | goes to the plan                |
    | a statement of the library's    | BEGIN etc. | as it is                  | noted, then to the plan         |
    | the user's own, at once         | BEGIN etc. | behind a savepoint        | noted, then to the plan         |
    | the user's own, of a flush      | BEGIN etc. | as it is, session changed | the same, but a deadlock behind |
    |                                 |            |                           | what may have committed         |
    """
    try:
        effect = transaction.joined(next(plan))
        while True:
            try:
                reply = yield from _perform_plan(transaction, effect)
            except GeneratorExit:
                plan.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the plan that handles it
                effect = transaction.joined(plan.throw((yield from _told_plan(transaction, effect, error))))
            else:
                effect = transaction.joined(plan.send(reply))
    except StopIteration as done:
        result: T = done.value
        return result


def _perform_plan(transaction: Transaction, effect: Effect[Any]) -> Plan[Any]:
    session = _session_of(effect)
    if session is None:
        return (yield effect)
    reach = _reach_of(effect)
    yield from transaction.ready_plan(session, reach)
    if reach < Reach.SESSION:
        return (yield effect)
    if isinstance(effect, ExecuteBatch):
        # of a flush, which looks after it itself
        session.changed = True
        return (yield effect)
    return (yield from _direct_plan(transaction, session, effect))


def _told_plan(transaction: Transaction, effect: Effect[Any], error: BaseException) -> Plan[BaseException]:
    """The error as the plan is to be told it."""
    session = _session_of(effect)
    # whether a deadlock is all that happened in what was queued, its plan finds out
    queued = isinstance(effect, ExecuteBatch) and effect.reach is Reach.TRANSACTION
    if session is None or (queued and isinstance(error, DeadlockError)):
        return error
    return (yield from transaction.noted_plan(session, error))


def turn_plan(transaction: Transaction, turn: Turn, plan: Plan[T]) -> Plan[T]:
    """As ``inside_plan``, of tasks that share the transaction and its connections: one plan after the other."""
    yield from TakeTurn(turn)
    try:
        return (yield from inside_plan(transaction, plan))
    finally:
        turn.release()


def _session_of(effect: Effect[Any]) -> Session | None:
    if isinstance(effect, ExecuteBatch):
        return effect.session
    if isinstance(effect, FetchRows | FetchTable | Execute | OpenStream) and isinstance(effect.target, Session):
        return effect.target
    return None


def _reach_of(effect: Effect[Any]) -> Reach:
    return effect.reach if isinstance(effect, ExecuteBatch | FetchTable | Execute | OpenStream) else Reach.OURS


def _direct_plan(transaction: Transaction, session: Session, effect: Effect[Any]) -> Plan[Any]:
    """What may change the session. What may end the transaction as well: the caches know before."""
    assert isinstance(effect, FetchTable | Execute | OpenStream), "nothing else is the user's own"
    if effect.reach is Reach.TRANSACTION:
        yield from transaction.intents.intend_plan()
        transaction.intents.evict_local()
    return (yield from direct_plan(session, effect, transaction.unit_of_work._engine.mysql_pools[session.pool].dialect))


def joined_flush_plan(transaction: Transaction, work: FlushWork) -> Plan[None]:
    """Write the work of a flush inside the transaction, all of it or nothing."""
    started: list[Session] = []
    try:
        for pool in work.pools.values():
            session = transaction.sessions[pool.pool]
            started.append(session)
            before, after = (f"SAVEPOINT {FLUSH_SAVEPOINT}",), (GUARD,) if pool.queued else ()
            yield from statements_plan(session, pool.statements, before, after)
        yield from _queued_plan(transaction, work)
    except PartialCommitError as error:
        yield from _hidden_commit_plan(transaction, work, error)
        raise
    except BaseException as error:
        _mark_doubtful(transaction, work)
        yield from undo_flush_plan(transaction, started)
        if isinstance(error, EntityGoneError) and (pending := (yield from _missed_plan(transaction, work))) is not None:
            raise pending from error
        raise
    for write in work.writes:
        add_write(transaction.intents, write)
    transaction.precedences |= work.precedences()
    if work.queued is not None:
        transaction.ran += [(pool, each.tag) for pool, queued in work.queued.statements.items() for each in queued]
    transaction.after_commit.append(mark_work_written(transaction.unit_of_work, work, undo=transaction.written))


def _missed_plan(transaction: Transaction, work: FlushWork) -> Plan[PendingAsyncWriteError | None]:
    """Why a row of a flush was not found, where asynchronous writes may be about to make it."""
    intents = WriteIntents(transaction.unit_of_work._engine, locks=True)
    for write in work.writes:
        add_write(intents, write)
    pending = yield from intents.missed_plan()
    transaction._missed = intents.pending
    _ = yield from intents.release_or_later_plan()
    return pending


def _queued_plan(transaction: Transaction, work: FlushWork) -> Plan[None]:
    """The user's own statements; one of them may commit, so the caches know of the transaction's changes before."""
    pools = [pool for pool in work.pools.values() if pool.queued]
    if not pools:
        return
    for write in work.writes:
        add_write(transaction.intents, write)
    yield from transaction.intents.intend_plan()
    transaction.intents.evict_local()
    for pool in pools:
        dialect = transaction.unit_of_work._engine.mysql_pools[pool.pool].dialect
        session = transaction.sessions[pool.pool]
        try:
            yield from queued_plan(session, pool.queued, dialect)
        except DeadlockError as error:
            transaction.note(session, error)
            raise


def _mark_doubtful(transaction: Transaction, work: FlushWork) -> None:
    """Where nobody knows whether a queued statement has committed, nothing of this flush waits for another."""
    for pool in work.pools:
        unknown = transaction.sessions[pool].doubt
        if unknown is not None:
            transaction.doubt(unknown)
            _ = mark_work_written(transaction.unit_of_work, work, pools=(pool,), undo=transaction.written)


def _hidden_commit_plan(transaction: Transaction, work: FlushWork | None, error: PartialCommitError) -> Plan[None]:
    """A statement has committed what the transaction did in its pool: as after a COMMIT, there alone.

    ``work``: of the flush it was queued for.
    """
    unit_of_work = transaction.unit_of_work
    transaction.fail(error)
    transaction.ended.update(error.committed)
    follow = list(transaction.after_commit)
    if work is not None:
        pools, done, undo = error.committed, error.statements_done, transaction.written
        follow.append(mark_work_written(unit_of_work, work, pools=pools, statements_done=done, undo=undo))
    transaction.intents.evict_local()
    _ = yield from transaction.intents.release_or_later_plan()
    error._note_failures((yield from follow_part_plan(unit_of_work, follow, error.committed)))


def undo_flush_plan(transaction: Transaction, started: list[Session]) -> Plan[None]:
    """Undo what was done since ``FLUSH_SAVEPOINT`` was set in these sessions."""
    for session in started:
        if transaction.failure is not None:
            return
        if session not in transaction.begun:
            continue
        try:
            yield from Execute(session, f"ROLLBACK TO SAVEPOINT {FLUSH_SAVEPOINT}")
        except BaseException as error:  # noqa: BLE001 - the flush's own error is the one to tell
            transaction.fail(error)
