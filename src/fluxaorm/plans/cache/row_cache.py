"""Reading rows below the context cache: local cache, Redis row cache with leases, MySQL.

Decides; never does I/O itself.

A reader that finds nothing in Redis leaves a lease there and fills the key only while the lease is still its own, so
a row read before a change is never stored after it ("Scaling Memcache at Facebook", NSDI 2013; write intents are
ours, see ``intents``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.plans.cache.functions import DROP, FILL, SWAP, function_call, redis_plan
from fluxaorm.plans.cache.leases import KeyReader
from fluxaorm.plans.effects import FetchRows, Plan, RedisCommand, RedisReplies, RedisRoundTrip, Row, Target
from fluxaorm.plans.state.binding import Binding
from fluxaorm.plans.state.keys import (
    ABSENT,
    LEASE_MS,
    Absent,
    decode_row,
    encode_row,
    is_foreign,
    is_row_of,
    is_value,
    lease_command,
    plain_row,
    plain_rows,
)
from fluxaorm.plans.state.unit import UnitOfWork

BATCH: Final = 1_000


def read_row_plan(owner: UnitOfWork, binding: Binding, id: int) -> Plan[Row | None]:
    """The row of an id in raw form, through the caches, or None.

    Round trips: none on a local hit, 1 Redis on a hit, 2 Redis and 1 MySQL on a miss (3 Redis where a foreign value
    is replaced).
    """
    if owner.sessions and binding.mysql_pool in owner.sessions:
        return (yield from select_row_plan(owner.sessions[binding.mysql_pool], binding, id))
    local, mark = binding.local, 0
    if local is not None:
        found = local.get(id)
        if found is not None:
            binding.counts.local_hit += 1
            return None if found is ABSENT else found
        binding.count_local_misses(1)
        mark = local.mark(id)
    pool = binding.redis_pool
    if pool is None or not (binding.fills_redis or local is not None):
        row: Row | None = yield from select_row_plan(binding.mysql_pool, binding, id)
        coherent = True
    else:
        key, lease = f"{binding.key_prefix}{id}", f"L{owner.engine.tokens.take()}"
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
                if local is not None:
                    local.put(id, tuple(hit), mark)
                return hit
        row, coherent = yield from _row_after_look_plan(KeyReader(owner, binding, pool, key, lease), answer, id)
    if local is not None and coherent:
        local.put(id, ABSENT if row is None else tuple(row), mark)
    return row


def select_row_plan(target: Target, binding: Binding, id: int) -> Plan[Row | None]:
    """The row of an id from MySQL."""
    rows = yield from FetchRows(target, binding.select_by_id_sql, (id,))
    return rows[0] if rows else None


def _row_after_look_plan(
    reader: KeyReader, answer: RedisReplies | RedisConnectionError, id: int
) -> Plan[tuple[Row | None, bool]]:
    """The row after a look that was no plain hit, and whether it may be kept in the local cache."""
    binding = reader.binding
    found: bytes | None = None
    if isinstance(answer, RedisReplies):
        found = yield from reader.looked_plan(answer)
    else:
        reader.outage(answer)
    if found is not None and binding.reads_redis:
        cached = _counted(binding, found, reader.stamp, id)
        if cached is not None:
            return (None if isinstance(cached, Absent) else cached), True
        yield from reader.swap_plan(found)
    row = yield from select_row_plan(binding.mysql_pool, binding, id)
    if not reader.mine:
        return row, False
    if not binding.fills_redis:
        return row, (yield from reader.drop_plan())
    return row, (yield from reader.fill_plan(encode_row(reader.stamp, row)))


def _counted(binding: Binding, found: bytes, stamp: bytes, id: int) -> list[Any] | Absent | None:
    """What a value says of the row of an id, or None when it does not count."""
    row = decode_row(found, stamp, binding.width)
    if row is not None and (isinstance(row, Absent) or is_row_of(row, id)):
        binding.counts.redis_hit += 1
        return row
    if is_foreign(found, stamp):
        binding.counts.redis_foreign += 1
    else:
        binding.counts.redis_broken += 1
    return None


Settled = tuple[str, str, bytes, "Row | None"]
"""Key, lease, who gave it, row."""


def _settle_plan(owner: UnitOfWork, binding: Binding, leases: Sequence[Settled]) -> Plan[list[bool]]:
    """Fill the keys whose leases are mine, or only give the leases back where nobody fills; whether each was
    still mine.
    """
    assert binding.redis_pool is not None
    ttl = binding.schema.cache.ttl_ms
    commands: list[RedisCommand]
    if binding.fills_redis:
        commands = [
            function_call(FILL, key, lease, encode_row(binding.stamp(server), row), ttl, server)
            for key, lease, server, row in leases
        ]
    else:
        commands = [function_call(DROP, key, lease) for key, lease, _, _ in leases]
    try:
        replies = yield from redis_plan(binding.redis_pool, commands)
    except RedisError as error:
        owner.engine.cache_outage(binding.redis_pool, error)
        return [False] * len(leases)
    return [reply == 1 for reply in replies.values]


def read_rows_plan(owner: UnitOfWork, binding: Binding, ids: Sequence[int]) -> Plan[dict[int, Row]]:
    """The rows of distinct ids in raw form, through the caches; an id without a row is left out.

    Round trips per 1,000 ids: 1 Redis when all hit, else at most 3 Redis and 1 MySQL.
    """
    rows: dict[int, Row] = {}
    for start in range(0, len(ids), BATCH):
        yield from _read_batch_plan(owner, binding, ids[start : start + BATCH], rows)
    return rows


def _read_batch_plan(owner: UnitOfWork, binding: Binding, ids: Sequence[int], rows: dict[int, Row]) -> Plan[None]:
    if binding.mysql_pool in owner.sessions:
        yield from select_rows_plan(owner.sessions[binding.mysql_pool], binding, ids, rows)
        return
    local = binding.local
    if local is None:
        yield from _shared_rows_plan(owner, binding, ids, rows)
        return
    missing: list[int] = []
    marks: dict[int, int] = {}
    for id in ids:
        found = local.get(id)
        if found is None:
            missing.append(id)
            marks[id] = local.mark(id)
        elif found is not ABSENT:
            rows[id] = found
    binding.counts.local_hit += len(ids) - len(missing)
    if not missing:
        return
    binding.count_local_misses(len(missing))
    coherent = yield from _shared_rows_plan(owner, binding, missing, rows)
    for id in coherent:
        row = rows.get(id)
        local.put(id, ABSENT if row is None else tuple(row), marks[id])


def select_rows_plan(target: Target, binding: Binding, ids: Sequence[int], rows: dict[int, Row]) -> Plan[None]:
    """The rows of ids from MySQL, put into ``rows``; one statement."""
    places = ", ".join("?" * len(ids))
    sql = f"{binding.select_sql} WHERE {binding.quoted_id} IN ({places})"
    for row in (yield from FetchRows(target, sql, tuple(ids))):
        rows[int(row[0])] = row


def _shared_rows_plan(
    owner: UnitOfWork, binding: Binding, ids: Sequence[int], rows: dict[int, Row]
) -> Plan[Sequence[int]]:
    """Fill ``rows`` from Redis and MySQL; the ids whose result may be kept in the local cache."""
    if binding.redis_pool is None or not (binding.fills_redis or binding.local is not None):
        yield from select_rows_plan(binding.mysql_pool, binding, ids, rows)
        return ids
    lookup = _Lookup(binding, ids, rows)
    try:
        yield from lookup.look_plan()
        if lookup.unread:
            yield from lookup.lease_plan(owner)
    except RedisError as error:
        binding.counts.redis_error += len(lookup.unread)
        owner.engine.cache_outage(binding.redis_pool, error)
    if lookup.unread:
        yield from select_rows_plan(binding.mysql_pool, binding, lookup.unread, rows)
    if lookup.leases:
        settled = [(key, lease, server, rows.get(id)) for id, (key, lease, server) in lookup.leases.items()]
        still_mine = yield from _settle_plan(owner, binding, settled)
        lookup.coherent += [id for id, mine in zip(lookup.leases, still_mine, strict=True) if mine]
    return lookup.coherent


class _Lookup:
    """What one look at many keys found: rows, ids still to be read, and leases that are mine."""

    def __init__(self, binding: Binding, ids: Sequence[int], rows: dict[int, Row]) -> None:
        self.binding = binding
        self.ids = ids
        self.rows = rows
        self.unread: list[int] = list(ids)
        self.coherent: list[int] = []
        self.leases: dict[int, tuple[str, str, bytes]] = {}
        self._found: list[Any] = []
        self._found_by: dict[int, bytes] = {}
        """Who said so of the ids that are still to be read."""

    def look_plan(self) -> Plan[None]:
        """One MGET for all."""
        assert self.binding.redis_pool is not None
        prefix = self.binding.key_prefix
        keys = [f"{prefix}{id}" for id in self.ids]
        replies = yield from RedisRoundTrip(self.binding.redis_pool, (("MGET", *keys),))
        if isinstance(replies.values[0], RedisError):
            raise replies.values[0]
        self._found = replies.values[0]
        binding, self.unread = self.binding, []
        for server, looked in self._by_server(replies):
            if binding.reads_redis:
                hits, looked = plain_rows(looked, binding.row_start(server))
                binding.counts.redis_hit += len(hits)
                self.rows.update(hits)
                self.coherent += hits
            stamp = binding.stamp(server)
            unread = [id for id, found in looked if not self._keep(id, found, stamp)]
            self._found_by.update(dict.fromkeys(unread, server))
            self.unread += unread

    def _by_server(self, replies: RedisReplies) -> Iterable[tuple[bytes, Iterable[tuple[int, Any]]]]:
        """What the MGET found, by who answered for the key: on a cluster several."""
        looked = zip(self.ids, self._found, strict=True)
        if replies.servers is None:
            return ((replies.server, looked),)
        grouped: dict[bytes, list[tuple[int, Any]]] = {}
        for server, pair in zip(replies.servers_of_keys(0, len(self.ids)), looked, strict=True):
            grouped.setdefault(server, []).append(pair)
        return grouped.items()

    def _keep(self, id: int, found: Any, stamp: bytes) -> bool:
        """Take a value over when it counts."""
        counts = self.binding.counts
        if not isinstance(found, bytes):
            if found is None:
                counts.redis_miss += 1
            else:
                counts.redis_error += 1
            return False
        if not is_value(found):
            counts.redis_held += 1
            return False
        row = _counted(self.binding, found, stamp, id) if self.binding.reads_redis else None
        if row is None:
            return False
        if not isinstance(row, Absent):
            self.rows[id] = row
        self.coherent.append(id)
        return True

    def lease_plan(self, owner: UnitOfWork) -> Plan[None]:
        """Lease what is missing and swap what does not count, all in one round trip."""
        assert self.binding.redis_pool is not None
        found_by_id = dict(zip(self.ids, self._found, strict=True))
        asked: list[tuple[int, str, str, bool]] = []
        commands: list[RedisCommand] = []
        for id in self.unread:
            found = found_by_id[id]
            if isinstance(found, RedisError):
                # its primary is lost, the others are not
                owner.engine.cache_outage(self.binding.redis_pool, found)
                continue
            foreign = isinstance(found, bytes)
            if foreign and not (is_value(found) and self.binding.reads_redis):
                continue
            key, lease = self.binding.row_key(id), f"L{owner.engine.tokens.take()}"
            asked.append((id, key, lease, foreign))
            commands.append(
                function_call(SWAP, key, found, lease, LEASE_MS, self._found_by[id])
                if foreign
                else lease_command(key, lease)
            )
        if commands:
            self._take_leases(asked, (yield from redis_plan(self.binding.redis_pool, commands)))

    def _take_leases(self, asked: Sequence[tuple[int, str, str, bool]], replies: RedisReplies) -> None:
        for number, (id, key, lease, foreign) in enumerate(asked):
            reply, server = replies.values[number], replies.server_of(number)
            if foreign:
                if reply == 1:
                    # of the very server that had the value
                    self.leases[id] = (key, lease, self._found_by[id])
            elif reply is None:
                self.leases[id] = (key, lease, server)
            elif isinstance(reply, bytes) and self._keep(id, reply, self.binding.stamp(server)):
                # somebody filled it between the two looks
                self.unread.remove(id)
