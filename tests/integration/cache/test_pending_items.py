"""What asynchronous flushes leave in a key, by the functions that real servers run, against the protocol's table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from fluxaorm.addresses import parse_redis
from fluxaorm.options import RedisOptions
from fluxaorm.plans.cache.functions import (
    ANNOUNCE,
    CONFIRM,
    FILL,
    INTEND,
    RELEASE,
    RENEW,
    TAKE_OUT,
    function_call,
    library_source,
)
from fluxaorm.plans.cache.pending_items import PendingItem, items_of, short_identity
from fluxaorm.plans.cache.protocol import AFTER_ASYNC, AsyncStep, Pending
from fluxaorm.plans.effects import RedisCommand
from fluxaorm.plans.state.keys import encode_row, lease_command
from fluxaorm.pools.redis.pool import RedisServerPool
from fluxaorm.pools.redis.wire import IDENTITY_COMMANDS, identity_from
from tests.support.redis_servers import RedisServer

FLUSH: Final = "a" * 24
OTHER_FLUSH: Final = "c" * 24
WRITER: Final = "b" * 24
CONSUMER: Final = WRITER
"""In the table the intent is whoever's takes it out."""
LEASE: Final = "L" + "d" * 24
VALUE: Final = encode_row(bytes(8), (1,))
PAYLOAD: Final = b"\x00;:e\xff'" * 3
LONG: Final = 60_000
PARTITION, OFFSET = 3, 41


class Key:
    """One key on a real server."""

    def __init__(self, server: RedisServer) -> None:
        self.name = f"fx:{server.namespace}:Thing:1"
        address = parse_redis("default", server.host_port, 0, RedisOptions())
        self.pool = RedisServerPool("default", address, RedisOptions())
        self.send(("FUNCTION", "LOAD", "REPLACE", library_source()))
        self.identity = identity_from(self.pool.sync.round_trip(IDENTITY_COMMANDS).values)

    def send(self, *commands: RedisCommand) -> list[Any]:
        return list(self.pool.sync.round_trip(commands).values)

    def call(self, name: str, *args: bytes | str | int) -> Any:
        return self.send(function_call(name, self.name, *args))[0]

    def announce(self, token: str = FLUSH, ms: int = LONG) -> Any:
        return self.call(ANNOUNCE, token, ms)

    def confirm(
        self, token: str = FLUSH, *, offset: int = OFFSET, server: bytes = b"", payload: bytes = PAYLOAD
    ) -> Any:
        return self.call(CONFIRM, token, server or self.identity, PARTITION, offset, payload)

    def take_out(self, intent: str, upto: int, *tokens: str, partition: int = PARTITION) -> Any:
        return self.call(TAKE_OUT, intent, partition, upto, *tokens)

    def intend(self, *, ask: bool = False, token: str = WRITER) -> Any:
        return self.call(INTEND, token, LONG, *(("1",) if ask else ()))

    def content(self) -> bytes:
        content: bytes = self.send(("GET", self.name))[0] or b""
        return content

    def kinds(self) -> str:
        return "".join(item.kind for item in items_of(self.content()))

    def left_ms(self) -> int:
        left: int = self.send(("PTTL", self.name))[0]
        return left

    def step(self, step: AsyncStep) -> None:
        {
            AsyncStep.ANNOUNCE: lambda: self.announce(),
            AsyncStep.CONFIRM: lambda: self.confirm(),
            AsyncStep.WITHDRAW: lambda: self.call(RELEASE, FLUSH),
            AsyncStep.TAKE_OUT: lambda: self.take_out(CONSUMER, OFFSET + 1, FLUSH),
            AsyncStep.SWEEP: lambda: self.take_out("", OFFSET + 1),
            AsyncStep.INTEND: lambda: self.intend(),
            AsyncStep.RELEASE: lambda: self.call(RELEASE, WRITER),
        }[step]()

    def bring_to(self, held: Pending) -> None:
        """Make it hold that, by the protocol's own steps."""
        self.send(("DEL", self.name))
        if held in (Pending.LEASE, Pending.VALUE):
            self.send(lease_command(self.name, LEASE))
        if held is Pending.VALUE:
            self.call(FILL, LEASE, VALUE, LONG, self.identity)
        if "marker" in held.value or "entry" in held.value:
            self.announce()
        if "entry" in held.value:
            self.confirm()
        if "intent" in held.value:
            self.intend()

    def held(self) -> Pending:
        content = self.content()
        if content[:1] == b"P":
            return {
                "m": Pending.MARKER,
                "e": Pending.ENTRY,
                "mw": Pending.MARKER_AND_INTENT,
                "wm": Pending.MARKER_AND_INTENT,
                "ew": Pending.ENTRY_AND_INTENT,
                "we": Pending.ENTRY_AND_INTENT,
            }[self.kinds()]
        return {b"": Pending.NOTHING, b"L": Pending.LEASE, b"W": Pending.INTENT}.get(content[:1], Pending.VALUE)


@pytest.fixture
def key(redis_server: RedisServer) -> Iterator[Key]:
    """A key that holds nothing."""
    made = Key(redis_server)
    yield made
    made.pool.close()


@pytest.mark.parametrize("held", Pending, ids=lambda held: str(held.value))
def test_each_step_leaves_what_the_table_says(key: Key, held: Pending) -> None:
    """Readers and writers rely on nobody's marks being dropped by somebody else's step."""
    found: dict[AsyncStep, Pending] = {}
    for step in AFTER_ASYNC[held]:
        key.bring_to(held)
        before = key.held()
        key.step(step)
        found[step] = key.held()

        assert before is held

    assert dict(AFTER_ASYNC[held]) == found


def test_an_entry_says_where_it_lies_and_what_it_changes(key: Key) -> None:
    """A reader lays over the row what it finds here, byte for byte, in the log's order."""
    told = key.announce()
    confirmed = key.confirm()

    assert key.identity == told
    assert 1 == confirmed
    assert [
        PendingItem("e", FLUSH, PARTITION, OFFSET, short_identity(key.identity), PAYLOAD),
    ] == items_of(key.content())


def test_an_entry_lasts_and_a_marker_does_not(key: Key) -> None:
    """What was acknowledged must not vanish before it is applied; what a dead process left must."""
    key.announce()
    marked = key.left_ms()
    key.confirm()
    confirmed = key.left_ms()
    key.intend()
    beside = key.left_ms()
    key.take_out("", OFFSET + 1)

    assert LONG // 2 < marked <= LONG
    assert -1 == confirmed == beside
    assert LONG // 2 < key.left_ms() <= LONG
    assert b"W" == key.content()[:1]


def test_a_marker_is_confirmed_only_on_the_server_that_has_it(key: Key) -> None:
    """A server that lost its memory, or took another's place, may have let a reader keep the old row meanwhile."""
    missing = key.confirm()
    key.announce()
    elsewhere = key.confirm(server=b"f" * 40 + b" " + b"f" * 40)

    assert (0, 0) == (missing, elsewhere)
    assert "m" == key.kinds()


def test_a_marker_that_is_gone_is_not_renewed(key: Key) -> None:
    """A consumer that was faster has taken it out: it must not come back, since nobody would remove it."""
    gone = key.call(RENEW, FLUSH, LONG)
    nothing = key.content()
    key.announce(ms=LONG // 4)
    renewed = key.call(RENEW, FLUSH, LONG)
    longer = key.left_ms()
    shorter = key.call(RENEW, FLUSH, 1)
    key.confirm()
    confirmed = key.call(RENEW, FLUSH, LONG)

    assert (0, b"") == (gone, nothing)
    assert (1, 1, 0) == (renewed, shorter, confirmed)
    assert LONG // 2 < longer


def test_a_writer_that_asks_is_told_what_is_pending(key: Key) -> None:
    """It waits for what was published before it, instead of being overtaken by it."""
    nothing = key.intend(ask=True)
    key.announce()
    key.confirm()
    key.announce(OTHER_FLUSH)
    told = key.intend(ask=True)
    unasked = key.intend()

    assert [key.identity] == nothing
    entry = [FLUSH.encode(), str(PARTITION).encode(), str(OFFSET).encode()]
    assert [key.identity, *entry, OTHER_FLUSH.encode(), b"", b""] == told
    assert b"ok" == unasked
    assert "emw" == "".join(sorted(key.kinds()))


def test_entries_of_another_server_keep_no_writer_waiting(key: Key) -> None:
    """They were there before the memory was lost: whoever asks waits for all that was published until then."""
    key.announce()
    key.confirm()
    content = key.content().replace(short_identity(key.identity).encode(), b"f" * 24)
    key.send(("SET", key.name, content))

    assert [key.identity] == key.intend(ask=True)
    assert "ew" == key.kinds()


def test_only_entries_below_what_was_applied_are_taken_out(key: Key) -> None:
    """Later changes are not in the database yet, nor are those of another partition."""
    for number in range(3):
        token = str(number) * 24
        key.announce(token)
        key.confirm(token, offset=40 + number, payload=b"%d" % number)
    key.intend()

    key.take_out("", 99, partition=PARTITION + 1)
    whole = key.kinds()
    key.take_out(CONSUMER, 41)
    taken = [item.payload for item in items_of(key.content())]
    key.take_out("", 0, "2" * 24)

    assert "eeew" == whole
    assert [b"1", b"2"] == taken
    assert [b"1"] == [item.payload for item in items_of(key.content())]


def test_a_sweep_leaves_what_is_not_pending(key: Key) -> None:
    """A reader that comes late must not drop the value which another has stored since."""
    key.bring_to(Pending.VALUE)
    key.take_out("", 99, FLUSH)
    value = key.held()
    key.bring_to(Pending.LEASE)
    key.take_out("", 99, FLUSH)

    assert (Pending.VALUE, Pending.LEASE) == (value, key.held())


def test_what_is_past_its_deadline_goes_with_the_next_write(key: Key) -> None:
    """A process that died leaves no mark for longer than its own deadline, whatever else is in the key."""
    past = f"m{FLUSH}:1:0:0:0;w{WRITER}:1:0:0:0;".encode()
    key.send(("SET", key.name, b"P" + past))
    key.announce(OTHER_FLUSH)
    first = [item.token for item in items_of(key.content())]
    key.send(("SET", key.name, b"P" + past))
    key.call(RELEASE, OTHER_FLUSH)

    assert [OTHER_FLUSH] == first
    assert b"" == key.content()


def test_marks_beside_an_entry_are_one_each_and_go_in_time(key: Key) -> None:
    """They are added behind it unread: who announces again, or died, must not leave more than a release removes."""
    past = f"w{OTHER_FLUSH}:1:0:0:0;"
    key.announce()
    key.confirm()
    key.send(("APPEND", key.name, past))
    key.intend()
    key.announce("e" * 24)
    beside = key.kinds()
    key.intend()
    again = key.kinds()
    key.intend(token="f" * 24)
    key.call(RELEASE, WRITER)
    released = [(item.kind, item.token) for item in items_of(key.content())]

    assert ("ewwm", "emw") == (beside, again)
    assert [("e", FLUSH), ("m", "e" * 24), ("w", "f" * 24)] == released
    assert -1 == key.left_ms()


def test_what_cannot_be_read_is_no_item() -> None:
    """Whatever lies under a key, a reader goes on with the database."""
    assert [] == items_of(b"")
    assert [] == items_of(b"W" + FLUSH.encode() + b":99;")
    assert [] == items_of(b"Pnonsense")
    assert [b"x"] == [item.payload for item in items_of(b"Peaa:1:2:0:1;xrest")]
