"""Statements that nobody waits for, and commits of which nobody knows whether they happened. Decides; no I/O.

They are seen through in the background. The server may still be at it: its thread is killed, and only when it is gone
can the rows change no more and the caches be released. Until then the intents are renewed, so nobody caches either
outcome.

An address may lead to another server by now, whose threads of the same numbers are other people's: nothing is believed
of it and nothing killed there. All that is asked, and the KILL, go to one server, since they go through one connection;
that there is no such thread any more is what a KILL is answered with.
"""

from __future__ import annotations

import logging
from typing import Any, Final, Literal, Protocol, TypeAlias

from fluxaorm.errors import CommitUnknownError, MySQLConnectionError, MySQLError, RedisError
from fluxaorm.plans.effects import Begin, Execute, FetchRows, Plan, Rollback, ServerThread, Session
from fluxaorm.plans.state.engine_port import EnginePort

UPTIME_MARGIN: Final = 5.0
"""Seconds by which a server must be younger than a connection to have been restarted since."""
ELSEWHERE_SECONDS: Final = 600.0
"""How long a server is waited for when another one answers in its place."""

Fate: TypeAlias = Literal["gone", "alive", "elsewhere", "unseen"]
"""Of a thread; ``elsewhere``: another server answered, ``unseen``: none did."""

logger = logging.getLogger("fluxaorm.engine.background")


class Announced(Protocol):
    """Intents that are out: ``Intents`` or ``TableIntents``."""

    def evict_local(self) -> None:
        """Drop the changed rows from this process's local caches."""
        ...

    def renew_plan(self, *, at_once: bool = False) -> Plan[None]:
        """Announce again."""
        ...

    def release_plan(self) -> Plan[list[RedisError]]:
        """Let go; the errors of pools that could not be told."""
        ...


def resolve_later(engine: EnginePort, error: CommitUnknownError, intents: Announced) -> None:
    """Let the engine find out when the statement of ``error`` can no longer change anything, then release."""
    thread = None if error.thread is None else ServerThread(error.thread, error._opened, error.server)
    engine.finish_later(_Doubt(engine, error.pool, thread, intents).step_plan)


def kill_later(engine: EnginePort, pool: str, thread: ServerThread) -> None:
    """Let the engine end a statement that nobody waits for any more."""
    engine.finish_later(_Doubt(engine, pool, thread, None).step_plan)


class _Doubt:
    """A statement that may still run, and what was announced of it, if anything."""

    def __init__(self, engine: EnginePort, pool: str, thread: ServerThread | None, intents: Announced | None) -> None:
        self._engine, self._pool = engine, pool
        self._thread = thread
        self._intents = intents
        self._began = engine.monotonic()

    def step_plan(self) -> Plan[bool]:
        """One try; whether nothing is left to do."""
        if self._intents is not None:
            try:
                yield from self._intents.renew_plan(at_once=True)
            except RedisError:
                # the next step tries again; the outage was counted
                return False
        if self._thread is not None and not (yield from self._is_over_plan(self._thread)):
            return False
        self._thread = None
        if self._intents is None:
            return True
        self._intents.evict_local()
        failures = yield from self._intents.release_plan()
        # whoever read in between may have read either outcome
        self._intents.evict_local()
        return not failures

    def _is_over_plan(self, thread: ServerThread) -> Plan[bool]:
        """Whether the statement can change nothing any more, or nobody will ever know."""
        fate: Fate = yield from _fate_plan(self._engine, self._pool, thread)
        if fate != "elsewhere" or self._engine.monotonic() - self._began < ELSEWHERE_SECONDS:
            return fate == "gone"
        if self._intents is not None:
            logger.error(
                "whether a statement on the MySQL pool '%s' was done is not known, and another server than its own has "
                "answered at this address for %d s: the caches of its rows are released, and may become stale if that "
                "server goes on with it",
                self._pool,
                ELSEWHERE_SECONDS,
            )
        return True


def _fate_plan(engine: EnginePort, pool: str, thread: ServerThread) -> Plan[Fate]:
    """What became of a server's thread; one that is not gone is killed."""
    session = Session(pool)
    fate: Fate
    try:
        yield from Begin(session)
        fate = yield from _looked_plan(engine, session, thread)
    except MySQLError:
        fate = "unseen"
    yield from Rollback(session)
    return fate


def _looked_plan(engine: EnginePort, session: Session, thread: ServerThread) -> Plan[Fate]:
    dialect: Any = engine.mysql_pools[session.pool].dialect
    asked = dialect.server_sql()
    if asked and _text((yield from FetchRows(session, asked))) != thread.server:
        return "elsewhere"
    uptime = yield from FetchRows(session, dialect.uptime_sql())
    if float(uptime[0][1]) + UPTIME_MARGIN < engine.monotonic() - thread.opened:
        return "gone"
    try:
        strangers = yield from FetchRows(session, dialect.strangers_sql(thread.number))
    except MySQLConnectionError:
        raise
    except MySQLError:
        # not everybody may ask; who may not can kill no stranger either
        strangers = []
    if strangers and int(strangers[0][0]):
        return "gone"
    try:
        yield from Execute(session, dialect.kill_sql(thread.number))
    except MySQLError as error:
        if not dialect.is_missing_thread(error):
            raise
        return "gone"
    return "alive"


def _text(rows: Any) -> str:
    told = rows[0][0]
    return told.decode() if isinstance(told, bytes) else str(told)
