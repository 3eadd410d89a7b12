"""Dropping cached values by hand: after SQL that went past the library, or all of an entity's. Decides; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from fluxaorm.plans.cache.intents import Intents, forget_plan, invalidate_plan
from fluxaorm.plans.effects import Plan, RedisRoundTrip
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.engine_port import EnginePort
from fluxaorm.plans.state.given_ids import checked_ids
from fluxaorm.plans.state.keys import PUBLISH, changes_message
from fluxaorm.plans.state.unit_of_work import IdentityMap, UnitOfWork

SCAN_COUNT: Final = 1_000

Work: TypeAlias = Callable[[Sequence[str]], Plan[int]]
"""What to do with some keys; gives how many were dropped."""


def invalidate_ids_plan(identity_map: IdentityMap, ids: Sequence[int]) -> Plan[None]:
    """Drop rows from every cache; entities of this context are read again by their next look-up."""
    binding = identity_map.binding
    ids = checked_ids(identity_map, ids)
    if binding.local is not None:
        binding.local.evict(ids)
    identity_map.make_stale(ids)
    if binding.redis_pool is not None and ids:
        intents = Intents(identity_map.unit_of_work._engine)
        for id in ids:
            intents.add_row(binding, id)
        intents.add_all_ids(binding)
        yield from forget_plan(intents)
    if binding.local is not None:
        binding.local.evict(ids)
    # another task may have read meanwhile what has just been dropped
    identity_map.make_stale(ids)


def clear_cache_plan(unit_of_work: UnitOfWork, binding: BoundEntity) -> Plan[int]:
    """Drop all that is cached of the entity, here and in Redis; the number of Redis keys. Writers' intents stay."""
    pool = binding.redis_pool
    if binding.local is not None:
        binding.local.clear()
    if pool is None:
        return 0
    dropped = yield from each_cached_key_plan(binding, lambda keys: invalidate_plan(unit_of_work, {pool: list(keys)}))
    yield from publish_all_plan(unit_of_work._engine, binding)
    if binding.local is not None:
        binding.local.clear()
    return dropped


def publish_all_plan(engine: EnginePort, binding: BoundEntity) -> Plan[None]:
    """Let other processes forget all rows that they keep of the entity."""
    if binding.channel is not None and binding.redis_pool is not None:
        message = changes_message(engine.tokens.source, ())
        _ = yield from RedisRoundTrip(binding.redis_pool, ((PUBLISH, binding.channel, message),))


def each_cached_key_plan(binding: BoundEntity, work: Work) -> Plan[int]:
    """Do something with every Redis key that caches of the entity, a page of keys at a time; the sum of what it gives.

    Keys that are there from the beginning to the end are met; one may be met twice.
    """
    assert binding.redis_pool is not None
    done = 0
    cursor = b"0"
    while True:
        command = ("SCAN", cursor, "MATCH", f"{_escaped(binding.key_prefix)}*", "COUNT", SCAN_COUNT)
        replies = yield from RedisRoundTrip(binding.redis_pool, (command,))
        cursor, keys = replies.accepted()[0]
        cached = [key for key in _names(keys) if _is_cached(key[len(binding.key_prefix) :])]
        if cached:
            done += yield from work(cached)
        if cursor == b"0":
            return done


def _escaped(prefix: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix)


def _names(keys: Iterable[bytes]) -> Iterable[str]:
    return dict.fromkeys(key.decode("utf-8", "surrogateescape") for key in keys)


def _is_cached(name: str) -> bool:
    """Rows, look-ups by unique index and the list of all ids; not the block of ids, nor search documents."""
    return name.isdigit() or name == "all" or name.startswith("u:")
