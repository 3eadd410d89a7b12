"""What ``update_where`` lets the server compute.

``F.counter + 1``, ``F.first + " " + F.last``, ``F.expires + timedelta(days=30)``, ``F.nick.coalesce("-")``, or another
field's value.

Values only: an expression knows fields by name and values as the user gave them, no schema and no SQL. As in SQL, what
is computed of NULL is NULL; ``coalesce`` puts a value in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Generic, Literal, TypeAlias, TypeVar, overload

from fluxaorm.errors import QueryError, with_article
from fluxaorm.query.conditions import FieldKey

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)
O = TypeVar("O")  # noqa: E741  # as in the field classes: what a number is computed with
T_co = TypeVar("T_co", bound="str | None", covariant=True)

Sign: TypeAlias = Literal["+", "-", "*", "/"]


class Expression(Generic[V_co]):
    """A value that the server computes for each row. ``V``: of which type; a field is one, of its own value."""

    def _operands(self) -> Iterator[FieldKey]:
        """Every field it needs."""
        raise NotImplementedError  # each kind says it; an ABC would make every isinstance() slow


class Numeric(Expression[V], Generic[V, O]):
    """A number that more can be computed of, with numbers of type ``O`` and with other fields."""

    def _operand_types(self) -> tuple[tuple[type[Any], ...], str]:
        """What it is computed with: the types, and in words."""
        raise NotImplementedError  # each kind says it; an ABC would make every isinstance() slow

    def __add__(self, other: O | Numeric[Any, O]) -> Computed[V, O]:
        return self._computed("+", self, other)

    def __radd__(self, other: O) -> Computed[V, O]:
        return self._computed("+", other, self)

    def __sub__(self, other: O | Numeric[Any, O]) -> Computed[V, O]:
        return self._computed("-", self, other)

    def __rsub__(self, other: O) -> Computed[V, O]:
        return self._computed("-", other, self)

    def __mul__(self, other: O | Numeric[Any, O]) -> Computed[V, O]:
        return self._computed("*", self, other)

    def __rmul__(self, other: O) -> Computed[V, O]:
        return self._computed("*", other, self)

    def _computed(self, sign: Sign, left: Any, right: Any) -> Computed[V, O]:
        takes, words = self._operand_types()
        return Computed(sign, _checked(left, takes, words), _checked(right, takes, words), takes, words)


def _checked(operand: Any, takes: tuple[type[Any], ...], words: str) -> Any:
    if type(operand) is bool or not isinstance(operand, (Numeric, *takes)):
        raise QueryError(f"{words} or a number field is wanted here, not {with_article(operand)}")
    return operand


def _fields_of(*operands: Any) -> Iterator[FieldKey]:
    """Every field that these operands need; a value needs none."""
    for operand in operands:
        if isinstance(operand, Expression):
            yield from operand._operands()


class Computed(Numeric[V, O], Generic[V, O]):
    """Two operands and what is done with them."""

    def __init__(self, sign: Sign, left: Any, right: Any, takes: tuple[type[Any], ...], words: str) -> None:
        self._sign: Sign = sign
        self._left, self._right = left, right
        self._types = (takes, words)

    def _operand_types(self) -> tuple[tuple[type[Any], ...], str]:
        """As of the field it began with."""
        return self._types

    def __truediv__(self, other: O | Numeric[Any, O]) -> Computed[V, O]:
        if self._types[0] == (int,):
            raise QueryError("ints are not divided: the servers differ in what they make of the rest")
        return self._computed("/", self, other)

    def _operands(self) -> Iterator[FieldKey]:
        """Every field it needs."""
        return _fields_of(self._left, self._right)

    def __repr__(self) -> str:
        """Shows no value: it may be a secret."""
        left, right = (_shown(part) for part in (self._left, self._right))
        return f"({left} {self._sign} {right})"


class Divisible(Numeric[V, O], Generic[V, O]):
    """A number of a type that has fractions."""

    def __truediv__(self, other: O | Numeric[Any, O]) -> Computed[V, O]:
        return self._computed("/", self, other)


class Coalesced(Expression[V_co], Generic[V_co]):
    """A field's value, or another where it is NULL."""

    def __init__(self, field: Expression[Any], other: Any, takes: tuple[type[Any], ...], words: str) -> None:
        """``takes``, ``words``: what the other may be, as ``QueryField`` has them."""
        if not isinstance(other, (Expression, *takes)) or (type(other) is bool and bool not in takes):
            raise QueryError(f"{words} or such a field is wanted here, not {with_article(other)}")
        self._field = field
        self._other: Any = other
        self._types = (takes, words)

    def _operands(self) -> Iterator[FieldKey]:
        """Every field it needs."""
        return _fields_of(self._field, self._other)

    def __repr__(self) -> str:
        """Shows no value: it may be a secret."""
        return f"coalesce({_shown(self._field)}, {_shown(self._other)})"


class CoalescedNumber(Coalesced[V], Divisible[V, O], Generic[V, O]):
    """Of a number: more can be computed of it."""

    def _operand_types(self) -> tuple[tuple[type[Any], ...], str]:
        """As of its field."""
        return self._types

    def __truediv__(self, other: O | Numeric[Any, O]) -> Computed[V, O]:
        return self._computed("/", self, other)


class Textual(Expression[T_co], Generic[T_co]):
    """A text that others can be put behind or before."""

    @overload
    def __add__(self, other: str | Textual[str]) -> Joined[T_co]: ...
    @overload
    def __add__(self, other: Textual[str | None]) -> Joined[str | None]: ...
    def __add__(self, other: str | Textual[Any]) -> Joined[Any]:
        return Joined(self, other)

    def __radd__(self, other: str) -> Joined[T_co]:
        return Joined(other, self)


class Joined(Textual[T_co], Generic[T_co]):
    """Two texts in a row."""

    def __init__(self, left: Any, right: Any) -> None:
        for part in (left, right):
            if not isinstance(part, (str, Textual)):
                raise QueryError(f"a str or a text field is wanted here, not {with_article(part)}")
        self._left, self._right = left, right

    def _operands(self) -> Iterator[FieldKey]:
        """Every field it needs."""
        return _fields_of(self._left, self._right)

    def __repr__(self) -> str:
        """Shows no value: it may be a secret."""
        return f"({_shown(self._left)} + {_shown(self._right)})"


class CoalescedText(Coalesced[str], Textual[str]):
    """Of a text."""


class Moment(Expression[V_co], Generic[V_co]):
    """A date or a datetime that can be moved."""

    def __add__(self, other: timedelta) -> Moved[V_co]:
        return Moved(self, other)

    def __radd__(self, other: timedelta) -> Moved[V_co]:
        return Moved(self, other)

    def __sub__(self, other: timedelta) -> Moved[V_co]:
        return Moved(self, -_duration(other))


class Moved(Moment[V_co], Generic[V_co]):
    """A moment and by how much it is moved."""

    def __init__(self, moment: Moment[V_co], by: timedelta) -> None:
        self._moment = moment
        self._by = _duration(by)
        if isinstance(moment, Moved):
            self._moment, self._by = moment._moment, moment._by + self._by

    def _operands(self) -> Iterator[FieldKey]:
        """Every field it needs."""
        return self._moment._operands()

    def __repr__(self) -> str:
        """Shows no value: it may be a secret."""
        return f"({_shown(self._moment)} + '?')"


def _duration(value: Any) -> timedelta:
    if not isinstance(value, timedelta):
        raise QueryError(f"a timedelta is wanted here, not {with_article(value)}")
    return value


class CoalescedMoment(Coalesced[V_co], Moment[V_co], Generic[V_co]):
    """Of a moment."""


def _shown(operand: Any) -> str:
    return "'?'" if not issubclass(type(operand), Expression) else repr(operand)
