"""All living rows of a small table: the ids from Redis where ``cache_all`` keeps them, then the rows. Decides; no I/O.

The list is one key, read and filled by the same protocol as a row; whatever changes which rows live intends it.
"""

from __future__ import annotations

from typing import Any

from fluxaorm.plans.cache.key_reader import KeyReader
from fluxaorm.plans.cache.many_rows import read_rows_plan
from fluxaorm.plans.cache.pending_rows import ids_in
from fluxaorm.plans.effects import FetchRows, Plan, Row
from fluxaorm.plans.state.keys import decode_ids, encode_list, is_foreign
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.query.query import Query


def get_all_plan(identity_map: IdentityMap, include_deleted: bool = False) -> Plan[list[Any]]:
    """Every living row, by id; or deleted ones too, which costs one SELECT.

    With ``cache_all`` 1 Redis and what the rows cost, else one SELECT.
    """
    since = identity_map.writes_seen
    if identity_map.binding.fills_all_ids and not identity_map.in_transaction and not include_deleted:
        rows = yield from _kept_plan(identity_map)
    else:
        rows = yield from _select_plan(identity_map, Query().include_deleted() if include_deleted else Query())
    return identity_map.shown(identity_map.entities_from_rows(rows, since), include_deleted)


def _select_plan(identity_map: IdentityMap, query: Query) -> Plan[list[Row]]:
    bound = identity_map.binding.queries.bind_all(query)
    if bound is None:
        return []
    return (yield from FetchRows(identity_map.target, bound.sql, bound.args))


def _kept_plan(identity_map: IdentityMap) -> Plan[list[Row]]:
    binding = identity_map.binding
    assert binding.redis_pool is not None
    reader = KeyReader(identity_map.unit_of_work._engine, binding, binding.redis_pool, binding.all_ids_key)
    found = yield from reader.look_plan()
    if found is not None:
        ids = decode_ids(found, reader.stamp)
        if ids is not None:
            binding.counts.redis_hit += 1
            return (yield from _living_plan(identity_map, ids))
        if is_foreign(found, reader.stamp):
            binding.counts.redis_foreign += 1
        else:
            binding.counts.redis_broken += 1
        yield from reader.swap_plan(found)
    yield from reader.marked_plan()
    rows = yield from _select_plan(identity_map, Query())
    if reader.held is not None:
        return (yield from _living_plan(identity_map, sorted({*ids_in(reader.held), *(int(row[0]) for row in rows)})))
    if reader.mine:
        _ = yield from reader.fill_plan(encode_list(reader.stamp, [int(row[0]) for row in rows]))
    return rows


def _living_plan(identity_map: IdentityMap, ids: list[int]) -> Plan[list[Row]]:
    """The rows of the ids that still live: they are read later than the list."""
    rows = yield from read_rows_plan(identity_map.unit_of_work._engine, identity_map.target, identity_map.binding, ids)
    deleted = identity_map.schema.soft_delete_position
    found = [rows[id] for id in ids if id in rows]
    return [row for row in found if deleted is None or not identity_map.python_value(deleted, row[deleted])]
