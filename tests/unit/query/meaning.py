"""A second reading of queries, in plain Python: rows, random conditions and orders over them, and which rows they mean.

What it never does: look at SQL, or at the code that makes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from fluxaorm.entity.schema import ColumnSchema
from fluxaorm.query.conditions import Combination, Comparison, Condition, Negation
from fluxaorm.query.query import Query
from tests.unit.query.catalogue import PRODUCT, SCHEMAS, F, Status, Tag

NAMES = ["", "a", "A", "ab", "a%b", "a_b", "a\\b", "B", "it's", "?"]
MOMENT = datetime(2024, 5, 1, 12, tzinfo=UTC)
CATEGORIES = {1: ("Books", 2), 2: ("Media", None), 3: ("books", 3)}


def _products() -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "name": NAMES[number % len(NAMES)],
            "note": None if number % 3 == 0 else NAMES[number * 7 % len(NAMES)],
            "stock": number * 37 % 256,
            "rating": None if number % 4 == 0 else number % 7 - 3,
            "price": Decimal(number * 61 % 2000 - 700) / 100,
            "weight": (number % 9) / 4 - 1,
            "active": number % 2 == 0,
            "status": list(Status)[number % 3],
            "tags": frozenset(tag for bit, tag in enumerate(Tag) if number >> bit & 1),
            "created_at": MOMENT + timedelta(seconds=number * 13 % 40),
            "day": date(2024, 1, 1) + timedelta(days=number % 11),
            "opens": time(number % 24, number % 60),
            "data": bytes([number]),
            "attributes": "{}",
            "pin": "",
            "category": None if number % 5 == 0 else 1 + number % 4,
            "sale": None,
            "fake_delete": number if number % 13 == 0 else 0,
        }
        for number in range(1, 61)
    ]


PRODUCTS = _products()


def stored(column: ColumnSchema, value: Any) -> Any:
    """What is in the table for a value."""
    return None if value is None else column.encode(value)


NUMBERS = st.integers(-5, 260)
STOCKS = st.integers(0, 255)
PRICES = st.integers(-800, 1400).map(lambda cents: Decimal(cents) / 100)
FINE_PRICES = st.integers(-8000, 14000).map(lambda mills: Decimal(mills) / 1000)
TEXTS = st.sampled_from([*NAMES, "Ab", "b", "%", "_", "\\"])
MOMENTS = st.integers(-5, 45_000).map(lambda millis: MOMENT + timedelta(milliseconds=millis))
DAYS = st.integers(0, 12).map(lambda days: date(2024, 1, 1) + timedelta(days=days))
TIMES = st.times(max_value=time(23, 59, 59)).map(lambda moment: moment.replace(microsecond=0))
TAGS = st.sampled_from(list(Tag))


def _equalities(field: Any, values: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Condition]]:
    lists = st.lists(values, max_size=4)
    return [
        st.one_of(values.map(field.eq), values.map(field.ne)),
        st.one_of(lists.map(field.is_in), lists.map(field.not_in)),
        st.sampled_from([field.is_null(), field.is_not_null()]),
    ]


def _orders(field: Any, values: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Condition]]:
    methods = st.sampled_from([field.lt, field.lte, field.gt, field.gte])
    return [
        st.tuples(methods, values).map(lambda pair: pair[0](pair[1])),
        st.tuples(values, values).map(lambda pair: field.between(*pair)),
    ]


def _texts(field: Any) -> list[st.SearchStrategy[Condition]]:
    patterns = st.lists(st.sampled_from(["%", "_", "a", "B", "\\%", "\\_", "\\\\"]), max_size=4).map("".join)
    return [patterns.map(field.like), TEXTS.map(field.starts_with), TEXTS.map(field.contains)]


def _or_none(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


WITHOUT_TEXT_ORDER = st.one_of(
    *_equalities(F.stock, STOCKS),
    *_orders(F.stock, NUMBERS),
    *_equalities(F.rating, _or_none(st.integers(-4, 4))),
    *_orders(F.rating, st.integers(-4, 4)),
    *_equalities(F.price, PRICES),
    *_orders(F.price, FINE_PRICES),
    *_orders(F.weight, st.sampled_from([-1, -0.5, 0.25, 1])),
    *_equalities(F.active, st.booleans()),
    *_equalities(F.name, TEXTS),
    *_texts(F.name),
    *_equalities(F.note, _or_none(TEXTS)),
    *_texts(F.note),
    *_equalities(F.status, st.sampled_from(list(Status))),
    *_equalities(F.tags, st.frozensets(TAGS)),
    TAGS.map(F.tags.has),
    st.lists(TAGS, max_size=2).map(F.tags.has_any),
    *_orders(F.created_at, MOMENTS),
    *_equalities(F.day, DAYS),
    *_orders(F.opens, TIMES),
    *_equalities(F.category, _or_none(st.integers(1, 5))),
    *_equalities(F.category.name, st.sampled_from(["Books", "MEDIA", "x"])),
    *_texts(F.category.parent.name),
)


def _trees(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    return st.one_of(
        st.tuples(parts, parts).map(lambda pair: pair[0] & pair[1]),
        st.tuples(parts, parts).map(lambda pair: pair[0] | pair[1]),
        parts.map(lambda part: ~part),
    )


CONDITIONS = st.recursive(st.one_of(WITHOUT_TEXT_ORDER, *_orders(F.name, TEXTS)), _trees, max_leaves=6)
PORTABLE_CONDITIONS = st.recursive(WITHOUT_TEXT_ORDER, _trees, max_leaves=6)
"""Without the order of texts: signs come in another order in each collation."""
SORTS = st.lists(
    st.tuples(st.sampled_from(["stock", "rating", "price", "status", "note", "created_at"]), st.booleans()), max_size=3
)


PORTABLE_SORTS = SORTS.map(lambda sorts: [sort for sort in sorts if sort[0] != "note"])


def matching(condition: Condition) -> list[int]:
    """The ids of the living rows that a condition means."""
    return [row["id"] for row in PRODUCTS if not row["fake_delete"] and holds(condition, row)]


def sorted_query(sorts: list[tuple[str, bool]]) -> Query:
    """The query with this order; True is descending."""
    query = Query()
    for name, descending in sorts:
        field = getattr(F, name)
        query = query.sort_by_desc(field) if descending else query.sort_by_asc(field)
    return query


def in_order(sorts: list[tuple[str, bool]]) -> list[int]:
    """The ids of all living rows in this order."""
    rows = [row for row in PRODUCTS if not row["fake_delete"]]
    id_descends = bool(sorts) and sorts[-1][1]
    for name, descending in reversed([*sorts, ("id", id_descends)]):
        rows.sort(key=lambda row: _order_key(row[name]), reverse=descending)
    return [row["id"] for row in rows]


def _order_key(value: Any) -> tuple[bool, Any]:
    if isinstance(value, Status):
        value = list(Status).index(value)
    return (value is not None, value.lower() if isinstance(value, str) else value if value is not None else 0)


def holds(condition: Condition, row: dict[str, Any]) -> bool | None:
    """The three-valued truth of a condition for a row: None where NULL leaves it open."""
    if isinstance(condition, Negation):
        truth = holds(condition._part, row)
        return None if truth is None else not truth
    if isinstance(condition, Combination):
        truths = {holds(part, row) for part in condition._parts}
        decisive = condition._operator == "or"
        return decisive if decisive in truths else None if None in truths else not decisive
    assert isinstance(condition, Comparison)
    return _compare(condition._operator, _value(condition, row), condition._values)


def _value(condition: Comparison, row: dict[str, Any]) -> Any:
    schema, values = PRODUCT, row
    for step in condition._field.path:
        schema = SCHEMAS[schema.by_field[step].reference or ""]
        name, parent = CATEGORIES.get(values[step], (None, None))
        values = {"id": values[step] if name else None, "name": name, "parent": parent}
    value = values[condition._field.field]
    return value.lower() if type(value) is str else value


def _compare(operator: str, value: Any, given: tuple[Any, ...]) -> bool | None:
    wanted = tuple(text.lower() if type(text) is str else text for text in given)
    if operator in ("is_null", "is_not_null"):
        return (value is None) == (operator == "is_null")
    if not wanted:
        return operator == "not_in"
    return None if value is None else _MEANINGS[operator](value, *wanted)


_MEANINGS: dict[str, Callable[..., bool]] = {
    "eq": lambda value, other: value == other,
    "ne": lambda value, other: value != other,
    "lt": lambda value, other: value < other,
    "lte": lambda value, other: value <= other,
    "gt": lambda value, other: value > other,
    "gte": lambda value, other: value >= other,
    "between": lambda value, least, most: least <= value <= most,
    "in": lambda value, *others: value in others,
    "not_in": lambda value, *others: value not in others,
    "like": lambda value, pattern: re.fullmatch(_expression(pattern), value, re.DOTALL) is not None,
    "starts_with": lambda value, text: value.startswith(text),
    "contains": lambda value, text: text in value,
    "has": lambda value, member: member in value,
    "has_any": lambda value, *members: any(member in value for member in members),
}


def _expression(pattern: str) -> str:
    tokens = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join({"%": ".*", "_": "."}.get(token, re.escape(token[-1])) for token in tokens)
