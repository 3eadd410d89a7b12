"""How the effects of one ``Parallel`` become fewer round trips when they run one after the other. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fluxaorm.plans.effects import Effect, RedisReplies, RedisRoundTrip


def merged_by_pool(effects: Sequence[Effect[Any]]) -> list[tuple[Effect[Any], list[int]]]:
    """What to perform, each with the positions of the effects it stands for: Redis commands of one pool go together."""
    merged: list[tuple[Effect[Any], list[int]]] = []
    positions_by_pool: dict[str, list[int]] = {}
    for position, effect in enumerate(effects):
        if not isinstance(effect, RedisRoundTrip):
            merged.append((effect, [position]))
        elif effect.pool in positions_by_pool:
            positions_by_pool[effect.pool].append(position)
        else:
            positions_by_pool[effect.pool] = [position]
            merged.append((effect, positions_by_pool[effect.pool]))
    return [(_together([effects[position] for position in positions]), positions) for _, positions in merged]


def _together(effects: Sequence[Effect[Any]]) -> Effect[Any]:
    if len(effects) == 1:
        return effects[0]
    trips = [effect for effect in effects if isinstance(effect, RedisRoundTrip)]
    return RedisRoundTrip(trips[0].pool, [command for trip in trips for command in trip.commands])


def split_replies(reply: RedisReplies, effects: Sequence[Effect[Any]]) -> list[RedisReplies]:
    """The replies of merged round trips, each trip's own."""
    parts: list[RedisReplies] = []
    start = 0
    for effect in effects:
        assert isinstance(effect, RedisRoundTrip)
        end = start + len(effect.commands)
        servers = None if reply.servers is None else reply.servers[start:end]
        parts.append(RedisReplies(reply.values[start:end], reply.server_of(start), servers))
        start = end
    return parts
