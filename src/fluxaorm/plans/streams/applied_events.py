"""What after-handlers hear of the records of async flushes: rows as they are left, from the rows read before. Decides.

The rows are read in the transaction that changes them, only for entities that have handlers. Where records are applied
already, what they say is laid over the rows as they are now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fluxaorm.plans.effects import FetchRows, Plan, Target
from fluxaorm.plans.state.tracked import Change as ChangedValue
from fluxaorm.plans.writes.callbacks import AfterEvent, read_only_row
from fluxaorm.plans.writes.row_params import ROWS_A_STATEMENT

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.state.engine_port import EnginePort
    from fluxaorm.plans.state.handlers import Event
    from fluxaorm.plans.state.unit_of_work import UnitOfWork
    from fluxaorm.plans.streams.arrivals import Arrival
    from fluxaorm.plans.streams.async_record import RowChange

Rows = dict[str, dict[int, list[Any]]]
"""Entity name -> id -> row, in raw form."""
_SET_BY_FLUSH = frozenset(("created_at", "updated_at", "fake_delete"))


def rows_before_plan(engine: EnginePort, target: Target, arrivals: Iterable[Arrival]) -> Plan[Rows]:
    """The rows that these records change, of entities whose handlers want to know."""
    wanted: dict[str, dict[int, None]] = {}
    for arrival in arrivals:
        assert arrival.record is not None
        assert arrival.destination is not None
        name = arrival.destination.schema.name
        if engine.binding_of(name).handlers.after:
            ids = [change.id for change in arrival.record.changes if change.operation != "i"]
            wanted.setdefault(name, {}).update(dict.fromkeys(ids))
    found: Rows = {}
    for name, listed in wanted.items():
        found[name] = yield from _rows_plan(engine.binding_of(name), target, list(listed))
    return found


def _rows_plan(binding: BoundEntity, target: Target, ids: Sequence[int]) -> Plan[dict[int, list[Any]]]:
    rows: dict[int, list[Any]] = {}
    for start in range(0, len(ids), ROWS_A_STATEMENT):
        part = ids[start : start + ROWS_A_STATEMENT]
        sql = f"{binding.select_sql} WHERE {binding.quoted_id} IN ({', '.join('?' * len(part))})"
        for row in (yield from FetchRows(target, sql, part)):
            # entities have their id as a number, whatever the driver gives
            id = int(row[0])
            rows[id] = [id, *row[1:]]
    return rows


def events_of(unit_of_work: UnitOfWork, arrival: Arrival, rows: Rows) -> list[AfterEvent]:
    """What handlers are to hear of one record; ``rows`` become what it leaves."""
    assert arrival.record is not None
    assert arrival.destination is not None
    known = rows.get(arrival.destination.schema.name)
    if known is None:
        return []
    binding = unit_of_work._engine.binding_of(arrival.destination.schema.name)
    events: list[AfterEvent] = []
    for change in arrival.record.changes:
        event, before = _event_of(binding, change), known.get(change.id) or _told_row(binding, change)
        after = _laid_over(binding, before, change)
        if change.operation == "d":
            _ = known.pop(change.id, None)
        else:
            known[change.id] = after
        if handlers := binding.handlers.after.get(event):
            args = _arguments(unit_of_work, binding, event, change, before, after)
            events.append(AfterEvent(arrival.pool, tuple(handlers), args))
    return events


def _event_of(binding: BoundEntity, change: RowChange) -> Event:
    if change.operation == "i":
        return "insert"
    position = binding.schema.soft_delete_position
    mark = None if position is None else binding.schema.columns[position].name
    return "delete" if change.operation == "d" or change.values.get(mark or "") else "update"


def _told_row(binding: BoundEntity, change: RowChange) -> list[Any]:
    """A row that nobody has: as far as the record tells of it."""
    told = {binding.schema.columns[0].name: change.id, **(change.before or {})}
    return [told.get(column.name) for column in binding.schema.columns]


def _laid_over(binding: BoundEntity, row: Sequence[Any], change: RowChange) -> list[Any]:
    values = change.values
    return [values.get(column.name, cell) for column, cell in zip(binding.schema.columns, row, strict=True)]


def _arguments(
    unit_of_work: UnitOfWork,
    binding: BoundEntity,
    event: Event,
    change: RowChange,
    before: list[Any],
    after: list[Any],
) -> tuple[Any, ...]:
    identity_map = unit_of_work._identity_map_of(binding.provider)
    if event == "delete":
        return (read_only_row(identity_map, before),)
    if event == "insert":
        return (read_only_row(identity_map, after),)
    told = change.before or {}
    changes = {
        column.attribute: ChangedValue(
            _decoded(binding, column.index, told.get(column.name, before[column.index])),
            _decoded(binding, column.index, after[column.index]),
        )
        for column in binding.schema.columns
        if column.name in change.values and column.auto not in _SET_BY_FLUSH and column.index
    }
    return (read_only_row(identity_map, after), changes)


def _decoded(binding: BoundEntity, position: int, cell: Any) -> Any:
    return None if cell is None else binding.decoders[position](cell)
