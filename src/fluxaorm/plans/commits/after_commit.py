"""What follows a commit once the rows are durable: releases, the user's own Redis commands, callbacks. Decides; no I/O.

All of it is tried, whatever part fails. A flush collects it when its statements were written; who commits runs it, who
rolls back drops it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fluxaorm.errors import PostCommitError
from fluxaorm.plans.writes.callbacks import AfterEvent, call_after_plan
from fluxaorm.plans.writes.pipelines import PipelineHandle, Pipelines, send_plan

if TYPE_CHECKING:
    from fluxaorm.plans.cache.intents import Intents
    from fluxaorm.plans.effects import Plan, RedisCommand
    from fluxaorm.plans.state.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AfterCommit:
    """What must not be done unless the rows of one flush are there."""

    events: Sequence[AfterEvent] = ()
    queued: Pipelines | None = None


def finish_plan(
    unit_of_work: UnitOfWork, intents: Intents, follow: Sequence[AfterCommit], interruption: BaseException | None = None
) -> Plan[None]:
    """After the commit: let the caches go, and do all that waited.

    ``interruption``: of the caller, which is raised at once; like one that comes only now it leaves the caches to the
    background.

    PostCommitError, caused by an exception group, when a part of it failed; the others were done, and a release goes on
    being tried.
    """
    if interruption is not None:
        leave_to_background(intents, interruption)
        raise interruption
    try:
        yield from _finish_plan(unit_of_work, intents, follow)
    except Exception:
        raise
    except BaseException as error:
        leave_to_background(intents, error)
        raise


def leave_to_background(intents: Intents, interruption: BaseException) -> None:
    """The caller is interrupted after his commit: he is told that it was one, and the caches are let go without him."""
    intents.evict_local()
    intents.release_in_background()
    if not any("are durable" in note for note in getattr(interruption, "__notes__", ())):
        interruption.add_note(
            "the rows of this flush are durable, and its entities clean; the caches are released in the background, "
            "but some of its Redis commands may not have been sent, nor all after-handlers called"
        )


def _finish_plan(unit_of_work: UnitOfWork, intents: Intents, follow: Sequence[AfterCommit]) -> Plan[None]:
    intents.evict_local()
    failures: list[Exception] = list((yield from intents.release_or_later_plan()))
    problems = ["the caches could not be released; changed rows are read from MySQL for 30 s"] if failures else []
    sent = yield from _send_plan(follow)
    if sent:
        problems.append("not all Redis commands were done")
        failures += sent
    events = [event for each in follow for event in each.events]
    if events:
        raised = yield from call_handlers_plan(unit_of_work, events)
        if raised:
            problems.append(f"{len(raised)} callback{'s' if len(raised) > 1 else ''} failed")
            failures += raised
    if failures:
        message = "; ".join(problems)
        raise PostCommitError(message, failures) from ExceptionGroup(message, failures)


def follow_part_plan(
    unit_of_work: UnitOfWork, follow: Sequence[AfterCommit], committed: Collection[str]
) -> Plan[list[Exception]]:
    """After a commit of these MySQL pools alone, whose caches were let go: what rows that are there are followed by.

    Their callbacks are called and the user's keys deleted; the user's commands belong to the whole. What failed.
    """
    keys = _keys_of(follow)
    failures = (yield from send_plan(keys, {})) if keys else []
    events = [event for each in follow for event in each.events if event.pool in committed]
    if events:
        failures += yield from call_handlers_plan(unit_of_work, events)
    return failures


def _keys_of(follow: Sequence[AfterCommit]) -> dict[str, dict[str, None]]:
    keys: dict[str, dict[str, None]] = {}
    for queued in [each.queued for each in follow if each.queued is not None]:
        for pool, names in queued.keys.items():
            keys.setdefault(pool, {}).update(names)
    return keys


def _send_plan(follow: Sequence[AfterCommit]) -> Plan[list[Exception]]:
    """Delete keys and send commands, those of several flushes together."""
    commands: dict[str, list[tuple[RedisCommand, PipelineHandle[Any]]]] = {}
    for queued in [each.queued for each in follow if each.queued is not None]:
        for pool, waiting in queued.commands.items():
            commands.setdefault(pool, []).extend(waiting)
    return (yield from send_plan(_keys_of(follow), commands))


def call_handlers_plan(unit_of_work: UnitOfWork, events: Sequence[AfterEvent]) -> Plan[list[Exception]]:
    """Call the handlers of these events, in whose time the context flushes nothing; what they raised."""
    before = unit_of_work._flushing
    unit_of_work._flushing, unit_of_work._calling_back = True, "after"
    try:
        return (yield from call_after_plan(unit_of_work, events))
    finally:
        unit_of_work._flushing, unit_of_work._calling_back = before, ""
