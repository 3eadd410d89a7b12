"""Something that happens at one effect of a context's plans, whatever the plan: how each step is put to the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxaorm.plans.effects import Plan


class AtEffect:
    """Calls ``act`` right before effect ``number`` (0: the first) of everything that ``ctx`` runs from now on.

    ``after``: right after its answer came instead. ``seen``: how many effects began so far.
    """

    def __init__(self, ctx: Any, number: int, act: Callable[[], object], after: bool = False) -> None:
        self._number = number
        self._act = act
        self._after = after
        self.seen = 0
        self.happened = False
        run = ctx._run_plan
        ctx._run_plan = lambda plan, *others: run(self._watched(plan), *others)

    def _watched(self, plan: Plan[Any]) -> Plan[Any]:
        try:
            effect = next(plan)
            while True:
                number = self.seen
                self.seen += 1
                self._reached(number, False)
                try:
                    reply = yield effect
                    self._reached(number, True)
                except BaseException as error:  # noqa: BLE001 - the plan handles it
                    effect = plan.throw(error)
                else:
                    effect = plan.send(reply)
        except StopIteration as done:
            return done.value

    def _reached(self, number: int, after: bool) -> None:
        if (number, after) == (self._number, self._after):
            self.happened = True
            self._act()
