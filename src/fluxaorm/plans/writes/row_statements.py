"""The statements that write rows: DELETE, UPDATE and INSERT for as many rows each as go together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

from fluxaorm.entity.schema import UNSET, ColumnSchema
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.entity.values.unfit_cell import UnfitCell
from fluxaorm.errors import MissingValueError
from fluxaorm.plans.effects import Statement
from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.writes.entity_write import EntityWrite, StatementTag
from fluxaorm.plans.writes.order.rows import DELETE, INSERT, MARK, UPDATE
from fluxaorm.plans.writes.row_params import ROWS_A_STATEMENT, Params, UnsetValueError, cut, parts_of

ROWS_A_CASE: Final = 200
"""Rows an UPDATE with CASE changes: the server looks through the branches one by one."""


def statements_of(binding: BoundEntity, kind: int, writes: list[EntityWrite]) -> list[Statement]:
    """What writes these rows of one entity. ``kind``: of ``order.rows``. MissingValueError for an INSERT."""
    return _STATEMENTS[kind](binding, writes)


def encoded(column: ColumnSchema, value: Any) -> Any:
    """The Param of a Python form (JSON in its cell), or of a stored value that does not fit."""
    if value is None:
        return None
    if type(value) is UnfitCell:
        return value.raw
    return column.encode(value.value if type(value) is JsonValue else value)


def _delete_statements(binding: BoundEntity, writes: list[EntityWrite]) -> list[Statement]:
    version = binding.schema.version_position
    writes = sorted(writes, key=lambda write: int(write.entity._row[0]))
    if version is not None:
        return [_versioned_delete(binding, write, version) for write in writes]
    statements: list[Statement] = []
    for start in range(0, len(writes), ROWS_A_STATEMENT):
        entities = [write.entity for write in writes[start : start + ROWS_A_STATEMENT]]
        places = ", ".join("?" * len(entities))
        sql = f"DELETE FROM {binding.quoted_table} WHERE {binding.quoted_id} IN ({places})"
        tag = StatementTag(binding, "delete", entities)
        statements.append(Statement(sql, [entity._row[0] for entity in entities], tag))
    return statements


def _versioned_delete(binding: BoundEntity, write: EntityWrite, version: int) -> Statement:
    column = binding.dialect.quote(binding.schema.columns[version].name)
    sql = f"DELETE FROM {binding.quoted_table} WHERE {binding.quoted_id} = ? AND {column} = ?"
    entity = write.entity
    return Statement(sql, (entity._row[0], entity._decoded(version)), StatementTag(binding, "delete", [entity]))


def _update_statements(binding: BoundEntity, writes: list[EntityWrite]) -> list[Statement]:
    writes = sorted(writes, key=lambda write: int(write.entity._row[0]))
    if binding.schema.version_position is not None:
        return [_update_statement(binding, write, _params(binding, write)) for write in writes]
    by_columns: dict[tuple[int, ...], list[EntityWrite]] = {}
    for write in writes:
        by_columns.setdefault(tuple(write.values), []).append(write)
    return [
        _joint_update(binding, positions, part, rows)
        for positions, group in by_columns.items()
        for part, rows in cut(group, [_params(binding, write) for write in group], ROWS_A_CASE)
    ]


def _params(binding: BoundEntity, write: EntityWrite) -> list[Any]:
    columns = binding.schema.columns
    return [encoded(columns[position], value) for position, value in write.values.items()]


def _joint_update(
    binding: BoundEntity, positions: tuple[int, ...], writes: Sequence[EntityWrite], rows: Sequence[Params]
) -> Statement:
    """One UPDATE of the same columns of several rows: a server spends less on it than on one statement a row."""
    if len(writes) == 1:
        return _update_statement(binding, writes[0], rows[0])
    entities = [write.entity for write in writes]
    ids = [entity._row[0] for entity in entities]
    quote, columns = binding.dialect.quote, binding.schema.columns
    changes = [
        assignment(quote(columns[position].name), binding.quoted_id, ids, values)
        for position, values in zip(positions, zip(*rows, strict=True), strict=True)
    ]
    assignments, places = ", ".join(sql for sql, _ in changes), ", ".join("?" * len(ids))
    sql = f"UPDATE {binding.quoted_table} SET {assignments} WHERE {binding.quoted_id} IN ({places})"
    args = [arg for _, args in changes for arg in args]
    return Statement(sql, args + ids, StatementTag(binding, "update", entities))


def assignment(name: str, id_name: str, ids: Sequence[Any], values: Params) -> tuple[str, Sequence[Any]]:
    """What sets a column of these rows, with its values: one for all, or for each its own. ``name``s are quoted."""
    first = values[0]
    if all(value == first and type(value) is type(first) for value in values):
        return f"{name} = ?", (first,)
    branches = " WHEN ? THEN ?" * len(ids)
    each_its_own = list(chain.from_iterable(zip(ids, values, strict=True)))
    return f"{name} = CASE {id_name}{branches} END", each_its_own


def _update_statement(binding: BoundEntity, write: EntityWrite, params: Params) -> Statement:
    args = [*params, write.entity._row[0]]
    if binding.schema.version_position is not None:
        args.append(write.entity._decoded(binding.schema.version_position))
    return Statement(binding.update_sql(tuple(write.values)), args, StatementTag(binding, "update", [write.entity]))


def _insert_statements(binding: BoundEntity, writes: list[EntityWrite]) -> list[Statement]:
    entities = [write.entity for write in writes]
    rows = [inserted_row(write) for write in writes]
    try:
        return [
            Statement(binding.insert_sql, (), StatementTag(binding, "insert", part), params)
            for part, params in parts_of(binding, entities, rows)
        ]
    except UnsetValueError as error:
        raise missing_values(binding, rows[error.row]) from None


def inserted_row(write: EntityWrite) -> list[Any]:
    """The Python forms that a new row is made of, not to be changed; UNSET where nobody gave one."""
    if not write.values:
        return write.entity._row
    row = write.entity._row.copy()
    for position, value in write.values.items():
        row[position] = value
    return row


def missing_values(binding: BoundEntity, row: Sequence[Any]) -> MissingValueError:
    """What is to be raised for a row that lacks values."""
    columns = binding.schema.columns
    missing = [columns[position].attribute for position, value in enumerate(row) if value is UNSET]
    return MissingValueError(binding.schema.name, row[0], missing)


_STATEMENTS: Final[dict[int, Callable[[BoundEntity, list[EntityWrite]], list[Statement]]]] = {
    DELETE: _delete_statements,
    MARK: _update_statements,
    UPDATE: _update_statements,
    INSERT: _insert_statements,
}
