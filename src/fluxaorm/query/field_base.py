"""What all typed field objects are: names that operators turn into conditions.

A field object knows its entity, its name, the references that lead to it and what Python types it takes; it knows no
column. Ranges, lengths and members are checked against the schema when a query is compiled.
"""

# pyright: reportPrivateUsage=false
# Attributes of these classes stand beside the fields of any entity, whose names never start with "_".

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Generic, Self, TypeVar

from fluxaorm.errors import QueryError, with_article
from fluxaorm.query.conditions import Comparison, Condition, FieldKey, Operator, and_, or_
from fluxaorm.query.expressions import Expression

V = TypeVar("V")
"""What ``select`` gives for the field."""
A = TypeVar("A")
"""What the field can be equal to."""
O = TypeVar("O")  # noqa: E741  # stands beside V and A in every class below
"""What the field can be ordered against."""


class Fields:
    """The field objects of one entity. The root knows them as its own; behind a reference they lead through it."""

    _entity_name: ClassVar[str] = ""

    def __init_subclass__(cls, *, entity: str = "", **options: Any) -> None:
        """``entity``: the class name of the entity, given once in the generated class."""
        super().__init_subclass__(**options)
        if entity:
            cls._entity_name = entity

    def __init__(self) -> None:
        self._root = self._entity_name
        self._inner: tuple[str, ...] = ()


class QueryField(Expression[V], Generic[V, A]):
    """A field of an entity in queries. ``V``: what ``select`` gives for it; ``A``: what it can be compared with."""

    _takes: ClassVar[tuple[type[Any], ...]] = ()
    _words: ClassVar[str] = "no value"
    _nullable: bool = False
    _nullable_form: ClassVar[type[Any] | None] = None
    """What stands for a required field behind a reference; None: it is nullable anyway."""

    def __init__(self, field: str = "") -> None:
        """``field``: its name, where that is not the attribute's."""
        self._field = field
        self._key = FieldKey("", (), field)

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._field = self._field or name

    def __get__(self, instance: Any, owner: type[Any]) -> Self:
        """The field as seen from these Fields; kept there, so that it is made once."""
        if not isinstance(instance, Fields):
            found: Self = self._bound(owner._entity_name, ())
            return found
        bound: Self = self._bound(instance._root, instance._inner)
        instance.__dict__[self._field] = bound
        return bound

    def _bound(self, root: str, path: tuple[str, ...]) -> Any:
        # a reference may lead nowhere, whatever it says of itself: no FOREIGN KEY is made
        form = type(self)._nullable_form if path else None
        bound: Any = object.__new__(form or type(self))
        bound.__dict__.update(self.__dict__)
        bound._key = FieldKey(root, path, self._field)
        return bound

    def __eq__(self, value: A) -> Condition:  # type: ignore[override]  # a condition, not a bool
        return self.eq(value)

    def __ne__(self, value: A) -> Condition:  # type: ignore[override]  # a condition, not a bool
        return self.ne(value)

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._key}>"

    def eq(self, value: A) -> Condition:
        """Equal to ``value``; None is ``is_null()``. Like all of these: QueryError for a value of another type."""
        return self.is_null() if self._is_none(value) else self._compare("eq", value)

    def ne(self, value: A) -> Condition:
        """Another value; None is ``is_not_null()``. NULL is not unequal to anything."""
        return self.is_not_null() if self._is_none(value) else self._compare("ne", value)

    def is_in(self, values: Iterable[A]) -> Condition:
        """One of ``values``; of none: matches nothing."""
        given, has_none = self._list(values)
        found = Comparison(self._key, "in", given)
        return or_([found, self.is_null()]) if has_none else found

    def not_in(self, values: Iterable[A]) -> Condition:
        """None of ``values``; of none: matches everything."""
        given, has_none = self._list(values)
        found = Comparison(self._key, "not_in", given)
        return and_([found, self.is_not_null()]) if has_none else found

    def _operands(self) -> Iterator[FieldKey]:
        """Itself, where it is the value of another column."""
        yield self._key

    def is_null(self) -> Condition:
        """Has no value; behind a reference also when the reference leads nowhere."""
        return Comparison(self._key, "is_null")

    def is_not_null(self) -> Condition:
        """Has a value."""
        return Comparison(self._key, "is_not_null")

    def _compare(self, operator: Operator, *values: Any) -> Condition:
        return Comparison(self._key, operator, tuple(map(self._accept, values)))

    def _is_none(self, value: Any) -> bool:
        if value is None and not self._nullable:
            raise QueryError(f"{self._key} is not nullable: it takes {self._words}, not None")
        return value is None

    def _list(self, values: object) -> tuple[tuple[Any, ...], bool]:
        given = self._members(values)
        present = tuple(self._accept(value) for value in given if not self._is_none(value))
        return present, len(present) != len(given)

    def _members(self, values: object) -> list[Any]:
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise QueryError(f"{self._key} takes a list of values here, not {with_article(values)}")
        return [*values]

    def _accept(self, value: Any) -> Any:
        """The value in the type the column's ``check`` takes. Its text stays out of the error: it may be a secret."""
        if not isinstance(value, self._takes) or (type(value) is bool and bool not in self._takes):
            raise QueryError(f"{self._key} takes {self._words}, not {with_article(value)}")
        return value


class OrderedField(QueryField[V, A], Generic[V, A, O]):
    """A field whose values have an order. A number may be ordered against any, also one that its column cannot hold."""

    def __lt__(self, value: O) -> Condition:
        return self.lt(value)

    def __le__(self, value: O) -> Condition:
        return self.lte(value)

    def __gt__(self, value: O) -> Condition:
        return self.gt(value)

    def __ge__(self, value: O) -> Condition:
        return self.gte(value)

    def lt(self, value: O) -> Condition:
        """Less than ``value``."""
        return self._compare("lt", value)

    def lte(self, value: O) -> Condition:
        """At most ``value``."""
        return self._compare("lte", value)

    def gt(self, value: O) -> Condition:
        """Greater than ``value``."""
        return self._compare("gt", value)

    def gte(self, value: O) -> Condition:
        """At least ``value``."""
        return self._compare("gte", value)

    def between(self, least: O, most: O) -> Condition:
        """From ``least`` to ``most``, both included."""
        return self._compare("between", least, most)


class _Reference:
    """Makes the field object of a reference on first use: its class may stand in a module not imported yet."""

    def __init__(self, target: Callable[[], type[Any]], nullable: bool) -> None:
        self._target, self._nullable = target, nullable

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        fields = instance if isinstance(instance, Fields) else owner()
        root, path, name = fields._root, fields._inner, self._name
        made: Any = object.__new__(self._target())
        key = FieldKey(root, path, name)
        made.__dict__.update(
            _root=root, _inner=(*path, name), _field=name, _key=key, _nullable=self._nullable or bool(path)
        )
        fields.__dict__[name] = made
        return made


def reference(target: Callable[[], type[Any]], *, nullable: bool = False) -> Any:
    """A reference field. ``target`` gives the generated ``...Reference`` class of the entity referred to."""
    return _Reference(target, nullable)


def key_of(field: object) -> FieldKey:
    """Which column a field object stands for. Raises QueryError for what is no field object."""
    if not isinstance(field, QueryField):
        raise QueryError(f"a field such as F.name is wanted here, not {with_article(field)}")
    key: FieldKey = field._key
    return key
