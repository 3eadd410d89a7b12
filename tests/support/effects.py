"""Something that happens around effects of a context's plans, whatever the plan: how each step is put to the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxaorm.plans.effects import Plan


def watch(ctx: Any, before: Callable[[Any], object], after: Callable[[Any, Any], object]) -> None:
    """Call ``before(effect)`` and ``after(effect, reply)`` around each effect that ``ctx`` runs from now on.

    What ``before`` raises ends the plan where it stands; what ``after`` raises is thrown into it, as a failed effect.
    """
    run = ctx._run_plan
    ctx._run_plan = lambda plan, *others: run(_watched(plan, before, after), *others)


def _watched(plan: Plan[Any], before: Callable[[Any], object], after: Callable[[Any, Any], object]) -> Plan[Any]:
    try:
        effect = next(plan)
        while True:
            before(effect)
            try:
                reply = yield effect
                after(effect, reply)
            except BaseException as error:  # noqa: BLE001 - the plan handles it
                effect = plan.throw(error)
            else:
                effect = plan.send(reply)
    except StopIteration as done:
        return done.value


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
        watch(ctx, self._begins, self._ended)

    def _begins(self, _: Any) -> None:
        self.seen += 1
        self._reached(self.seen - 1, False)

    def _ended(self, _effect: Any, _reply: Any) -> None:
        self._reached(self.seen - 1, True)

    def _reached(self, number: int, after: bool) -> None:
        if (number, after) == (self._number, self._after):
            self.happened = True
            self._act()
