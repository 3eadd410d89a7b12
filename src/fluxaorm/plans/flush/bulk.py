"""How a bulk write becomes durable: in a transaction of its own or the open one, its rows announced before the COMMIT.

Decides; no I/O. What is written is a step's affair (``bulk_changes``, ``bulk_rows``): it works in a session and tells
which rows it touched. Bulk writes know no entities: those of this context that they touched are read again by their
next look-up, and no callbacks run. Look-ups by unique values that are kept in Redis are not announced: one that
no longer holds is found out by the row it leads to, and costs a query.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from fluxaorm.plans.cache.pending_writes import WriteIntents, waiting_plan
from fluxaorm.plans.commits.after_commit import finish_plan
from fluxaorm.plans.commits.commits import commit_plan, rollback_plan
from fluxaorm.plans.commits.transactions import FLUSH_SAVEPOINT, Transaction, transaction_of, undo_flush_plan
from fluxaorm.plans.effects import Begin, Execute, Plan, Session
from fluxaorm.plans.retries import retried_plan
from fluxaorm.plans.state.unit_of_work import IdentityMap

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a step gives its caller, and the rows it wrote."""

    value: T
    ids: Collection[int]


WriteStep: TypeAlias = "Callable[[Session], Plan[Outcome[T]]]"


def written_plan(identity_map: IdentityMap, step: WriteStep[T]) -> Plan[T]:
    """Run a step as part of the open transaction, or in one of its own; what it gives.

    Raises what the step raises (nothing is written then), and as a flush: DeadlockError, MySQLConnectionError,
    CacheUnavailableError, PendingAsyncWriteError, CommitUnknownError, PostCommitError.
    """
    transaction = transaction_of(identity_map.unit_of_work)
    if transaction is not None:
        return (yield from _joined_plan(identity_map, transaction, step))
    engine = identity_map.unit_of_work._engine
    return (yield from waiting_plan(engine, lambda: retried_plan(lambda: _own_plan(identity_map, step))))


def _own_plan(identity_map: IdentityMap, step: WriteStep[T]) -> Plan[T]:
    unit_of_work, session = identity_map.unit_of_work, Session(identity_map.binding.mysql_pool)
    try:
        yield from Begin(session)
        outcome = yield from step(session)
    except BaseException:
        yield from rollback_plan([session])
        raise
    if not outcome.ids:
        yield from rollback_plan([session])
        return outcome.value
    intents = WriteIntents(unit_of_work._engine)
    for id in outcome.ids:
        intents.add_row(identity_map.binding, id)
    intents.add_all_ids(identity_map.binding)
    try:
        interruption = yield from commit_plan(unit_of_work._engine, [session], intents)
    finally:
        # also when nobody knows whether it was committed
        identity_map.make_stale(outcome.ids)
    yield from finish_plan(unit_of_work, intents, (), interruption)
    return outcome.value


def _joined_plan(identity_map: IdentityMap, transaction: Transaction, step: WriteStep[T]) -> Plan[T]:
    session = transaction.sessions[identity_map.binding.mysql_pool]
    yield from Execute(session, f"SAVEPOINT {FLUSH_SAVEPOINT}")
    try:
        outcome = yield from step(session)
    except BaseException:
        yield from undo_flush_plan(transaction, [session])
        raise
    for id in outcome.ids:
        transaction.intents.add_row(identity_map.binding, id)
    if outcome.ids:
        transaction.intents.add_all_ids(identity_map.binding)
    identity_map.make_stale(outcome.ids)
    return outcome.value
