"""Whose unique values a server refused: its message turned into entity, index and values. Decides; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from fluxaorm.dialects.port import Duplicate
from fluxaorm.entity.schema import UNSET, EntitySchema
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.errors import DuplicateKeyError, MySQLError
from fluxaorm.plans.effects import FetchRows, Plan, Target
from fluxaorm.plans.ids.new_ids import drop_block_plan
from fluxaorm.plans.state.tracked import TrackedEntity
from fluxaorm.plans.writes.entity_write import EntityWrite, StatementTag
from fluxaorm.plans.writes.order.rows import comparable
from fluxaorm.plans.writes.row_statements import encoded

_IDS_AT_ONCE: Final = 1_000
_ROWS_AT_ONCE: Final = 200
_Row: TypeAlias = "tuple[TrackedEntity, tuple[Any, ...]]"
"""An entity with its values in the index as Params."""


def explained_plan(target: Target, error: BaseException, tag: object) -> Plan[BaseException]:
    """A duplicate key as a DuplicateKeyError that says which entity, index and values; other errors as they are."""
    if not isinstance(error, MySQLError) or not isinstance(tag, StatementTag):
        return error
    if tag.ids_made and tag.binding.dialect.is_refused_id(error, tag.binding.schema.columns[0].name):
        return (yield from _taken_plan(target, error, tag))
    duplicate = tag.binding.dialect.parse_duplicate(error._told)
    if duplicate is None:
        return error
    schema = tag.binding.schema
    index, positions = _index_of(schema, duplicate)
    entity = yield from _clashing_plan(target, tag, positions, duplicate.value)
    values = {} if entity is None else {_attribute(schema, at): _value(entity, at) for at in positions}
    secret = any(schema.columns[position].secret for position in positions)
    if positions == (0,) and _was_made(tag, entity):
        return (yield from _dropped_plan(tag, error, values))
    return DuplicateKeyError(schema.name, index, values, errno=error.errno, pool=error.pool, secret=secret)


def _was_made(tag: StatementTag, entity: TrackedEntity | None) -> bool:
    """Whether the id that was refused is one of ours; of several entities, when nobody knows whose it was, any is."""
    if tag.verb != "insert":
        return False
    entities = tag.entities if entity is None else (entity,)
    return tag.ids_made or any(entity not in entity._identity_map.unit_of_work._chosen_ids for entity in entities)


def _taken_plan(target: Target, error: MySQLError, tag: StatementTag) -> Plan[DuplicateKeyError]:
    """An INSERT that would update rows by their unique values met a row that has an id which was made for another."""
    binding, ids = tag.binding, [entity._row[0] for entity in tag.entities]
    found: list[int] = []
    for at in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[at : at + _IDS_AT_ONCE]
        places = ", ".join("?" * len(some))
        sql = f"SELECT {binding.quoted_id} FROM {binding.quoted_table} WHERE {binding.quoted_id} IN ({places})"
        found += [int(row[0]) for row in (yield from FetchRows(target, sql, some))]
    values = {_attribute(binding.schema, 0): min(found)} if found else {}
    return (yield from _dropped_plan(tag, error, values))


def _dropped_plan(tag: StatementTag, error: MySQLError, values: Mapping[str, Any]) -> Plan[DuplicateKeyError]:
    """Others took an id after it was reserved: those next to it are not given to anybody either."""
    yield from drop_block_plan(tag.binding)
    again = "save_many() may be called again" if tag.ids_made else "ctx.clear_flush() and make the entity anew"
    hint = (
        f"a row took the id after it had been reserved for a new one, and it will not be given again: {again}; "
        "where other programs insert into the table too, the class option id_block=1 makes that rare"
    )
    return DuplicateKeyError(tag.binding.schema.name, "PRIMARY", values, errno=error.errno, pool=error.pool, hint=hint)


def _attribute(schema: EntitySchema, position: int) -> str:
    return schema.columns[position].attribute


def _value(entity: TrackedEntity, position: int) -> Any:
    value = entity._current(position)
    return value.value if type(value) is JsonValue else value


def _index_of(schema: EntitySchema, duplicate: Duplicate) -> tuple[str, Sequence[int]]:
    """The index's name and the positions of its fields; a name we never gave has none."""
    if duplicate.index == "PRIMARY" or duplicate.columns == (schema.columns[0].name,):
        return "PRIMARY", (0,)
    for index in schema.indexes:
        if index.name == duplicate.index or (duplicate.columns and index.columns == duplicate.columns):
            return index.name, index.positions
    return duplicate.index or ", ".join(duplicate.columns), ()


def _clashing_plan(
    target: Target, tag: StatementTag, positions: Sequence[int], shown: str | None
) -> Plan[TrackedEntity | None]:
    """An entity of a statement that has the values which were refused, or None when nobody can tell."""
    if len(tag.entities) == 1 or not positions:
        return tag.entities[0] if len(tag.entities) == 1 else None
    rows = [(entity, _compared(tag, entity, positions)) for entity in tag.entities]
    rows = [row for row in rows if None not in row[1]]
    # messages show few values so that one can be sure: texts may be cut, have dashes, and bytes look like nothing else
    likely = [row for row in rows if shown is not None and shown == "-".join(map(str, row[1]))]
    if likely and all(values == likely[0][1] for _, values in likely):
        return likely[0][0]
    try:
        return (yield from _refused_plan(target, tag, positions, likely or rows))
    except MySQLError:
        # what the statement was refused for is the error to tell
        return None


def _refused_plan(
    target: Target, tag: StatementTag, positions: Sequence[int], rows: Sequence[_Row]
) -> Plan[TrackedEntity | None]:
    """The first that the server refuses: because a row has its values, or another one before it."""
    repeated = _first_repeated([values for _, values in rows])
    taken = yield from _first_taken_plan(target, tag, positions, rows[:repeated])
    if taken is not None:
        return taken
    if repeated is None:
        repeated = _first_repeated([tuple(map(_alike, values)) for _, values in rows])
    return None if repeated is None else rows[repeated][0]


def _alike(value: Any) -> Any:
    return comparable(value) if isinstance(value, str) else value


def _first_repeated(values: Sequence[tuple[Any, ...]]) -> int | None:
    seen: set[tuple[Any, ...]] = set()
    for number, each in enumerate(values):
        if each in seen:
            return number
        seen.add(each)
    return None


def _compared(tag: StatementTag, entity: TrackedEntity, positions: Sequence[int]) -> tuple[Any, ...]:
    """The entity's values in an index as Params, with the deletion mark where it is the last of them."""
    columns = tag.binding.schema.columns
    values = [(columns[at], entity._current(at)) for at in _with_mark(tag, positions)]
    return tuple(None if value is UNSET else encoded(column, value) for column, value in values)


def _with_mark(tag: StatementTag, positions: Sequence[int]) -> Sequence[int]:
    mark = tag.binding.schema.soft_delete_position
    return positions if mark is None or positions == (0,) else (*positions, mark)


def _first_taken_plan(
    target: Target, tag: StatementTag, positions: Sequence[int], rows: Sequence[_Row]
) -> Plan[TrackedEntity | None]:
    """The first whose values another row has. The database is asked of many at once, then of half of them, and on."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        if not (yield from _is_taken_plan(target, tag, positions, some)):
            continue
        while len(some) > 1:
            half = some[: len(some) // 2]
            some = half if (yield from _is_taken_plan(target, tag, positions, half)) else some[len(half) :]
        return some[0][0]
    return None


def _is_taken_plan(target: Target, tag: StatementTag, positions: Sequence[int], rows: Sequence[_Row]) -> Plan[bool]:
    """Whether the table has any of these values in another row."""
    binding = tag.binding
    names = [binding.dialect.quote(binding.schema.columns[at].name) for at in _with_mark(tag, positions)]
    own = "" if positions == (0,) else f" AND {binding.quoted_id} <> ?"
    condition = f"({' AND '.join(f'{name} = ?' for name in names)}{own})"
    sql = f"SELECT 1 FROM {binding.quoted_table} WHERE {' OR '.join([condition] * len(rows))} LIMIT 1"
    args = [arg for entity, values in rows for arg in (*values, *([entity._row[0]] if own else []))]
    return bool((yield from FetchRows(target, sql, args)))


def note_holder(error: MySQLError, writes: Sequence[EntityWrite]) -> None:
    """Add to a duplicate key which other row of the flush has the values until it is written itself."""
    if not isinstance(error, DuplicateKeyError) or not error.values:
        return
    for write in writes:
        entity, columns = write.entity, write.binding.schema.by_attribute
        if write.verb != "update" or write.binding.schema.name != error.entity:
            continue
        before = {columns[name].index: value for name, value in error.values.items() if name in columns}
        changes = not write.values.keys().isdisjoint(before)
        if changes and all(_before(entity, at) == value for at, value in before.items()):
            error.add_note(
                f"{error.entity} {entity._row[0]} has these values until it is written in this same flush; rows that "
                "swap values need two flushes, with other values in between"
            )
            return


def _before(entity: TrackedEntity, position: int) -> Any:
    return (entity._old or {}).get(position, entity._current(position))
