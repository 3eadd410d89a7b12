"""Changing and deleting all rows that a query matches: ``update_where`` and ``delete_where``. Decides; no I/O.

Where rows may be cached, their ids are read and locked first and announced before the COMMIT; where none can be, the
statement runs alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from fluxaorm.entity.schema import UNSET
from fluxaorm.errors import MySQLError, QueryError, UnsettableFieldError
from fluxaorm.plans.effects import (
    ExecResult,
    Execute,
    ExecuteBatch,
    FetchRows,
    Plan,
    Session,
    Statement,
    Target,
)
from fluxaorm.plans.flush.bulk import Outcome, written_plan
from fluxaorm.plans.reads.search import check_query
from fluxaorm.plans.retries import retried_plan
from fluxaorm.plans.state.given_names import SET_BY_LIBRARY, refuse_twice
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.plans.writes.creation import draft
from fluxaorm.plans.writes.duplicates import explained_plan
from fluxaorm.plans.writes.entity_write import StatementTag
from fluxaorm.plans.writes.row_params import ROWS_A_STATEMENT
from fluxaorm.plans.writes.row_statements import encoded
from fluxaorm.plans.writes.soft_delete import zero_id_error
from fluxaorm.query.assignments import SetClause
from fluxaorm.query.expressions import Expression
from fluxaorm.query.query import Query
from fluxaorm.query.sql.conditions import field_keys
from fluxaorm.query.sql.select import IDS


def update_where_plan(identity_map: IdentityMap, query: Query, changes: Mapping[str, Any]) -> Plan[int]:
    """Set columns of all rows that match; their number. ``changes``: name -> value or Expression.

    Raises QueryError and FieldValueError before anything is sent, and as ``written_plan``.
    """
    if not changes:
        raise QueryError(f"{identity_map.schema.name}: update_where() needs something to set")
    clause = SetClause(identity_map.schema, identity_map.binding.dialect)
    expressions: dict[str, Expression[Any]] = {
        name: value for name, value in changes.items() if isinstance(value, Expression)
    }
    plain = {name: value for name, value in changes.items() if name not in expressions}
    values = draft(identity_map, plain, [UNSET] * identity_map.binding.width)._row
    for position, value in enumerate(values):
        if value is not UNSET:
            clause.add_value(position, encoded(identity_map.schema.columns[position], value))
    refuse_twice(identity_map.schema, identity_map.binding.rivals, changes)
    computed = {_position_of(identity_map, name): expression for name, expression in expressions.items()}
    for position, expression in computed.items():
        clause.add_expression(position, expression)
    taken = {position for position, value in enumerate(values) if value is not UNSET} | computed.keys()
    return (yield from _set_plan(identity_map, check_query(query), clause, taken))


def _position_of(identity_map: IdentityMap, name: str) -> int:
    column = identity_map.binding.by_name.get(name)
    if column is None:
        known = ", ".join(column.attribute for column in identity_map.schema.columns[1:])
        raise UnsettableFieldError(
            identity_map.schema.name, name, f"is not a column that can be computed; there are {known}"
        )
    if column.index == 0 or column.auto in SET_BY_LIBRARY:
        raise UnsettableFieldError(identity_map.schema.name, name, "is set by the library, not in bulk")
    return column.index


def delete_where_plan(identity_map: IdentityMap, query: Query, *, force: bool) -> Plan[int]:
    """Delete all rows that match, or mark them deleted where the entity has soft delete; their number.

    NotSupportedError when the row with id 0 is to be marked.
    """
    mark = identity_map.schema.soft_delete_position
    if mark is None or force:
        return (
            yield from _change_plan(
                identity_map, check_query(query), f"DELETE FROM {identity_map.binding.quoted_table}", ()
            )
        )
    clause = SetClause(identity_map.schema, identity_map.binding.dialect)
    # a mark of 0 would mean that the row is alive: NULL is refused, and all rows stay as they are
    clause.add_sql(mark, f"NULLIF({identity_map.binding.quoted_id}, 0)")
    try:
        return (yield from _set_plan(identity_map, check_query(query), clause, {mark}))
    except MySQLError as error:
        if not identity_map.binding.dialect.is_refused_null(error):
            raise
        raise zero_id_error(identity_map.schema.name) from error


def _set_plan(identity_map: IdentityMap, query: Query, clause: SetClause, taken: set[int]) -> Plan[int]:
    """Set also what every change of a row sets: its time and its version."""
    schema, dialect = identity_map.schema, identity_map.binding.dialect
    updated_at, version = schema.updated_at_position, schema.version_position
    if updated_at is not None and updated_at not in taken:
        column = schema.columns[updated_at]
        clause.add_value(
            updated_at, encoded(column, column.check(identity_map.unit_of_work._engine.clock().astimezone(UTC)))
        )
    if version is not None:
        clause.add_sql(version, f"{dialect.quote(schema.columns[version].name)} + 1")
    assignments, args = clause.render()
    return (
        yield from _change_plan(
            identity_map, query, f"UPDATE {identity_map.binding.quoted_table} SET {assignments}", args
        )
    )


def _change_plan(identity_map: IdentityMap, query: Query, head: str, args: Sequence[Any]) -> Plan[int]:
    """Run ``head`` for all rows that match."""
    binding = identity_map.binding
    is_cached = binding.redis_pool is not None or binding.local is not None
    if is_cached or not _is_condition_only(query):
        return (
            yield from written_plan(
                identity_map, lambda session: _by_ids_plan(identity_map, session, query, head, args)
            )
        )
    bound = binding.queries.bind_where(query)
    if bound is None:
        return 0
    sql, values = f"{head}{bound.sql}", [*args, *bound.args]
    try:
        if identity_map.in_transaction:
            result = yield from Execute(identity_map.target, sql, values)
        else:
            result = yield from retried_plan(lambda: _alone_plan(binding.mysql_pool, sql, values))
    except MySQLError as error:
        raise (yield from _explained_plan(identity_map, identity_map.target, error)) from error
    finally:
        # also when nobody knows whether it was done
        identity_map.make_stale()
    return result.rows_affected


def _alone_plan(pool: str, sql: str, args: Sequence[Any]) -> Plan[ExecResult]:
    return (yield from Execute(pool, sql, args))


def _explained_plan(identity_map: IdentityMap, target: Target, error: MySQLError) -> Plan[BaseException]:
    """A duplicate key with its entity and index; which row it was cannot be told."""
    return (yield from explained_plan(target, error, StatementTag(identity_map.binding, "update", ())))


def _is_condition_only(query: Query) -> bool:
    """Whether the query is nothing but a condition on the entity's own columns."""
    if query._sorts or query._limit_value is not None or query._offset_value or query._lock or query._index:
        return False
    return not any(key.path for condition in query._conditions for key in field_keys(condition))


def _by_ids_plan(
    identity_map: IdentityMap, session: Session, query: Query, head: str, args: Sequence[Any]
) -> Plan[Outcome[int]]:
    """Lock the rows and read their ids, then change those."""
    binding = identity_map.binding
    if not query._lock and binding.dialect.for_update_clause():
        query = query.for_update()
    bound = binding.queries.bind(query, IDS)
    rows = [] if bound is None else (yield from FetchRows(session, bound.sql, bound.args))
    ids = sorted(int(row[0]) for row in rows)
    id_name = identity_map.schema.columns[0].name
    statements = [
        Statement(f"{head} WHERE {binding.dialect.rows_in([id_name], len(part))}", [*args, *part])
        for part in (ids[start : start + ROWS_A_STATEMENT] for start in range(0, len(ids), ROWS_A_STATEMENT))
    ]
    if not statements:
        return Outcome(0, ())
    try:
        results = yield from ExecuteBatch(session, statements)
    except MySQLError as error:
        raise (yield from _explained_plan(identity_map, session, error)) from error
    return Outcome(sum(result.rows_affected for result in results), ids)
