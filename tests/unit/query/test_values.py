"""Queries, conditions, fields, Where and Pager as values: nothing changes in a user's hands, nothing shows a secret."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from fluxaorm.query.own_sql.own_select import wrap_select
from fluxaorm.query.pager import Pager
from fluxaorm.query.query import Query
from fluxaorm.query.where import Where
from tests.support.insides import key_of, shape_of, values_of
from tests.unit.query.catalogue import Category, F, ProductFields, Status

EMPTY = "SELECT e.n FROM (SELECT 1 AS n) AS e WHERE 1 = 0"

WHERES: list[tuple[str, tuple[Any, ...], str, tuple[Any, ...]]] = [
    ("a = 1", (), "a = 1", ()),
    ("a = ?", (1,), "a = ?", (1,)),
    ("a = ? AND b = '?'", ("x",), "a = ? AND b = '?'", ("x",)),
    ("a IN ?", ([1, 2, 3],), "a IN (?, ?, ?)", (1, 2, 3)),
    ("a IN (?) AND b = ?", ((1, 2), 3), "a IN (?, ?) AND b = ?", (1, 2, 3)),
    ("a IN ( ? )", (frozenset({1}),), "a IN ( ? )", (1,)),
    ("a IN ?", ([],), f"a IN ({EMPTY})", ()),
    ("a NOT IN (?)", (set(),), f"a NOT IN ({EMPTY})", ()),
]


@pytest.mark.parametrize(("sql", "given", "text", "parameters"), WHERES)
def test_where_expands_lists(sql: str, given: tuple[Any, ...], text: str, parameters: tuple[Any, ...]) -> None:
    """IN with a list is what raw conditions are most often written for."""
    where = Where(sql, *given)

    assert (text, parameters) == (str(where), where.parameters)


def test_where_grows_by_append() -> None:
    """A condition is often put together in steps; a blank between them cannot hurt, a missing one can."""
    where = Where("a = ?", 1)

    same = where.append("AND b IN ?", [2, 3]).append(" OR c = ?", 4)

    assert same is where
    assert ("a = ? AND b IN (?, ?) OR c = ?", (1, 2, 3, 4)) == (str(where), where.parameters)


def test_a_query_does_not_see_a_where_grow() -> None:
    """A Query is immutable, also where it was given something that is not."""
    where = Where("a = ?", 1)
    query = Query().filter_where(where)

    where.append("OR 1 = 1")

    assert "<Query Where('a = ?')>" == repr(query)


class Level(Enum):
    """An enum of numbers."""

    LOW = 1


PARAMS: list[tuple[Any, Any]] = [
    (None, None),
    (True, 1),
    (5, 5),
    (1.5, 1.5),
    ("x", "x"),
    (b"x", b"x"),
    (bytearray(b"x"), b"x"),
    (Decimal("1.50"), Decimal("1.50")),
    (Status.ACTIVE, "active"),
    (Level.LOW, 1),
    (date(2024, 5, 1), "2024-05-01"),
    (datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2024-05-01 10:00:00"),
    (datetime(2024, 5, 1, 12, 0, 0, 7, UTC).replace(tzinfo=None), "2024-05-01 12:00:00.000007"),
    (time(9, 30), "09:30:00"),
    (timedelta(days=2, seconds=5), "48:00:05"),
    (-timedelta(hours=1, microseconds=5), "-01:00:00.000005"),
    (uuid.UUID(int=1), b"\0" * 15 + b"\x01"),
    (IPv4Address("1.2.3.4"), b"\x01\x02\x03\x04"),
    (IPv6Address("::1"), b"\0" * 15 + b"\x01"),
    (Category(7), 7),
]


@pytest.mark.parametrize(("value", "param"), PARAMS, ids=[type(row[0]).__name__ for row in PARAMS])
def test_own_sql_takes_pythons_values(value: Any, param: Any) -> None:
    """What the fields take, raw SQL takes too, and stores it the same way."""
    (made,) = Where("?", value).parameters

    assert (param, type(param)) == (made, type(made))


def test_methods_of_a_query_leave_it_as_it_was() -> None:
    """Base queries are shared between requests and threads."""
    base = Query().filter(F.stock > 1)
    before = repr(base)

    base.filter(F.id > 1).filter_where(Where("1 = 1")).sort_by_asc(F.name).sort_by_desc(F.id).pager(2, 5)
    base.limit(1).offset(2).for_update().include_deleted().use_index("x").group_by(F.status)

    assert before == repr(base)
    assert ((("gt", key_of(F.stock), 1), (), "", False, None), (1,)) == (shape_of(base), values_of(base))


def test_limit_and_offset_change_what_a_pager_set() -> None:
    """The last word counts, so a shared query's page can be changed."""
    assert "<Query limit 5, offset 10>" == repr(Query().pager(2, 10).limit(5))
    assert "<Query limit 3>" == repr(Query().offset(7).limit(5).pager(1, 3))


def test_shapes_are_equal_for_equal_queries_with_other_values() -> None:
    """It is the key that compiled statements are kept under."""
    left = Query().filter((F.stock > 1) | ~(F.name == "a"), F.id.is_in([1, 2])).sort_by_asc(F.id)
    right = Query().filter((F.stock > 9) | ~(F.name == "b"), F.id.is_in([3, 4])).sort_by_asc(F.id)
    longer = Query().filter((F.stock > 9) | ~(F.name == "b"), F.id.is_in([3, 4, 5])).sort_by_asc(F.id)

    assert hash(shape_of(left)) == hash(shape_of(right))
    assert shape_of(left) == shape_of(right) != shape_of(longer)


def test_shapes_differ_where_trees_do() -> None:
    """Two trees under one key would run each other's statement."""
    conditions = [
        (F.stock > 1) & (F.id > 1) | (F.name == "a"),
        (F.stock > 1) & ((F.id > 1) | (F.name == "a")),
        ~((F.stock > 1) & (F.id > 1)) | (F.name == "a"),
        (F.stock > 1) | (F.id > 1) | (F.name == "a"),
        (F.stock > 1) | (F.id > 1) | (F.name != "a"),
        (F.stock > 1) | (F.id > 1) | (F.category.name == "a"),
        (F.stock > 1) | (F.id > 1) | (F.category.parent.name == "a"),
    ]

    assert len(conditions) == len({shape_of(condition) for condition in conditions})


def test_nothing_shows_a_value() -> None:
    """Reprs end in logs, and a query may be about a secret."""
    where = Where("pin = ?", "1234")
    query = Query().filter(F.pin == "1234", F.pin.is_in(["1234"]), ~(F.pin.like("1234")), (F.id > 1) | (F.id < 0))

    shown = f"{query!r} {query.filter_where(where)!r} {where!r}"

    assert "1234" not in shown
    assert (
        "<Query ProductEntity.pin == ?, ProductEntity.pin.in(?), ~ProductEntity.pin.like(?), "
        "(ProductEntity.id > ? | ProductEntity.id < ?)>"
    ) == repr(query)


def test_a_pager_turns_pages() -> None:
    """It is a value: the next page is another one."""
    first = Pager(page_size=50)

    assert (1, 50, 0) == (first.current_page, first.page_size, first.offset)
    assert Pager(2, 50) == first.next()
    assert 50 == first.next().offset


def test_fields_are_made_once_and_know_their_way() -> None:
    """A field object is used in every request: after the first it costs an attribute look-up."""
    fields = ProductFields()

    assert fields.name is fields.name
    assert fields.category.parent.name is fields.category.parent.name
    assert ("ProductEntity", ("category", "parent"), "name") == key_of(fields.category.parent.name)
    assert ("ProductEntity", ("category",), "parent") == key_of(fields.category.parent)
    assert ("ProductEntity", (), "name") == key_of(ProductFields.name)
    assert hash(fields.name) == hash(ProductFields().name)


WRAPPED = [
    ("SELECT * FROM t", "SELECT * FROM t"),
    ("SELECT * FROM t;", "SELECT * FROM t"),
    ("SELECT * FROM t ; -- done", "SELECT * FROM t"),
    ("SELECT * FROM t -- all", "SELECT * FROM t -- all"),
    ("select * from t order by a", "select * from t order by a\nLIMIT 9223372036854775807"),
    ("SELECT * FROM t ORDER BY a LIMIT 5", "SELECT * FROM t ORDER BY a LIMIT 5"),
    ("SELECT * FROM t ORDER BY a FOR UPDATE", "SELECT * FROM t ORDER BY a FOR UPDATE"),
    ("SELECT * FROM (SELECT * FROM t ORDER BY a) x", "SELECT * FROM (SELECT * FROM t ORDER BY a) x"),
    ("SELECT * FROM t WHERE a = 'ORDER BY b'", "SELECT * FROM t WHERE a = 'ORDER BY b'"),
    ("WITH x AS (SELECT 1) SELECT * FROM t", "WITH x AS (SELECT 1) SELECT * FROM t"),
    (
        "(SELECT * FROM t LIMIT 1) UNION (SELECT * FROM u LIMIT 2) ORDER BY a",
        "(SELECT * FROM t LIMIT 1) UNION (SELECT * FROM u LIMIT 2) ORDER BY a\nLIMIT 9223372036854775807",
    ),
]


@pytest.mark.parametrize(("sql", "inner"), WRAPPED)
def test_an_own_select_is_read_by_column(sql: str, inner: str) -> None:
    """Its columns may come in any order; and MariaDB forgets the order of rows of a subquery without a limit."""
    assert f"SELECT `id` FROM (\n{inner}\n) AS `fx_rows`" == wrap_select("`id`", sql)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("DELETE FROM t", "from_sql() takes a SELECT: DELETE FROM t"),
        ("", "from_sql() takes a SELECT: "),
        ("SELECT 1; DELETE FROM t", "from_sql() takes one SELECT, not several statements: SELECT 1; DELETE FROM t"),
        (
            "SELECT 1) AS a, (SELECT 1",
            "from_sql() takes one whole SELECT; a parenthesis, quote or comment is open: SELECT 1) AS a, (SELECT 1",
        ),
    ],
)
def test_an_own_select_is_one_select(sql: str, text: str) -> None:
    """Anything else would change data behind the caches, or fail with an error about our wrapping."""
    with pytest.raises(Exception, match=r"from_sql\(\)") as caught:
        wrap_select("`id`", sql)

    assert text == str(caught.value)
