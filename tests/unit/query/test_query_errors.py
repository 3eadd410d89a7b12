"""Every way to ask for nonsense, each with the exact text that says what and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fluxaorm.dialects.sqlite.sqlite import SQLITE
from fluxaorm.errors import NotSupportedError, QueryError
from fluxaorm.query.aggregates import min_, sum_
from fluxaorm.query.conditions import and_, or_
from fluxaorm.query.pager import Pager
from fluxaorm.query.query import Query
from fluxaorm.query.sql.select import IDS, Form
from fluxaorm.query.where import Where
from tests.unit.query.catalogue import C, F, Product, compiler

f: Any = F
"""The fields without their types: what a user does without a type checker."""
q: Any = Query()

AT_ONCE: list[tuple[str, Callable[[], Any], str]] = [
    ("int", lambda: f.stock == "5", "ProductEntity.stock takes an int, not a str"),
    ("bool is no int", lambda: f.stock > True, "ProductEntity.stock takes an int, not a bool"),
    ("float is no int", lambda: f.stock.between(1, 2.5), "ProductEntity.stock takes an int, not a float"),
    ("None", lambda: f.stock == None, "ProductEntity.stock is not nullable: it takes an int, not None"),  # noqa: E711
    ("None in a list", lambda: f.stock.is_in([None]), "ProductEntity.stock is not nullable: it takes an int, not None"),
    ("None in an order", lambda: f.rating < None, "ProductEntity.rating takes an int, not a NoneType"),
    ("text for a list", lambda: f.name.is_in("abc"), "ProductEntity.name takes a list of values here, not a str"),
    ("no list", lambda: f.stock.not_in(5), "ProductEntity.stock takes a list of values here, not an int"),
    ("list member", lambda: f.stock.is_in([1, "2"]), "ProductEntity.stock takes an int, not a str"),
    ("str", lambda: f.name.contains(5), "ProductEntity.name takes a str, not an int"),
    ("pattern", lambda: f.name.like(None), "ProductEntity.name takes a str, not a NoneType"),
    ("float for a Decimal", lambda: f.price > 1.5, "ProductEntity.price takes a Decimal, not a float"),
    ("bool", lambda: f.active == 1, "ProductEntity.active takes a bool, not an int"),
    ("datetime for a date", lambda: f.day == datetime(2024, 1, 1, tzinfo=UTC),
     "ProductEntity.day takes a date, not a datetime; use its date()"),
    ("date", lambda: f.day == "2024-01-01", "ProductEntity.day takes a date, not a str"),
    ("enum", lambda: f.status == 1, "ProductEntity.status takes a member of its enum, not an int"),
    ("set member", lambda: f.tags.has(1), "ProductEntity.tags takes members of its enum, not an int"),
    ("set members", lambda: f.tags.has_any("new"), "ProductEntity.tags takes a list of values here, not a str"),
    ("bytes", lambda: f.data == "x", "ProductEntity.data takes bytes, not a str"),
    ("json", lambda: f.attributes == {},
     "ProductEntity.attributes takes no value but in is_null() and is_not_null(), not a dict"),
    ("other entity", lambda: f.category == Product(1),
     "ProductEntity.category takes a CategoryEntity or an id, not a ProductEntity"),
    ("no reference", lambda: f.category == "Books",
     "ProductEntity.category takes a CategoryEntity or an id, not a str"),
    ("behind a reference", lambda: f.category.name == 5, "ProductEntity.category.name takes a str, not an int"),
    ("and", lambda: (f.stock > 1) and (f.stock < 9),
     "the condition ProductEntity.stock > ? is neither true nor false: combine conditions with & and |, negate them "
     "with ~, write a range as between() or as two conditions"),
    ("chain", lambda: 1 < f.stock < 9,
     "the condition ProductEntity.stock > ? is neither true nor false: combine conditions with & and |, negate them "
     "with ~, write a range as between() or as two conditions"),
    ("filter of a bool", lambda: q.filter(True), "filter() takes conditions such as F.age >= 18, not bool"),
    ("filter of a field", lambda: q.filter(f.active), "filter() takes conditions such as F.age >= 18, not BoolField"),
    ("and_ of a bool", lambda: and_([f.id > 1, True]), "and_ takes conditions such as F.age >= 18, not bool"),  # type: ignore[list-item]  # on purpose
    ("or with a bool", lambda: (f.id > 1) | True, "or_ takes conditions such as F.age >= 18, not bool"),
    ("or_ of a str", lambda: or_("ab"), "or_ takes conditions such as F.age >= 18, not str"),  # type: ignore[arg-type]  # on purpose
    ("and_ of a number", lambda: and_(1), "and_ takes conditions such as F.age >= 18, not int"),  # type: ignore[arg-type]  # on purpose
    ("and_ of two lists", lambda: and_([f.id > 1], [f.id > 2]), "and_ takes conditions such as F.age >= 18, not list"),
    ("or_ with None", lambda: or_(f.id > 1, None), "or_ takes conditions such as F.age >= 18, not NoneType"),  # type: ignore[arg-type]  # on purpose
    ("index in a list", lambda: q.use_index(["name"]), "use_index() takes the name of an index, not ['name']"),
    ("no index", lambda: q.use_index(None), "use_index() takes the name of an index, not None"),
    ("empty index", lambda: q.use_index(""), "use_index() takes the name of an index, not ''"),
    ("filter_where of text", lambda: q.filter_where("a = 1"),
     "filter_where() takes a Where, not str: filter_where(Where(sql, *params))"),
    ("empty Where", lambda: q.filter_where(Where(" ")), "filter_where() got an empty Where"),
    ("two statements", lambda: q.filter_where(Where("1; DROP TABLE a")),
     "filter_where() takes one condition, not several statements: 1; DROP TABLE a"),
    ("open parenthesis", lambda: q.filter_where(Where("1 = 1) OR (1 = 1")),
     "filter_where() takes one whole condition; a parenthesis, quote or comment is open: 1 = 1) OR (1 = 1"),
    ("page", lambda: q.pager(0, 10), "page must be an int of at least 1, got 0"),
    ("page size", lambda: q.pager(1, 0), "page_size must be an int of at least 1, got 0"),
    ("page without size", lambda: q.pager(1), "pager() needs the size of a page"),
    ("Pager and size", lambda: q.pager(Pager(), 5), "pager() takes a Pager, or a page and a size"),
    ("Pager", lambda: Pager(-1, 5), "current_page must be an int of at least 1, got -1"),
    ("limit", lambda: q.limit("5"), "limit must be an int of at least 1, got '5'"),
    ("offset", lambda: q.offset(-1), "offset must be an int of at least 0, got -1"),
    ("offset beyond the server", lambda: q.offset(2**63),
     "offset is greater than a server can take, 9223372036854775807: 9223372036854775808"),
    ("page beyond the server", lambda: q.pager(2**62, 3),
     "offset is greater than a server can take, 9223372036854775807: 13835058055282163709"),
    ("limit of thousands of digits", lambda: q.limit(10**5000),
     "limit is greater than a server can take, 9223372036854775807: <int>"),
    ("sort", lambda: q.sort_by_asc("name"), "a field such as F.name is wanted here, not a str"),
    ("lock", lambda: q.for_update(nowait=True, skip_locked=True),
     "for_update: nowait and skip_locked exclude each other"),
    ("group by nothing", lambda: q.group_by(), "group_by() needs a field"),
    ("sum of text", lambda: sum_(f.name), "sum_ of ProductEntity.name: a StringField has none"),
    ("least bool", lambda: min_(f.active), "min_ of ProductEntity.active: a BoolField has none"),
    ("too few parameters", lambda: Where("a = ? AND b = ?", 1), "2 placeholders, but 1 parameters: a = ? AND b = ?"),
    ("too many parameters", lambda: Where("a = '?'", 1), "0 placeholders, but 1 parameters: a = '?'"),
    ("appended", lambda: Where("a = ?", 1).append("AND b = ?"), "1 placeholders, but 0 parameters: AND b = ?"),
    ("swallowed", lambda: Where("a = 1 -- x").append("AND b = ?", 2),
     "a quote or comment left open swallows placeholders: a = 1 -- x AND b = ?"),
    ("no parameter", lambda: Where("a = ?", object()), "an object cannot be a parameter of an SQL text"),
    ("no text", lambda: Where(5), "an SQL text is a str, not int"),  # type: ignore[arg-type]  # on purpose
]  # fmt: skip


@pytest.mark.parametrize(("ask", "text"), [row[1:] for row in AT_ONCE], ids=[row[0] for row in AT_ONCE])
def test_nonsense_is_refused_where_it_is_written(ask: Callable[[], Any], text: str) -> None:
    """The traceback should point at the line with the mistake, not at the search that came later."""
    with pytest.raises(QueryError) as caught:
        ask()

    assert text == str(caught.value)


COMPILED: list[tuple[str, Query, str]] = [
    ("out of range", q.filter(F.stock == 300), "ProductEntity.stock: 300: must be 0 to 255"),
    ("out of range in a list", q.filter(F.stock.is_in([1, -1])), "ProductEntity.stock: -1: must be 0 to 255"),
    ("too large for any server", q.filter(F.stock < 2**64), f"ProductEntity.stock: {2**64}: must be 0 to 255"),
    ("rounded", q.filter(F.price == Decimal("0.005")),
     "ProductEntity.price: Decimal('0.005'): must have at most 2 digits after the point; it would be rounded"),
    ("too long", q.filter(F.name == "x" * 90),
     f"ProductEntity.name: '{'x' * 76}...: must have at most 20 characters, not 90"),
    ("secret", q.filter(F.pin == "12345"),
     "ProductEntity.pin: the value (secret): must have at most 4 characters, not 5"),
    ("no member", q.filter(F.status == "sold"),
     "ProductEntity.status: 'sold': must be one of draft, active, archived"),
    ("no set member", q.filter(F.tags.has_any(["new", "hot"])),
     "ProductEntity.tags: 'hot': is not one of new, old, sale"),
    ("other entity", q.filter(C.name == "x"),
     "CategoryEntity.name is not a field of ProductEntity; use ProductEntityProvider.fields"),
    ("other entity's order", q.sort_by_asc(C.name),
     "CategoryEntity.name is not a field of ProductEntity; use ProductEntityProvider.fields"),
    ("other pool", q.filter(F.sale.amount == 3),
     "ProductEntity.sale.amount: SaleEntity is in MySQL pool 'sales', ProductEntity in 'default'; search its ids "
     "first, then use is_in()"),
    ("index", q.use_index("price"),
     "ProductEntity has no index 'price'; it has: name_status, code, day, category, sale, fake_delete"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "text"), [row[1:] for row in COMPILED], ids=[row[0] for row in COMPILED])
def test_what_the_schema_forbids_is_refused_before_anything_is_sent(query: Query, text: str) -> None:
    """Ranges and members are the schema's; the compiler is where a query first meets it."""
    with pytest.raises(QueryError) as caught:
        compiler().bind(query, IDS)

    assert text == str(caught.value)


def test_an_aggregate_is_sorted_by_its_groups_only() -> None:
    """MySQL refuses the rest (ONLY_FULL_GROUP_BY), SQLite picks any row's value."""
    with pytest.raises(QueryError) as caught:
        compiler().bind(Query().sort_by_asc(F.name), Form("aggregates", groups=(F.status._key,)))

    assert "ProductEntity.name: an aggregate can be sorted only by what it is grouped by" == str(caught.value)


def test_a_lock_that_the_server_lacks_is_refused() -> None:
    """Reading without the lock would be a race that nobody sees."""
    with pytest.raises(NotSupportedError) as caught:
        compiler(SQLITE).bind(Query().for_update(), IDS)

    text = "ProductEntity: sqlite locks no rows for update; leave the lock out there, or use MySQL or MariaDB"
    assert text == str(caught.value)


def test_errors_of_values_are_raised_each_time_a_statement_is_bound() -> None:
    """The second search with a bad value finds the statement compiled and must not slip through."""
    made = compiler()
    made.bind(Query().filter(F.stock == 5), IDS)

    with pytest.raises(QueryError):
        made.bind(Query().filter(F.stock == 300), IDS)
