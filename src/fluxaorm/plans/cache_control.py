"""Dropping cached rows by hand: after SQL that went past the library, or all of an entity's. Decides; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fluxaorm.errors import RedisError
from fluxaorm.plans.binding import Binding
from fluxaorm.plans.effects import Plan, RedisRoundTrip
from fluxaorm.plans.intents import invalidate_plan
from fluxaorm.plans.reads import check_id
from fluxaorm.plans.unit import EntityUnit

SCAN_COUNT: Final = 1_000


def invalidate_ids_plan(unit: EntityUnit, ids: Sequence[int]) -> Plan[None]:
    """Drop rows from every cache; entities of this context are read again by their next look-up."""
    binding = unit.binding
    for id in ids:
        check_id(unit, id)
    if binding.local is not None:
        binding.local.evict(ids)
    for id in ids:
        known = unit.known(id)
        if known is not None and known not in unit.owner.pending:
            unit.forget(id)
    if binding.redis_pool is not None and ids:
        yield from invalidate_plan(unit.owner, {binding.redis_pool: [binding.row_key(id) for id in ids]})
    if binding.local is not None:
        binding.local.evict(ids)


def clear_redis_cache_plan(unit: EntityUnit) -> Plan[int]:
    """Drop all cached rows of the entity from Redis; the number of keys. Live intents of writers stay."""
    binding = unit.binding
    if binding.local is not None:
        binding.local.clear()
    if binding.redis_pool is None:
        return 0
    removed = 0
    cursor = b"0"
    while True:
        command = ("SCAN", cursor, "MATCH", f"{_escaped(binding.key_prefix)}*", "COUNT", SCAN_COUNT)
        replies = yield from RedisRoundTrip(binding.redis_pool, (command,))
        if isinstance(replies.values[0], RedisError):
            raise replies.values[0]
        cursor, keys = replies.values[0]
        rows = list(_row_keys(binding, keys))
        if rows:
            removed += yield from invalidate_plan(unit.owner, {binding.redis_pool: rows})
        if int(cursor) == 0:
            return removed


def _escaped(prefix: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix)


def _row_keys(binding: Binding, keys: Iterable[bytes]) -> Iterable[str]:
    for key in keys:
        name = key.decode()
        if name[len(binding.key_prefix) :].isdigit():
            yield name
