"""Something that happens at one effect of a context's plans, whatever the plan: how each step is put to the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxaorm.plans.effects import Plan


class AtEffect:
    """Calls ``act`` right before effect ``number`` (0: the first) of everything that ``ctx`` runs from now on."""

    def __init__(self, ctx: Any, number: int, act: Callable[[], object]) -> None:
        self._left = number
        self._act = act
        self.happened = False
        run = ctx._run_plan
        ctx._run_plan = lambda plan, observer: run(self._watched(plan), observer)

    def _watched(self, plan: Plan[Any]) -> Plan[Any]:
        try:
            effect = next(plan)
            while True:
                self._count()
                try:
                    reply = yield effect
                except BaseException as error:  # noqa: BLE001 - the plan handles it
                    effect = plan.throw(error)
                else:
                    effect = plan.send(reply)
        except StopIteration as done:
            return done.value

    def _count(self) -> None:
        if self._left == 0:
            self.happened = True
            self._act()
        self._left -= 1
