"""Plans with something happening between their steps: how a race is made to happen every time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxaorm.plans.effects import Effect, FetchRows, LookUpRows, Plan, RedisRoundTrip


def with_action_before(
    plan: Plan[Any], matches: Callable[[Effect[Any]], bool], action: Callable[[], None]
) -> Plan[Any]:
    """The same plan; ``action`` runs once, right before its first effect that matches."""
    done = False

    def act(effect: Effect[Any]) -> None:
        nonlocal done
        if not done and matches(effect):
            done = True
            action()

    return (yield from _attended(plan, before=act))


def with_action_after(plan: Plan[Any], kind: type[Effect[Any]], action: Callable[[], object]) -> Plan[Any]:
    """The same plan; ``action`` runs once, when its first effect of a kind is done and the plan has not heard of it.

    AssertionError when there is no such effect.
    """
    done = False

    def act(effect: Effect[Any]) -> None:
        nonlocal done
        if not done and isinstance(effect, kind):
            done = True
            action()

    result = yield from _attended(plan, after=act)
    assert done, f"the plan had no {kind.__name__}"
    return result


def _attended(
    plan: Plan[Any],
    before: Callable[[Effect[Any]], None] = lambda _: None,
    after: Callable[[Effect[Any]], None] = lambda _: None,
) -> Plan[Any]:
    """The same plan, with somebody told of each of its effects."""
    steps = unmerged(plan)
    reply: Any = None
    while True:
        try:
            effect = steps.send(reply)
        except StopIteration as stop:
            return stop.value
        before(effect)
        reply = yield effect
        after(effect)


def overtaken(reader: Plan[Any], writer: Callable[[], None]) -> Plan[Any]:
    """A reader that misses and is overtaken by a writer between its look at the database and its fill of the cache.

    AssertionError when it came to no fill.
    """
    selected = filling = False

    def is_fill(effect: Effect[Any]) -> bool:
        nonlocal selected, filling
        selected = selected or isinstance(effect, FetchRows)
        filling = filling or (selected and isinstance(effect, RedisRoundTrip))
        return filling

    result = yield from with_action_before(reader, is_fill, writer)
    assert filling, "the reader filled nothing, so nobody overtook it"
    return result


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
