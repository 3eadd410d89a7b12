"""Statements that nobody waits for, and commits of which nobody knows whether they happened: seen through in the
background. Decides; no I/O.

The server may still be at it: its thread is killed, and only when it is gone can the rows change no more and the
caches be released. Until then the intents are renewed, so nobody caches either outcome.
"""

from __future__ import annotations

from typing import Final, Protocol

from fluxaorm.errors import CommitUnknownError, MySQLError, RedisError
from fluxaorm.plans.effects import Execute, FetchRows, Plan
from fluxaorm.plans.unit import EnginePort

UPTIME_MARGIN: Final = 5.0
"""Seconds by which a server must be younger than a connection to have been restarted since."""


class Announced(Protocol):
    """Intents that are out: ``Intents`` or ``TableIntents``."""

    def renew_plan(self, *, at_once: bool = False) -> Plan[None]:
        """Announce again."""
        ...

    def release_plan(self) -> Plan[list[RedisError]]:
        """Let go; the errors of pools that could not be told."""
        ...


def settle_later(engine: EnginePort, error: CommitUnknownError, intents: Announced) -> None:
    """Let the engine find out when the statement of ``error`` can no longer change anything, then release."""

    def step() -> Plan[bool]:
        return _step_plan(engine, error, intents)

    engine.finish_later(step)


def kill_later(engine: EnginePort, pool: str, thread: int, opened: float) -> None:
    """Let the engine end a statement that nobody waits for any more."""

    def step() -> Plan[bool]:
        return _is_gone_plan(engine, pool, thread, opened)

    engine.finish_later(step)


def _step_plan(engine: EnginePort, error: CommitUnknownError, intents: Announced) -> Plan[bool]:
    try:
        yield from intents.renew_plan(at_once=True)
    except RedisError:
        # the next step tries again; the outage was counted
        return False
    if error.thread is not None and not (yield from _is_gone_plan(engine, error.pool, error.thread, error.opened)):
        return False
    failures = yield from intents.release_plan()
    return not failures


def _is_gone_plan(engine: EnginePort, pool: str, thread: int, opened: float) -> Plan[bool]:
    """Whether a server's thread is gone; one that is not is killed."""
    dialect = engine.mysql_pools[pool].dialect
    try:
        uptime = yield from FetchRows(pool, dialect.uptime_sql())
        if float(uptime[0][1]) + UPTIME_MARGIN < engine.monotonic() - opened:
            return True
        listed = yield from FetchRows(pool, dialect.threads_sql())
        if all(int(row[0]) != thread for row in listed):
            return True
        yield from Execute(pool, dialect.kill_sql(thread))
    except MySQLError:
        # unreachable, or gone meanwhile: the next step sees
        return False
    return False
