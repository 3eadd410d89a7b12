"""The checker of histories: what it accepts, and the bad ones that it must reject."""

from __future__ import annotations

import random

import pytest

from tests.support.register_history import Operation, is_linearizable


def read(value: int, called: float, returned: float) -> Operation:
    return Operation("read", value, called, returned)


def write(value: int, called: float, returned: float | None = None) -> Operation:
    return Operation("write", value, called) if returned is None else Operation("write", value, called, returned)


GOOD = {
    "nothing": [],
    "one after the other": [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)],
    "a read beside a write sees either": [write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)],
    "two writes beside each other in either order": [write(1, 0, 10), write(2, 0, 10), read(2, 11, 12)],
    "a killed write that happened": [write(1, 0), read(0, 1, 2), read(1, 3, 4)],
    "a killed write that never happened": [write(1, 0), read(0, 1, 2), write(2, 3, 4), read(2, 5, 6)],
    "a killed write that happened late": [write(1, 0), write(2, 1, 2), read(2, 3, 4), read(1, 5, 6)],
}
BAD = {
    "a stale read after a write returned": [write(1, 0, 1), read(0, 2, 3)],
    "a read that goes backwards": [write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)],
    "a value nobody wrote": [write(1, 0, 1), read(7, 2, 3)],
    "an old value that comes back": [write(1, 0, 1), write(2, 2, 3), read(2, 4, 5), read(1, 6, 7)],
    "a read of a write that had not begun": [read(1, 0, 1), write(1, 2, 3)],
    "two readers that disagree on the order": [
        write(1, 0, 10), write(2, 0, 10), read(1, 11, 12), read(2, 13, 14),
    ],
    "a killed write that happens, goes and comes back": [
        write(1, 0), write(2, 1, 2), read(1, 3, 4), read(2, 5, 6),
    ],
    "a stale read among many killed writes that nobody saw": [
        *(write(at, at) for at in range(1, 40)), write(40, 41, 42), read(0, 43, 44),
    ],
    "a stale read far from the write": [
        write(1, 0, 1), *(read(1, at, at + 0.5) for at in range(2, 12)), read(0, 20, 21),
    ],
}  # fmt: skip


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD.keys())
def test_a_history_that_one_order_explains_is_accepted(history: list[Operation]) -> None:
    """A checker that cries wolf would be switched off."""
    assert is_linearizable(history)


@pytest.mark.parametrize("history", BAD.values(), ids=BAD.keys())
def test_a_history_that_no_order_explains_is_rejected(history: list[Operation]) -> None:
    """A checker that accepts everything proves nothing."""
    assert not is_linearizable(history)


@pytest.mark.parametrize("seed", range(50))
def test_a_real_run_is_accepted_and_one_with_a_stale_read_added_rejected(seed: int) -> None:
    """Histories as a register makes them, each operation at a moment within its time."""
    chance = random.Random(seed)
    moments = sorted(chance.uniform(0, 10) for _ in range(12))
    value, history, last = 0, [], 0.0
    for number, moment in enumerate(moments, 1):
        kind = chance.choice(["read", "write"])
        value = number if kind == "write" else value
        returned = moment + chance.uniform(0, 1)
        last = max(last, returned)
        history.append(Operation(kind, value, moment - chance.uniform(0, 1), returned))
    history.append(write(100, last + 1, last + 2))

    stale = [*history, read(value, last + 3, last + 4)]

    assert is_linearizable(history)
    assert not is_linearizable(stale)
