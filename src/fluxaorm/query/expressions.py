"""What ``update_where`` lets the server compute: ``F.counter + 1``, ``F.price * F.quantity``, or another field's value.

Values only: an expression knows fields by name and numbers as the user gave them, no schema and no SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from fluxaorm.errors import QueryError
from fluxaorm.query.conditions import FieldKey
from fluxaorm.query.params import with_article

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)
O = TypeVar("O")  # noqa: E741  # as in the field classes: what a number is computed with

Sign: TypeAlias = Literal["+", "-", "*", "/"]


class Expression(Generic[V_co]):
    """A value that the server computes for each row. ``V``: of which type; a field is one, of its own value."""

    def _operands(self) -> Iterator[FieldKey]:
        """Every field it needs."""
        raise NotImplementedError


class Numeric(Expression[V], Generic[V, O]):
    """A number that more can be computed of, with numbers of type ``O`` and with other fields."""

    def _operand_types(self) -> tuple[tuple[type[Any], ...], str]:
        """What it is computed with: the types, and in words."""
        raise NotImplementedError

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


class Computed(Numeric[V, O], Generic[V, O]):
    """Two operands and what is done with them."""

    def __init__(self, sign: Sign, left: Any, right: Any, takes: tuple[type[Any], ...], words: str) -> None:
        self.sign: Sign = sign
        self.left, self.right = left, right
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
        for operand in (self.left, self.right):
            if isinstance(operand, Expression):
                yield from operand._operands()

    def __repr__(self) -> str:
        """Shows no value: it may be a secret."""
        left, right = (_shown(part) for part in (self.left, self.right))
        return f"({left} {self.sign} {right})"


class Divisible(Numeric[V, O], Generic[V, O]):
    """A number of a type that has fractions."""

    def __truediv__(self, other: O | Numeric[Any, O]) -> Computed[V, O]:
        return self._computed("/", self, other)


def _shown(operand: Any) -> str:
    return "'?'" if not issubclass(type(operand), Expression) else repr(operand)
