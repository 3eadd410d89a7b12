"""Driving plans that wait for no reply."""

from __future__ import annotations

from typing import Any

from fluxaorm.plans.effects import Plan


def drive(plan: Plan[Any]) -> Any:
    """What the plan returns; each effect is answered with None."""
    try:
        while True:
            next(plan)
    except StopIteration as done:
        return done.value
