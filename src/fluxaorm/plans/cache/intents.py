"""Write intents: telling the shared caches of a change before its COMMIT, and letting go after it. Decides; no I/O.

A key with an intent is filled by nobody, so a reader that raced the writer cannot leave the old row there. A writer
that dies leaves its token with a deadline; until then readers go to MySQL. Processes that keep rows of their own are
told on their channel in the same round trips: when the intents are in place, and again when they are released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from fluxaorm.errors import CacheUnavailableError, PostCommitError, RedisError
from fluxaorm.plans.cache.functions import INTEND, RELEASE, function_call, redis_plan
from fluxaorm.plans.effects import Plan, RedisCommand, RedisReplies
from fluxaorm.plans.state.keys import INTENT_MS, PUBLISH, changes_message

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.state.engine_port import EnginePort
    from fluxaorm.plans.state.local_rows import LocalRows
    from fluxaorm.plans.state.unit_of_work import UnitOfWork

RENEW_AFTER: Final = 10.0
"""Seconds after which a COMMIT needs its intents announced anew: well before their deadline."""

KEYS_A_TRIP: Final = 5_000
"""Keys in one round trip: what a great flush sends neither fills the server's buffers nor keeps others waiting."""


class Intents:
    """What one flush or transaction changes: keys by Redis pool, under one token, and rows of local caches."""

    def __init__(self, engine: EnginePort) -> None:
        self._engine = engine
        self._token = engine.tokens.take()
        self._keys: dict[str, dict[str, None]] = {}
        self._local: dict[LocalRows, dict[int, None]] = {}
        self._published: dict[str, dict[str, dict[int, None]]] = {}
        """Redis pool -> channel -> ids."""
        self._told: dict[str, None] = {}
        self._told_at = 0.0
        self._all_told = False
        self._lifetime = INTENT_MS
        self._releasing = False
        self._renewals: dict[str, Callable[[], Plan[bool]]] = {}
        """Redis pool -> the object by which the engine knows what is held there."""

    def add_row(self, binding: BoundEntity, id: int) -> None:
        """Remember a row that is changed."""
        if binding.redis_pool is not None:
            self.add(binding.redis_pool, binding.row_key(id))
        self.add_kept(binding, (id,))

    def add_kept(self, binding: BoundEntity, ids: Iterable[int]) -> None:
        """Remember rows that processes may keep, this one and others: what ``add_row`` does besides their keys."""
        self.publish(binding, ids)
        if binding.local is not None:
            self._local.setdefault(binding.local, {}).update(dict.fromkeys(ids))

    def add_all_ids(self, binding: BoundEntity) -> None:
        """Remember that other rows live than before."""
        if binding.intends_all_ids and binding.redis_pool is not None:
            self.add(binding.redis_pool, binding.all_ids_key)

    def publish(self, binding: BoundEntity, ids: Iterable[int]) -> None:
        """Remember rows that other processes are to forget."""
        if binding.channel is not None and binding.redis_pool is not None:
            channels = self._published.setdefault(binding.redis_pool, {})
            channels.setdefault(binding.channel, {}).update(dict.fromkeys(ids))

    def add(self, pool: str, key: str) -> None:
        """Remember a key that the flush changes."""
        self._keys.setdefault(pool, {})[key] = None
        self._all_told = False

    def add_all(self, pool: str, keys: Mapping[str, None]) -> None:
        """Remember some of them."""
        self._keys.setdefault(pool, {}).update(keys)
        self._all_told = False

    def evict_local(self) -> None:
        """Drop the changed rows from this process's local caches: before the COMMIT and after it."""
        for local, ids in self._local.items():
            local.evict(ids)

    def renew_plan(self, *, at_once: bool = False) -> Plan[None]:
        """Announce the keys again when the last time was too long ago for a COMMIT, or ``at_once``."""
        if self._told and (at_once or self._engine.monotonic() - self._told_at > RENEW_AFTER):
            yield from self._tell_plan()

    def _renewed_plan(self, pool: str) -> Plan[bool]:
        if pool in self._told:
            yield from self._tell_pool_plan(pool, in_background=True)
        return True

    @property
    def are_announced(self) -> bool:
        """Whether there are keys to be announced."""
        return bool(self._keys)

    def intend_plan(self, lifetime: int = INTENT_MS) -> Plan[None]:
        """Announce all keys, in one round trip a pool and 5,000 keys; the engine renews them until they are released.

        When they were announced before, and none was added since, again only if that was long ago.

        ``lifetime``: milliseconds that they last without being renewed.
        CacheUnavailableError when a pool cannot be told and must be.
        """
        if self._all_told:
            yield from self.renew_plan()
            return
        self._lifetime = lifetime
        for pool in self._keys:
            if pool not in self._renewals:
                renewal = self._renewals[pool] = partial(self._renewed_plan, pool)
                self._engine.hold(pool, renewal)
        yield from self._tell_plan()
        self._all_told = True

    def _tell_plan(self) -> Plan[None]:
        self._told_at = self._engine.monotonic()
        for pool in self._keys:
            self._told[pool] = None
            yield from self._tell_pool_plan(pool)

    def _tell_pool_plan(self, pool: str, *, in_background: bool = False) -> Plan[None]:
        try:
            for commands in self._trips(pool, INTEND, self._lifetime):
                # what is being released must not be announced behind its back
                if in_background and self._releasing:
                    return
                replies = yield from redis_plan(pool, commands)
                _ = replies.accepted()
                self._hear(pool, commands, replies)
        except RedisError as error:
            self._engine.cache_outage(pool, error)
            if not self._engine.writes_without_cache(pool):
                message = f"the flush was rolled back, since its changes could not be announced: {error.reason}"
                raise CacheUnavailableError(message, pool=pool) from error

    def _hear(self, pool: str, commands: Sequence[RedisCommand], replies: RedisReplies) -> None:
        """What INTEND and the publications behind it have answered."""

    def release_plan(self) -> Plan[list[RedisError]]:
        """Let all announced keys go, after COMMIT or rollback; the errors of pools that could not be told."""
        self._releasing = True
        for pool, renewal in self._renewals.items():
            self._engine.let_go(pool, renewal)
        failures: list[RedisError] = []
        for pool in list(self._told):
            try:
                for commands in self._trips(pool, RELEASE):
                    _ = (yield from redis_plan(pool, commands, shielded=True)).accepted()
            except RedisError as error:
                self._engine.cache_outage(pool, error)
                if not self._engine.writes_without_cache(pool):
                    failures.append(error)
                    continue
            del self._told[pool]
        return failures

    def _trips(self, pool: str, function: str, *args: int) -> Iterator[list[RedisCommand]]:
        """Calls for all keys of a pool; with the last go the publications, which must not come before them."""
        keys = list(self._keys[pool])
        for end in range(KEYS_A_TRIP, len(keys) + KEYS_A_TRIP, KEYS_A_TRIP):
            calls = self._calls(pool, function, keys[end - KEYS_A_TRIP : end], *args)
            yield calls if end < len(keys) else [*calls, *self.publications(pool)]

    def _calls(self, pool: str, function: str, keys: Sequence[str], *args: int) -> list[RedisCommand]:
        """What is said of some keys, of each by itself."""
        return [self._call(pool, function, key, *args) for key in keys]

    def _call(self, pool: str, function: str, key: str, *args: int) -> RedisCommand:
        """What is said of one key."""
        return function_call(function, key, self._token, *args)

    def publications(self, pool: str) -> Iterator[RedisCommand]:
        """What tells the other processes which rows have changed; it goes behind what is done to the keys."""
        source = self._engine.tokens.source
        for channel, changed in self._published.get(pool, {}).items():
            ids = list(changed)
            for start in range(0, len(ids), KEYS_A_TRIP):
                yield (PUBLISH, channel, changes_message(source, ids[start : start + KEYS_A_TRIP]))

    def release_or_later_plan(self) -> Plan[list[RedisError]]:
        """The same; what failed is tried again in the background until it succeeds."""
        failures = yield from self.release_plan()
        if failures:
            self._engine.finish_later(self._release_rest_plan)
        return failures

    def release_in_background(self) -> None:
        """The same without waiting for it. Safe to call when it was released already."""
        if self._told:
            self._engine.finish_later(self._release_rest_plan)

    def _release_rest_plan(self) -> Plan[bool]:
        failures = yield from self.release_plan()
        return not failures


def invalidate_plan(unit_of_work: UnitOfWork, keys: dict[str, list[str]]) -> Plan[int]:
    """Intend and release keys by pool, which never deletes somebody else's live intent; the number of keys."""
    intents = Intents(unit_of_work._engine)
    for pool, names in keys.items():
        for name in names:
            intents.add(pool, name)
    yield from forget_plan(intents)
    return sum(len(names) for names in keys.values())


def forget_plan(intents: Intents) -> Plan[None]:
    """Intend and release, which drops what is cached and never deletes somebody else's live intent.

    CacheUnavailableError when Redis cannot be told at all, PostCommitError when it could not be told to let go.
    """
    yield from intents.intend_plan()
    failures = yield from intents.release_or_later_plan()
    if failures:
        raise PostCommitError("cached rows could not be dropped; they expire within 30 s", failures)
