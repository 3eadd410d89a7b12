"""Whether a Redis server has missed no asynchronous flush: the mark of a namespace there. Decides; no I/O.

A server that lost its memory, or took another's place, may lack the entries of what is published and not applied. Its
identity is another one then, and the mark is kept under the identity: so it has none. It gets one when all that the
topic held at that moment is applied. Until then nobody may take it at its word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.dialects.async_offsets import ALL_APPLIED
from fluxaorm.errors import PendingAsyncWriteError, RedisError
from fluxaorm.plans.cache.pauses import pauses
from fluxaorm.plans.cache.pending_items import short_identity
from fluxaorm.plans.effects import FetchRows, Plan, RedisCommand, RedisRoundTrip, Sleep

if TYPE_CHECKING:
    from fluxaorm.plans.state.async_port import AsyncFlushPort
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.state.engine_port import EnginePort

MARK_SECONDS: Final = 30 * 24 * 3600


class ServerMark:
    """The mark of one server in an entity's namespace, as it is asked for."""

    def __init__(self, flush: AsyncFlushPort, binding: BoundEntity, pool: str, server: bytes) -> None:
        self._flush, self._binding, self._pool = flush, binding, pool
        self._known = (pool, binding.mark_prefix, server)
        self._key = f"{binding.mark_prefix}{short_identity(server)}"
        self._awaited: Mapping[int, int] | None = None
        """Partition -> the offset that must be reached; None until the mark was found missing."""

    def set_plan(self) -> Plan[bool]:
        """Find or set it; False: not all is applied yet. Raises RedisError, MySQLError, KafkaError."""
        if self._known in self._flush.marked:
            return True
        if self._awaited is None:
            if (yield from self._asked_plan(("GET", self._key))) is not None:
                self._flush.marked.add(self._known)
                return True
            self._awaited = yield from self._flush.high_watermarks_plan()
        if not (yield from self._is_reached_plan(self._awaited)):
            return False
        _ = yield from self._asked_plan(("SET", self._key, b"1", "EX", MARK_SECONDS))
        self._flush.marked.add(self._known)
        return True

    def _is_reached_plan(self, awaited: Mapping[int, int]) -> Plan[bool]:
        if not any(awaited.values()):
            return True
        applied = yield from applied_plan(self._flush, self._binding.mysql_pool)
        return all(applied.get(partition, 0) >= offset for partition, offset in awaited.items())

    def _asked_plan(self, command: RedisCommand) -> Plan[Any]:
        return (yield from RedisRoundTrip(self._pool, (command,))).accepted()[0]


def applied_plan(flush: AsyncFlushPort, mysql_pool: str) -> Plan[dict[int, int]]:
    """Partition -> the offset up to which a database has applied the topic; one that is left out: 0."""
    topic_id = yield from flush.topic_id_plan()
    rows = yield from FetchRows(mysql_pool, ALL_APPLIED, (flush.topic, topic_id))
    return {int(row[0]): int(row[1]) for row in rows}


def is_marked(engine: EnginePort, binding: BoundEntity, pool: str, server: bytes) -> bool:
    """Whether nothing has to be asked of a server that has answered for the entity."""
    flush = engine.async_flush
    return flush is None or not server or (pool, binding.mark_prefix, server) in flush.marked


def marked_plan(engine: EnginePort, binding: BoundEntity, pool: str, server: bytes) -> Plan[None]:
    """Before a reader goes on to the database: wait until the server has its mark. PendingAsyncWriteError after a time.

    A Redis that does not answer any more is gone without.
    """
    flush = engine.async_flush
    if flush is None or is_marked(engine, binding, pool, server):
        return
    mark = ServerMark(flush, binding, pool, server)
    until = engine.monotonic() + flush.pending_timeout
    for pause in pauses():
        try:
            if (yield from mark.set_plan()):
                return
        except RedisError as error:
            engine.cache_outage(pool, error)
            return
        if engine.monotonic() + pause > until:
            raise PendingAsyncWriteError(binding.schema.name)
        yield from Sleep(pause)
