"""Which connection a caller gets, and which is thrown away: decided without a thread, a loop or a socket."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from fluxaorm.pools.base.connection_stack import KEPT, UNFIT, WANTED, ConnectionStack
from fluxaorm.pools.base.ports import PoolStats
from fluxaorm.pools.base.sql_ports import PoolLimits
from tests.unit.pools.doubles import Clock, FakeConnection


def slots(clock: Clock, **limits: float) -> ConnectionStack[FakeConnection, str]:
    """Slots with the limits that matter to the test."""
    chosen = PoolLimits(**{"max_open": 3, "max_idle": 3, "liveness_after": 1.0, **limits})  # type: ignore[arg-type]
    return ConnectionStack(chosen, clock)


def opened(pool: ConnectionStack[FakeConnection, str], *connections: FakeConnection) -> None:
    """As if these had been opened, used and given back."""
    for connection in connections:
        assert pool.reserve()
        assert KEPT == pool.put(connection)


def test_the_newest_idle_connection_is_used_first() -> None:
    """So that those not needed grow old and go."""
    pool = slots(Clock())
    first, second = FakeConnection("first"), FakeConnection("second")
    opened(pool, first, second)

    assert [second, first, None] == [pool.take(), pool.take(), pool.take()]


def test_an_expired_connection_is_thrown_away_with_all_others_of_its_age() -> None:
    """One look at the pile when one was found too old is enough to clear it."""
    clock = Clock()
    pool = slots(clock)
    old, older, young = FakeConnection("old", 150), FakeConnection("older", 150), FakeConnection("young", 500)
    opened(pool, older, young, old)
    clock.now = 200

    assert young is pool.take()
    assert {old, older} == set(pool.take_discarded())
    assert PoolStats(1, 0, 0) == pool.stats()


def test_a_connection_in_constant_use_is_not_looked_at() -> None:
    """The look costs a system call."""
    clock = Clock()
    pool = slots(clock)
    connection = FakeConnection("c")
    opened(pool, connection)
    pool.take()
    pool.put(connection)

    clock.now += 0.5
    connection.looks = 0
    pool.take()
    busy_looks = connection.looks
    pool.put(connection)
    clock.now += 1.5
    pool.take()

    assert (0, 1) == (busy_looks, connection.looks)


def test_a_dead_connection_is_passed_over() -> None:
    """The next one is looked at however short it rested: the server may have gone."""
    clock = Clock()
    pool = slots(clock)
    below, dead, killed = FakeConnection("below"), FakeConnection("dead"), FakeConnection("killed")
    opened(pool, below, killed, dead)
    dead.alive = killed.alive = False
    clock.now += 2

    assert below is pool.take()
    assert [killed, dead] == pool.take_discarded()


def test_what_is_unusable_or_too_many_is_not_kept() -> None:
    """Whoever gives it back closes it."""
    pool = slots(Clock(), max_idle=1)
    broken = FakeConnection("broken")
    broken.usable = False

    fates = [pool.put(each) for each in (broken, FakeConnection("kept"), FakeConnection("too many"))]

    assert [UNFIT, KEPT, UNFIT] == fates


def test_a_connection_that_somebody_waits_for_is_told_apart() -> None:
    """It is kept for whoever waits, not for the next caller."""
    pool = slots(Clock())
    pool.waiters.append("waiting")

    assert WANTED == pool.put(FakeConnection("c"))


def test_nobody_who_waits_gets_an_old_connection() -> None:
    """Under constant demand connections would live for ever otherwise: the old one leaves room for a new one."""
    clock = Clock()
    pool = slots(clock, max_open=1)
    old = FakeConnection("old", 150)
    opened(pool, old)
    clock.now = 200
    pool.waiters.append("waiting")

    first, discarded, second = pool.grant(), pool.take_discarded(), pool.grant()

    assert (None, [old], ("waiting", None)) == (first, discarded, second)


def test_no_more_are_opened_than_allowed() -> None:
    """Connections being opened count."""
    pool = slots(Clock(), max_open=2)

    first, second, third = pool.reserve(), pool.reserve(), pool.reserve()
    pool.forget()
    fourth = pool.reserve()

    assert [True, True, False, True] == [first, second, third, fourth]


def test_a_newcomer_takes_nothing_while_others_wait() -> None:
    """Else a busy thread would starve those that wait."""
    pool = slots(Clock())
    opened(pool, FakeConnection("c"))
    pool.waiters.append("waiting")

    assert pool.take() is None


def test_those_who_wait_are_served_in_their_order() -> None:
    """With a connection, else with the right to open one, else not yet."""
    pool = slots(Clock(), max_open=2)
    connection = FakeConnection("c")
    opened(pool, connection)
    pool.waiters.extend(["first", "second", "third"])

    grants = [pool.grant(), pool.grant(), pool.grant()]

    assert [("first", connection), ("second", None), None] == grants


def test_after_the_end_nothing_is_kept_and_nothing_opened() -> None:
    """A connection that comes back later is closed by whoever brings it."""
    pool = slots(Clock())
    idle, used = FakeConnection("idle"), FakeConnection("used")
    opened(pool, used, idle)
    pool.take()
    pool.waiters.append("waiting")

    assert ([used], ["waiting"]) == pool.shut()
    assert [UNFIT, False] == [pool.put(idle), pool.reserve()]


def test_an_exhausted_pool_tells_what_is_going_on() -> None:
    """Numbers first, then what to do."""
    pool = slots(Clock(), max_open=1)
    pool.reserve()

    message = pool.exhausted(2.5)

    assert "within 2.5 s (all 1 are in use, 0 more callers wait)" in message


class PoolLife(RuleBasedStateMachine):
    """A pool under every order of events: it never has more than it may, and nobody waits beside an idle connection."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.pool: ConnectionStack[FakeConnection, int] = ConnectionStack(
            PoolLimits(max_open=3, max_idle=2), self.clock
        )
        self.callers = 0
        self.held = 0
        self.served: list[tuple[int, FakeConnection | None]] = []
        self.waiting: list[int] = []

    used: Bundle[FakeConnection] = Bundle("used")

    def _clear(self) -> None:
        while True:
            while grant := self.pool.grant():
                self.served.append(grant)
            if not self.pool.take_discarded():
                return

    @rule(target=used)
    def acquire(self) -> Any:
        self.callers += 1
        found = self.pool.take()
        self.pool.take_discarded()
        if found is None and self.pool.reserve():
            found = FakeConnection("made", self.clock.now + 50)
        if found is None:
            self.pool.waiters.append(self.callers)
            self.waiting.append(self.callers)
            self._clear()
            return multiple()
        self.held += 1
        return found

    @rule(target=used)
    def be_served(self) -> Any:
        if not self.served:
            return multiple()
        caller, connection = self.served.pop(0)
        assert caller == self.waiting.pop(0), "served out of order"
        self.held += 1
        return connection or FakeConnection("made", self.clock.now + 50)

    @rule(connection=consumes(used), broken=st.booleans())
    def release(self, connection: FakeConnection, broken: bool) -> None:
        self.held -= 1
        connection.usable = not broken
        if self.pool.put(connection) == UNFIT:
            self.pool.forget()
        self._clear()

    @rule(seconds=st.sampled_from([0.0, 0.5, 10.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def kill_the_idle(self) -> None:
        for connection in self.pool.idle:
            connection.alive = False

    @invariant()
    def counts_add_up(self) -> None:
        assert self.pool.open == self.held + len(self.served) + len(self.pool.idle) + len(self.pool.discarded)
        assert self.pool.open <= 3
        assert len(self.pool.idle) <= 2

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        if self.pool.waiters:
            assert not self.pool.idle
            assert 3 == self.pool.open


PoolLife.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
TestPoolLife = PoolLife.TestCase


def test_idle_connections_that_are_doubted_are_not_handed_out_unasked() -> None:
    """The server has ended one: they count, but only who asks them first gets them; too old ones are thrown away."""
    clock = Clock()
    pool = slots(clock)
    old, young = FakeConnection("old", 150), FakeConnection("young", 500)
    opened(pool, young, old)

    pool.doubt()
    clock.now = 200
    idle = (pool.take(), pool.stats())

    assert (None, PoolStats(2, 2, 0)) == idle
    assert [young, None] == [pool.take_doubtful(), pool.take_doubtful()]
    assert [old] == pool.take_discarded()
