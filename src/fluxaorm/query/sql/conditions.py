"""Compiles the tree of conditions to SQL with ``?``; a part that can only be true or false is folded away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from fluxaorm.dialects.port import Dialect
from fluxaorm.errors import QueryError
from fluxaorm.query.conditions import (
    Combination,
    Comparison,
    Condition,
    FieldKey,
    Negation,
    RawCondition,
    open_condition,
)
from fluxaorm.query.own_sql.placeholders import is_closed
from fluxaorm.query.sql.binders import Binder, as_is, binder_for
from fluxaorm.query.sql.joins import Tables

_OPERATORS: Final = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


class Pick(NamedTuple):
    """A placeholder: which of the query's values it takes, and how that is bound."""

    position: int
    bind: Binder


class SQLPart(NamedTuple):
    """A compiled condition: its text, or True or False; what its placeholders take; what joins its parts."""

    sql: str | bool
    picks: tuple[Pick, ...] = ()
    joined_by: str = ""

    def beside(self, operator: str) -> str:
        """The text as a part of a longer one, in parentheses where these two operators would mix."""
        return f"({self.sql})" if self.joined_by not in ("", operator) else str(self.sql)


def field_keys(condition: Condition) -> Iterator[FieldKey]:
    """Every field that a condition is about."""
    if isinstance(condition, Comparison):
        yield condition._field
    elif isinstance(condition, Negation):
        yield from field_keys(condition._part)
    elif isinstance(condition, Combination):
        for part in condition._parts:
            yield from field_keys(part)


class ConditionCompiler:
    """Compiles the conditions of one query, in order, counting the values they take."""

    def __init__(self, tables: Tables, dialect: Dialect) -> None:
        self._tables, self._dialect = tables, dialect
        self._position = 0

    def compile(self, condition: Condition) -> SQLPart:
        """The SQL of a condition. Raises QueryError for a field of another entity."""
        match condition:
            case Comparison():
                return self._comparison(condition)
            case Combination():
                return self.combine(condition._operator, [self.compile(part) for part in condition._parts])
            case Negation():
                return self._negation(condition)
            case RawCondition():
                return self._raw(condition)
            case _:
                raise QueryError(f"{condition!r} has no meaning in SQL")

    def combine(self, operator: str, parts: list[SQLPart]) -> SQLPart:
        """All (``and``) or any (``or``) of compiled parts, the constant ones folded away."""
        neutral = operator == "and"
        if any(part.sql is not neutral and isinstance(part.sql, bool) for part in parts):
            return SQLPart(not neutral)
        kept = [part for part in parts if part.sql is not neutral]
        if len(kept) <= 1:
            return kept[0] if kept else SQLPart(neutral)
        sql = f" {operator.upper()} ".join(part.beside(operator) for part in kept)
        return SQLPart(sql, tuple(pick for part in kept for pick in part.picks), operator)

    def _negation(self, condition: Negation) -> SQLPart:
        part = self.compile(condition._part)
        if isinstance(part.sql, bool):
            return SQLPart(not part.sql)
        return SQLPart(f"NOT ({part.sql})", part.picks)

    def _raw(self, condition: RawCondition) -> SQLPart:
        if not is_closed(condition._sql, escapes=self._dialect.backslash_escapes):
            raise open_condition(condition._sql)
        closing = "\n)" if "--" in condition._sql or "#" in condition._sql else ")"
        return SQLPart(
            f"({condition._sql}{closing}", tuple(Pick(at, as_is) for at in self._take(condition._parameters))
        )

    def _comparison(self, condition: Comparison) -> SQLPart:
        found = self._tables.find(condition._field)
        count = len(condition._values)
        sql = self._comparison_sql(condition._operator, found.sql, count)
        positions = self._take(condition._values)
        if isinstance(sql, bool):
            return SQLPart(sql)
        bind = binder_for(found.column, condition._operator, condition._field)
        joined_by = "or" if condition._operator == "has_any" and count > 1 else ""
        return SQLPart(sql, tuple(Pick(at, bind) for at in positions), joined_by)

    def _comparison_sql(self, operator: str, column: str, count: int) -> str | bool:
        if operator in _OPERATORS:
            return f"{column} {_OPERATORS[operator]} ?"
        if operator in ("in", "not_in", "has_any") and not count:
            return operator == "not_in"
        if operator in ("in", "not_in"):
            return f"{column} {'IN' if operator == 'in' else 'NOT IN'} ({', '.join('?' * count)})"
        if operator in ("has", "has_any"):
            return " OR ".join([self._dialect.set_contains(column)] * count)
        if operator in ("like", "starts_with", "contains"):
            return self._dialect.like(column)
        return f"{column} {_WORDS[operator]}"

    def _take(self, values: tuple[Any, ...]) -> range:
        start = self._position
        self._position += len(values)
        return range(start, self._position)


_WORDS: Final = {"between": "BETWEEN ? AND ?", "is_null": "IS NULL", "is_not_null": "IS NOT NULL"}
