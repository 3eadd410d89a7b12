"""Histories of one register, and whether they are linearizable: a register whose writes all have different values.

An operation took effect at one moment between its call and its return; one whose end nobody saw (its process was
killed) may have taken effect at any moment after its call, or never. The search is Wing and Gong's with the states
remembered that were found to lead nowhere (Lowe, "Testing for linearizability", 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Operation:
    """A read that gave ``value``, or a write of it. Times on one clock; ``returned`` is infinite when nobody saw it."""

    kind: str
    value: int
    called: float
    returned: float = inf


def is_linearizable(operations: Sequence[Operation], initial: int = 0) -> bool:
    """Whether one order of all operations explains what each of them saw."""
    # a read whose answer nobody saw says nothing, nor does a write that may not have been and that nobody read
    seen = {each.value for each in operations if each.kind == "read" and each.returned < inf}
    known = [each for each in operations if each.returned < inf or (each.kind == "write" and each.value in seen)]
    return _explained(sorted(known, key=lambda each: each.called), initial)


def _explained(operations: list[Operation], initial: int) -> bool:
    everything = (1 << len(operations)) - 1
    optional = sum(1 << at for at, each in enumerate(operations) if each.returned == inf)
    hopeless: set[tuple[int, int]] = set()
    waiting = [(0, initial)]
    while waiting:
        done, value = waiting.pop()
        if done | optional == everything:
            return True
        if (done, value) in hopeless:
            continue
        hopeless.add((done, value))
        first_return = min(each.returned for at, each in enumerate(operations) if not done >> at & 1)
        for at, each in enumerate(operations):
            if done >> at & 1 or each.called > first_return:
                continue
            if each.kind == "write":
                waiting.append((done | 1 << at, each.value))
            elif each.value == value:
                waiting.append((done | 1 << at, value))
    return False
