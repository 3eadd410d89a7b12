"""The table of the coherence protocol against the functions that real servers run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from fluxaorm.addresses import parse_redis
from fluxaorm.options import RedisOptions
from fluxaorm.plans.cache.functions import DROP, FILL, INTEND, RELEASE, SWAP, function_call, library_source
from fluxaorm.plans.cache.protocol import AFTER, LIFETIME_MS, Held, Step
from fluxaorm.plans.effects import RedisCommand
from fluxaorm.plans.state.keys import INTENT_MS, LEASE_MS, encode_row, lease_command
from fluxaorm.pools.redis.pool import RedisServerPool
from fluxaorm.pools.redis.wire import IDENTITY_COMMANDS, identity_from
from tests.support.redis_servers import RedisServer

OWN: Final = "a" * 24
OTHER: Final = "b" * 24
VALUE: Final = encode_row(bytes(8), (1,))
VALUE_MS: Final = 60_000


class Key:
    """One key on a real server."""

    def __init__(self, server: RedisServer) -> None:
        self.name = f"fx:{server.namespace}:Thing:1"
        address = parse_redis("default", server.host_port, 0, RedisOptions())
        self.pool = RedisServerPool("default", address, RedisOptions())
        self.send(("FUNCTION", "LOAD", "REPLACE", library_source()))
        self._identity = identity_from(self.pool.sync.round_trip(IDENTITY_COMMANDS).values)

    def send(self, *commands: RedisCommand) -> list[Any]:
        return list(self.pool.sync.round_trip(commands).values)

    def command(self, step: Step, token: str = OWN) -> RedisCommand:
        """A step of whom the token belongs to."""
        lease = f"L{token}"
        return {
            Step.LOOK: lease_command(self.name, lease),
            Step.SWAP: function_call(SWAP, self.name, VALUE, lease, LEASE_MS, self._identity),
            Step.FILL: function_call(FILL, self.name, lease, VALUE, VALUE_MS, self._identity),
            Step.DROP: function_call(DROP, self.name, lease),
            Step.INTEND: function_call(INTEND, self.name, token, INTENT_MS),
            Step.RELEASE: function_call(RELEASE, self.name, token),
        }[step]

    def bring_to(self, held: Held) -> None:
        """Make it hold that, by the protocol's own steps."""
        steps: dict[Held, list[RedisCommand]] = {
            Held.NOTHING: [],
            Held.VALUE: [self.command(Step.LOOK), self.command(Step.FILL)],
            Held.OWN_LEASE: [self.command(Step.LOOK)],
            Held.OTHER_LEASE: [self.command(Step.LOOK, OTHER)],
            Held.OWN_INTENT: [self.command(Step.INTEND)],
            Held.OTHER_INTENTS: [self.command(Step.INTEND, OTHER)],
            Held.ALL_INTENTS: [self.command(Step.INTEND, OTHER), self.command(Step.INTEND)],
        }
        self.send(("DEL", self.name), *steps[held])

    def held(self) -> Held:
        """What it holds, read from its content."""
        (content,) = self.send(("GET", self.name))
        if content is None:
            return Held.NOTHING
        own, other = OWN.encode() in content, OTHER.encode() in content
        if content[:1] == b"L":
            return Held.OWN_LEASE if own else Held.OTHER_LEASE
        if content[:1] == b"W":
            return {(True, False): Held.OWN_INTENT, (False, True): Held.OTHER_INTENTS}.get(
                (own, other), Held.ALL_INTENTS
            )
        assert content == VALUE
        return Held.VALUE


@pytest.fixture
def key(redis_server: RedisServer) -> Iterator[Key]:
    """A key that holds nothing."""
    made = Key(redis_server)
    yield made
    made.pool.close()


@pytest.mark.parametrize("held", Held, ids=lambda held: str(held.value))
def test_each_step_leaves_what_the_table_says(key: Key, held: Held) -> None:
    """The documentation teaches the protocol by this table; it has to be the one that servers perform."""
    found: dict[Step, Held] = {}
    for step in Step:
        key.bring_to(held)
        before = key.held()
        key.send(key.command(step))
        found[step] = key.held()

        assert before is held

    assert dict(AFTER[held]) == found


@pytest.mark.parametrize("held", LIFETIME_MS, ids=lambda held: str(held.value))
def test_what_is_left_behind_ends_by_itself(key: Key, held: Held) -> None:
    """Whoever dies with a lease or an intent must not keep the others from caching for longer than that."""
    key.bring_to(held)

    (left,) = key.send(("PTTL", key.name))

    assert LIFETIME_MS[held] // 2 < left <= LIFETIME_MS[held]
