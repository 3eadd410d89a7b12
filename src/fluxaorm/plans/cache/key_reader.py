"""One key of the cache read by the protocol: look, lease what is missing, swap what does not count, fill or let go.

Decides; never does I/O itself. Whatever happens to Redis on the way, the reader goes on without it.
"""

from __future__ import annotations

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.plans.cache.functions import DROP, FILL, SWAP, function_call, redis_plan
from fluxaorm.plans.cache.pending_items import is_pending
from fluxaorm.plans.cache.pending_rows import PendingKey
from fluxaorm.plans.cache.server_marks import marked_plan
from fluxaorm.plans.effects import Plan, RedisReplies, RedisRoundTrip
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.engine_port import EnginePort
from fluxaorm.plans.state.keys import LEASE_MS, is_value, lease_command


class KeyReader:
    """One reader and one key. ``mine``: whether the key held this reader's lease when last seen."""

    __slots__ = ("_key", "_lease", "binding", "engine", "held", "mine", "pool", "server", "stamp")

    def __init__(self, engine: EnginePort, binding: BoundEntity, pool: str, key: str, lease: str = "") -> None:
        """``lease``: which somebody has asked for already."""
        self.engine = engine
        self.binding = binding
        self.pool = pool
        self._key = key
        self._lease = lease or f"L{engine.tokens.take()}"
        self.mine = False
        self.held: PendingKey | None = None
        """What of asynchronous flushes is pending there."""
        self.server = self.stamp = b""
        """Who answered last, or gave the lease; what values must start with there."""

    def look_plan(self) -> Plan[bytes | None]:
        """The value that is there, whether it counts or not, or None. One round trip; 2 when Redis is full."""
        try:
            replies = yield from RedisRoundTrip(self.pool, (lease_command(self._key, self._lease),))
        except RedisConnectionError as error:
            self.outage(error)
            return None
        return (yield from self.looked_plan(replies))

    def looked_plan(self, replies: RedisReplies) -> Plan[bytes | None]:
        """The same once the command was answered."""
        found = replies.values[0]
        if isinstance(found, RedisError):
            # a full server takes no lease and still has values
            self.outage(found)
            try:
                replies = yield from RedisRoundTrip(self.pool, (("GET", self._key),))
            except RedisConnectionError as error:
                self.outage(error)
                return None
            found = replies.values[0]
        else:
            self.mine = found is None
        self._answered_by(replies.server)
        if found is None:
            self.binding.counts.redis_miss += 1
        elif not isinstance(found, bytes):
            self.binding.counts.redis_broken += 1
        elif is_value(found):
            return found
        else:
            self.binding.counts.redis_held += 1
            if is_pending(found):
                self.held = PendingKey(found, replies.server)
        return None

    def _answered_by(self, server: bytes) -> None:
        self.server, self.stamp = server, self.binding.stamp(server)

    def marked_plan(self) -> Plan[None]:
        """Before the database is asked: wait until the server has its mark. PendingAsyncWriteError after a time."""
        yield from marked_plan(self.engine, self.binding, self.pool, self.server)

    def swap_plan(self, found: bytes) -> Plan[None]:
        """Turn a value that does not count into this reader's lease, unless somebody was faster."""
        try:
            command = function_call(SWAP, self._key, found, self._lease, LEASE_MS, self.server)
            replies = yield from redis_plan(self.pool, (command,))
        except RedisError as error:
            self.outage(error)
            return
        # of whoever gave it, which is the one that held the value
        self.mine = replies.values[0] == 1

    def fill_plan(self, value: bytes) -> Plan[bool]:
        """Store the value if the lease is still this reader's; whether it was."""
        ttl = self.binding.schema.cache.ttl_ms
        return (yield from self._end_lease_plan(FILL, value, ttl, self.server))

    def drop_plan(self) -> Plan[bool]:
        """Give the lease back without a value; whether it was still this reader's."""
        return (yield from self._end_lease_plan(DROP))

    def _end_lease_plan(self, name: str, *args: bytes | int) -> Plan[bool]:
        try:
            replies = yield from redis_plan(self.pool, (function_call(name, self._key, self._lease, *args),))
        except RedisError as error:
            self.outage(error)
            return False
        return bool(replies.values[0] == 1)

    def outage(self, error: RedisError) -> None:
        """Count a failure of Redis, which the reader goes on without."""
        self.binding.counts.redis_error += 1
        self.engine.cache_outage(self.pool, error)
