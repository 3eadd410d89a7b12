"""Typed field objects: ``F = ProductEntityProvider.fields``, then ``F.price >= 10`` and ``F.category.name == "Books"``.

Each class offers what makes sense for its type; a wrong type is an error of the type checker and a QueryError at run
time. The nullable form also takes None in ``==``, ``!=``, ``is_in`` and ``not_in``.

A generated module holds one class of fields an entity, and one more where other entities refer to it::

    class CategoryFields(Fields, entity="CategoryEntity"):
        id = IntField()
        name = StringField()
        parent: CategoryReference[int | None] = reference(lambda: CategoryReference, nullable=True)

    class CategoryReference(CategoryFields, ReferenceField[CategoryEntity, IdValue]):
        \"\"\"A reference to CategoryEntity: compare it with an entity or an id, or reach for its fields.\"\"\"

    class ProductFields(Fields, entity="ProductEntity"):
        price = DecimalField()
        bio = NullableStringField()
        status: EnumField[ProductStatus] = EnumField()
        tags: SetField[ProductTags] = SetField()
        attributes: JsonField[dict[str, str]] = JsonField()
        category: RequiredReference[CategoryReference[int], CategoryReference[int | None]] = reference(
            lambda: category_entity.CategoryReference
        )

Behind a reference every field is the nullable form: the row that it leads to may be gone.

Attribute names are field names (``category``, ``home_country``, ``aliases_1``); the lambda is called when the field is
first used, so modules may refer to each other. ``Provider.fields`` is one instance: ``fields = ProductFields()``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar, overload

from fluxaorm.errors import QueryError
from fluxaorm.query.conditions import Comparison, Condition
from fluxaorm.query.expressions import (
    CoalescedMoment,
    CoalescedNumber,
    CoalescedText,
    Divisible,
    Expression,
    Moment,
    Numeric,
    Textual,
)
from fluxaorm.query.field_base import A, Fields, O, OrderedField, QueryField, V, key_of, reference
from fluxaorm.query.own_sql.params import no_row_error

M = TypeVar("M", bound=StrEnum)
J = TypeVar("J")
E = TypeVar("E")
N = TypeVar("N")
R = TypeVar("R")
S = TypeVar("S", bound="str | None")
IdValue = TypeVar("IdValue")
"""``int``, or ``int | None`` for a nullable reference."""
Settable: TypeAlias = "V | Expression[V]"
"""What ``update_where`` sets a column to: a value, or what the server computes."""


class Required(Generic[N]):
    """Mixin of the fields that are not nullable. ``N``: what they are behind a reference, which may lead nowhere."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: ReferenceField[Any, Any], owner: type[Any]) -> N: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> Self: ...
        def __get__(self, instance: Any, owner: type[Any]) -> Any: ...


class RequiredReference(Generic[R, N]):
    """For type checkers: a reference field that is an ``R``, and behind another reference an ``N``."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: ReferenceField[Any, Any], owner: type[Any]) -> N: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> R: ...
        def __get__(self, instance: Any, owner: type[Any]) -> Any: ...


class _Number(OrderedField[V, A, O], Numeric[V, O], Generic[V, A, O]):
    def _operand_types(self) -> tuple[tuple[type[Any], ...], str]:
        return self._takes, self._words


class _Int(_Number[V, V, int], Generic[V]):
    _takes = (int,)
    _words = "an int"


class IntField(Required["NullableIntField"], _Int[int]):
    """An integer of any size, or an id."""


class NullableIntField(_Int["int | None"]):
    """An integer or NULL."""

    _nullable = True

    def coalesce(self, other: int | Numeric[int, int]) -> CoalescedNumber[int, int]:
        """For ``update_where``: its value, or ``other`` where it is NULL."""
        return CoalescedNumber(self, other, self._takes, self._words)


class _Float(_Number[V, "V | int", float], Divisible[V, float], Generic[V]):
    _takes = (float, int)
    _words = "a float"

    def _accept(self, value: Any) -> Any:
        try:
            return float(super()._accept(value))
        except OverflowError:
            raise QueryError(f"{self._key} takes a float, and this int is too large for one") from None


class FloatField(Required["NullableFloatField"], _Float[float]):
    """A float; an int is one too."""


class NullableFloatField(_Float["float | None"]):
    """A float or NULL."""

    _nullable = True

    def coalesce(self, other: float | Numeric[float, float]) -> CoalescedNumber[float, float]:
        """For ``update_where``: its value, or ``other`` where it is NULL."""
        return CoalescedNumber(self, other, self._takes, self._words)


class _Decimal(_Number[V, "V | int", "Decimal | int"], Divisible[V, "Decimal | int"], Generic[V]):
    _takes = (Decimal, int)
    _words = "a Decimal"

    def _accept(self, value: Any) -> Any:
        return Decimal(super()._accept(value))


class DecimalField(Required["NullableDecimalField"], _Decimal[Decimal]):
    """A Decimal; an int is one too, a float is not: it would hide rounding."""


class NullableDecimalField(_Decimal["Decimal | None"]):
    """A Decimal or NULL."""

    _nullable = True

    def coalesce(
        self, other: Decimal | int | Numeric[Decimal, Decimal | int]
    ) -> CoalescedNumber[Decimal, Decimal | int]:
        """For ``update_where``: its value, or ``other`` where it is NULL."""
        return CoalescedNumber(self, other, self._takes, self._words)


class _String(OrderedField[S, S, str], Textual[S], Generic[S]):
    _takes = (str,)
    _words = "a str"

    def like(self, pattern: str) -> Condition:
        r"""Matches a pattern of yours: ``%`` any text, ``_`` one character, ``\`` takes its meaning from the next."""
        return self._compare("like", pattern)

    def starts_with(self, text: str) -> Condition:
        """Starts with this text, which is no pattern; upper and lower case as the column's collation has it."""
        return self._compare("starts_with", text)

    def contains(self, text: str) -> Condition:
        """Contains this text, which is no pattern; upper and lower case as the column's collation has it."""
        return self._compare("contains", text)


class StringField(Required["NullableStringField"], _String[str]):
    """Text. Upper and lower case, and accents, compare as the column's collation has it."""


class NullableStringField(_String["str | None"]):
    """Text or NULL."""

    _nullable = True

    def coalesce(self, other: str | Textual[str]) -> CoalescedText:
        """For ``update_where``: its value, or ``other`` where it is NULL."""
        return CoalescedText(self, other, self._takes, self._words)


class _Bool(QueryField[V, V], Generic[V]):
    _takes = (bool,)
    _words = "a bool"


class BoolField(Required["NullableBoolField"], _Bool[bool]):
    """True or False."""


class NullableBoolField(_Bool["bool | None"]):
    """True, False or NULL."""

    _nullable = True


class _Date(OrderedField[V, V, date], Moment[V], Generic[V]):
    _takes = (date,)
    _words = "a date"

    def _accept(self, value: Any) -> Any:
        if isinstance(value, datetime):
            raise QueryError(f"{self._key} takes a date, not a datetime; use its date()")
        return super()._accept(value)


class DateField(Required["NullableDateField"], _Date[date]):
    """A date."""


class NullableDateField(_Date["date | None"]):
    """A date or NULL."""

    _nullable = True

    def coalesce(self, other: date | Moment[date]) -> CoalescedMoment[date]:
        """For ``update_where``: its value, or ``other`` where it is NULL."""
        return CoalescedMoment(self, other, self._takes, self._words)


class _DateTime(OrderedField[V, V, datetime], Moment[V], Generic[V]):
    _takes = (datetime,)
    _words = "a datetime"


class DateTimeField(Required["NullableDateTimeField"], _DateTime[datetime]):
    """A moment; a naive one is taken as UTC. Parts finer than the column's count where it is ordered, not in ``==``."""


class NullableDateTimeField(_DateTime["datetime | None"]):
    """A moment or NULL."""

    _nullable = True

    def coalesce(self, other: datetime | Moment[datetime]) -> CoalescedMoment[datetime]:
        """For ``update_where``: its value, or ``other`` where it is NULL."""
        return CoalescedMoment(self, other, self._takes, self._words)


class _Time(OrderedField[V, V, time], Generic[V]):
    _takes = (time,)
    _words = "a time"


class TimeField(Required["NullableTimeField"], _Time[time]):
    """A time of the day."""


class NullableTimeField(_Time["time | None"]):
    """A time of the day or NULL."""

    _nullable = True


class _TimeDelta(OrderedField[V, V, timedelta], Generic[V]):
    _takes = (timedelta,)
    _words = "a timedelta"


class TimeDeltaField(Required["NullableTimeDeltaField"], _TimeDelta[timedelta]):
    """A duration."""


class NullableTimeDeltaField(_TimeDelta["timedelta | None"]):
    """A duration or NULL."""

    _nullable = True


class _Bytes(QueryField[V, V], Generic[V]):
    _takes = (bytes,)
    _words = "bytes"


class BytesField(Required["NullableBytesField"], _Bytes[bytes]):
    """Bytes."""


class NullableBytesField(_Bytes["bytes | None"]):
    """Bytes or NULL."""

    _nullable = True


class _UUID(QueryField[V, V], Generic[V]):
    _takes = (uuid.UUID,)
    _words = "a UUID"


class UUIDField(Required["NullableUUIDField"], _UUID[uuid.UUID]):
    """A UUID."""


class NullableUUIDField(_UUID["uuid.UUID | None"]):
    """A UUID or NULL."""

    _nullable = True


class _IPv4(OrderedField[V, V, IPv4Address], Generic[V]):
    _takes = (IPv4Address,)
    _words = "an IPv4Address"


class IPv4Field(Required["NullableIPv4Field"], _IPv4[IPv4Address]):
    """An IPv4 address."""


class NullableIPv4Field(_IPv4["IPv4Address | None"]):
    """An IPv4 address or NULL."""

    _nullable = True


class _IPv6(OrderedField[V, V, IPv6Address], Generic[V]):
    _takes = (IPv6Address,)
    _words = "an IPv6Address"


class IPv6Field(Required["NullableIPv6Field"], _IPv6[IPv6Address]):
    """An IPv6 address."""


class NullableIPv6Field(_IPv6["IPv6Address | None"]):
    """An IPv6 address or NULL."""

    _nullable = True


class EnumField(Required["NullableEnumField[M]"], QueryField[M, "M | str"], Generic[M]):
    """A member of an enum, or its text; a text that is no member is a QueryError when the query is compiled."""

    _takes = (str,)
    _words = "a member of its enum"


class NullableEnumField(QueryField["M | None", "M | str | None"], Generic[M]):
    """A member of an enum or NULL."""

    _takes = (str,)
    _words = "a member of its enum"
    _nullable = True


class _Set(QueryField[V, A], Generic[V, A, M]):
    _takes = (str,)
    _words = "members of its enum"

    def has(self, member: M | str) -> Condition:
        """Holds this member."""
        return self._compare("has", member)

    def has_any(self, members: Iterable[M | str]) -> Condition:
        """Holds at least one of these; of none: matches nothing."""
        return self._compare("has_any", *self._members(members))

    def _compare(self, operator: Any, *values: Any) -> Condition:
        if operator in ("has", "has_any"):
            return super()._compare(operator, *values)
        return Comparison(self._key, operator, tuple(map(self._whole, values)))

    def _list(self, values: object) -> tuple[tuple[Any, ...], bool]:
        given = self._members(values)
        present = tuple(self._whole(value) for value in given if not self._is_none(value))
        return present, len(present) != len(given)

    def _whole(self, members: Any) -> frozenset[Any]:
        return frozenset(map(self._accept, self._members(members)))


class SetField(Required["NullableSetField[M]"], _Set["frozenset[M]", "Iterable[M | str]", M], Generic[M]):
    """A set of members of an enum: ask for members with ``has`` and ``has_any``, for the whole set with ``==``."""


class NullableSetField(_Set["frozenset[M] | None", "Iterable[M | str] | None", M], Generic[M]):
    """A set of members or NULL."""

    _nullable = True


class _Presence(QueryField[V, None], Generic[V]):
    """A value that the server does not compare: only whether it is there can be asked."""

    _words = "no value but in is_null() and is_not_null()"


class JsonField(Required["NullableJsonField[J]"], _Presence[J], Generic[J]):
    """A Json value."""


class NullableJsonField(_Presence["J | None"], Generic[J]):
    """A Json value or NULL."""

    _nullable = True


class ReferencesField(Required["NullableReferencesField"], _Presence["list[int]"]):
    """A list of references, ids in order."""


class NullableReferencesField(_Presence["list[int] | None"]):
    """A list of references or NULL."""

    _nullable = True


class ReferenceField(QueryField[IdValue, "E | IdValue"], Generic[E, IdValue]):
    """A reference: compare it with an entity or an id, order by it, or reach for the fields of what it refers to.

    Reaching for fields joins the table referred to. A reference that leads nowhere has NULL in all of them.
    """

    _words = "an entity or an id"

    def _accept(self, value: Any) -> Any:
        if type(value) is int:
            return value
        target: str = getattr(self, "_entity_name", "")
        entity = getattr(value, "_entity_name", "")
        if not entity or (target and entity != target):
            given = entity or type(value).__name__
            raise QueryError(f"{self._key} takes a {target or 'reference'} or an id, not a {given}")
        if value.is_new:
            raise no_row_error(self._key, value)
        return value.id


_FORMS: tuple[tuple[type[QueryField[Any, Any]], type[Any]], ...] = (
    (IntField, NullableIntField),
    (FloatField, NullableFloatField),
    (DecimalField, NullableDecimalField),
    (StringField, NullableStringField),
    (BoolField, NullableBoolField),
    (DateField, NullableDateField),
    (DateTimeField, NullableDateTimeField),
    (TimeField, NullableTimeField),
    (TimeDeltaField, NullableTimeDeltaField),
    (BytesField, NullableBytesField),
    (UUIDField, NullableUUIDField),
    (IPv4Field, NullableIPv4Field),
    (IPv6Field, NullableIPv6Field),
    (EnumField, NullableEnumField),
    (SetField, NullableSetField),
    (JsonField, NullableJsonField),
    (ReferencesField, NullableReferencesField),
)
for _required, _nullable in _FORMS:
    _required._nullable_form = _nullable

__all__ = [
    "BoolField",
    "BytesField",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "EnumField",
    "Expression",
    "Fields",
    "FloatField",
    "IPv4Field",
    "IPv6Field",
    "IdValue",
    "IntField",
    "JsonField",
    "NullableBoolField",
    "NullableBytesField",
    "NullableDateField",
    "NullableDateTimeField",
    "NullableDecimalField",
    "NullableEnumField",
    "NullableFloatField",
    "NullableIPv4Field",
    "NullableIPv6Field",
    "NullableIntField",
    "NullableJsonField",
    "NullableReferencesField",
    "NullableSetField",
    "NullableStringField",
    "NullableTimeDeltaField",
    "NullableTimeField",
    "NullableUUIDField",
    "OrderedField",
    "QueryField",
    "ReferenceField",
    "ReferencesField",
    "RequiredReference",
    "SetField",
    "Settable",
    "StringField",
    "TimeDeltaField",
    "TimeField",
    "UUIDField",
    "key_of",
    "reference",
]
