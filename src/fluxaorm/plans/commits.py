"""How a write becomes durable: caches told, COMMIT, caches let go. Decides; never does I/O itself.

What cannot be finished at once is finished by the engine in the background: releases that failed, and commits of which
nobody knows whether they happened (see ``unknown_commits``).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from fluxaorm.errors import (
    CommitUnknownError,
    DeadlockError,
    MySQLConnectionError,
    PartialCommitError,
    PoolTimeoutError,
)
from fluxaorm.plans.effects import Commit, Plan, Rollback, Session, Sleep
from fluxaorm.plans.intents import Intents
from fluxaorm.plans.unit import EnginePort
from fluxaorm.plans.unknown_commits import settle_later

DEADLOCK_RETRIES: Final = 3
CONNECTION_RETRIES: Final = 1


def commit_plan(engine: EnginePort, sessions: Sequence[Session], intents: Intents) -> Plan[BaseException | None]:
    """Announce what changed, then commit one pool after the other; whatever fails, no transaction stays open.

    What interrupted the caller when a COMMIT was answered already is given back: the rows are there, and the other
    pools follow.

    Raises CacheUnavailableError, MySQLConnectionError, MySQLError (nothing is written, the intents are taken back),
    CommitUnknownError, PartialCommitError.
    """
    committed: list[str] = []
    pool = ""
    interruption: BaseException | None = None
    try:
        yield from intents.intend_plan()
        intents.evict_local()
        for session in sessions:
            pool = session.pool
            yield from intents.renew_plan()
            interruption = (yield from _committed_plan(session)) or interruption
            committed.append(pool)
    except BaseException as error:
        yield from rollback_plan(sessions)
        if isinstance(error, CommitUnknownError):
            settle_later(engine, error, intents)
        else:
            yield from intents.release_or_later_plan()
        if committed:
            intents.evict_local()
            raise PartialCommitError(committed, pool, str(error)) from error
        raise
    return interruption


def _committed_plan(session: Session) -> Plan[BaseException | None]:
    commit = Commit(session)
    try:
        yield from commit
    except BaseException as error:
        if not commit.done or isinstance(error, GeneratorExit):
            raise
        return error
    return None


def rollback_plan(sessions: Sequence[Session]) -> Plan[None]:
    """Roll back those that are still open."""
    for session in sessions:
        yield from Rollback(session)


class Retries:
    """Whether work that certainly committed nothing is tried again: after a deadlock, or a connection lost too early.

    A deadlock: three times, after a pause that grows and differs from one to the other; a lost connection: once.
    """

    def __init__(self) -> None:
        self._deadlocks = 0
        self._losses = 0

    def pause_plan(self, error: BaseException) -> Plan[bool]:
        """Wait before the next try; False: there is none."""
        if isinstance(error, DeadlockError):
            self._deadlocks += 1
            if self._deadlocks > DEADLOCK_RETRIES:
                return False
            yield from Sleep(random.uniform(0.5, 1.5) * 0.01 * 4**self._deadlocks)
            return True
        # a pool that was waited for as long as it allows: waiting again would only double that
        if isinstance(error, MySQLConnectionError) and not isinstance(error, PoolTimeoutError):
            self._losses += 1
            return self._losses <= CONNECTION_RETRIES
        return False
