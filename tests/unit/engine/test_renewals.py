"""What keeps intents alive while their flush waits, whatever else is slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fluxaorm.engine import renewals
from fluxaorm.engine.renewals import Renewals
from fluxaorm.errors import RedisConnectionError
from fluxaorm.plans.effects import Plan
from tests.unit.plan_drivers import drive

pytestmark = pytest.mark.usefixtures("no_sockets")
LIMIT = 20.0


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Renewals]:
    """That do not wait for seconds."""
    monkeypatch.setattr(renewals, "RENEWAL_SECONDS", 0.01)
    made = Renewals(drive)
    yield made
    made.close()


class Renewal:
    """Counts; ``over`` at the third. ``gate``: what it waits for; ``fails``: it always does."""

    def __init__(self, gate: threading.Event | None = None, *, fails: bool = False) -> None:
        self.runs = 0
        self.begun, self.over = threading.Event(), threading.Event()
        self._gate, self._fails = gate, fails

    def __call__(self) -> Plan[bool]:
        yield from ()
        self.begun.set()
        if self._gate is not None:
            self._gate.wait(LIMIT)
        self.runs += 1
        if self.runs == 3:
            self.over.set()
        if self._fails:
            raise RedisConnectionError("gone", pool="default")
        return True


def test_what_is_held_is_renewed_until_it_is_let_go(held: Renewals) -> None:
    """Flushes that wait for long."""
    renewal, later = Renewal(), Renewal()

    held.hold("default", renewal)
    assert renewal.over.wait(LIMIT)
    held.let_go("default", renewal)
    held.let_go("default", renewal)
    runs = renewal.runs
    held.hold("default", later)

    assert later.over.wait(LIMIT)
    # one may have been under way
    assert runs + 1 >= renewal.runs


def test_a_server_that_does_not_answer_delays_no_other(held: Renewals) -> None:
    """What is announced there must not expire because of it."""
    gate = threading.Event()
    slow, other = Renewal(gate), Renewal()

    held.hold("slow", slow)
    assert slow.begun.wait(LIMIT)
    held.hold("default", other)

    assert other.over.wait(LIMIT)
    assert 0 == slow.runs
    gate.set()


def test_a_failure_is_told_once_and_the_next_renewal_comes(held: Renewals, caplog: pytest.LogCaptureFixture) -> None:
    """An outage that ends in time does no harm."""
    failing = Renewal(fails=True)

    held.hold("default", failing)

    assert failing.over.wait(LIMIT)
    assert 1 == len(caplog.records)


def test_what_is_held_when_the_thread_just_ends_is_renewed_by_another(
    held: Renewals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads end when there was nothing to do for a while, and a flush asks without a lock."""
    monkeypatch.setattr(renewals, "IDLE_SECONDS", 0.0)
    many = [Renewal() for _ in range(20)]

    for renewal in many:
        held.hold("default", renewal)
        assert renewal.over.wait(LIMIT)
        held.let_go("default", renewal)

    assert all(renewal.runs >= 3 for renewal in many)
