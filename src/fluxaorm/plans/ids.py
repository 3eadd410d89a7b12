"""Where new ids come from: the process's batch, the block shared out by Redis, blocks reserved in MySQL.

Decides; no I/O.

A block is reserved in ``_fluxa_ids(entity, reserved)`` by a statement of its own that is committed at once, so an id
is never handed out twice, whatever Redis forgets. The current block lies in Redis and is shared out by one function
call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fluxaorm.errors import (
    CommitUnknownError,
    DeadlockError,
    IdExhaustedError,
    MySQLConnectionError,
    MySQLError,
    RedisError,
)
from fluxaorm.plans.binding import Binding
from fluxaorm.plans.commits import Retries
from fluxaorm.plans.effects import ExecResult, Execute, Plan
from fluxaorm.plans.redis_functions import INSTALL_IDS, TAKE_IDS, function_call, redis_plan
from fluxaorm.plans.tracked import TrackedEntity
from fluxaorm.plans.unit import UnitOfWork

LARGEST_BLOCK: Final = 10_000


def take_id_plan(owner: UnitOfWork, binding: Binding) -> Plan[int]:
    """One new id: from the process's batch, else a new batch of the size that fits the pace. IdExhaustedError.

    A batch is no larger than a block, so that blocks of one id give ids in strict order.
    """
    monotonic = owner.engine.monotonic
    id = binding.ids.take(monotonic())
    while id is None:
        batch = min(binding.ids.batch_size(monotonic()), block_size(binding))
        yield from _refill_plan(owner, binding, batch, whole=False)
        id = binding.ids.take(monotonic())
    return id


def take_ids_plan(owner: UnitOfWork, binding: Binding, count: int) -> Plan[list[int]]:
    """``count`` new ids, in one round trip: to Redis, or to MySQL when they are a block or more.

    Three at the end of a block.
    """
    ids = binding.ids.take_many(count)
    while len(ids) < count:
        yield from _refill_plan(owner, binding, count - len(ids), whole=True)
        ids += binding.ids.take_many(count - len(ids))
    return ids


def _refill_plan(owner: UnitOfWork, binding: Binding, count: int, *, whole: bool) -> Plan[None]:
    """Put at least one more id in the process's hand; ``whole``: all that are asked for."""
    block = block_size(binding)
    pool = binding.id_redis_pool
    if pool is None or count >= block:
        yield from _reserve_for_process_plan(binding, max(count, block))
        return
    try:
        yield from _refill_from_redis_plan(binding, pool, count, whole=whole)
    except RedisError as error:
        owner.engine.cache_outage(pool, error)
        yield from _reserve_for_process_plan(binding, count)


def _reserve_for_process_plan(binding: Binding, size: int) -> Plan[None]:
    first, last = yield from _reserve_plan(binding, size)
    binding.ids.add(first, last)


def _refill_from_redis_plan(binding: Binding, pool: str, count: int, *, whole: bool) -> Plan[None]:
    replies = yield from redis_plan(pool, (function_call(TAKE_IDS, binding.id_key, count),))
    reply = replies.values[0]
    if isinstance(reply, RedisError):
        raise reply
    taken = 0
    if reply is not None:
        first, taken = int(reply[0]) + reply[1], reply[2]
        binding.ids.add(first, first + taken - 1)
    if not taken or (whole and taken < count):
        yield from _install_block_plan(binding, pool, count - taken)


def _install_block_plan(binding: Binding, pool: str, count: int) -> Plan[None]:
    """Reserve a block, keep the first ``count`` ids, and give Redis the rest to share out as long as it is the same
    primary: under another one they are nobody's.
    """
    size = max(block_size(binding), count)
    first, last = yield from _reserve_plan(binding, size)
    size = last - first + 1
    kept = min(count, size)
    if size > kept:
        install = function_call(INSTALL_IDS, binding.id_key, str(first), size, kept)
        replies = yield from redis_plan(pool, (install,))
        if replies.values[0] != 1:
            # another process's block is there: this one is ours alone, so nothing of it is lost
            kept = size
    binding.ids.add(first, first + kept - 1)


def block_size(binding: Binding) -> int:
    """Ids in a block: as declared, else the smaller of 10,000 and a thousandth of the type's range, at least 1."""
    return binding.schema.id_block or max(1, min(LARGEST_BLOCK, binding.schema.id_maximum // 1000))


def _reserve_plan(binding: Binding, size: int) -> Plan[tuple[int, int]]:
    """A block of ids nobody else will get: first and last, cut at the id type's maximum. IdExhaustedError."""
    maximum = binding.schema.id_maximum
    last = yield from _move_reserved_plan(binding, size)
    first = last - size + 1
    if first > maximum:
        raise IdExhaustedError(binding.schema.name, maximum)
    return first, min(last, maximum)


def _move_reserved_plan(binding: Binding, size: int) -> Plan[int]:
    """Raise ``reserved`` and return its new value; makes the row, and the table, when they are missing."""
    dialect = binding.dialect
    args = (size, binding.schema.table)
    try:
        moved = yield from _repeatable_plan(binding, dialect.ids_reserve(), args)
        if moved is None or not moved.rows_affected:
            yield from _first_row_plan(binding, make_table=moved is None)
            moved = yield from _repeatable_plan(binding, dialect.ids_reserve(), args)
    except MySQLError as error:
        if dialect.is_out_of_range(error):
            raise IdExhaustedError(binding.schema.name, binding.schema.id_maximum) from error
        raise
    assert moved is not None, "the table of ids was just made"
    return moved.last_insert_id


def _repeatable_plan(binding: Binding, sql: str, args: tuple[object, ...]) -> Plan[ExecResult | None]:
    """Run a statement of which a repetition costs no more than a gap in the ids; None when ``_fluxa_ids`` is
    missing.

    Repeated after a deadlock, and once when nobody knows whether it was done.
    """
    retries = Retries()
    doubts = 0
    while True:
        try:
            return (yield from Execute(binding.mysql_pool, sql, args))
        except CommitUnknownError:
            doubts += 1
            if doubts > 1:
                raise
        except (DeadlockError, MySQLConnectionError) as error:
            if not (yield from retries.pause_plan(error)):
                raise
        except MySQLError as error:
            if not binding.dialect.is_missing_table(error):
                raise
            return None


def lift_ids_plan(owner: UnitOfWork, entities: Sequence[TrackedEntity]) -> Plan[None]:
    """Keep generated ids above those the caller chose, before their rows are written.

    A statement of its own, since it may leave a gap but must not hold a lock that other processes need for their ids.
    """
    highest: dict[Binding, int] = {}
    for entity in entities:
        binding = entity._unit.binding
        highest[binding] = max(highest.get(binding, 0), entity._row[0])
    for binding, id in highest.items():
        yield from keep_ids_above_plan(binding, id)
    for entity in entities:
        owner.chosen_ids.pop(entity, None)


def keep_ids_above_plan(binding: Binding, id: int) -> Plan[None]:
    """Never hand out ``id`` or one below it again."""
    if id > binding.reserved_seen:
        yield from _lift_plan(binding, id)


def _lift_plan(binding: Binding, id: int) -> Plan[None]:
    # a process that lifts again is loading rows: ahead by a block it need not lift for each flush
    ahead = block_size(binding) if binding.reserved_seen else 0
    bound = min(id + ahead, binding.schema.id_maximum)
    args = (bound, binding.schema.table, bound)
    lifted = yield from _repeatable_plan(binding, binding.dialect.ids_lift(), args)
    if lifted is None or not lifted.rows_affected:
        yield from _first_row_plan(binding, make_table=lifted is None)
        yield from _repeatable_plan(binding, binding.dialect.ids_lift(), args)
    binding.reserved_seen = bound


def _first_row_plan(binding: Binding, *, make_table: bool) -> Plan[None]:
    """Make the entity's row of ``_fluxa_ids`` from its largest id, unless it is there."""
    if make_table:
        yield from _repeatable_plan(binding, binding.dialect.ids_table_ddl(), ())
    first_row = binding.dialect.ids_first_row(binding.schema.table, binding.schema.columns[0].name)
    yield from _repeatable_plan(binding, first_row, (binding.schema.table,))
