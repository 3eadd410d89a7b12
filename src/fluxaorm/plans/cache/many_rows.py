"""Many rows below the context cache, in one step a tier: local cache, Redis with leases, MySQL. Decides; no I/O.

The protocol is that of ``one_row``. Each phase is a function: what it saw of the keys goes into the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fluxaorm.errors import RedisError
from fluxaorm.plans.cache.functions import DROP, FILL, SWAP, function_call, redis_plan
from fluxaorm.plans.cache.one_row import row_of_value
from fluxaorm.plans.cache.pending_items import is_pending
from fluxaorm.plans.cache.pending_rows import PendingKey, pending_rows_plan
from fluxaorm.plans.cache.selects import select_rows_plan
from fluxaorm.plans.cache.server_marks import marked_plan
from fluxaorm.plans.effects import Plan, RedisCommand, RedisReplies, RedisRoundTrip, Row, Session, Target
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.engine_port import EnginePort
from fluxaorm.plans.state.keys import ABSENT, LEASE_MS, Absent, encode_row, is_value, lease_command, plain_rows
from fluxaorm.plans.state.local_rows import LocalRows

BATCH: Final = 1_000


class Seen(NamedTuple):
    """What Redis answered for a key that gave no row, and which server did."""

    value: Any
    server: bytes


class Lease(NamedTuple):
    """One that is this reader's, and the server that gave it."""

    key: str
    token: str
    server: bytes


class CachedRows(NamedTuple):
    """What Redis has of ids: the rows of those that have one, and the ids that have none."""

    rows: dict[int, Row]
    absent: list[int]


def read_rows_plan(
    engine: EnginePort, target: Target, binding: BoundEntity, ids: Sequence[int]
) -> Plan[dict[int, Row]]:
    """The rows of distinct ids in raw form, by tiers as ``read_row_plan``; an id without a row is left out.

    Round trips per 1,000 ids: 1 Redis when all hit, else at most 3 Redis and 1 MySQL.
    """
    if binding.local is None or isinstance(target, Session):
        return (yield from read_rows_past_local_plan(engine, target, binding, ids))
    rows, missing = local_rows(binding, binding.local, ids)
    if missing:
        rows.update((yield from read_rows_past_local_plan(engine, target, binding, missing)))
    return rows


def local_rows(binding: BoundEntity, local: LocalRows, ids: Sequence[int]) -> tuple[dict[int, Row], list[int]]:
    """What the local cache has of ids: the rows, and of which it knows nothing."""
    rows: dict[int, Row] = {}
    missing: list[int] = []
    for id in ids:
        found = local.get(id)
        if found is None:
            missing.append(id)
        elif found is not ABSENT:
            rows[id] = found
    binding.counts.local_hit += len(ids) - len(missing)
    return rows, missing


def read_rows_past_local_plan(
    engine: EnginePort, target: Target, binding: BoundEntity, ids: Sequence[int]
) -> Plan[dict[int, Row]]:
    """The same of rows that the local cache was asked for already; it keeps what is found."""
    if not ids:
        return {}
    if len(ids) <= BATCH:
        return (yield from _read_batch_plan(engine, target, binding, ids))
    rows: dict[int, Row] = {}
    for start in range(0, len(ids), BATCH):
        rows.update((yield from _read_batch_plan(engine, target, binding, ids[start : start + BATCH])))
    return rows


def _read_batch_plan(
    engine: EnginePort, target: Target, binding: BoundEntity, ids: Sequence[int]
) -> Plan[dict[int, Row]]:
    if isinstance(target, Session):
        return (yield from select_rows_plan(target, binding, ids))
    local = binding.local
    if local is None:
        return (yield from _shared_rows_plan(engine, binding, ids))[0]
    binding.count_local_misses(len(ids))
    marks = {id: local.mark(id) for id in ids}
    rows, coherent = yield from _shared_rows_plan(engine, binding, ids)
    for id in coherent:
        row = rows.get(id)
        local.put(id, ABSENT if row is None else tuple(row), marks[id])
    return rows


def _shared_rows_plan(
    engine: EnginePort, binding: BoundEntity, ids: Sequence[int]
) -> Plan[tuple[dict[int, Row], Iterable[int]]]:
    """The rows from Redis and MySQL, and the ids whose result may be kept in the local cache."""
    if binding.redis_pool is None or not (binding.fills_redis or binding.local is not None):
        return (yield from select_rows_plan(binding.mysql_pool, binding, ids)), ids
    kept, leases, others = yield from _cached_rows_plan(engine, binding, binding.redis_pool, ids)
    rows, coherent = kept.rows, [*kept.rows, *kept.absent]
    if len(coherent) < len(ids):
        unread = set(ids).difference(coherent)
        if engine.async_flush is not None:
            for server in {seen.server for seen in others.values()}:
                yield from marked_plan(engine, binding, binding.redis_pool, server)
        pending = {id: PendingKey(*seen) for id, seen in others.items() if is_pending(seen.value)}
        if pending:
            rows.update((yield from pending_rows_plan(engine, binding, binding.redis_pool, pending)))
            unread.difference_update(pending)
        if unread:
            rows.update((yield from select_rows_plan(binding.mysql_pool, binding, [id for id in ids if id in unread])))
    if leases:
        coherent += yield from _end_leases_plan(engine, binding, binding.redis_pool, leases, rows)
    return rows, coherent


def _cached_rows_plan(
    engine: EnginePort, binding: BoundEntity, pool: str, ids: Sequence[int]
) -> Plan[tuple[CachedRows, Mapping[int, Lease], Mapping[int, Seen]]]:
    """What Redis has of the rows, leases for ids of which it has nothing that counts, and what was seen of those."""
    kept, leases, others = CachedRows({}, []), dict[int, Lease](), dict[int, Seen]()
    try:
        kept, others = yield from _look_plan(binding, pool, ids)
        if others:
            stored, leases = yield from _lease_plan(engine, binding, pool, others)
            kept.rows.update(stored.rows)
            kept.absent.extend(stored.absent)
    except RedisError as error:
        binding.counts.redis_error += len(ids) - len(kept.rows) - len(kept.absent)
        engine.cache_outage(pool, error)
    return kept, leases, others


def _look_plan(binding: BoundEntity, pool: str, ids: Sequence[int]) -> Plan[tuple[CachedRows, dict[int, Seen]]]:
    """One MGET for all: what counts, and what was seen of the others."""
    prefix = binding.key_prefix
    replies = yield from RedisRoundTrip(pool, (("MGET", *[f"{prefix}{id}" for id in ids]),))
    found = replies.values[0]
    if isinstance(found, RedisError):
        raise found
    kept, others = CachedRows({}, []), dict[int, Seen]()
    for server, looked in _by_server(replies, ids, found):
        if binding.reads_redis:
            hits, looked = plain_rows(looked, binding.row_start(server))
            binding.counts.redis_hit += len(hits)
            kept.rows.update(hits)
        stamp = binding.stamp(server)
        others.update((id, Seen(value, server)) for id, value in looked if not _keep(binding, id, value, stamp, kept))
    return kept, others


def _by_server(
    replies: RedisReplies, ids: Sequence[int], found: Sequence[Any]
) -> Iterable[tuple[bytes, Iterable[tuple[int, Any]]]]:
    """What the MGET found, by who answered for the key: on a cluster several."""
    looked = zip(ids, found, strict=True)
    if replies.servers is None:
        return ((replies.server, looked),)
    grouped: dict[bytes, list[tuple[int, Any]]] = {}
    for server, pair in zip(replies.servers_of_keys(0, len(ids)), looked, strict=True):
        grouped.setdefault(server, []).append(pair)
    return grouped.items()


def _keep(binding: BoundEntity, id: int, value: Any, stamp: bytes, kept: CachedRows) -> bool:
    """Take a value over when it counts. Counted either way."""
    counts = binding.counts
    if not isinstance(value, bytes):
        if value is None:
            counts.redis_miss += 1
        else:
            counts.redis_error += 1
        return False
    if not is_value(value):
        counts.redis_held += 1
        return False
    row = row_of_value(binding, value, stamp, id) if binding.reads_redis else None
    if row is None:
        return False
    if isinstance(row, Absent):
        kept.absent.append(id)
    else:
        kept.rows[id] = row
    return True


class Asked(NamedTuple):
    """A lease that is asked for, and what was seen of the key before."""

    id: int
    key: str
    token: str
    seen: Seen

    @property
    def command(self) -> RedisCommand:
        """Leases a key that is missing, and one whose value does not count if it still has that."""
        if isinstance(self.seen.value, bytes):
            return function_call(SWAP, self.key, self.seen.value, self.token, LEASE_MS, self.seen.server)
        return lease_command(self.key, self.token)


def _lease_plan(
    engine: EnginePort, binding: BoundEntity, pool: str, others: Mapping[int, Seen]
) -> Plan[tuple[CachedRows, dict[int, Lease]]]:
    """Lease what is missing and swap what does not count, in one round trip; what somebody stored between the looks."""
    kept, leases = CachedRows({}, []), dict[int, Lease]()
    asked = _asked_leases(engine, binding, pool, others)
    if not asked:
        return kept, leases
    replies = yield from redis_plan(pool, [each.command for each in asked])
    for number, (each, reply) in enumerate(zip(asked, replies.values, strict=True)):
        server = replies.server_of(number)
        if isinstance(each.seen.value, bytes):
            if reply == 1:
                # of the very server that had the value
                leases[each.id] = Lease(each.key, each.token, each.seen.server)
        elif reply is None:
            leases[each.id] = Lease(each.key, each.token, server)
        elif isinstance(reply, bytes):
            _ = _keep(binding, each.id, reply, binding.stamp(server), kept)
    return kept, leases


def _asked_leases(engine: EnginePort, binding: BoundEntity, pool: str, others: Mapping[int, Seen]) -> list[Asked]:
    asked: list[Asked] = []
    for id, seen in others.items():
        if isinstance(seen.value, RedisError):
            # its primary is lost, the others are not
            engine.cache_outage(pool, seen.value)
        elif seen.value is None or (isinstance(seen.value, bytes) and is_value(seen.value) and binding.reads_redis):
            asked.append(Asked(id, binding.row_key(id), f"L{engine.tokens.take()}", seen))
    return asked


def _end_leases_plan(
    engine: EnginePort, binding: BoundEntity, pool: str, leases: Mapping[int, Lease], rows: Mapping[int, Row]
) -> Plan[list[int]]:
    """Fill the leased keys, or only give the leases back where nobody fills; the ids whose lease had lasted."""
    ttl = binding.schema.cache.ttl_ms
    commands: list[RedisCommand]
    if binding.fills_redis:
        commands = [
            function_call(FILL, key, token, encode_row(binding.stamp(server), rows.get(id)), ttl, server)
            for id, (key, token, server) in leases.items()
        ]
    else:
        commands = [function_call(DROP, key, token) for key, token, _ in leases.values()]
    try:
        replies = yield from redis_plan(pool, commands)
    except RedisError as error:
        engine.cache_outage(pool, error)
        return []
    return [id for id, reply in zip(leases, replies.values, strict=True) if reply == 1]
