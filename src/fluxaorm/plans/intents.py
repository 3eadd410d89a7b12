"""Write intents: telling the shared caches of a change before its COMMIT, and letting go after it. Decides; no I/O.

A key with an intent is filled by nobody, so a reader that raced the writer cannot leave the old row there. A writer
that dies leaves its token with a deadline; until then readers go to MySQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fluxaorm.errors import CacheUnavailableError, PostCommitError, RedisError
from fluxaorm.plans.cache_keys import INTENT_MS
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.redis_functions import INTEND, RELEASE, function_call, redis_plan
from fluxaorm.plans.unit import UnitOfWork


class Intents:
    """The keys one flush changes, by Redis pool, under one token."""

    def __init__(self, owner: UnitOfWork) -> None:
        self._owner = owner
        self._token = owner.engine.tokens.take()
        self._keys: dict[str, dict[str, None]] = {}
        self._told: list[str] = []

    def add(self, pool: str, key: str) -> None:
        """Remember a key that the flush changes."""
        self._keys.setdefault(pool, {})[key] = None

    def intend_plan(self) -> Plan[None]:
        """Announce all keys: one round trip a pool. CacheUnavailableError when a pool cannot be told and must be."""
        for pool, keys in self._keys.items():
            self._told.append(pool)
            try:
                commands = [function_call(INTEND, key, self._token, INTENT_MS) for key in keys]
                _raise_refused((yield from redis_plan(pool, commands)).values)
            except RedisError as error:
                self._owner.engine.cache_outage(pool, error)
                if not self._owner.engine.writes_without_cache(pool):
                    message = f"the flush was rolled back, since its changes could not be announced: {error.reason}"
                    raise CacheUnavailableError(message, pool=pool) from error

    def release_plan(self) -> Plan[list[RedisError]]:
        """Let all announced keys go, after COMMIT or rollback; the errors of pools that could not be told."""
        failures: list[RedisError] = []
        for pool in self._told:
            try:
                commands = [function_call(RELEASE, key, self._token) for key in self._keys[pool]]
                _raise_refused((yield from redis_plan(pool, commands, shielded=True)).values)
            except RedisError as error:
                self._owner.engine.cache_outage(pool, error)
                if not self._owner.engine.writes_without_cache(pool):
                    failures.append(error)
        self._told.clear()
        return failures


def _raise_refused(replies: Iterable[Any]) -> None:
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply


def invalidate_plan(owner: UnitOfWork, keys: dict[str, list[str]]) -> Plan[int]:
    """Intend and release keys by pool, which never deletes somebody else's live intent; the number of keys."""
    intents = Intents(owner)
    for pool, names in keys.items():
        for name in names:
            intents.add(pool, name)
    yield from intents.intend_plan()
    failures = yield from intents.release_plan()
    if failures:
        raise PostCommitError("cached rows could not be dropped; they expire within 30 s", failures)
    return sum(len(names) for names in keys.values())
