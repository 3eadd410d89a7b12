"""How a write becomes durable: caches told, COMMIT, caches let go. Decides; never does I/O itself.

What cannot be finished at once is finished by the engine in the background: releases that failed, and commits of which
nobody knows whether they happened (see ``unknown_commits``).
"""

from __future__ import annotations

from collections.abc import Sequence

from fluxaorm.errors import (
    CommitUnknownError,
    PartialCommitError,
)
from fluxaorm.plans.cache.intents import Intents
from fluxaorm.plans.commits.unknown_commits import resolve_later
from fluxaorm.plans.effects import Commit, Plan, Rollback, Session
from fluxaorm.plans.state.engine_port import EnginePort


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
            resolve_later(engine, error, intents)
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
