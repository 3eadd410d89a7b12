"""What ``update_where`` sets: values and expressions of one entity's columns, compiled to a SET clause. Sends nothing.

Every expression sees the row as it was, whatever the server's own rule: MySQL assigns from left to right, so a column
is set after those that need its old value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fluxaorm.dialects.port import Dialect
from fluxaorm.entity.schema import EntitySchema
from fluxaorm.errors import QueryError
from fluxaorm.query.expressions import Expression
from fluxaorm.query.sql.terms import Terms


class SetClause:
    """``SET`` text and values; ``add_...`` in any order."""

    def __init__(self, schema: EntitySchema, dialect: Dialect) -> None:
        self._schema, self._dialect = schema, dialect
        self._parts: dict[int, tuple[str, list[Any], frozenset[int]]] = {}

    def add_value(self, position: int, param: Any) -> None:
        """Set a column to a value in the form a driver takes."""
        self._parts[position] = "?", [param], frozenset()

    def add_sql(self, position: int, sql: str) -> None:
        """Set a column to SQL of the library's own, which needs no other column that is set."""
        self._parts[position] = sql, [], frozenset()

    def add_expression(self, position: int, expression: Expression[Any]) -> None:
        """Set a column to what the server computes.

        Raises QueryError for a field of another entity or type, NotSupportedError for what SQLite cannot compute.
        """
        terms = Terms(self._schema, self._dialect, self._schema.columns[position])
        sql = terms.sql(expression)
        self._parts[position] = sql, terms.args, frozenset(terms.needed - {position})

    def render(self) -> tuple[str, list[Any]]:
        """The clause behind ``SET`` and its values. QueryError when columns need one another's old values."""
        waiting = dict(self._parts)
        assignments: list[str] = []
        args: list[Any] = []
        while waiting:
            free = next((at for at in waiting if not self._is_needed(at, waiting)), None)
            if free is None:
                names = ", ".join(self._schema.columns[at].field for at in waiting)
                raise QueryError(f"{self._schema.name}: {names} need one another's old values; set them in two calls")
            sql, values, _ = waiting.pop(free)
            assignments.append(f"{self._dialect.quote(self._schema.columns[free].name)} = {sql}")
            args += values
        return ", ".join(assignments), args

    def _is_needed(self, position: int, waiting: Mapping[int, tuple[str, list[Any], frozenset[int]]]) -> bool:
        return any(position in needed for _, _, needed in waiting.values())
