"""What an engine does beside its callers: again until it is done, one thing's failure never another's."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fluxaorm.engine import background
from fluxaorm.engine.background import Background
from fluxaorm.errors import MySQLError
from fluxaorm.plans.effects import Plan
from tests.unit.plan_drivers import drive

pytestmark = pytest.mark.usefixtures("no_sockets")
LIMIT = 20.0


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Background]:
    """One that pauses for no longer than it must."""
    monkeypatch.setattr(background, "LONGEST_PAUSE", 0.01)
    made = Background(drive)
    yield made
    made.close()


class Step:
    """Done at its ``last`` run; ``failing`` runs raise first."""

    def __init__(self, last: int, failing: int = 0) -> None:
        self.runs = 0
        self.over = threading.Event()
        self._last, self._failing = last, failing

    def __call__(self) -> Plan[bool]:
        yield from ()
        self.runs += 1
        if self.runs <= self._failing:
            raise MySQLError("not now")
        if self.runs >= self._last:
            self.over.set()
        return self.runs >= self._last


def test_a_step_runs_until_it_is_done(beside: Background) -> None:
    """However often it takes; then it is forgotten."""
    step = Step(4)

    beside.add(step)

    assert step.over.wait(LIMIT)
    beside.close()
    assert (4, 0) == (step.runs, beside.unfinished)


def test_a_step_that_fails_is_tried_again_and_holds_up_no_other(
    beside: Background, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, since nobody waits for it."""
    failing, other = Step(4, failing=3), Step(1)

    beside.add(failing)
    beside.add(other)

    assert other.over.wait(LIMIT)
    assert failing.over.wait(LIMIT)
    assert "tried again: " in caplog.text


def test_an_outage_is_told_once(beside: Background, caplog: pytest.LogCaptureFixture) -> None:
    """A line a second for what nobody can mend at once would hide all others."""
    failing = [Step(5, failing=4), Step(6, failing=5)]

    for step in failing:
        beside.add(step)

    assert all(step.over.wait(LIMIT) for step in failing)
    assert 1 == len(caplog.records)


def test_closing_tries_once_more_and_takes_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that goes does not leave behind what one more word could have settled."""
    monkeypatch.setattr(background, "FIRST_PAUSE", LIMIT)
    beside = Background(drive)
    step, late = Step(2), Step(1)
    beside.add(step)
    while step.runs < 1:
        threading.Event().wait(0.001)

    beside.close()
    beside.add(late)

    assert (2, 0) == (step.runs, late.runs)
