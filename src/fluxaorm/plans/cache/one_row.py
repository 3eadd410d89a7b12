"""One row below the context cache, tier by tier: local cache, Redis with a lease, MySQL. Decides; no I/O.

A reader that finds nothing in Redis leaves a lease there and fills the key only while the lease is still its own, so
a row read before a change is never stored after it ("Scaling Memcache at Facebook", NSDI 2013; write intents are
ours, see ``intents``).
"""

from __future__ import annotations

from typing import Any

from fluxaorm.errors import RedisConnectionError
from fluxaorm.plans.cache.key_reader import KeyReader
from fluxaorm.plans.cache.pending_rows import pending_row_plan
from fluxaorm.plans.cache.selects import select_row_plan
from fluxaorm.plans.effects import Plan, RedisReplies, RedisRoundTrip, Row, Session, Target
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.engine_port import EnginePort
from fluxaorm.plans.state.keys import (
    ABSENT,
    Absent,
    decode_row,
    encode_row,
    is_foreign,
    is_row_of,
    lease_command,
    plain_row,
)


def read_row_plan(engine: EnginePort, target: Target, binding: BoundEntity, id: int) -> Plan[Row | None]:
    """The row of an id in raw form, or None; from an open transaction alone when ``target`` is one, else by tiers.

    Round trips: none on a local hit, 1 Redis on a hit, 2 Redis and 1 MySQL on a miss (3 Redis where a foreign value
    is replaced).
    """
    if binding.local is not None and not isinstance(target, Session):
        found = binding.local.get(id)
        if found is not None:
            binding.counts.local_hit += 1
            return None if found is ABSENT else found
    return (yield from read_row_past_local_plan(engine, target, binding, id))


def read_row_past_local_plan(engine: EnginePort, target: Target, binding: BoundEntity, id: int) -> Plan[Row | None]:
    """The same of a row that the local cache was asked for already; it keeps what is found."""
    local = binding.local
    if isinstance(target, Session) or (local is None and binding.redis_pool is None):
        return (yield from select_row_plan(target, binding, id))
    if local is None:
        row, _ = yield from _shared_row_plan(engine, binding, id)
        return row
    binding.count_local_misses(1)
    mark = local.mark(id)
    row, coherent = yield from _shared_row_plan(engine, binding, id)
    if coherent:
        local.put(id, ABSENT if row is None else tuple(row), mark)
    return row


def _shared_row_plan(engine: EnginePort, binding: BoundEntity, id: int) -> Plan[tuple[Row | None, bool]]:
    """The row from Redis or MySQL, and whether it may be kept in the local cache."""
    pool = binding.redis_pool
    if pool is None or not (binding.fills_redis or binding.local is not None):
        return (yield from select_row_plan(binding.mysql_pool, binding, id)), True
    key, lease = f"{binding.key_prefix}{id}", f"L{engine.tokens.take()}"
    answer: RedisReplies | RedisConnectionError
    try:
        # a hit is what most look-ups are: nothing is made for it that only others need
        replies: RedisReplies = yield RedisRoundTrip(pool, (lease_command(key, lease),))
    except RedisConnectionError as error:
        answer = error
    else:
        answer = replies
        hit = plain_row(replies.values[0], binding.row_start(replies.server), id) if binding.reads_redis else None
        if hit is not None:
            binding.counts.redis_hit += 1
            return hit, True
    return (yield from _row_after_look_plan(KeyReader(engine, binding, pool, key, lease), answer, id))


def _row_after_look_plan(
    reader: KeyReader, answer: RedisReplies | RedisConnectionError, id: int
) -> Plan[tuple[Row | None, bool]]:
    """The same after a look that was no plain hit."""
    binding = reader.binding
    found: bytes | None = None
    if isinstance(answer, RedisReplies):
        found = yield from reader.looked_plan(answer)
    else:
        reader.outage(answer)
    if found is not None and binding.reads_redis:
        cached = row_of_value(binding, found, reader.stamp, id)
        if cached is not None:
            return (None if isinstance(cached, Absent) else cached), True
        yield from reader.swap_plan(found)
    if reader.engine.async_flush is not None:
        yield from reader.marked_plan()
    if reader.held is not None:
        return (yield from pending_row_plan(reader.engine, binding, reader.pool, id, reader.held)), False
    row = yield from select_row_plan(binding.mysql_pool, binding, id)
    if not reader.mine:
        return row, False
    if not binding.fills_redis:
        return row, (yield from reader.drop_plan())
    return row, (yield from reader.fill_plan(encode_row(reader.stamp, row)))


def row_of_value(binding: BoundEntity, found: bytes, stamp: bytes, id: int) -> list[Any] | Absent | None:
    """What a value in Redis says of the row of an id, or None when it does not count. Counted either way."""
    row = decode_row(found, stamp, binding.width)
    if row is not None and (isinstance(row, Absent) or is_row_of(row, id)):
        binding.counts.redis_hit += 1
        return row
    if is_foreign(found, stamp):
        binding.counts.redis_foreign += 1
    else:
        binding.counts.redis_broken += 1
    return None
