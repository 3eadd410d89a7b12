"""Asynchronous flushes in every interleaving with readers, writers and consumers; weaker protocols are found out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fluxaorm.addresses import parse_redis
from fluxaorm.options import RedisOptions
from fluxaorm.plans.cache.functions import CONFIRM, INTEND, library_source
from fluxaorm.plans.cache.pending_rows import change_payload
from fluxaorm.plans.effects import RedisCommand
from fluxaorm.pools.redis.pool import RedisServerPool
from tests.support.async_explorer import AsyncExplorer
from tests.support.async_states import Weakness
from tests.support.explorer import Send
from tests.support.measured import Measured
from tests.support.redis_servers import RedisServer

pytestmark = pytest.mark.fault
CONSUMER = 2
"""In the mixes of the weaker protocols."""


@pytest.fixture
def send(valkey: RedisServer) -> Iterator[Send]:
    """Commands on a real Valkey that knows the functions."""
    pool = RedisServerPool(
        "default", parse_redis("default", valkey.host_port, valkey.database, RedisOptions()), RedisOptions()
    )
    pool.sync.round_trip([("FUNCTION", "LOAD", "REPLACE", library_source())])
    yield lambda commands: pool.sync.round_trip(commands).values
    pool.close()


@pytest.mark.parametrize(
    ("kinds", "losses", "faults"),
    [
        (("read", "flush async both", "consume"), 0, True),
        (("read many", "flush async", "consume"), 1, False),
        (("read", "flush async", "flush async note", "consume"), 0, False),
        (("read", "flush async", "consume", "consume"), 0, False),
        (("read", "flush async", "write", "consume"), 0, False),
    ],
    ids=["faults", "lost-memory", "two-flushes", "two-consumers", "writer"],
)
def test_no_interleaving_breaks_what_is_promised(
    send: Send, measured: Measured, kinds: tuple[str, ...], losses: int, faults: bool
) -> None:
    """No stale or torn read once a flush has returned, nothing overtaken, nothing applied twice."""
    found = AsyncExplorer(kinds, send, losses=losses, faults=faults).explore()

    measured("protocol", f"{found.states} states, {found.steps} steps, {found.asked} asked of the server")
    assert {} == found.broken
    assert 200 < found.states


def _answer(command: RedisCommand, value: bytes | int) -> RedisCommand:
    """Instead of a command on a key."""
    returned = value if isinstance(value, int) else f"'{value.decode()}'"
    return ("EVAL", f"return {returned}", 1, command[3])


def markers_only(_: int, command: RedisCommand) -> list[RedisCommand]:
    """A flush is announced, and never confirmed."""
    return [_answer(command, 1)] if command[1] == CONFIRM else [command]


def whole_rows(_: int, command: RedisCommand) -> list[RedisCommand]:
    """Entries say what the writer knew of the columns that it did not change, too."""
    if command[1] != CONFIRM:
        return [command]
    number = str(command[4])[15:16]
    values = {"name": number, "note": ""} if number == "2" else {"name": "", "note": number}
    return [(*command[:-1], change_payload("u", values))]


def silent_consumer(number: int, command: RedisCommand) -> list[RedisCommand]:
    """It takes out, and has intended nothing."""
    return [_answer(command, b"ok")] if number == CONSUMER and command[1] == INTEND else [command]


def tokens_ignored(_: int, command: RedisCommand) -> list[RedisCommand]:
    """Writers do not ask what is pending."""
    return [command[:6]] if command[1] == INTEND else [command]


@pytest.mark.parametrize(
    ("weakness", "kinds", "losses", "faults", "broken"),
    [
        (Weakness(mutate=markers_only), ("read", "flush async", "consume"), 0, False, "P1"),
        (Weakness(mutate=whole_rows), ("read", "flush async", "flush async note"), 0, False, "P1"),
        (Weakness(mutate=silent_consumer), ("read", "flush async", "consume"), 0, True, "P3"),
        (Weakness(mutate=tokens_ignored), ("read", "flush async", "consume", "write"), 0, False, "overtaken"),
        (Weakness(applied_unlocked=True), ("read", "flush async", "consume", "consume"), 0, False, "once"),
        (Weakness(always_marked=True), ("read", "flush async", "consume"), 1, False, "P1"),
    ],
    ids=["markers-only", "whole-rows", "silent-consumer", "tokens-ignored", "unlocked", "always-marked"],
)
def test_a_weaker_protocol_is_found_out(
    send: Send, measured: Measured, weakness: Weakness, kinds: tuple[str, ...], losses: int, faults: bool, broken: str
) -> None:
    """An explorer that finds nothing proves something only if it finds what is there."""
    found = AsyncExplorer(kinds, send, weakness, losses=losses, faults=faults).explore(until=broken)

    assert broken in found.broken
    measured(f"{broken} is broken by", "; ".join(found.broken[broken]))
