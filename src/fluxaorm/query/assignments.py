"""What ``update_where`` sets: values and expressions of one entity's columns, compiled to a SET clause. Sends nothing.

Every expression sees the row as it was, whatever the server's own rule: MySQL assigns from left to right, so a column
is set after those that need its old value.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from fluxaorm.dialects.port import Dialect
from fluxaorm.entity.schema import ColumnSchema, EntitySchema
from fluxaorm.errors import NotSupportedError, QueryError
from fluxaorm.query.conditions import FieldKey
from fluxaorm.query.expressions import Computed, Expression

NUMBERS: Final = frozenset({"int", "uint", "float", "float32", "decimal"})
Term: TypeAlias = "Expression[Any] | Decimal | float"


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
        column = self._schema.columns[position]
        args: list[Any] = []
        needed: set[int] = set()
        sql = self._term(column, expression, args, needed)
        self._parts[position] = sql, args, frozenset(needed - {position})

    def _term(self, target: ColumnSchema, term: Term, args: list[Any], needed: set[int]) -> str:
        if isinstance(term, Computed):
            self._check_number(target)
            left, right = (self._term(target, part, args, needed) for part in (term.left, term.right))
            return f"({left} {term.sign} {right})"
        if isinstance(term, Expression):
            # what is not computed is a field, its own only operand
            (key,) = term._operands()
            column = self._column(key)
            self._check_kinds(target, column)
            needed.add(column.index)
            return self._dialect.quote(column.name)
        args.append(term)
        return "?"

    def _column(self, key: FieldKey) -> ColumnSchema:
        if key.entity != self._schema.name or key.path:
            raise QueryError(f"{key}: what is set can be computed of the row's own fields only")
        column = self._schema.by_field.get(key.field)
        if column is None:
            raise QueryError(f"{key}: {self._schema.name} has no field '{key.field}'")
        return column

    def _check_number(self, column: ColumnSchema) -> None:
        if column.kind not in NUMBERS:
            raise QueryError(f"{self._schema.name}.{column.field} is no number: it cannot be computed")
        if not self._dialect.computes(column):
            raise NotSupportedError(
                f"{self._schema.name}.{column.field}: {self._dialect.name} keeps this number as text and computes "
                "nothing with it; load the entities and set it"
            )

    def _check_kinds(self, target: ColumnSchema, source: ColumnSchema) -> None:
        if target.kind in NUMBERS and source.kind in NUMBERS:
            if target.mysql_type != source.mysql_type:
                self._check_number(source)
                self._check_number(target)
        elif target.kind != source.kind or target.enum is not None:
            names = f"{self._schema.name}.{target.field} cannot have the value of '{source.field}'"
            raise QueryError(f"{names}: they are {target.mysql_type} and {source.mysql_type}")

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
