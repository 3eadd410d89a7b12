"""Rows of one entity from MySQL alone, by id; one statement each. Decides; no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from fluxaorm.plans.effects import FetchRows, Plan, Row, Target
from fluxaorm.plans.state.bound_entity import BoundEntity


def select_row_plan(target: Target, binding: BoundEntity, id: int) -> Plan[Row | None]:
    """The row of an id from MySQL."""
    rows = yield from FetchRows(target, binding.select_by_id_sql, (id,))
    return rows[0] if rows else None


def select_rows_plan(target: Target, binding: BoundEntity, ids: Sequence[int]) -> Plan[dict[int, Row]]:
    """The rows of ids from MySQL; one statement."""
    places = ", ".join("?" * len(ids))
    sql = f"{binding.select_sql} WHERE {binding.quoted_id} IN ({places})"
    return {int(row[0]): row for row in (yield from FetchRows(target, sql, tuple(ids)))}
