"""An expression of ``update_where`` as SQL, for the column that it sets. Sends nothing.

What is computed has the type of the column: texts for a text, numbers for a number, moments for a moment of the same
kind; nothing is rounded or converted in silence.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

from fluxaorm.dialects.port import Dialect
from fluxaorm.entity.schema import ColumnSchema, EntitySchema
from fluxaorm.errors import NotSupportedError, QueryError
from fluxaorm.query.conditions import FieldKey
from fluxaorm.query.expressions import Coalesced, Computed, Expression, Joined, Moved

NUMBERS: Final = frozenset({"int", "uint", "float", "float32", "decimal"})
MOMENTS: Final = frozenset({"date", "datetime"})
Term: TypeAlias = "Expression[Any] | Decimal | float | str | date"
_MICROSECOND: Final = timedelta(microseconds=1)


class Terms:
    """The terms of one assignment: ``args`` in the order of their places, and the columns ``needed``."""

    def __init__(self, schema: EntitySchema, dialect: Dialect, target: ColumnSchema) -> None:
        self._schema, self._dialect, self._target = schema, dialect, target
        self.args: list[Any] = []
        self.needed: set[int] = set()

    def sql(self, term: Term) -> str:
        """A term and its values. QueryError, NotSupportedError."""
        if isinstance(term, Computed):
            self._check_number(self._target)
            return f"({self.sql(term._left)} {term._sign} {self.sql(term._right)})"
        if isinstance(term, Joined):
            if self._target.kind != "str":
                raise QueryError(f"{self._name(self._target)} is no text: it cannot be joined of texts")
            return self._dialect.computed.concat(self.sql(term._left), self.sql(term._right))
        if isinstance(term, Moved):
            return self._moved(term)
        if isinstance(term, Coalesced):
            if self._target.kind in NUMBERS:
                self._check_number(self._target)
            return f"COALESCE({self.sql(term._field)}, {self.sql(term._other)})"
        return self._field(term) if isinstance(term, Expression) else self._value(term)

    def _field(self, field: Expression[Any]) -> str:
        # what is not computed is a field, its own only operand
        (key,) = field._operands()
        column = self._column(key)
        self._check_kinds(column)
        self.needed.add(column.index)
        return self._dialect.quote(column.name)

    def _value(self, value: Any) -> str:
        target = self._target
        if target.kind not in MOMENTS:
            self.args.append(value)
            return "?"
        try:
            self.args.append(target.encode(target.check(value)))
        except ValueError as error:
            raise QueryError(f"{self._name(target)}: a value {error}") from None
        return self._dialect.computed.value(target)

    def _moved(self, term: Moved[Any]) -> str:
        column = self._target
        if column.kind not in MOMENTS:
            raise QueryError(f"{self._name(column)} is no date and no datetime: it cannot be moved")
        micros = term._by // _MICROSECOND
        if micros % _smallest(column):
            raise QueryError(f"{self._name(column)} is a {column.mysql_type}: what is finer would be rounded")
        pattern, number = self._dialect.computed.later(column, micros)
        before, *between = pattern.split("{0}")
        sql = before
        for part in between:
            sql += self.sql(term._moment) + part
            if "?" in part:
                self.args.append(number)
        return sql

    def _column(self, key: FieldKey) -> ColumnSchema:
        if key.entity != self._schema.name or key.path:
            raise QueryError(f"{key}: what is set can be computed of the row's own fields only")
        column = self._schema.by_field.get(key.field)
        if column is None:
            raise QueryError(f"{key}: {self._schema.name} has no field '{key.field}'")
        return column

    def _check_number(self, column: ColumnSchema) -> None:
        if column.kind not in NUMBERS:
            raise QueryError(f"{self._name(column)} is no number: it cannot be computed")
        if not self._dialect.computes(column):
            raise NotSupportedError(
                f"{self._name(column)}: {self._dialect.name} keeps this number as text and computes "
                "nothing with it; load the entities and set it"
            )

    def _check_kinds(self, source: ColumnSchema) -> None:
        target = self._target
        if target.kind in NUMBERS and source.kind in NUMBERS:
            if target.mysql_type != source.mysql_type:
                self._check_number(source)
                self._check_number(target)
        elif target.kind != source.kind or target.enum is not None or self._is_rounded(source):
            names = f"{self._name(target)} cannot have the value of '{source.field}'"
            raise QueryError(f"{names}: they are {target.mysql_type} and {source.mysql_type}")

    def _is_rounded(self, source: ColumnSchema) -> bool:
        return source.kind == "datetime" and _smallest(source) < _smallest(self._target)

    def _name(self, column: ColumnSchema) -> str:
        return f"{self._schema.name}.{column.field}"


def _smallest(column: ColumnSchema) -> int:
    """Microseconds by which the values of a date or datetime column differ at least."""
    if column.kind == "date":
        return 86_400_000_000
    digits = column.mysql_type.removeprefix("datetime").strip("()")
    return int(10 ** (6 - int(digits or 0)))
