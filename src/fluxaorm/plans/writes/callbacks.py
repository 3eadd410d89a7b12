"""Callbacks of entities: which handlers a flush calls, when, and with what. Decides; the runner calls them.

Before-handlers run inside the flush, before anything is sent: they may change entities, and abort the flush by raising.
After-handlers get snapshots of what was written, taken when it was; they wait in the unit of work until it is
committed (see ``after_commit``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.entity.values.unfit_cell import UnfitCell
from fluxaorm.plans.effects import CallHandler, Plan
from fluxaorm.plans.state.handlers import Event, Handler
from fluxaorm.plans.state.tracked import DELETING, NEW, SNAPSHOT, STORED, Change, TrackedEntity

if TYPE_CHECKING:
    from fluxaorm.plans.state.unit_of_work import IdentityMap, UnitOfWork
    from fluxaorm.plans.writes.entity_write import EntityWrite

NO_HANDLERS: Final[tuple[Handler, ...]] = ()


class AfterEvent(NamedTuple):
    """One write that after-handlers are to hear of: each is called with the context and ``args``."""

    pool: str
    """MySQL pool whose commit it waits for."""
    handlers: Sequence[Handler]
    args: tuple[Any, ...]


def has_before_handlers(unit_of_work: UnitOfWork) -> bool:
    """Whether any entity that this context knows has one."""
    return any(identity_map.binding.handlers.before for identity_map in unit_of_work._identity_maps.values())


def before_plan(unit_of_work: UnitOfWork, choose: Callable[[], list[TrackedEntity]]) -> Plan[list[TrackedEntity]]:
    """Call the before-handlers of all that ``choose`` gives; what there is to write when all were called.

    Each is called once an entity and event. What a handler changes besides its entity is chosen again, with its own
    handlers.
    """
    called: set[tuple[TrackedEntity, Event]] = set()
    unit_of_work._calling_back = "before"
    try:
        while True:
            chosen = choose()
            due = [pair for pair in _due(chosen) if pair not in called]
            if not due:
                return chosen
            called.update(due)
            for entity, event in due:
                for handler in entity._identity_map.binding.handlers.before[event]:
                    # an earlier handler may have taken the change back
                    if event_of(entity) == event:
                        yield from CallHandler(handler, (unit_of_work, entity))
            unit_of_work._note_json_changes()
    finally:
        unit_of_work._calling_back = ""


def _due(chosen: Sequence[TrackedEntity]) -> Iterator[tuple[TrackedEntity, Event]]:
    for entity in chosen:
        event = event_of(entity)
        if event is not None and event in entity._identity_map.binding.handlers.before:
            yield entity, event


def event_of(entity: TrackedEntity) -> Event | None:
    """What a flush would do with an entity as it is now; a soft delete is a delete."""
    if entity._state == NEW:
        return "insert"
    if entity._state == DELETING:
        return "delete"
    if entity._state != STORED or not entity._old:
        return None
    position = entity._identity_map.schema.soft_delete_position
    return "delete" if position in entity._old and entity._row[position] else "update"


def after_events(writes: Iterable[EntityWrite]) -> list[AfterEvent]:
    """What after-handlers are to hear of these writes; taken before their entities are marked as written."""
    events: list[AfterEvent] = []
    for write in writes:
        pool, after = write.binding.mysql_pool, write.binding.handlers.after
        if not after:
            continue
        event = event_of(write.entity)
        handlers = after.get(event, NO_HANDLERS) if event else NO_HANDLERS
        if event == "update" and handlers:
            events.append(AfterEvent(pool, tuple(handlers), (snapshot(write), changes_of(write.entity))))
        elif handlers:
            row = before_snapshot(write.entity) if event == "delete" else snapshot(write)
            events.append(AfterEvent(pool, tuple(handlers), (row,)))
    return events


def call_after_plan(unit_of_work: UnitOfWork, events: Sequence[AfterEvent]) -> Plan[list[Exception]]:
    """Call all after-handlers, whatever some of them raise; what they raised."""
    failures: list[Exception] = []
    for event in events:
        for handler in event.handlers:
            try:
                yield from CallHandler(handler, (unit_of_work, *event.args))
            except Exception as error:  # noqa: BLE001 - the caller raises them all, when all handlers ran
                failures.append(error)
            except BaseException as interruption:
                interruption.add_note("the rows of this flush are durable; not all of its after-handlers were called")
                raise
    return failures


def snapshot(write: EntityWrite) -> TrackedEntity:
    """The row as this write leaves it, read-only."""
    cells = write.entity._row.copy()
    for position, value in write.values.items():
        cells[position] = value
    return _read_only(write.entity, cells)


def before_snapshot(entity: TrackedEntity) -> TrackedEntity:
    """The row as it was loaded or last written, read-only."""
    cells = entity._row.copy()
    for position, value in (entity._old or {}).items():
        cells[position] = value
    return _read_only(entity, cells)


def _read_only(entity: TrackedEntity, cells: list[Any]) -> TrackedEntity:
    for position in entity._identity_map.binding.json_positions:
        cells[position] = _json_text(entity, position, cells[position])
    return read_only_row(entity._identity_map, cells, entity._read_at)


def read_only_row(identity_map: IdentityMap, cells: list[Any], read_at: float = 0.0) -> TrackedEntity:
    """A row for a handler, which its setters refuse to change. JSON in it is text."""
    made: TrackedEntity = identity_map.make_entity()
    made._row, made._identity_map, made._old, made._state, made._read_at = cells, identity_map, None, SNAPSHOT, read_at
    return made


def _json_text(entity: TrackedEntity, position: int, cell: Any) -> Any:
    """A JSON cell as text, since the decoded value may change in place."""
    if type(cell) is not JsonValue:
        return cell
    is_written = cell is entity._row[position] and (entity._state == NEW or position in (entity._old or ()))
    if cell.raw is None or is_written:
        return entity._identity_map.schema.columns[position].encode(cell.value)
    return cell.raw


def changes_of(entity: TrackedEntity) -> dict[str, Change[Any]]:
    """Attribute -> value before and after, of what was set; not the deletion mark, which has events of its own."""
    columns, position_of_mark = entity._identity_map.schema.columns, entity._identity_map.schema.soft_delete_position
    return {
        columns[position].attribute: Change(
            _copied(entity, position, old), _copied(entity, position, entity._current(position))
        )
        for position, old in sorted((entity._old or {}).items())
        if position != position_of_mark
    }


def _copied(entity: TrackedEntity, position: int, value: Any) -> Any:
    """A value in its Python form; of JSON a copy, since it may change in place; what did not fit as it was stored."""
    if type(value) is UnfitCell:
        return value.raw
    if type(value) is not JsonValue:
        return value
    return entity._identity_map.decoders[position](_json_text(entity, position, value))
