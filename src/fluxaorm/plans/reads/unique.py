"""Look-ups by a unique index: of a cached one, an id kept in Redis under a hash of the values, verified by the row.

What it decides: that a kept id only says where to look. The row itself, read below the context cache, must be alive and
hold the given values byte for byte; else the database is asked, which compares as the column's collation does. So what
is kept may be old and costs a query then, never a wrong answer. Absence is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fluxaorm.entity.schema import IndexSchema
from fluxaorm.entity.values.unfit_cell import UnfitCell
from fluxaorm.errors import EntityNotFoundError
from fluxaorm.plans.cache.key_reader import KeyReader
from fluxaorm.plans.cache.one_row import read_row_plan
from fluxaorm.plans.cache.pending_rows import ids_in
from fluxaorm.plans.effects import FetchRows, Plan, Row
from fluxaorm.plans.reads.by_id import read_at
from fluxaorm.plans.reads.locked import lock_clause, refuse_unsaved
from fluxaorm.plans.state.keys import decode_ids, encode_list, is_foreign
from fluxaorm.plans.state.tracked import TrackedEntity, check_row_of, referred_id
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.query.conditions import FieldKey
from fluxaorm.query.sql.binders import refused


def get_by_unique_plan(
    identity_map: IdentityMap,
    index_name: str,
    values: Sequence[Any],
    *,
    for_update: bool = False,
    include_deleted: bool = False,
) -> Plan[Any]:
    """The living entity whose unique index holds these values, or None; NULL in any part matches nothing.

    ``include_deleted``: where none lives, the deleted one with the greatest id. ``for_update``: locked, inside a
    transaction; UnsavedChangesError for an entity that has some. Round trips: 1 MySQL; by a cached index 2 Redis on a
    hit, 2 Redis and 1 MySQL on a miss.
    """
    entity = yield from row_holder_plan(
        identity_map, index_name, values, for_update=for_update, include_deleted=include_deleted
    )
    return None if entity is None or (identity_map.is_hidden(entity) and not include_deleted) else entity


def row_holder_plan(
    identity_map: IdentityMap,
    index_name: str,
    values: Sequence[Any],
    *,
    for_update: bool = False,
    include_deleted: bool = False,
    makes: bool = False,
) -> Plan[Any]:
    """The same by what the rows say: also an entity that is only waiting to be deleted.

    ``makes``: for a caller that makes the row when there is none. Values may be entities that will get a row with it,
    and unsaved changes of what is found stay.
    """
    index = _index(identity_map, index_name)
    clause = lock_clause(identity_map) if for_update else ""
    params = _params(identity_map, index, values, must_exist=not makes)
    if params is None:
        return None
    since = identity_map.writes_seen
    is_kept = (
        index_name in identity_map.binding.cached_indexes
        and identity_map.binding.reads_redis
        and not identity_map.in_transaction
    )
    if is_kept and not include_deleted:
        row = yield from _kept_plan(identity_map, index, params)
    else:
        row = yield from _select_plan(identity_map, index, params, clause, include_deleted)
    if row is None:
        return None
    if for_update and not makes:
        refuse_unsaved(identity_map, int(row[0]))
    return identity_map.entity_from_row(row, since, read_at(identity_map))


def must_get_by_unique_plan(
    identity_map: IdentityMap,
    index_name: str,
    values: Sequence[Any],
    *,
    for_update: bool = False,
    include_deleted: bool = False,
) -> Plan[Any]:
    """As ``get_by_unique_plan``; EntityNotFoundError instead of None."""
    entity = yield from get_by_unique_plan(
        identity_map, index_name, values, for_update=for_update, include_deleted=include_deleted
    )
    if entity is None:
        index, columns = _index(identity_map, index_name), identity_map.schema.columns
        given = zip(index.fields, values, strict=True)
        raise EntityNotFoundError(
            identity_map.schema.name,
            None,
            dict(given),
            secret=frozenset(columns[position].field for position in index.positions if columns[position].secret),
        )
    return entity


def _index(identity_map: IdentityMap, name: str) -> IndexSchema:
    return next(index for index in identity_map.schema.indexes if index.name == name)


def _params(
    identity_map: IdentityMap, index: IndexSchema, values: Sequence[Any], *, must_exist: bool
) -> tuple[Any, ...] | None:
    params: list[Any] = []
    for position, value in zip(index.positions, values, strict=True):
        if value is None:
            return None
        column = identity_map.schema.columns[position]
        try:
            if isinstance(value, TrackedEntity):
                given, value = value, referred_id(column, value)
                check_row_of(identity_map.unit_of_work, given, must_exist=must_exist)
            params.append(column.encode(column.check(value)))
        except ValueError as error:
            raise refused(column, FieldKey(identity_map.schema.name, (), column.field), value, str(error)) from None
    return tuple(params)


def _select_plan(
    identity_map: IdentityMap,
    index: IndexSchema,
    params: tuple[Any, ...],
    lock: str = "",
    include_deleted: bool = False,
) -> Plan[Row | None]:
    dialect, columns = identity_map.binding.dialect, identity_map.schema.columns
    conditions = [f"{dialect.quote(columns[position].name)} = ?" for position in index.positions]
    order = ""
    if identity_map.mark is not None:
        lives = f"{dialect.quote(columns[identity_map.mark].name)} = 0"
        if include_deleted:
            order = f" ORDER BY {lives} DESC, {identity_map.binding.quoted_id} DESC LIMIT 1"
        else:
            conditions.append(lives)
    sql = f"{identity_map.binding.select_sql} WHERE {' AND '.join(conditions)}{order}{' ' if lock else ''}{lock}"
    rows = yield from FetchRows(identity_map.target, sql, params)
    return rows[0] if rows else None


def _kept_plan(identity_map: IdentityMap, index: IndexSchema, params: tuple[Any, ...]) -> Plan[Row | None]:
    binding = identity_map.binding
    assert binding.redis_pool is not None
    reader = KeyReader(
        identity_map.unit_of_work._engine, binding, binding.redis_pool, binding.look_up_key(index, params)
    )
    found = yield from reader.look_plan()
    if found is not None:
        row = yield from _verified_plan(identity_map, index, params, found, reader.stamp)
        if row is not None:
            return row
        yield from reader.swap_plan(found)
    yield from reader.marked_plan()
    if reader.held is not None:
        for id in ids_in(reader.held):
            row = yield from _row_by_id_plan(identity_map, id)
            if row is not None and _holds(identity_map, index, params, row):
                return row
    row = yield from _select_plan(identity_map, index, params)
    if row is not None and (reader.held is not None or _may_hide(reader, identity_map, index, params, row)):
        return (yield from _still_plan(identity_map, index, row))
    # a lease is left to its end where there is nothing to keep: giving it back would cost a round trip each time
    if reader.mine and row is not None and _holds(identity_map, index, params, row):
        _ = yield from reader.fill_plan(encode_list(reader.stamp, [int(row[0])]))
    return row


def _verified_plan(
    identity_map: IdentityMap, index: IndexSchema, params: tuple[Any, ...], found: bytes, stamp: bytes
) -> Plan[Row | None]:
    """The row that a kept id leads to, if it is the one."""
    binding = identity_map.binding
    ids = decode_ids(found, stamp)
    if ids is None or len(ids) != 1:
        if is_foreign(found, stamp):
            binding.counts.redis_foreign += 1
        else:
            binding.counts.redis_broken += 1
        return None
    binding.counts.redis_hit += 1
    row = yield from _row_by_id_plan(identity_map, ids[0])
    return row if row is not None and _holds(identity_map, index, params, row) else None


def _row_by_id_plan(identity_map: IdentityMap, id: int) -> Plan[Row | None]:
    return (yield from read_row_plan(identity_map.unit_of_work._engine, identity_map.target, identity_map.binding, id))


def _may_hide(
    reader: KeyReader, identity_map: IdentityMap, index: IndexSchema, params: tuple[Any, ...], row: Row
) -> bool:
    """Whether asynchronous writes of a row are told of under other keys: it has values that are only equal to these."""
    return reader.engine.async_flush is not None and not _holds(identity_map, index, params, row)


def _still_plan(identity_map: IdentityMap, index: IndexSchema, found: Row) -> Plan[Row | None]:
    """The row that the database has found, with what is pending of it, unless that changes the values it has."""
    row = yield from _row_by_id_plan(identity_map, int(found[0]))
    if row is None:
        return None
    params = params_of(identity_map, index, found)
    return row if params is not None and _holds(identity_map, index, params, row) else None


def _holds(identity_map: IdentityMap, index: IndexSchema, params: tuple[Any, ...], row: Row) -> bool:
    """Whether a row in raw form is alive and has these values, byte for byte."""
    deleted = identity_map.schema.soft_delete_position
    if deleted is not None and identity_map.python_value(deleted, row[deleted]):
        return False
    return params_of(identity_map, index, row) == params


def params_of(identity_map: IdentityMap, index: IndexSchema, row: Row | Mapping[int, Any]) -> tuple[Any, ...] | None:
    """The values of an index in a row, raw or not, as a driver is handed them.

    None when one is NULL or does not fit: no look-up can be for it. ``row``: all values, or those of the index by
    position.
    """
    params: list[Any] = []
    for position in index.positions:
        value = identity_map.python_value(position, row[position])
        if value is None or type(value) is UnfitCell:
            return None
        params.append(identity_map.schema.columns[position].encode(value))
    return tuple(params)
