"""Plans with something happening between their steps: how a race is made to happen every time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxaorm.plans.effects import Effect, LookUpRows, Plan


def with_action_before(
    plan: Plan[Any], matches: Callable[[Effect[Any]], bool], action: Callable[[], None]
) -> Plan[Any]:
    """The same plan; ``action`` runs once, right before its first effect that matches."""
    done = False
    steps = unmerged(plan)
    reply: Any = None
    while True:
        try:
            effect = steps.send(reply)
        except StopIteration as stop:
            return stop.value
        if not done and matches(effect):
            done = True
            action()
        reply = yield effect


def unmerged(plan: Plan[Any]) -> Plan[Any]:
    """The same plan, its look-ups merged with nobody's."""
    reply: Any = None
    while True:
        try:
            effect = plan.send(reply)
        except StopIteration as stop:
            return stop.value
        # None: nobody else asks
        reply = None if isinstance(effect, LookUpRows) else (yield effect)
