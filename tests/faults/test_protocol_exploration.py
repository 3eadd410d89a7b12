"""The cache protocol in every interleaving: two readers, two writers, one row; every step may fail, every writer die.

The same explorer is shown four weaker protocols, and must find what each of them breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fluxaorm.addresses import parse_redis
from fluxaorm.options import RedisOptions
from fluxaorm.plans.cache.functions import FILL, INTEND, RELEASE, library_source
from fluxaorm.plans.effects import RedisCommand
from fluxaorm.pools.redis.pool import RedisServerPool
from tests.support.explorer import Explorer
from tests.support.explorer_states import Send
from tests.support.measured import Measured
from tests.support.redis_servers import RedisServer

pytestmark = pytest.mark.fault
READERS = ("read", "read many")
Mutation = Callable[[RedisCommand], list[RedisCommand]]


@pytest.fixture
def send(valkey: RedisServer) -> Iterator[Send]:
    """Commands on a real Valkey that knows the functions."""
    pool = RedisServerPool(
        "default", parse_redis("default", valkey.host_port, valkey.database, RedisOptions()), RedisOptions()
    )
    pool.sync.round_trip([("FUNCTION", "LOAD", "REPLACE", library_source())])
    yield lambda commands: pool.sync.round_trip(commands).values
    pool.close()


@pytest.mark.parametrize("writers", [("write", "write"), ("write two", "write")], ids=["lone", "transaction"])
def test_no_interleaving_breaks_what_is_promised(send: Send, measured: Measured, writers: tuple[str, str]) -> None:
    """No read older than a returned flush, none going backwards, nothing stale left behind."""
    found = Explorer((*READERS, *writers), send).explore()

    measured("protocol", f"{found.states} states, {found.steps} steps, {found.asked} asked of the server")
    assert {} == found.broken
    assert 1_000 < found.states


def delete_only(command: RedisCommand) -> list[RedisCommand]:
    if command[1] == INTEND:
        return [("ECHO", "ok")]
    return [("DEL", command[3])] if command[1] == RELEASE else [command]


def delete_twice(command: RedisCommand) -> list[RedisCommand]:
    return [("DEL", command[3])] if command[1] in (INTEND, RELEASE) else [command]


def overwritten_intents(command: RedisCommand) -> list[RedisCommand]:
    return [("DEL", command[3]), command] if command[1] == INTEND else [command]


def fill_without_lease(command: RedisCommand) -> list[RedisCommand]:
    return [("SET", command[3], command[5])] if command[1] == FILL else [command]


@pytest.mark.parametrize(
    ("mutation", "broken"),
    [(delete_only, "P3"), (delete_twice, "P3"), (overwritten_intents, "P3"), (fill_without_lease, "P1")],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_weaker_protocol_is_found_out(send: Send, measured: Measured, mutation: Mutation, broken: str) -> None:
    """An explorer that finds nothing proves something only if it finds what is there."""
    found = Explorer((*READERS, "write", "write"), send, mutation).explore(until=broken)

    assert broken in found.broken
    measured(f"{broken} is broken by", "; ".join(found.broken[broken]))
