"""Conditions as a neutral tree, which one compiler turns into SQL and another into a Redis search.

A tree holds fields by name and values as the user gave them; it knows no schema, no SQL and no server. Its ``shape``
is all but the values, so that what a compiler makes of it can be kept and bound again. As in SQL, NULL fulfils no
comparison, nor its negation: only ``is_null`` finds it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from fluxaorm.entity.values.guards import is_iterable
from fluxaorm.errors import QueryError
from fluxaorm.query.where import Where

Operator: TypeAlias = Literal[
    "eq", "ne", "lt", "lte", "gt", "gte", "between", "in", "not_in", "like", "starts_with", "contains",
    "is_null", "is_not_null", "has", "has_any",
]  # fmt: skip
Shape: TypeAlias = "tuple[Any, ...]"

DEEPEST: Final = 100
_SYMBOLS: Final = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


class FieldKey(NamedTuple):
    """Which column a condition is about: ``path`` are the reference fields that lead from ``entity`` to it."""

    entity: str
    path: tuple[str, ...]
    field: str

    def __str__(self) -> str:
        return ".".join((self.entity, *self.path, self.field))


class Condition(ABC):
    """Base of all conditions. Combine them with ``&``, ``|`` and ``~``, or ``and_`` and ``or_``."""

    __slots__ = ()

    _depth: int = 1
    """Levels of conditions, itself and those inside; at most ``DEEPEST``."""

    @property
    @abstractmethod
    def _shape(self) -> Shape:
        """Everything but the values; hashable."""

    @abstractmethod
    def _collect(self, values: list[Any]) -> None:
        """Append this condition's values in the order of its shape."""

    def __and__(self, other: Condition) -> Condition:
        return and_([self, other])

    def __or__(self, other: Condition) -> Condition:
        return or_([self, other])

    def __invert__(self) -> Condition:
        return self._part if isinstance(self, Negation) else Negation(self)

    def __bool__(self) -> bool:
        raise QueryError(
            f"the condition {self!r} is neither true nor false: combine conditions with & and |, negate them with ~, "
            "write a range as between() or as two conditions"
        )


def _depth_of(parts: Iterable[Condition]) -> int:
    """The depth of a condition around some; QueryError when no stack of a server or of ours could walk it for sure."""
    depth = 1 + max((part._depth for part in parts), default=0)
    if depth > DEEPEST:
        raise QueryError(
            f"conditions are nested more than {DEEPEST} levels deep: and_([...]) and or_([...]) take many at one level"
        )
    return depth


class Comparison(Condition):
    """A field and values. The number of values is part of the shape."""

    __slots__ = ("_field", "_operator", "_values")

    def __init__(self, field: FieldKey, operator: Operator, values: tuple[Any, ...] = ()) -> None:
        self._field, self._values = field, values
        self._operator: Operator = operator

    @property
    def _shape(self) -> Shape:
        return self._operator, self._field, len(self._values)

    def _collect(self, values: list[Any]) -> None:
        values.extend(self._values)

    def __repr__(self) -> str:
        """Shows no value: it may be a secret."""
        symbol = _SYMBOLS.get(self._operator)
        if symbol is not None:
            return f"{self._field} {symbol} ?"
        return f"{self._field}.{self._operator}({', '.join('?' * len(self._values))})"


class Combination(Condition):
    """All (``and``) or any (``or``) of some conditions; of none: true, and false."""

    __slots__ = ("_depth", "_operator", "_parts")

    def __init__(self, operator: Literal["and", "or"], parts: tuple[Condition, ...]) -> None:
        self._depth = _depth_of(parts)
        self._operator: Literal["and", "or"] = operator
        self._parts = parts

    @property
    def _shape(self) -> Shape:
        return self._operator, *[part._shape for part in self._parts]

    def _collect(self, values: list[Any]) -> None:
        for part in self._parts:
            part._collect(values)

    def __repr__(self) -> str:
        sign = " & " if self._operator == "and" else " | "
        return f"({sign.join(map(repr, self._parts))})"


class Negation(Condition):
    """Not the condition."""

    __slots__ = ("_depth", "_part")

    def __init__(self, part: Condition) -> None:
        self._depth = _depth_of((part,))
        self._part = part

    @property
    def _shape(self) -> Shape:
        return "not", self._part._shape

    def _collect(self, values: list[Any]) -> None:
        self._part._collect(values)

    def __repr__(self) -> str:
        return f"~{self._part!r}"


class RawCondition(Condition):
    """The user's own SQL; no other store understands it."""

    __slots__ = ("_parameters", "_sql")

    def __init__(self, where: Where) -> None:
        self._sql, self._parameters = str(where), where.parameters

    @property
    def _shape(self) -> Shape:
        return "raw", self._sql, len(self._parameters)

    def _collect(self, values: list[Any]) -> None:
        values.extend(self._parameters)

    def __repr__(self) -> str:
        return f"Where({self._sql!r})"


def open_condition(sql: object) -> QueryError:
    """What to raise for SQL that would leave its own parentheses: the other conditions would hold no more."""
    return QueryError(f"filter_where() takes one whole condition; a parenthesis, quote or comment is open: {sql}")


def and_(*conditions: Condition | Iterable[Condition]) -> Condition:
    """All of the conditions, given one by one or as one list; true when there are none.

    Raises QueryError for what is no condition.
    """
    return _combine("and", check_conditions("and_", _one_list(conditions)))


def or_(*conditions: Condition | Iterable[Condition]) -> Condition:
    """Any of the conditions, given one by one or as one list; matches nothing when there are none.

    Raises QueryError for what is no condition.
    """
    return _combine("or", check_conditions("or_", _one_list(conditions)))


def _one_list(given: tuple[object, ...]) -> Iterable[object]:
    return given[0] if len(given) == 1 and is_iterable(given[0]) else given


def _combine(operator: Literal["and", "or"], conditions: Sequence[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    parts: list[Condition] = []
    for condition in conditions:
        if isinstance(condition, Combination) and condition._operator == operator:
            parts += condition._parts
        else:
            parts.append(condition)
    return Combination(operator, tuple(parts))


def check_conditions(caller: str, conditions: Iterable[object]) -> list[Condition]:
    """The conditions as a list; QueryError when one is something else (``1 == 1`` is a bool)."""
    checked: list[Condition] = []
    for condition in conditions:
        if not isinstance(condition, Condition):
            raise QueryError(f"{caller} takes conditions such as F.age >= 18, not {type(condition).__name__}")
        checked.append(condition)
    return checked
