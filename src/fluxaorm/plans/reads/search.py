"""Searches in MySQL: what a query reads, how its rows become entities. A query that can match nothing sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fluxaorm.entity.values.unfit_cell import UNFIT, as_text
from fluxaorm.errors import QueryError, StoredValueError
from fluxaorm.plans.effects import FetchRows, Plan, Row
from fluxaorm.plans.reads.locked import check_lockable, refuse_unsaved
from fluxaorm.plans.reads.unique import get_by_unique_plan
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.query.conditions import Combination, Comparison, Condition
from fluxaorm.query.fields import QueryField, key_of
from fluxaorm.query.own_sql.own_select import locks_rows, wrap_select
from fluxaorm.query.pager import check_count
from fluxaorm.query.query import GroupedQuery, Query
from fluxaorm.query.sql.select import COUNT, EXISTS, IDS, ROWS, BoundSQL, expressions_form
from fluxaorm.query.where import Where


def search_many_plan(identity_map: IdentityMap, query: Query) -> Plan[list[Any]]:
    """Entities that match, in the query's order. Raises QueryError before anything is sent, like all of these."""
    since = identity_map.writes_seen
    rows = yield from _fetch(identity_map, identity_map.binding.queries.bind(check_search(identity_map, query), ROWS))
    return _found(identity_map, query, rows, since)


def search_many_with_total_plan(identity_map: IdentityMap, query: Query) -> Plan[tuple[list[Any], int]]:
    """The same with the number of all that match, whatever the page."""
    since = identity_map.writes_seen
    rows = yield from _fetch(identity_map, identity_map.binding.queries.bind(check_search(identity_map, query), ROWS))
    total = yield from _total_plan(identity_map, query, len(rows))
    return _found(identity_map, query, rows, since), total


def search_one_plan(identity_map: IdentityMap, query: Query) -> Plan[Any]:
    """The first entity that matches, or None; by the cached unique index when the query is a look-up in one."""
    look_up = _unique_look_up(identity_map, check_search(identity_map, query))
    if look_up is not None:
        return (yield from get_by_unique_plan(identity_map, *look_up))
    since = identity_map.writes_seen
    rows = yield from _fetch(identity_map, identity_map.binding.queries.bind_first(query))
    if not rows:
        return None
    found = _found(identity_map, query, rows, since)
    if not found:
        # it only waits to be deleted: what comes next is the first
        waiting, since = len(identity_map.unit_of_work._pending), identity_map.writes_seen
        rows = yield from _fetch(identity_map, identity_map.binding.queries.bind(query.limit(waiting + 1), ROWS))
        found = _found(identity_map, query, rows, since)
    return found[0] if found else None


def search_ids_plan(identity_map: IdentityMap, query: Query) -> Plan[list[int]]:
    """The ids of what matches, in the query's order.

    Locked rows are read whole: entities that the context has of them say what they say.
    """
    if check_search(identity_map, query)._lock:
        found = yield from search_many_plan(identity_map, query)
        return [entity.id for entity in found]
    rows = yield from _fetch(identity_map, identity_map.binding.queries.bind(query, IDS))
    return [int(row[0]) for row in rows]


def search_ids_with_total_plan(identity_map: IdentityMap, query: Query) -> Plan[tuple[list[int], int]]:
    """The same with the number of all that match, whatever the page."""
    ids = yield from search_ids_plan(identity_map, query)
    total = yield from _total_plan(identity_map, query, len(ids))
    return ids, total


def count_plan(identity_map: IdentityMap, query: Query) -> Plan[int]:
    """How many match, whatever the page."""
    rows = yield from _fetch(identity_map, identity_map.binding.queries.bind(check_search(identity_map, query), COUNT))
    return int(rows[0][0]) if rows else 0


def exists_plan(identity_map: IdentityMap, query: Query) -> Plan[bool]:
    """Whether any matches, whatever the page."""
    rows = yield from _fetch(identity_map, identity_map.binding.queries.bind(check_search(identity_map, query), EXISTS))
    return bool(rows)


def select_plan(
    identity_map: IdentityMap, query: Query, fields: Sequence[QueryField[Any, Any]]
) -> Plan[list[tuple[Any, ...]]]:
    """A tuple of these fields' values for each row that matches; makes no entities."""
    if not fields:
        raise QueryError("select() needs a field")
    keys = [key_of(field) for field in fields]
    form = expressions_form(keys)
    bound = identity_map.binding.queries.bind(check_search(identity_map, query), form)
    decoders = [decoder_of(identity_map, key) for key in keys]
    rows = yield from _fetch(identity_map, bound)
    try:
        return [
            tuple(None if raw is None else decode(raw) for decode, raw in zip(decoders, row, strict=True))
            for row in rows
        ]
    except UNFIT:
        pass
    raise unfit_value(identity_map, keys, rows)


def from_sql_plan(identity_map: IdentityMap, sql: str, args: Sequence[Any]) -> Plan[list[Any]]:
    """Entities of the rows of a SELECT of the user's own, which must have all columns of the entity by their names."""
    where = Where(sql, *args)
    where._check_rows("from_sql()")
    escapes = identity_map.binding.dialect.backslash_escapes
    wrapped, lock = wrap_select(identity_map.binding.select_list, str(where), escapes=escapes), locks_rows(str(where))
    if lock:
        check_lockable(identity_map)
    since = identity_map.writes_seen
    rows = yield from FetchRows(identity_map.target, wrapped, where.parameters)
    if lock:
        _refuse_unsaved_of(identity_map, rows)
    return identity_map.entities_from_rows(rows, since)


class Iteration:
    """Reads everything that matches in batches, by keyset pagination on id.

    ``while not iteration.done: entities = run(iteration.batch_plan())``. Rows written meanwhile are seen if their id is
    still to come; none comes twice.
    """

    def __init__(self, identity_map: IdentityMap, query: Query, batch: int) -> None:
        """Raises QueryError for a query with a sort or an offset, or a batch that is no positive int."""
        most = identity_map.binding.dialect.capabilities.rows_a_query
        self._query, self._batch = check_query(query), min(check_count("batch", batch, 1), most or batch)
        if query._sorts:
            raise QueryError("iterate() goes by id: it takes no sort; search_many() with a pager does")
        if query._offset_value:
            raise QueryError("iterate() takes no offset or page; filter by id instead")
        self._identity_map = identity_map
        self._left = query._limit_value
        self._after: int | None = None
        self.done = False

    def batch_plan(self) -> Plan[list[Any]]:
        """The next entities; sets ``done`` when they are the last."""
        _ = check_search(self._identity_map, self._query)
        since = self._identity_map.writes_seen
        size = self._batch if self._left is None else min(self._batch, self._left)
        rows = yield from _fetch(
            self._identity_map, self._identity_map.binding.queries.bind_after(self._query, self._after, size)
        )
        if self._left is not None:
            self._left -= len(rows)
        self.done = len(rows) < size or self._left == 0
        if rows:
            self._after = int(rows[-1][0])
        return _found(self._identity_map, self._query, rows, since)


def check_search(identity_map: IdentityMap, query: object) -> Query:
    """``query``; QueryError when it is something else, or is to lock rows and no transaction is open."""
    checked = check_query(query)
    if checked._lock:
        check_lockable(identity_map)
    return checked


def _found(identity_map: IdentityMap, query: Query, rows: Sequence[Row], since: int) -> list[Any]:
    """The entities of rows that a query found, but those that wait to be deleted.

    UnsavedChangesError for a locked row of an entity that has some: the lock would guard a lost update.
    """
    if query._lock:
        _refuse_unsaved_of(identity_map, rows)
    entities = identity_map.entities_from_rows(rows, since)
    return identity_map.shown(entities, query._with_deleted) if identity_map.unit_of_work._pending else entities


def _refuse_unsaved_of(identity_map: IdentityMap, rows: Sequence[Row]) -> None:
    for row in rows:
        refuse_unsaved(identity_map, int(row[0]))


def check_query(query: object) -> Query:
    """``query``; QueryError when it is something else."""
    if isinstance(query, GroupedQuery):
        raise QueryError("a query with group_by() is for aggregate()")
    if not isinstance(query, Query):
        raise QueryError(f"a Query is wanted here, not {type(query).__name__}: Query().filter(...)")
    return query


def decoder_of(identity_map: IdentityMap, key: Any) -> Any:
    """What turns raw values of a field, also of one behind references, into Python forms."""
    schema, column = identity_map.binding.queries.resolve(key)
    binding = (
        identity_map.binding
        if schema is identity_map.schema
        else identity_map.unit_of_work._engine.binding_of(schema.name)
    )
    return binding.decoders[column.index]


def unfit_value(identity_map: IdentityMap, keys: Sequence[Any], rows: Iterable[Sequence[Any]]) -> StoredValueError:
    """The error for the first cell that its field has no form for. ``keys``: of the columns, None: of no field.

    Made when the decoder's own is gone, whose text may show a secret.
    """
    own_id = next((at for at, key in enumerate(keys) if key is not None and key.field == "id" and not key.path), None)
    for row in rows:
        for key, raw in zip(keys, row, strict=True):
            if key is None or raw is None:
                continue
            try:
                _ = decoder_of(identity_map, key)(raw)
            except UNFIT as error:
                schema, column = identity_map.binding.queries.resolve(key)
                id = None if own_id is None or key.path else int(row[own_id])
                return StoredValueError(
                    schema.name, id, column.attribute, as_text(raw), str(error), secret=column.secret
                )
    return StoredValueError(
        identity_map.schema.name, None, "a computed value", None, "it is of another type than the fields"
    )


def _fetch(identity_map: IdentityMap, bound: BoundSQL | None) -> Plan[list[Row]]:
    if bound is None:
        return []
    return (yield from FetchRows(identity_map.target, bound.sql, bound.args))


def _total_plan(identity_map: IdentityMap, query: Query, found: int) -> Plan[int]:
    """The number of all that match, counted by the server unless the page shows that it is the last."""
    limit = query._limit_value
    is_last = limit is None or found < limit
    if is_last and (found or not query._offset_value):
        return query._offset_value + found
    return (yield from count_plan(identity_map, query))


def _unique_look_up(identity_map: IdentityMap, query: Query) -> tuple[str, list[Any]] | None:
    """Index and values of a query that is exactly one equality for each column of a cached unique index."""
    if query._sorts or query._offset_value or query._lock or query._with_deleted or query._index:
        return None
    equal: dict[str, Any] = {}
    conditions = [part for condition in query._conditions for part in _parts(condition)]
    for condition in conditions:
        if not isinstance(condition, Comparison) or condition._operator != "eq" or condition._field.path:
            return None
        if condition._field.entity != identity_map.schema.name:
            return None
        equal[condition._field.field] = condition._values[0]
    for index in identity_map.schema.indexes:
        if index.unique and index.cached and len(conditions) == len(equal) and set(index.fields) == equal.keys():
            return index.name, [equal[field] for field in index.fields]
    return None


def _parts(condition: Condition) -> tuple[Condition, ...]:
    is_all = isinstance(condition, Combination) and condition._operator == "and"
    return condition._parts if isinstance(condition, Combination) and is_all else (condition,)
