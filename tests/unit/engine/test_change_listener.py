"""When the local caches of a process may be trusted, with a connection that says what the test wants."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence

import pytest

from fluxaorm.engine import change_listener
from fluxaorm.engine.change_listener import ChangeListener
from fluxaorm.errors import RedisConnectionError
from fluxaorm.plans.state.keys import changes_message
from fluxaorm.plans.state.local_rows import LocalRows
from fluxaorm.pools.base.redis_ports import MESSAGE, PONG
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("no_sockets")
CHANNEL = "fx:db:thing:changes"


class Wire:
    """One connection: what the server says is put in, what it was asked comes out."""

    def __init__(self) -> None:
        self.said: queue.Queue[tuple[bytes, ...] | Exception] = queue.Queue()
        self.asked: queue.Queue[str] = queue.Queue()
        self.answers = True

    def subscribe(self, channels: Sequence[str]) -> None:
        self.asked.put(f"subscribe {' '.join(channels)}")

    def ping(self) -> None:
        self.asked.put("ping")
        if self.answers:
            self.said.put((PONG, b""))

    def read(self, seconds: float) -> tuple[bytes, ...] | None:
        try:
            said = self.said.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(said, Exception):
            raise said
        return said

    def interrupt(self) -> None:
        self.said.put(RedisConnectionError("interrupted", pool="default"))

    def close(self) -> None:
        self.asked.put("close")

    def disown(self) -> None:
        self.asked.put("disown")


class Listening:
    """A listener over wires, and one cache it looks after."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.refuses = False
        self.outages: list[str] = []
        self.listener = ChangeListener("default", [CHANNEL], self._open, lambda: "me", self._note)
        self.rows = LocalRows(10, 60, time.monotonic, self.listener.trust)
        self.listener.add(CHANNEL, self.rows)

    def _note(self, pool: str, _: BaseException) -> None:
        self.outages.append(pool)

    def _open(self) -> Wire:
        if self.refuses:
            raise RedisConnectionError("refused", pool="default")
        self.wires.append(Wire())
        return self.wires[-1]

    def publish(self, *ids: int, sender: str = "them") -> None:
        self.wires[-1].said.put((MESSAGE, CHANNEL.encode(), changes_message(sender, ids)))

    def keep(self, *ids: int) -> None:
        for id in ids:
            self.rows.put(id, (id,), self.rows.mark(id))

    @property
    def kept(self) -> list[int]:
        return [id for id in range(10) if self.rows.get(id) is not None]


@pytest.fixture
def listening() -> Iterator[Listening]:
    """Started and trusted."""
    made = Listening()
    made.listener.start()
    wait_until(lambda: made.rows.is_open)
    yield made
    made.listener.stop()


def test_before_the_first_heartbeat_is_answered_nothing_is_kept() -> None:
    """A change may have been published a moment before this process began to listen."""
    made = Listening()

    made.keep(1)

    assert [] == made.kept
    assert not made.rows.is_open


def test_a_message_evicts_the_rows_it_names(listening: Listening) -> None:
    """And leaves the others."""
    listening.keep(1, 2, 3)

    listening.publish(1, 3)
    wait_until(lambda: [2] == listening.kept)


def test_a_message_of_its_own_process_evicts_nothing(listening: Listening) -> None:
    """The flush has evicted the rows by itself; what was read since is newer."""
    listening.keep(1, 2, 3)

    listening.publish(1, sender="me")
    listening.publish(3)
    wait_until(lambda: 3 not in listening.kept)

    assert [1, 2] == listening.kept


@pytest.mark.parametrize("message", [changes_message("them", ()), b"", b"junk", b"\x91\xa1x"])
def test_a_message_without_ids_evicts_everything(listening: Listening, message: bytes) -> None:
    """One that cannot be read too: forgetting too much costs a query, too little a wrong answer."""
    listening.keep(1, 2)

    listening.wires[-1].said.put((MESSAGE, CHANNEL.encode(), message))
    wait_until(lambda: [] == listening.kept)

    assert listening.rows.is_open


def test_a_heartbeat_that_is_overdue_shuts_the_cache_and_a_late_one_begins_anew(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that stalls tells nothing of what it holds back."""
    monkeypatch.setattr(change_listener, "OVERDUE", 0.2)
    listening.keep(1)
    wire = listening.wires[-1]

    wire.answers = False
    wait_until(lambda: not listening.rows.is_open)
    listening.keep(2)
    overdue = listening.kept
    monkeypatch.setattr(change_listener, "OVERDUE", 60.0)
    wire.answers = True
    wire.said.put((PONG, b""))
    wait_until(lambda: listening.rows.is_open)

    assert ([], []) == (overdue, listening.kept)
    assert 1 == len(listening.wires)


def test_a_connection_that_answers_no_heartbeat_for_long_is_replaced(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other end may be gone without a word."""
    monkeypatch.setattr(change_listener, "DEAD", 0.1)

    listening.wires[0].answers = False

    wait_until(lambda: 2 == len(listening.wires) and listening.rows.is_open)


def test_a_lost_connection_shuts_the_cache_and_the_next_one_begins_with_an_empty_one(listening: Listening) -> None:
    """What was published in between was heard by nobody."""
    listening.keep(1)
    mark = listening.rows.mark(2)
    listening.refuses = True

    listening.wires[0].said.put(RedisConnectionError("gone", pool="default"))
    wait_until(lambda: not listening.rows.is_open)
    shut = listening.kept
    listening.refuses = False
    wait_until(lambda: listening.rows.is_open)
    listening.rows.put(2, ("read before",), mark)

    assert ([], []) == (shut, listening.kept)
    assert "default" in listening.outages


def test_stopping_shuts_the_cache_and_ends_the_thread_at_once(listening: Listening) -> None:
    """Closing an engine must not wait for a heartbeat."""
    started = time.monotonic()

    listening.listener.stop()

    assert not listening.rows.is_open
    assert 5.0 > time.monotonic() - started
    assert "close" in list(listening.wires[0].asked.queue)


def test_a_child_process_is_shut_until_it_listens_itself(listening: Listening) -> None:
    """The parent's thread does not run there, and its socket is not the child's to use."""
    listening.listener.reset_after_fork()
    inherited = listening.wires[0]
    shut = listening.rows.is_open

    listening.listener.start()
    wait_until(lambda: listening.rows.is_open)

    assert not shut
    assert "disown" in list(inherited.asked.queue)
    assert 2 == len(listening.wires)
    inherited.interrupt()
