"""What follows a commit once the rows are durable, whatever part of it fails: releases, then callbacks.

Decides; no I/O. A flush collects it when its statements were written; who commits runs it, who rolls back drops it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fluxaorm.errors import PostCommitError
from fluxaorm.plans.callbacks import AfterEvent, after_events, call_after_plan

if TYPE_CHECKING:
    from fluxaorm.plans.effects import Plan
    from fluxaorm.plans.flush_work import FlushWork
    from fluxaorm.plans.intents import Intents
    from fluxaorm.plans.unit import UnitOfWork


@dataclass(frozen=True, slots=True)
class AfterCommit:
    """What must not be done unless the rows of one flush are there."""

    events: Sequence[AfterEvent] = ()

    @classmethod
    def of(cls, work: FlushWork) -> AfterCommit:
        """What follows a flush's work; to be taken before its entities are settled."""
        return cls(after_events(work))


def finish_plan(owner: UnitOfWork, intents: Intents, follow: Sequence[AfterCommit]) -> Plan[None]:
    """After the commit: let the caches go, and do all that waited.

    PostCommitError, caused by an exception group, when a part of it failed; the others were done, and a release goes on
    being tried.
    """
    intents.evict_local()
    failures: list[Exception] = list((yield from intents.release_or_later_plan()))
    problems = ["the caches could not be released; changed rows are read from MySQL for 30 s"] if failures else []
    events = [event for each in follow for event in each.events]
    if events:
        raised = yield from _call_plan(owner, events)
        if raised:
            problems.append(f"{len(raised)} callback{'s' if len(raised) > 1 else ''} failed")
            failures += raised
    if failures:
        message = "; ".join(problems)
        raise PostCommitError(message, failures) from ExceptionGroup(message, failures)


def _call_plan(owner: UnitOfWork, events: Sequence[AfterEvent]) -> Plan[list[Exception]]:
    before = owner.flushing
    owner.flushing, owner.calling_back = True, "after"
    try:
        return (yield from call_after_plan(owner, events))
    finally:
        owner.flushing, owner.calling_back = before, ""
