"""Where new ids come from: the process's batch, the block shared out by Redis, blocks reserved in MySQL.

Decides; no I/O.

A block is reserved in ``_fluxa_ids(entity, reserved)`` by a statement of its own that is committed at once, so an id
is never handed out twice, whatever Redis forgets. The current block lies in Redis and is shared out by one function
call. Ids in a block are nobody's: those that are taken are left out when it is reserved, and what Redis shows is used
only when it was reserved.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from fluxaorm.errors import (
    CommitUnknownError,
    IdExhaustedError,
    MySQLError,
    RedisError,
)
from fluxaorm.plans.cache.functions import INSTALL_IDS, ODD_BLOCK, TAKE_IDS, function_call, redis_plan
from fluxaorm.plans.effects import ExecResult, Execute, FetchRows, Plan, RedisRoundTrip, Sleep
from fluxaorm.plans.retries import retried_plan
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.tracked import TrackedEntity
from fluxaorm.plans.state.unit_of_work import UnitOfWork

LARGEST_BLOCK: Final = 10_000
SHARED_PAUSE: Final = 0.002
"""Seconds between two looks whether the block that somebody else reserves is there."""
SHARED_PAUSES: Final = 125
"""After so many of them one reserves a block of one's own: numbers are cheap, and whoever was first may hang."""

logger = logging.getLogger("fluxaorm.ids")


def take_id_plan(unit_of_work: UnitOfWork, binding: BoundEntity) -> Plan[int]:
    """One new id: from the process's batch, else a new batch of the size that fits the pace. IdExhaustedError.

    A batch is no larger than a block, so that blocks of one id give ids in strict order.
    """
    monotonic = unit_of_work._engine.monotonic
    id = binding.ids.take(monotonic())
    while id is None:
        batch = min(binding.ids.begin_batch(monotonic()), block_size(binding))
        try:
            yield from _refill_plan(unit_of_work, binding, batch, whole=False)
        finally:
            binding.ids.end_batch()
        id = binding.ids.take(monotonic())
    return id


def take_ids_plan(unit_of_work: UnitOfWork, binding: BoundEntity, count: int) -> Plan[list[int]]:
    """``count`` new ids, in one round trip to Redis, or two to MySQL when they are a block or more.

    Four at the end of a block. IdExhaustedError: those that were left stay in the process's hand.
    """
    if count > binding.schema.id_maximum:
        raise IdExhaustedError(binding.schema.name, binding.schema.id_maximum)
    ids = binding.ids.take_many(count)
    try:
        while len(ids) < count:
            yield from _refill_plan(unit_of_work, binding, count - len(ids), whole=True)
            ids += binding.ids.take_many(count - len(ids))
    except BaseException:
        binding.ids.put_back(ids)
        raise
    return ids


def _refill_plan(unit_of_work: UnitOfWork, binding: BoundEntity, count: int, *, whole: bool) -> Plan[None]:
    """Put at least one more id in the process's hand, ``whole``: all that are asked for.

    Or none, when somebody else in this process has reserved a block meanwhile: then there is something to take.
    """
    block = block_size(binding)
    pool = binding.id_redis_pool
    if count >= block:
        yield from _reserve_for_process_plan(binding, count)
        return
    if pool is None:
        yield from _shared_plan(unit_of_work, binding, binding.ids.blocks, lambda: _fill_plan(binding, block))
        return
    try:
        yield from _refill_from_redis_plan(unit_of_work, binding, pool, count, whole=whole)
    except RedisError as error:
        unit_of_work._engine.cache_outage(pool, error)
        yield from _reserve_for_process_plan(binding, count)


def _fill_plan(binding: BoundEntity, size: int) -> Plan[None]:
    # somebody may have done it just before this one's turn
    if binding.ids.is_empty:
        yield from _reserve_for_process_plan(binding, size)


def _shared_plan(
    unit_of_work: UnitOfWork, binding: BoundEntity, blocks: int, reserve: Callable[[], Plan[None]]
) -> Plan[None]:
    """Reserve a block, unless somebody in this process is about it: then wait until that is over.

    So many who make their first entity at once use up one block, not one each. ``blocks``: how many there were when
    none was left.
    """
    ids = binding.ids
    if ids.begin_block(blocks):
        try:
            yield from reserve()
        finally:
            ids.end_block()
        return
    # a transaction may hold the connection, or the lock, that the other one needs
    pauses = 0 if unit_of_work._open_transaction is not None else SHARED_PAUSES
    for _ in range(pauses):
        if ids.blocks != blocks:
            return
        yield from Sleep(SHARED_PAUSE)
    if ids.blocks == blocks:
        yield from reserve()


def _reserve_for_process_plan(binding: BoundEntity, size: int) -> Plan[None]:
    binding.ids.add_all((yield from _reserve_plan(binding, size)))


def _refill_from_redis_plan(
    unit_of_work: UnitOfWork, binding: BoundEntity, pool: str, count: int, *, whole: bool
) -> Plan[None]:
    blocks = binding.ids.blocks
    replies = yield from redis_plan(pool, (function_call(TAKE_IDS, binding.id_key, count),))
    reply = replies.accepted()[0]
    taken = 0
    if reply is not None:
        if (yield from _is_sound_plan(binding, reply, count)):
            first, taken = int(reply[0]) + reply[1], reply[2]
            binding.ids.add(first, first + taken - 1)
        else:
            yield from drop_block_plan(binding)
    if not taken or (whole and taken < count):
        left = count - taken
        yield from _shared_plan(unit_of_work, binding, blocks, lambda: _install_block_plan(binding, pool, left))


def _is_sound_plan(binding: BoundEntity, reply: Any, count: int) -> Plan[bool]:
    """Whether ids that Redis gave are of a block that was reserved: what lies there may be anybody's writing.

    Its form is looked at each time, ``_fluxa_ids`` once for each block.
    """
    if reply == ODD_BLOCK:
        return False
    first, offset, taken, size = int(reply[0]), reply[1], reply[2], reply[3]
    last = first + size - 1
    fits = first >= 1 and size <= max(block_size(binding), LARGEST_BLOCK) and last <= binding.schema.id_maximum
    if not fits or not 1 <= taken <= min(count, size - offset):
        return False
    if binding.ids.known_block != (first, last):
        if (yield from _reserved_plan(binding)) < last:
            return False
        binding.ids.known_block = first, last
    return True


def _reserved_plan(binding: BoundEntity) -> Plan[int]:
    """How far ids were reserved so far."""
    try:
        rows = yield from FetchRows(binding.mysql_pool, binding.dialect.ids_reserved(), (binding.recorded_table,))
    except MySQLError as error:
        if not binding.dialect.is_missing_table(error):
            raise
        return 0
    return int(rows[0][0]) if rows else 0


def drop_block_plan(binding: BoundEntity) -> Plan[None]:
    """Nobody is given more of the ids that are in hand, here and in Redis: something is wrong with them.

    What is lost by it are numbers. A Redis that cannot be reached is no reason to fail.
    """
    binding.ids.drop()
    if binding.id_redis_pool is not None:
        try:
            yield from RedisRoundTrip(binding.id_redis_pool, (("DEL", binding.id_key),))
        except RedisError as error:
            logger.warning("the ids of %s in Redis could not be dropped: %s", binding.schema.name, error)


def _install_block_plan(binding: BoundEntity, pool: str, count: int) -> Plan[None]:
    """Reserve a block, keep ``count`` ids or so, and give Redis the longest run of the others to share out.

    It does so as long as it is the same primary: under another one they are nobody's.
    """
    runs = yield from _reserve_plan(binding, max(block_size(binding), count))
    longest = max(runs, key=_length)
    # Redis shares out one run: the others are this process's, so that nothing of a scarce range is lost
    others = sum(map(_length, runs)) - _length(longest)
    first, last = longest
    size = _length(longest)
    kept = min(max(0, count - others), size)
    if size > kept:
        install = function_call(INSTALL_IDS, binding.id_key, str(first), size, kept)
        replies = yield from redis_plan(pool, (install,))
        if replies.values[0] != 1:
            # another process's block is there: this one is ours alone, so nothing of it is lost
            kept = size
        else:
            binding.ids.known_block = first, last
    mine = [(first, first + kept - 1)] if kept else []
    binding.ids.add_all([*(run for run in runs if run < longest), *mine, *(run for run in runs if run > longest)])


def _length(run: tuple[int, int]) -> int:
    return run[1] - run[0] + 1


def block_size(binding: BoundEntity) -> int:
    """Ids in a block: as declared, else the smaller of 10,000 and a thousandth of the type's range, at least 1."""
    return binding.schema.id_block or max(1, min(LARGEST_BLOCK, binding.schema.id_maximum // 1000))


def _reserve_plan(binding: BoundEntity, size: int) -> Plan[list[tuple[int, int]]]:
    """The free runs, in order, of a block of ids nobody else will get; cut at the id type's maximum. IdExhaustedError.

    Ids that are taken (chosen by somebody, or given by the server itself to other writers) are left out.
    """
    maximum = binding.schema.id_maximum
    while True:
        last = yield from _move_reserved_plan(binding, size)
        first = last - size + 1
        if first > maximum:
            raise IdExhaustedError(binding.schema.name, maximum)
        last = min(last, maximum)
        taken = yield from FetchRows(binding.mysql_pool, binding.dialect.taken_ids(*_names(binding)), (first, last))
        if runs := _runs_between(first, last, (int(row[0]) for row in taken)):
            return runs
        yield from _pass_rows_plan(binding, size)


def _runs_between(first: int, last: int, taken: Iterable[int]) -> list[tuple[int, int]]:
    """What is left of a range without ``taken``, ids in order."""
    runs: list[tuple[int, int]] = []
    for id in taken:
        if first < id:
            runs.append((first, id - 1))
        first = id + 1
    return [*runs, (first, last)] if first <= last else runs


def _pass_rows_plan(binding: BoundEntity, size: int) -> Plan[None]:
    """Go on above all rows, when a whole block was taken, unless one of them is so high that nothing is left there."""
    largest = yield from _largest_id_plan(binding)
    if largest + size <= binding.schema.id_maximum:
        yield from _lift_to_plan(binding, largest)


def _largest_id_plan(binding: BoundEntity, table: str | None = None) -> Plan[int]:
    """Of the table's rows, or of ``table``'s; 0 without any. It locks none."""
    name, id_column = _names(binding)
    rows = yield from FetchRows(binding.mysql_pool, binding.dialect.largest_id(table or name, id_column))
    return int(rows[0][0] or 0)


def _names(binding: BoundEntity) -> tuple[str, str]:
    return binding.schema.table, binding.schema.columns[0].name


def _move_reserved_plan(binding: BoundEntity, size: int) -> Plan[int]:
    """Raise ``reserved`` and return its new value."""
    dialect = binding.dialect
    try:
        moved = yield from _own_row_plan(binding, dialect.ids_reserve(), (size, binding.recorded_table))
    except MySQLError as error:
        if dialect.is_out_of_range(error):
            raise IdExhaustedError(binding.schema.name, binding.schema.id_maximum) from error
        raise
    reserved = moved.last_insert_id
    if not moved.rows_affected or reserved < size:
        raise MySQLError(f"`_fluxa_ids` has no good row for {binding.schema.table}", pool=binding.mysql_pool)
    return reserved


def _own_row_plan(
    binding: BoundEntity, sql: str, args: tuple[object, ...], table: str | None = None
) -> Plan[ExecResult]:
    """Change the entity's row of ``_fluxa_ids``; made from the table's largest id when it is missing, as is the table.

    ``table``: where its rows still are, before it is renamed. Raises MySQLError when that is missing: there is nothing
    to take ids for.
    """
    done: ExecResult | None = None
    try:
        done = yield from _repeatable_plan(binding, sql, args)
    except MySQLError as error:
        if not binding.dialect.is_missing_table(error):
            raise
        yield from _make_table_plan(binding)
    if done is None or not done.rows_affected:
        largest = max(0, (yield from _largest_id_plan(binding, table)))
        _ = yield from _repeatable_plan(binding, binding.dialect.ids_first_row(), (binding.recorded_table, largest))
        done = yield from _repeatable_plan(binding, sql, args)
    return done


def _make_table_plan(binding: BoundEntity) -> Plan[None]:
    try:
        _ = yield from _repeatable_plan(binding, binding.dialect.ids_table_ddl(), ())
    except MySQLError as error:
        if not binding.dialect.is_missing_right(error):
            raise
        raise MySQLError(
            f"{binding.schema.name}: ids are taken from the table `_fluxa_ids`, which is missing, and this user may "
            "not make it; run get_alters (`fluxaorm alters --apply`) as a user with the right to CREATE: it has the "
            'alter "create table `_fluxa_ids`"',
            errno=error.errno,
            pool=binding.mysql_pool,
        ) from error


def _repeatable_plan(binding: BoundEntity, sql: str, args: tuple[object, ...]) -> Plan[ExecResult]:
    """Run a statement of which a repetition costs no more than a gap in the ids.

    Repeated after a deadlock, and once when nobody knows whether it was done.
    """

    def attempt() -> Plan[ExecResult]:
        return (yield from Execute(binding.mysql_pool, sql, args))

    try:
        return (yield from retried_plan(attempt))
    except CommitUnknownError:
        return (yield from retried_plan(attempt))


def lift_ids_plan(entities: Sequence[TrackedEntity]) -> Plan[None]:
    """Keep generated ids above those the caller chose, before their rows are written.

    A statement of its own, since it may leave a gap but must not hold a lock that other processes need for their ids.
    """
    chosen: dict[BoundEntity, list[int]] = {}
    for entity in entities:
        chosen.setdefault(entity._identity_map.binding, []).append(entity._row[0])
    for binding, ids in chosen.items():
        binding.ids.leave_out(ids)
        yield from keep_ids_above_plan(binding, max(ids))


def keep_ids_above_plan(binding: BoundEntity, id: int, table: str | None = None) -> Plan[None]:
    """Never reserve ``id`` or one below it again. ``table``: where the rows are, when not under the entity's name."""
    if id > binding.reserved_seen:
        # a process that lifts again is loading rows: ahead by a block it need not lift for each flush
        ahead = block_size(binding) if binding.reserved_seen else 0
        yield from _lift_to_plan(binding, min(id + ahead, binding.schema.id_maximum), table)


def _lift_to_plan(binding: BoundEntity, bound: int, table: str | None = None) -> Plan[None]:
    args = (bound, binding.recorded_table, bound)
    _ = yield from _own_row_plan(binding, binding.dialect.ids_lift(), args, table)
    binding.reserved_seen = bound
