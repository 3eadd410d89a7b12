"""From the server's answer to a finished flush: what becomes of its work once that is written. Decides; no I/O.

``mark_work_written`` is the one place where entities become clean. A flush of its own goes on to ``finish_plan``; in an
explicit transaction what it gives waits for the COMMIT.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from fluxaorm.plans.commits.after_commit import AfterCommit, finish_plan, follow_part_plan, leave_to_background
from fluxaorm.plans.commits.undo import Written, note_written
from fluxaorm.plans.writes.callbacks import after_events
from fluxaorm.plans.writes.flush_work import FlushWork, mark_written

if TYPE_CHECKING:
    from fluxaorm.errors import PartialCommitError
    from fluxaorm.plans.cache.intents import Intents
    from fluxaorm.plans.effects import Plan
    from fluxaorm.plans.state.unit_of_work import UnitOfWork


def mark_work_written(
    unit_of_work: UnitOfWork,
    work: FlushWork,
    *,
    pools: Collection[str] | None = None,
    statements_done: int | None = None,
    undo: list[Written] | None = None,
) -> AfterCommit:
    """Make the context agree with the server; what outlives the work, to be done once its rows are durable.

    First what needs the values from before: the events for after-handlers, and in ``undo`` how to take it back. Then
    entities are clean, deleted ones gone, and last the user's own statements are done. Repeating it does no harm.

    ``pools``: only what was written to these MySQL pools, and of the user's statements there ``statements_done``.
    """
    after = AfterCommit(after_events(work.writes), work.queued)
    writes = work.writes if pools is None else [write for write in work.writes if write.binding.mysql_pool in pools]
    if undo is not None:
        undo += note_written(writes)
    mark_written(unit_of_work, writes)
    if work.queued is not None:
        work.queued.finish(list(work.queued.statements) if pools is None else pools, statements_done)
        if pools is None and unit_of_work._pipelines is work.queued:
            unit_of_work._pipelines = None
    return after


def finish_work_plan(
    unit_of_work: UnitOfWork, work: FlushWork, intents: Intents, interruption: BaseException | None
) -> Plan[None]:
    """What follows the commit of a flush: clean entities, and ``finish_plan``."""
    after: AfterCommit | None = None
    try:
        after = mark_work_written(unit_of_work, work)
        yield from finish_plan(unit_of_work, intents, [after], interruption)
    except Exception:
        raise
    except BaseException as error:
        if after is None:
            # what is durable must not be written a second time
            _ = mark_work_written(unit_of_work, work)
        leave_to_background(intents, error)
        raise


def finish_part_plan(unit_of_work: UnitOfWork, work: FlushWork, error: PartialCommitError) -> Plan[None]:
    """What is written of the pools that committed is done with; the rest waits for another flush, commands too."""
    pools, done = error.committed, error.statements_done
    after = mark_work_written(unit_of_work, work, pools=pools, statements_done=done)
    error._note_failures((yield from follow_part_plan(unit_of_work, [after], pools)))
