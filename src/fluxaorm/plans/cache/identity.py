"""Whose namespace of Redis it is: one database's, by the identity that both of them keep. Decides; no I/O.

The identity is random, a row of ``_fluxa_meta``, made with that table. The first who meets a namespace without one
puts it there; whoever meets another one there would be served the rows and ids of another database. A Redis that was
emptied is taken again without a word.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from fluxaorm.errors import MySQLError, RedisError
from fluxaorm.plans.effects import Execute, FetchRows, Plan, RedisRoundTrip

SCAN_COUNT: Final = 1_000

logger = logging.getLogger("fluxaorm.identity")


@dataclass(frozen=True, slots=True, order=True)
class RedisNamespace:
    """The keys of one MySQL pool's entities on one Redis pool."""

    mysql_pool: str
    redis_pool: str
    name: str
    private: bool = False
    """Whether nobody else can have it: both stores are files in one directory, made together."""

    @property
    def prefix(self) -> str:
        """What all its keys begin with."""
        return f"fx:{self.name}:"

    @property
    def key(self) -> str:
        """Where it keeps whose it is."""
        return f"{self.prefix}_fluxa_meta:identity"


class IdentityPort(Protocol):
    """What is asked of an engine."""

    @property
    def mysql_pools(self) -> Mapping[str, Any]:
        """SQL pools by code, each with its ``dialect``."""
        ...

    @property
    def namespaces(self) -> Sequence[RedisNamespace]:
        """All that its entities use."""
        ...


def identity_problems_plan(
    engine: IdentityPort, mysql_pool: str | None = None, *, claim: bool = True
) -> Plan[list[str]]:
    """Which of the engine's namespaces are another database's, in words; those of nobody become its own.

    ``mysql_pool``: only those of this pool; ``claim``: else nothing is written. A store that does not answer is
    logged, and no problem of this kind.
    """
    problems: list[str] = []
    identities: dict[str, str | None] = {}
    for space in engine.namespaces:
        if mysql_pool not in (None, space.mysql_pool):
            continue
        if space.mysql_pool not in identities:
            identities[space.mysql_pool] = yield from _identity_plan(engine, space.mysql_pool, claim)
        if (problem := (yield from _problem_plan(space, identities[space.mysql_pool], claim))) is not None:
            problems.append(problem)
    return problems


def take_over_plan(engine: IdentityPort, space: RedisNamespace) -> Plan[int]:
    """Remove every key of a namespace, and make it this database's; how many there were. RedisError, MySQLError."""
    removed = yield from _emptied_plan(space)
    identity = yield from _identity_plan(engine, space.mysql_pool)
    if identity is not None:
        _ = yield from _asked_plan(space, ("SET", space.key, identity))
    return removed


def _identity_plan(engine: IdentityPort, pool: str, claim: bool = True) -> Plan[str | None]:
    """Of a pool's database; None while it has none, or this user may not see it. Makes a row that is missing."""
    dialect = engine.mysql_pools[pool].dialect
    try:
        return (yield from stored_identity_plan(dialect, pool, claim))
    except MySQLError as error:
        if not dialect.is_missing_table(error) and not dialect.is_missing_right(error):
            raise
        logger.info(
            "MySQL pool '%s': `_fluxa_meta` cannot be read, so nobody can tell whether its namespaces in Redis are "
            "this database's; run get_alters: %s",
            pool,
            error.reason,
        )
        return None


def stored_identity_plan(dialect: Any, mysql_pool: str, make: bool = True) -> Plan[str | None]:
    """The identity that a pool's database keeps; ``make``: in a row that is made when it is missing. MySQLError."""
    rows = yield from FetchRows(mysql_pool, dialect.meta_identity())
    if not rows and make:
        _ = yield from Execute(mysql_pool, dialect.meta_first_row())
        rows = yield from FetchRows(mysql_pool, dialect.meta_identity())
    cell = rows[0][0] if rows else None
    return cell.decode("ascii", "replace") if isinstance(cell, bytes) else cell


def _problem_plan(space: RedisNamespace, identity: str | None, claim: bool) -> Plan[str | None]:
    command = ("GET", space.key) if identity is None or not claim else ("SET", space.key, identity, "NX", "GET")
    try:
        found = yield from _asked_plan(space, command)
        if found is None or found == (identity or "").encode():
            return None
        if space.private and not claim:
            return None
        if space.private:
            removed = yield from _emptied_plan(space)
            logger.warning("the database is another one than before: %d keys of it were removed from Redis", removed)
            if identity is not None:
                _ = yield from _asked_plan(space, ("SET", space.key, identity, "NX"))
            return None
    except RedisError as error:
        logger.warning("Redis pool '%s' does not tell whose namespace '%s' is: %s", space.redis_pool, space.name, error)
        return None
    return (
        f"Redis pool '{space.redis_pool}': the namespace '{space.name}' is in use by another database than that of "
        f"MySQL pool '{space.mysql_pool}', whose rows and ids would be mixed up with this one's; give each its own, "
        "RedisOptions(namespace=...), or, when the other one is gone (a database made anew), empty the namespace and "
        "take it over: `fluxaorm cache reset`"
    )


def _emptied_plan(space: RedisNamespace) -> Plan[int]:
    removed, cursor = 0, b"0"
    pattern = "".join(f"\\{char}" if char in "*?[]\\" else char for char in space.prefix)
    while True:
        cursor, keys = yield from _asked_plan(space, ("SCAN", cursor, "MATCH", f"{pattern}*", "COUNT", SCAN_COUNT))
        if keys:
            removed += yield from _asked_plan(space, ("UNLINK", *keys))
        if cursor == b"0":
            return removed


def _asked_plan(space: RedisNamespace, command: tuple[Any, ...]) -> Plan[Any]:
    return (yield from RedisRoundTrip(space.redis_pool, (command,))).accepted()[0]
