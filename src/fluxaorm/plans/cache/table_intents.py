"""Write intents on everything that is cached of one entity, for statements that change rows nobody listed. No I/O.

All keys that are there take an intent before the statement, and all that are there after it go, leases too: a reader
that took an old row before cannot store it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fluxaorm.errors import CacheUnavailableError, RedisError
from fluxaorm.plans.cache.control import each_cached_key_plan, publish_all_plan
from fluxaorm.plans.cache.functions import INTEND, RELEASE, function_call, redis_plan
from fluxaorm.plans.cache.pending_writes import ASK, PendingWrites, WrittenRow
from fluxaorm.plans.effects import Plan, RedisCommand
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.keys import INTENT_MS

if TYPE_CHECKING:
    from fluxaorm.plans.state.engine_port import EnginePort


class TableIntents:
    """As ``intents.Intents``, but of whatever keys there are when it is asked."""

    def __init__(self, engine: EnginePort, binding: BoundEntity) -> None:
        self._engine, self._binding = engine, binding
        self._token = engine.tokens.take()
        self._releasing = False
        self._asks = False
        self._pending = PendingWrites(engine)
        self._renewal = self._renewed_plan
        """One object, by which the engine knows it."""

    def intend_plan(self) -> Plan[None]:
        """Announce every cached key.

        CacheUnavailableError when Redis cannot be told and must be; PendingAsyncWriteError when asynchronous writes
        come first.
        """
        self._asks = self._engine.async_flush is not None
        try:
            yield from self._announced_plan()
        finally:
            self._asks = False
        self._pending.refuse()

    def _announced_plan(self) -> Plan[None]:
        pool = self._binding.redis_pool
        if pool is None:
            return
        self._engine.hold(pool, self._renewal)
        try:
            yield from self._each_plan(pool, INTEND, INTENT_MS)
            yield from publish_all_plan(self._engine, self._binding)
        except RedisError as error:
            self._engine.cache_outage(pool, error)
            if not self._engine.writes_without_cache(pool):
                message = (
                    f"{self._binding.schema.table} was left as it is, since Redis could not be told: {error.reason}"
                )
                raise CacheUnavailableError(message, pool=pool) from error

    def evict_local(self) -> None:
        """Nothing of the entity stays in this process."""
        if self._binding.local is not None:
            self._binding.local.clear()

    def renew_plan(self, *, at_once: bool = False) -> Plan[None]:
        """Announce again, ``at_once``: the statement may still be at it."""
        if at_once:
            yield from self._announced_plan()

    def _renewed_plan(self) -> Plan[bool]:
        if not self._releasing:
            yield from self._announced_plan()
        return True

    def release_plan(self) -> Plan[list[RedisError]]:
        """Drop every cached key but those with live intents of others; the error when Redis could not be told."""
        pool = self._binding.redis_pool
        if pool is None:
            return []
        self._releasing = True
        self._engine.let_go(pool, self._renewal)
        try:
            yield from self._each_plan(pool, RELEASE)
            yield from publish_all_plan(self._engine, self._binding)
        except RedisError as error:
            self._engine.cache_outage(pool, error)
            return [] if self._engine.writes_without_cache(pool) else [error]
        return []

    def release_or_later_plan(self) -> Plan[list[RedisError]]:
        """The same; what failed is tried again in the background until it succeeds."""
        failures = yield from self.release_plan()
        if failures:
            self._engine.finish_later(self._release_again_plan)
        return failures

    def _release_again_plan(self) -> Plan[bool]:
        failures = yield from self.release_plan()
        return not failures

    def _each_plan(self, pool: str, function: str, *args: int) -> Plan[int]:
        def called_plan(keys: Sequence[str]) -> Plan[int]:
            commands = [self._call(function, key, *args) for key in keys]
            replies = yield from redis_plan(pool, commands, shielded=True)
            for key, reply in zip(keys, replies.values, strict=True):
                if isinstance(reply, RedisError):
                    raise reply
                # who did not ask is answered "ok"
                if type(reply) is not bytes:
                    self._pending.hear(WrittenRow(self._binding, int(self._name(key)), pool, key), reply)
            return len(keys)

        return each_cached_key_plan(self._binding, called_plan)

    def _call(self, function: str, key: str, *args: int) -> RedisCommand:
        command = function_call(function, key, self._token, *args)
        return (*command, ASK) if function == INTEND and self._asks and self._name(key).isdigit() else command

    def _name(self, key: str) -> str:
        return key[len(self._binding.key_prefix) :]
