"""The blocks of an explicit transaction: how one begins, and how it ends. Decides; never does I/O itself.

The end of a block flushes what waits, then keeps what was done: the outermost block commits, a nested one leaves it to
the block around it. A block that fails, by its body or by that flush, takes back what it did, on the servers and in the
context. So a block is all or nothing, and what is to survive a failure within it goes into a nested one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from fluxaorm.dialects.port import ISOLATIONS
from fluxaorm.errors import CommitUnknownError, ContextMisuseError, MySQLError, PartialCommitError, QueryError
from fluxaorm.plans.commits.after_commit import finish_plan, follow_part_plan
from fluxaorm.plans.commits.commits import commit_plan, rollback_plan
from fluxaorm.plans.commits.transactions import Transaction, inside_plan, savepoint_of, transaction_of
from fluxaorm.plans.commits.undo import Unsaved, take_back
from fluxaorm.plans.effects import CloseStream, Execute, Plan
from fluxaorm.plans.flush.flush import flush_plan
from fluxaorm.plans.state.unit_of_work import NO_SESSIONS, UnitOfWork

_ANOTHER_ORDER: Final = (
    "a block of the transaction was left before what began within it was over, and all of it is rolled back: "
    "a context serves one flow of work; ctx.clone() makes one for another task or thread"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its depth (0: the outermost), what waited for a flush when it began, and how much had been done."""

    transaction: Transaction
    depth: int
    before: Unsaved
    written: int = 0
    ran: int = 0
    after_commit: int = 0
    apart: int = 0


def check_options(unit_of_work: UnitOfWork, isolation: str | None, read_only: bool) -> None:
    """Refuse an isolation that is none (QueryError), and options of a nested block (ContextMisuseError)."""
    if isolation is not None and isolation not in ISOLATIONS:
        raise QueryError(f"isolation {isolation!r} is none of {', '.join(sorted(ISOLATIONS))}")
    if unit_of_work._open_transaction is not None and (isolation is not None or read_only):
        raise ContextMisuseError("a nested transaction is a savepoint: isolation and read_only belong to the outermost")


def enter(unit_of_work: UnitOfWork, isolation: str | None, read_only: bool) -> Block:
    """Open a block; the outermost lets the next look-up of each entity read its row again."""
    transaction = transaction_of(unit_of_work)
    if transaction is None:
        transaction = Transaction(unit_of_work, isolation, read_only)
        unit_of_work._make_stale()
        unit_of_work._open_transaction, unit_of_work._sessions = transaction, transaction.sessions
        return Block(transaction, 0, transaction.before)
    block = Block(
        transaction,
        transaction.depth + 1,
        Unsaved(unit_of_work),
        len(transaction.written),
        len(transaction.ran),
        len(transaction.after_commit),
        len(transaction.apart),
    )
    transaction.depth += 1
    return block


def leave_plan(unit_of_work: UnitOfWork, block: Block, failed: bool) -> Plan[None]:
    """Close a block: flush what waits and keep what was done, or undo it.

    Raises as a flush and ``commit_plan``, TransactionLostError, PostCommitError; ContextMisuseError when blocks are not
    left in the order in which they were entered, as tasks do that share a context: nothing of any of them is kept.
    """
    transaction = block.transaction
    if transaction is not transaction_of(unit_of_work):
        raise ContextMisuseError("this block of a transaction was left already")
    if block.depth != transaction.depth:
        leave_early(block)
        if failed:
            return
        transaction.check()
    try:
        yield from _left_plan(transaction, block, failed)
    finally:
        yield from _leave_around_plan(transaction)


def leave_early(block: Block) -> None:
    """Note that a block was left in the midst of something else: the transaction fails, and its last block ends it."""
    block.transaction.left_early.add(block.depth)
    block.transaction.fail(ContextMisuseError(_ANOTHER_ORDER))


def _leave_around_plan(transaction: Transaction) -> Plan[None]:
    """Leave the blocks around one, when that was all they waited for."""
    while transaction.depth in transaction.left_early:
        transaction.left_early.remove(transaction.depth)
        if transaction.depth == 0:
            yield from roll_back_plan(transaction)
        else:
            _to_block_around(transaction)


def _left_plan(transaction: Transaction, block: Block, failed: bool) -> Plan[None]:
    yield from _close_streams_plan(transaction)
    if failed:
        yield from _undo_plan(transaction, block)
        return
    try:
        transaction.check()
        yield from _flush_plan(transaction)
    except BaseException:
        yield from _undo_plan(transaction, block)
        raise
    if block.depth == 0:
        yield from _commit_plan(transaction)
    else:
        _to_block_around(transaction)


def _flush_plan(transaction: Transaction) -> Plan[None]:
    unit_of_work = transaction.unit_of_work
    if transaction.read_only or not (
        unit_of_work._pending or unit_of_work._pipelines or unit_of_work._json_read or unit_of_work._json_held
    ):
        return
    _ = yield from inside_plan(transaction, flush_plan(unit_of_work))


def _undo_plan(transaction: Transaction, block: Block) -> Plan[None]:
    yield from (roll_back_plan(transaction) if block.depth == 0 else _roll_back_to_plan(transaction, block))


def close_streams_plan(unit_of_work: UnitOfWork) -> Plan[None]:
    """Give the connections of a context's own streams back."""
    streams, unit_of_work._streams = unit_of_work._streams or (), None
    for stream in streams:
        yield from CloseStream(stream)


def _close_streams_plan(transaction: Transaction) -> Plan[None]:
    for session in transaction.begun:
        if session.stream is not None:
            try:
                yield from CloseStream(session.stream)
            except MySQLError as error:
                transaction.fail(error)


def _to_block_around(transaction: Transaction) -> None:
    # the next block of this depth sets its savepoint anew
    transaction.depth -= 1
    for session, savepoints in transaction.begun.items():
        transaction.begun[session] = min(savepoints, transaction.depth)


def _roll_back_to_plan(transaction: Transaction, block: Block) -> Plan[None]:
    touched = [session for session, savepoints in transaction.begun.items() if savepoints >= block.depth]
    _to_block_around(transaction)
    _take_back(transaction, block)
    if transaction.failure is not None:
        return
    for session in touched:
        try:
            yield from Execute(session, f"ROLLBACK TO SAVEPOINT {savepoint_of(block.depth)}")
            for effect in transaction.apart[block.apart :]:
                if effect.target == session.pool:
                    yield from Execute(session, effect.sql, effect.args, effect.rows)
        except BaseException as error:
            # the server may have kept what the caller believes undone
            transaction.fail(error)
            raise


def _take_back(transaction: Transaction, block: Block, *, done: Collection[str] = frozenset()) -> None:
    """Undo in the context what a block did, but in pools that are done with."""
    done = {*done, *transaction.ended}
    for pool, handle in transaction.ran[block.ran :]:
        handle.is_done = pool in done
    take_back(transaction.unit_of_work, block.before, transaction.written[block.written :], done=done)
    del transaction.ran[block.ran :]
    del transaction.written[block.written :]
    del transaction.after_commit[block.after_commit :]


def _end(transaction: Transaction) -> None:
    transaction.unit_of_work._open_transaction = None
    transaction.unit_of_work._sessions = NO_SESSIONS


def roll_back_plan(transaction: Transaction) -> Plan[None]:
    """End the transaction and undo all of it."""
    yield from _close_streams_plan(transaction)
    _end(transaction)
    _take_back(transaction, Block(transaction, 0, transaction.before))
    yield from rollback_plan(list(transaction.begun))
    _ = yield from transaction.intents.release_or_later_plan()
    for effect in transaction.apart:
        yield from effect


def _commit_plan(transaction: Transaction) -> Plan[None]:
    unit_of_work, whole = transaction.unit_of_work, Block(transaction, 0, transaction.before)
    after_commit = transaction.after_commit
    _end(transaction)
    try:
        interruption = yield from commit_plan(unit_of_work._engine, transaction.in_commit_order(), transaction.intents)
    except CommitUnknownError:
        # written or not: nothing is to be repeated, everything to be read
        unit_of_work._make_stale()
        raise
    except PartialCommitError as error:
        follow = list(after_commit)
        _take_back(transaction, whole, done=error.committed)
        error._note_failures((yield from follow_part_plan(unit_of_work, follow, error.committed)))
        raise
    except BaseException:
        _take_back(transaction, whole)
        raise
    yield from finish_plan(unit_of_work, transaction.intents, after_commit, interruption)
