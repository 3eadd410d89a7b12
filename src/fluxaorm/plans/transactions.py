"""Explicit transactions: what an open one knows, and the plans that run in it; its blocks are in ``blocks``.

Decides; never does I/O itself. A pool takes part from its first statement on: BEGIN is sent then, and the savepoint of
each nested block right before the first statement that needs it. What a flush changed is announced to the caches
before the COMMIT, and what has to wait for the COMMIT is in ``after_commit``, which a rollback drops.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from fluxaorm.dialects.mysql_errors import LOCK_NOT_FREE
from fluxaorm.errors import (
    ContextMisuseError,
    DeadlineExceededError,
    DeadlockError,
    MySQLConnectionError,
    PartialCommitError,
    PoolTimeoutError,
    TransactionLostError,
)
from fluxaorm.plans.after_commit import AfterCommit, follow_part_plan
from fluxaorm.plans.changed_keys import add_write
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
)
from fluxaorm.plans.flush_work import FlushWork, settle
from fluxaorm.plans.intents import Intents
from fluxaorm.plans.pipelines import PipelineHandle, settle_queued
from fluxaorm.plans.queued_statements import SAVEPOINT, queued_plan
from fluxaorm.plans.statements import statements_plan
from fluxaorm.plans.undo import Unsaved, Written, note_written
from fluxaorm.plans.unit import UnitOfWork

T = TypeVar("T")


class Transaction:
    """An open transaction of one unit of work over any of its pools."""

    def __init__(self, owner: UnitOfWork, isolation: str | None, read_only: bool) -> None:
        self.owner = owner
        self.isolation, self.read_only = isolation, read_only
        self.sessions = {pool: Session(pool) for pool in owner.engine.mysql_pools}
        self.begun: dict[Session, int] = {}
        """Those that have a transaction on a server, with the number of their savepoints."""
        self.depth = 0
        """Nested blocks that are open."""
        self.intents = Intents(owner.engine)
        self.before = Unsaved(owner)
        """What waited for a flush when it began."""
        self.written: list[Written] = []
        self.ran: list[tuple[str, PipelineHandle[ExecResult]]] = []
        """Statements of the user's own that flushes have run, with their pools."""
        self.after_commit: list[AfterCommit] = []
        """What waits for the COMMIT, of each flush, in order."""
        self.apart: list[Execute] = []
        """Statements that were to commit by themselves, but had to join: a rollback repeats them. See ``joined``."""
        self.ended: set[str] = set()
        """Pools where a statement of the user's own has committed: nothing of them can be undone."""
        self.failure: BaseException | None = None
        """What made the server, or the loss of it, end the transaction before its block did."""

    def ready_plan(self, session: Session) -> Plan[None]:
        """Before a statement: BEGIN, and the savepoints of the blocks around it.

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

    def _begin_plan(self, session: Session) -> Plan[None]:
        try:
            yield from Begin(session, self.isolation, self.read_only)
        except PoolTimeoutError:
            raise
        except MySQLConnectionError:
            # nothing was done on it yet
            yield from Begin(session, self.isolation, self.read_only)

    def check(self) -> None:
        """TransactionLostError when the server has ended the transaction already; a deadline stays what it is."""
        if isinstance(self.failure, DeadlineExceededError):
            raise DeadlineExceededError(str(self.failure)) from self.failure
        if self.failure is not None:
            raise TransactionLostError(str(self.failure)) from self.failure

    def joined(self, effect: Effect[Any]) -> Effect[Any]:
        """The effect to perform instead: where a transaction locks all (SQLite), nothing can be written beside it.

        Only blocks of ids are: they must not be reserved twice, so a rollback reserves them anew.
        """
        if not isinstance(effect, Execute) or isinstance(effect.target, Session):
            return effect
        session = self.sessions.get(effect.target)
        if session not in self.begun or self.owner.engine.mysql_pools[effect.target].dialect.capabilities.row_locks:
            return effect
        self.apart.append(effect)
        return Execute(session, effect.sql, effect.args, effect.rows)

    def note(self, session: Session, error: BaseException) -> None:
        """Remember an error after which statements would run outside the transaction."""
        lost = isinstance(error, MySQLConnectionError | DeadlockError) and error.errno != LOCK_NOT_FREE
        left = isinstance(error, DeadlineExceededError) or not isinstance(error, Exception)
        if session in self.begun and (lost or left):
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """From here on every statement raises TransactionLostError."""
        if self.failure is None:
            self.failure = error


def savepoint_of(depth: int) -> str:
    """The name of a nested block's savepoint."""
    return f"fluxa_{depth}"


FLUSH_SAVEPOINT: Final = "fluxa_flush"


def inside_plan(transaction: Transaction, plan: Plan[T]) -> Plan[T]:
    """Any plan of a unit of work with an open transaction: begins what it touches, notes what ends it."""
    try:
        effect = transaction.joined(next(plan))
        while True:
            session = _session_of(effect)
            try:
                if session is not None:
                    yield from transaction.ready_plan(session)
                reply = yield effect
            except GeneratorExit:
                plan.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the plan that handles it
                if session is not None:
                    transaction.note(session, error)
                effect = transaction.joined(plan.throw(error))
            else:
                effect = transaction.joined(plan.send(reply))
    except StopIteration as done:
        result: T = done.value
        return result


def _session_of(effect: Effect[Any]) -> Session | None:
    if isinstance(effect, ExecuteBatch):
        return effect.session
    if isinstance(effect, FetchRows | FetchTable | Execute | OpenStream) and isinstance(effect.target, Session):
        return effect.target
    return None


def joined_flush_plan(transaction: Transaction, work: FlushWork) -> Plan[None]:
    """Write the work of a flush inside the transaction, all of it or nothing."""
    owner = transaction.owner
    started: list[Session] = []
    try:
        for pool in work.pools.values():
            session = transaction.sessions[pool.pool]
            started.append(session)
            before, after = (f"SAVEPOINT {FLUSH_SAVEPOINT}",), (SAVEPOINT,) if pool.queued else ()
            yield from statements_plan(session, pool.statements, before, after)
        yield from _queued_plan(transaction, work)
    except PartialCommitError as error:
        yield from _settle_ended_plan(transaction, work, error)
        raise
    except BaseException:
        yield from undo_flush_plan(transaction, started)
        raise
    for write in work.writes:
        add_write(transaction.intents, write)
    transaction.written += note_written(work.writes)
    transaction.after_commit.append(AfterCommit.of(work))
    if work.queued is not None:
        transaction.ran += [(pool, each.tag) for pool, queued in work.queued.statements.items() for each in queued]
    settle_queued(owner, work.queued)
    settle(owner, work.writes)


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
        yield from queued_plan(transaction.sessions[pool.pool], pool.queued)


def _settle_ended_plan(transaction: Transaction, work: FlushWork, error: PartialCommitError) -> Plan[None]:
    """A queued statement has committed what the transaction did in its pool: as after a COMMIT, there alone."""
    owner = transaction.owner
    transaction.fail(error)
    transaction.ended.update(error.committed)
    follow = [*transaction.after_commit, AfterCommit.of(work)]
    settle(owner, [write for write in work.writes if write.binding.mysql_pool in error.committed])
    if work.queued is not None:
        work.queued.settle(error.committed, error.statements_done)
    transaction.intents.evict_local()
    _ = yield from transaction.intents.release_or_later_plan()
    error.note_failures((yield from follow_part_plan(owner, follow, error.committed)))


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
