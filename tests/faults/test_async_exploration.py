"""Asynchronous flushes in every interleaving with readers, writers and consumers; weaker protocols are found out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import inf
from typing import Any

import pytest

from fluxaorm.addresses import parse_redis
from fluxaorm.options import RedisOptions
from fluxaorm.plans.cache.functions import ANNOUNCE, CONFIRM, INTEND, library_source
from fluxaorm.plans.cache.pending_rows import change_payload
from fluxaorm.plans.effects import RedisCommand
from fluxaorm.pools.redis.pool import RedisServerPool
from tests.support.async_explorer import AsyncExplorer
from tests.support.async_states import Weakness
from tests.support.explorer_states import Send
from tests.support.measured import Measured
from tests.support.redis_servers import RedisServer

pytestmark = pytest.mark.fault
CONSUMER = 2
"""In the mixes of the weaker protocols."""
WHO = """local told = redis.call('INFO', 'server', 'replication')
return string.match(told, 'run_id:(%x+)') .. ' ' .. string.match(told, 'master_replid:(%x+)')"""
Mix = tuple[tuple[str, ...], dict[str, Any]]
MIXES: dict[str, Mix] = {
    "faults": (("read", "flush async both", "consume"), {"faults": inf}),
    "lost-memory": (("read many", "flush async", "consume"), {"losses": 1}),
    "lost-memory-writer": (("flush async", "write", "consume"), {"losses": 1}),
    "two-readers": (("read", "read many", "flush async", "consume"), {}),
    "two-flushes": (("read", "flush async", "flush async note", "consume"), {}),
    "two-consumers": (("read", "flush async", "consume", "consume"), {}),
    "rewound": (("flush async", "consume", "consume"), {"rewinds": 1}),
    "later": (("read", "flush async later", "write", "consume"), {}),
    "writer": (("read", "flush async", "write", "consume"), {}),
    "writer-one-fault": (("flush async", "write", "consume"), {"faults": 1}),
    "transaction": (("flush async", "write two", "consume"), {}),
}
"""Who takes part, and what else may happen."""
LARGE: dict[str, Mix] = {
    "reader-writer-one-fault": (("read", "flush async", "write", "consume"), {"faults": 1}),
    "lost-memory-reader-writer": (("read", "flush async", "write", "consume"), {"losses": 1}),
    "lost-memory-faults": (("read", "flush async", "consume"), {"losses": 1, "faults": 2}),
    "two-consumers-faults": (("read", "flush async", "consume", "consume"), {"faults": 2}),
    "two-readers-fault": (("read", "read many", "flush async both", "consume"), {"faults": 1}),
    "two-readers-two-flushes": (("read", "read many", "flush async", "flush async note", "consume"), {}),
    "rewound-reader": (("read", "flush async", "consume", "consume"), {"rewinds": 1}),
    "rewound-flushes": (("flush async", "flush async note", "consume", "consume"), {"rewinds": 1}),
    "later-transaction": (("read", "flush async later", "write two", "consume"), {}),
}
"""They take minutes."""
EXPLORED = MIXES | (LARGE if os.environ.get("FLUXA_EXPLORATION") == "full" else {})


@pytest.fixture
def send(valkey: RedisServer) -> Iterator[Send]:
    """Commands on a real Valkey that knows the functions."""
    pool = RedisServerPool(
        "default", parse_redis("default", valkey.host_port, valkey.database, RedisOptions()), RedisOptions()
    )
    pool.sync.round_trip([("FUNCTION", "LOAD", "REPLACE", library_source())])
    yield lambda commands: pool.sync.round_trip(commands).values
    pool.close()


@pytest.mark.parametrize(("kinds", "limits"), EXPLORED.values(), ids=EXPLORED)
def test_no_interleaving_breaks_what_is_promised(
    send: Send, measured: Measured, kinds: tuple[str, ...], limits: dict[str, Any]
) -> None:
    """No stale or torn read once a flush has returned, nothing overtaken, lost or applied twice, nothing stuck."""
    found = AsyncExplorer(kinds, send, **limits).explore()

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


def entries_afterwards(_: int, command: RedisCommand) -> list[RedisCommand]:
    """A flush is not announced; where it lies is told when it is there, whatever has become of it meanwhile."""
    if command[1] == CONFIRM:
        return [("FCALL", ANNOUNCE, *command[2:5], 30_000), command]
    return [("EVAL", WHO, 1, command[3])] if command[1] == ANNOUNCE else [command]


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
    ("weakness", "kinds", "limits", "broken"),
    [
        (Weakness(mutate=markers_only), ("read", "flush async", "consume"), {}, "P1"),
        (Weakness(mutate=entries_afterwards), ("read", "flush async later", "consume"), {}, "stuck"),
        (Weakness(mutate=whole_rows), ("read", "flush async", "flush async note"), {}, "P1"),
        (Weakness(applied_unread=True), ("read", "flush async", "write", "consume"), {}, "P1"),
        (Weakness(applied_unlocked=True), ("read", "flush async", "consume", "consume"), {}, "once"),
        (Weakness(begun_at_group=True), ("flush async", "consume", "consume"), {"rewinds": 1}, "lost"),
        (Weakness(mutate=silent_consumer), ("read", "flush async", "consume"), {"faults": 2}, "P3"),
        (Weakness(always_marked=True), ("read", "flush async", "consume"), {"losses": 1}, "P1"),
        (Weakness(waits_locked=True), ("flush async", "write two", "consume"), {}, "stuck"),
        (Weakness(mutate=tokens_ignored), ("read", "flush async", "consume", "write"), {}, "overtaken"),
    ],
    ids=[
        "entries-before-only",
        "entries-after-only",
        "whole-rows",
        "applied-unread",
        "applied-unlocked",
        "begun-at-group",
        "silent-consumer",
        "always-marked",
        "waits-locked",
        "tokens-ignored",
    ],
)
def test_a_weaker_protocol_is_found_out(
    send: Send,
    measured: Measured,
    weakness: Weakness,
    kinds: tuple[str, ...],
    limits: dict[str, Any],
    broken: str,
) -> None:
    """An explorer that finds nothing proves something only if it finds what is there, and the reason first."""
    found = AsyncExplorer(kinds, send, weakness, **limits).explore(until=broken)

    assert [broken] == list(found.broken)
    measured(f"{broken} is broken by", "; ".join(found.broken[broken]))
