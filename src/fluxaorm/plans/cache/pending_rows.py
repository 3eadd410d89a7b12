"""Rows with asynchronous writes that are not applied yet, as a reader is to see them. Decides; no I/O.

The row and how far the log is applied come from one statement. What lies beyond is laid over the row in the log's
order; what does not is in it already. Nothing is filled: the entries go when they are applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from fluxaorm.dialects.async_offsets import APPLIED
from fluxaorm.entity.schema import UNSET
from fluxaorm.errors import RedisError
from fluxaorm.plans.cache.functions import TAKE_OUT, function_call, redis_plan
from fluxaorm.plans.cache.pending_items import PendingItem, items_of
from fluxaorm.plans.cache.selects import select_row_plan, select_rows_plan
from fluxaorm.plans.effects import FetchRows, Plan, Row

if TYPE_CHECKING:
    from fluxaorm.plans.state.async_port import AsyncFlushPort
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.state.engine_port import EnginePort

INSERT: Final = "i"
UPDATE: Final = "u"
REMOVE: Final = "d"


class PendingKey(NamedTuple):
    """What a key held, and which server said so."""

    content: bytes
    server: bytes


class PendingChange(msgspec.Struct, frozen=True, array_like=True):
    """What an entry says: ``i`` with all columns, ``u`` with the changed ones, ``d`` with none; names and raw forms."""

    operation: str
    values: dict[str, Any] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PendingChange).decode
_decode_ids = msgspec.msgpack.Decoder(list[int]).decode


def change_payload(operation: str, values: Mapping[str, Any]) -> bytes:
    """What the entry of a row's key carries; ``values``: portable raw forms by column name."""
    return _encode((operation, values))


def ids_payload(ids: Sequence[int]) -> bytes:
    """What the entry of another key carries: the rows that may have come to be found by it."""
    return _encode(ids)


def change_of(item: PendingItem) -> PendingChange | None:
    """The change of a row that an entry carries; None where it carries none that can be read."""
    if not item.payload:
        return None
    try:
        change = _decode(item.payload)
    except (ValueError, RecursionError):
        return None
    return change if change.operation in (INSERT, UPDATE, REMOVE) else None


def ids_in(held: PendingKey) -> list[int]:
    """The ids that the entries of a key carry which is no row's, newest first, each once."""
    ids: dict[int, None] = {}
    for item in reversed(entries_of(held)):
        try:
            ids.update(dict.fromkeys(_decode_ids(item.payload) if item.payload else ()))
        except (ValueError, RecursionError):
            continue
    return list(ids)


def entries_of(held: PendingKey) -> list[PendingItem]:
    """Those of a key in the log's order.

    Of whatever server: an entry says what lies in the log, and once a server has its mark, what others have confirmed
    is applied.
    """
    entries = [item for item in items_of(held.content) if item.kind == "e"]
    return sorted(entries, key=lambda item: (item.first, item.offset))


def lay_over(binding: BoundEntity, id: int, row: Row | None, changes: Iterable[PendingChange]) -> Row | None:
    """The row as it is after these changes, in their order. What they say of columns nobody here knows is left out."""
    for change in changes:
        if change.operation == REMOVE:
            row = None
        elif change.operation == INSERT:
            row = _changed(binding, _fresh_cells(binding, id), change.values)
        elif row is not None:
            row = _changed(binding, list(row), change.values)
    return row


def _changed(binding: BoundEntity, cells: list[Any], values: Mapping[str, Any]) -> list[Any]:
    for column in binding.schema.columns[1:]:
        if column.name in values:
            cells[column.index] = values[column.name]
    return cells


def _fresh_cells(binding: BoundEntity, id: int) -> list[Any]:
    """What an insert that does not know all columns leaves in the others."""
    cells: list[Any] = [id]
    for column in binding.schema.columns[1:]:
        default = column.default
        cells.append(None if default is None or default is UNSET else column.encode(default))
    return cells


def pending_row_plan(
    engine: EnginePort, binding: BoundEntity, pool: str, id: int, held: PendingKey
) -> Plan[Row | None]:
    """The row of an id whose key holds pending items."""
    rows = yield from pending_rows_plan(engine, binding, pool, {id: held})
    return rows.get(id)


def pending_rows_plan(
    engine: EnginePort, binding: BoundEntity, pool: str, held: Mapping[int, PendingKey]
) -> Plan[dict[int, Row]]:
    """The same of many, by id; one statement. An id without a row is left out.

    Where all entries of a key are in its row already they are taken out of Redis, 1 round trip more.
    """
    flush = engine.async_flush
    entries = {id: entries_of(each) for id, each in held.items()}
    partitions = sorted({item.first for items in entries.values() for item in items if item.payload})
    applied: Mapping[int, int] = {}
    if flush is None or not partitions:
        rows = yield from _plain_rows_plan(binding, list(held))
    else:
        rows, applied = yield from _rows_and_applied_plan(flush, binding, list(held), partitions)
    seen: dict[int, Row] = {}
    for id, items in entries.items():
        ahead = [item for item in items if item.offset >= applied.get(item.first, 0)]
        changes = [change for item in ahead if (change := change_of(item)) is not None]
        row = lay_over(binding, id, rows.get(id), changes if flush is not None else ())
        if row is not None:
            seen[id] = row
    if applied:
        yield from _sweep_plan(engine, binding, pool, entries, applied)
    return seen


def _plain_rows_plan(binding: BoundEntity, ids: Sequence[int]) -> Plan[dict[int, Row]]:
    if len(ids) > 1:
        return (yield from select_rows_plan(binding.mysql_pool, binding, ids))
    row = yield from select_row_plan(binding.mysql_pool, binding, ids[0])
    return {} if row is None else {ids[0]: row}


def _rows_and_applied_plan(
    flush: AsyncFlushPort, binding: BoundEntity, ids: Sequence[int], partitions: Sequence[int]
) -> Plan[tuple[dict[int, Row], dict[int, int]]]:
    """Rows by id and ``applied`` by partition, of the same moment; also where there is no row, or nothing applied."""
    topic_id = yield from flush.topic_id_plan()
    applied = ", ".join(f"({APPLIED})" for _ in partitions)
    condition = binding.dialect.rows_in([binding.schema.columns[0].name], len(ids))
    sql = (
        f"SELECT {binding.select_list}, {applied} FROM (SELECT 1 AS fluxa_one) AS fluxa_one "
        f"LEFT JOIN {binding.quoted_table} ON {condition}"
    )
    places = [value for partition in partitions for value in (flush.topic, topic_id, partition)]
    found = yield from FetchRows(binding.mysql_pool, sql, (*places, *ids))
    width = binding.width
    told = {partition: int(cell or 0) for partition, cell in zip(partitions, found[0][width:], strict=True)}
    return {int(row[0]): row[:width] for row in found if row[0] is not None}, told


def _sweep_plan(
    engine: EnginePort,
    binding: BoundEntity,
    pool: str,
    entries: Mapping[int, Sequence[PendingItem]],
    applied: Mapping[int, int],
) -> Plan[None]:
    """Take out what keeps a key from being filled and says nothing more."""
    commands = [
        function_call(TAKE_OUT, binding.row_key(id), "", partition, applied[partition])
        for id, items in entries.items()
        if all(item.offset < applied.get(item.first, 0) for item in items)
        for partition in sorted({item.first for item in items})
    ]
    if not commands:
        return
    try:
        _ = yield from redis_plan(pool, commands)
    except RedisError as error:
        engine.cache_outage(pool, error)
