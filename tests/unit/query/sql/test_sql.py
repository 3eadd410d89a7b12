"""The SQL of queries: one row a feature, in MySQL's dialect unless it says otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from fluxaorm.dialects.sqlite.sqlite import SQLITE
from fluxaorm.query.aggregates import avg_, count, max_, min_, sum_
from fluxaorm.query.conditions import Condition, and_, or_
from fluxaorm.query.pager import Pager
from fluxaorm.query.query import Query
from fluxaorm.query.sql.select import COUNT, EXISTS, IDS, NO_LIMIT, ROWS, Form, SQLExpression, expressions_form
from fluxaorm.query.where import Where
from tests.support.insides import kept_statements
from tests.unit.query.catalogue import Category, F, Status, Tag, compiler

FROM = "SELECT `id` FROM `product` WHERE "
ALIVE = " AND `fake_delete` = 0"
PLUS2 = timezone(timedelta(hours=2))

CONDITIONS: list[tuple[Condition, str, list[Any]]] = [
    (F.stock == 5, "`stock` = ?", [5]),
    (F.stock != 5, "`stock` <> ?", [5]),
    (F.stock < 5, "`stock` < ?", [5]),
    (F.stock <= 5, "`stock` <= ?", [5]),
    (F.stock > 5, "`stock` > ?", [5]),
    (F.stock >= 5, "`stock` >= ?", [5]),
    (5 <= F.stock, "`stock` >= ?", [5]),
    (F.stock.eq(5) & F.stock.ne(6), "`stock` = ? AND `stock` <> ?", [5, 6]),
    (F.stock.lt(5) & F.stock.lte(6), "`stock` < ? AND `stock` <= ?", [5, 6]),
    (F.stock.gt(5) & F.stock.gte(6), "`stock` > ? AND `stock` >= ?", [5, 6]),
    (F.stock.between(1, 9), "`stock` BETWEEN ? AND ?", [1, 9]),
    (F.stock.is_in([1, 2, 3]), "`stock` IN (?, ?, ?)", [1, 2, 3]),
    (F.stock.is_in({7}), "`stock` IN (?)", [7]),
    (F.stock.not_in((1, 2)), "`stock` NOT IN (?, ?)", [1, 2]),
    (F.rating == None, "`rating` IS NULL", []),  # noqa: E711  # what a user may write
    (F.rating != None, "`rating` IS NOT NULL", []),  # noqa: E711  # what a user may write
    (F.rating.is_in([1, None]), "(`rating` IN (?) OR `rating` IS NULL)", [1]),
    (F.rating.not_in([1, None]), "`rating` NOT IN (?) AND `rating` IS NOT NULL", [1]),
    (F.rating.is_in([None]), "`rating` IS NULL", []),
    (F.rating.not_in([None]), "`rating` IS NOT NULL", []),
    (F.name.is_null(), "`name` IS NULL", []),
    (F.name.is_not_null(), "`name` IS NOT NULL", []),
    (F.name.like("A%_\\%"), "`name` LIKE ?", ["A%_\\%"]),
    (F.name.starts_with("5%_\\"), "`name` LIKE ?", ["5\\%\\_\\\\%"]),
    (F.name.contains("5%"), "`name` LIKE ?", ["%5\\%%"]),
    (F.price == 3, "`price` = ?", [Decimal(3)]),
    (F.price > Decimal("0.005"), "`price` > ?", [Decimal("0.005")]),
    (F.stock < 1000, "`stock` < ?", [1000]),
    (F.weight > 1, "`weight` > ?", [1.0]),
    (F.active == True, "`active` = ?", [1]),  # noqa: E712  # what a user may write
    (F.status == "active", "`status` = ?", ["active"]),
    (F.status.is_in(["draft", Status.ACTIVE]), "`status` IN (?, ?)", ["draft", "active"]),
    (F.tags.has("new"), "FIND_IN_SET(?, `tags`) > 0", ["new"]),
    (F.tags.has_any(["new"]), "FIND_IN_SET(?, `tags`) > 0", ["new"]),
    (
        F.tags.has_any([Tag.NEW, "old"]),
        "(FIND_IN_SET(?, `tags`) > 0 OR FIND_IN_SET(?, `tags`) > 0)",
        ["new", "old"],
    ),
    (F.tags == ["old", "sale"], "`tags` = ?", ["sale,old"]),
    (F.tags.is_in([{"new"}, []]), "`tags` IN (?, ?)", ["new", ""]),
    (F.created_at >= datetime(2024, 5, 1, 12, tzinfo=PLUS2), "`created_at` >= ?", ["2024-05-01 10:00:00"]),
    (F.created_at == datetime(2024, 5, 1, 12, 0, 0, 5, UTC), "`created_at` = ?", ["2024-05-01 12:00:00"]),
    (F.created_at < datetime(2024, 5, 1, 12, 0, 0, 5, UTC), "`created_at` < ?", ["2024-05-01 12:00:00.000005"]),
    (F.day == date(2024, 5, 1), "`day` = ?", ["2024-05-01"]),
    (F.opens <= time(9, 30), "`opens` <= ?", ["09:30:00"]),
    (F.opens <= time(9, 30, 0, 500000), "`opens` <= ?", ["09:30:00.500000"]),
    (F.data == b"\x00", "`data` = ?", [b"\x00"]),
    (F.attributes.is_null(), "`attributes` IS NULL", []),
    (F.category == 4, "`category` = ?", [4]),
    (F.category == Category(4), "`category` = ?", [4]),
    (F.category.is_in([Category(4), 5]), "`category` IN (?, ?)", [4, 5]),
    (F.category == None, "`category` IS NULL", []),  # noqa: E711  # what a user may write
    ((F.stock > 1) & (F.stock < 9) & (F.id > 3), "`stock` > ? AND `stock` < ? AND `id` > ?", [1, 9, 3]),
    ((F.stock > 9) | (F.stock < 1), "(`stock` > ? OR `stock` < ?)", [9, 1]),
    ((F.stock > 9) | (F.stock < 1) & (F.id > 3), "(`stock` > ? OR (`stock` < ? AND `id` > ?))", [9, 1, 3]),
    (~(F.stock > 9), "NOT (`stock` > ?)", [9]),
    (~((F.stock > 9) | (F.id > 3)), "NOT (`stock` > ? OR `id` > ?)", [9, 3]),
    (and_([F.stock > 9, F.id > 3]), "`stock` > ? AND `id` > ?", [9, 3]),
    (or_([F.stock > 9, F.id > 3]), "(`stock` > ? OR `id` > ?)", [9, 3]),
    (or_([F.stock > 9]), "`stock` > ?", [9]),
    (F.stock.is_in([]) | (F.id == 3), "`id` = ?", [3]),
    ((F.stock.is_in([]) & (F.name == "x")) | (F.id == 3), "`id` = ?", [3]),
    (F.stock.not_in([]) & (F.id == 3), "`id` = ?", [3]),
    (~(F.stock.is_in([]) & (F.name == "x")) & (F.id == 3), "`id` = ?", [3]),
    (F.tags.has_any([]) | (F.id == 3), "`id` = ?", [3]),
]


@pytest.mark.parametrize(("condition", "sql", "args"), CONDITIONS, ids=[repr(row[0])[:60] for row in CONDITIONS])
def test_a_condition_in_sql(condition: Condition, sql: str, args: list[Any]) -> None:
    """The text is what a user reads in the query log and what the server plans."""
    assert (f"{FROM}{sql}{ALIVE}", args) == compiler().bind(Query().filter(condition), IDS)


NOTHING = [
    F.stock.is_in([]),
    F.stock.is_in([]) & (F.id == 3),
    F.tags.has_any([]),
    or_([]),
    ~F.stock.not_in([]),
    ~and_([]),
    or_([F.stock.is_in([]), F.id.is_in([])]),
]


@pytest.mark.parametrize("condition", NOTHING, ids=map(repr, NOTHING))
def test_what_can_match_nothing_has_no_sql(condition: Condition) -> None:
    """An empty list is the usual end of a search in two steps; it must not cost a round trip."""
    query = Query().filter(F.active.eq(True), condition)

    assert [None] * 4 == [compiler().bind(query, form) for form in (ROWS, IDS, COUNT, EXISTS)]


@pytest.mark.parametrize("condition", [F.stock.not_in([]), and_([]), ~F.stock.is_in([])], ids=repr)
def test_what_matches_everything_adds_no_condition(condition: Condition) -> None:
    """The server need not be told."""
    assert ("SELECT `id` FROM `product`", []) == compiler().bind(Query().include_deleted().filter(condition), IDS)


P = "FROM `product` WHERE `fake_delete` = 0"
FORMS: list[tuple[str, Query, Form, str, list[Any]]] = [
    ("ids", Query(), IDS, f"SELECT `id` {P}", []),
    ("deleted too", Query().include_deleted(), IDS, "SELECT `id` FROM `product`", []),
    ("count", Query().pager(2, 10).sort_by_asc(F.name), COUNT, f"SELECT COUNT(*) {P}", []),
    ("exists", Query().pager(2, 10).sort_by_asc(F.name), EXISTS, f"SELECT 1 {P} LIMIT 1", []),
    ("fields", Query(), expressions_form([F.name._key, F.id._key]), f"SELECT `name`, `id` {P}", []),
    (
        "sorted",
        Query().sort_by_asc(F.status, F.name).sort_by_desc(F.price),
        IDS,
        f"SELECT `id` {P} ORDER BY `status`, `name`, `price` DESC",
        [],
    ),
    ("page", Query().pager(3, 10), IDS, f"SELECT `id` {P} ORDER BY `id` LIMIT ? OFFSET ?", [10, 20]),
    ("first page", Query().pager(1, 10), IDS, f"SELECT `id` {P} ORDER BY `id` LIMIT ?", [10]),
    ("Pager", Query().pager(Pager(1, 10).next()), IDS, f"SELECT `id` {P} ORDER BY `id` LIMIT ? OFFSET ?", [10, 10]),
    ("limit", Query().limit(7), IDS, f"SELECT `id` {P} ORDER BY `id` LIMIT ?", [7]),
    ("offset", Query().offset(7), IDS, f"SELECT `id` {P} ORDER BY `id` LIMIT ? OFFSET ?", [NO_LIMIT, 7]),
    ("both", Query().limit(5).offset(7), IDS, f"SELECT `id` {P} ORDER BY `id` LIMIT ? OFFSET ?", [5, 7]),
    (
        "page of an order",
        Query().sort_by_asc(F.name).pager(1, 10),
        IDS,
        f"SELECT `id` {P} ORDER BY `name`, `id` LIMIT ?",
        [10],
    ),
    (
        "page of a falling order: one index serves both",
        Query().sort_by_desc(F.name).limit(1),
        IDS,
        f"SELECT `id` {P} ORDER BY `name` DESC, `id` DESC LIMIT ?",
        [1],
    ),
    (
        "page of an order that has the id",
        Query().sort_by_desc(F.id).sort_by_asc(F.name).limit(1),
        IDS,
        f"SELECT `id` {P} ORDER BY `id` DESC, `name` LIMIT ?",
        [1],
    ),
    ("lock", Query().for_update(), IDS, f"SELECT `id` {P} FOR UPDATE", []),
    ("no wait", Query().for_update(nowait=True), IDS, f"SELECT `id` {P} FOR UPDATE NOWAIT", []),
    (
        "queue",
        Query().limit(1).for_update(skip_locked=True),
        IDS,
        f"SELECT `id` {P} ORDER BY `id` LIMIT ? FOR UPDATE SKIP LOCKED",
        [1],
    ),
    ("no lock for a count", Query().for_update(), COUNT, f"SELECT COUNT(*) {P}", []),
    (
        "index",
        Query().use_index("name_status"),
        IDS,
        "SELECT `id` FROM `product` USE INDEX (`name_status`) WHERE `fake_delete` = 0",
        [],
    ),
    (
        "own SQL",
        Query().filter_where(Where("`name` LIKE ? OR `id` IN ?", "%?%", [1, 2])).filter(F.stock == 3),
        IDS,
        f"{FROM}(`name` LIKE ? OR `id` IN (?, ?)) AND `stock` = ?{ALIVE}",
        ["%?%", 1, 2, 3],
    ),
    (
        "own SQL that ends in a comment",
        Query().filter_where(Where("`id` = 1 -- first")),
        IDS,
        f"{FROM}(`id` = 1 -- first\n){ALIVE}",
        [],
    ),
    (
        "aggregates",
        Query().filter(F.stock > 1),
        Form("aggregates", tuple(SQLExpression(a._function, a._field) for a in (sum_(F.price), count(), min_(F.day)))),
        f"SELECT SUM(`price`), COUNT(*), MIN(`day`) FROM `product` WHERE `stock` > ?{ALIVE}",
        [1],
    ),
    (
        "groups",
        Query().sort_by_desc(F.status).limit(2),
        Form(
            "aggregates",
            tuple(SQLExpression(a._function, a._field) for a in (avg_(F.stock), max_(F.id), count(F.rating))),
            (F.status._key,),
        ),
        f"SELECT `status`, AVG(`stock`), MAX(`id`), COUNT(`rating`) {P} GROUP BY `status` "
        "ORDER BY `status` DESC LIMIT ?",
        [2],
    ),
]


@pytest.mark.parametrize(("query", "form", "sql", "args"), [row[1:] for row in FORMS], ids=[row[0] for row in FORMS])
def test_a_query_in_sql(query: Query, form: Form, sql: str, args: list[Any]) -> None:
    """The same for whole statements."""
    assert (sql, args) == compiler().bind(query, form)


def test_rows_are_read_by_column_never_by_star() -> None:
    """A column added by a newer version of the application must not shift the others."""
    bound = compiler().bind(Query().filter(F.id == 1), ROWS)

    assert bound is not None
    assert bound.sql.startswith("SELECT `id`, `name`, `note`, `stock`, ")
    assert "*" not in bound.sql


JOINED: list[tuple[str, Query, Form, str, list[Any]]] = [
    (
        "condition",
        Query().filter(F.category.name == "Books", F.stock > 1),
        IDS,
        "SELECT `product`.`id` FROM `product` LEFT JOIN `category` AS `category` ON `category`.`id` = "
        "`product`.`category` WHERE `category`.`name` = ? AND `product`.`stock` > ? AND `product`.`fake_delete` = 0",
        ["Books", 1],
    ),
    (
        "two steps share the first",
        Query().filter(F.category.parent.name == "Media", F.category.name == "Books").include_deleted(),
        COUNT,
        "SELECT COUNT(*) FROM `product` LEFT JOIN `category` AS `category` ON `category`.`id` = `product`.`category` "
        "LEFT JOIN `category` AS `category_parent` ON `category_parent`.`id` = `category`.`parent` "
        "WHERE `category_parent`.`name` = ? AND `category`.`name` = ?",
        ["Media", "Books"],
    ),
    (
        "order",
        Query().sort_by_asc(F.category.name).include_deleted().limit(2),
        expressions_form([F.category.name._key, F.id._key]),
        "SELECT `category`.`name`, `product`.`id` FROM `product` LEFT JOIN `category` AS `category` ON "
        "`category`.`id` = `product`.`category` ORDER BY `category`.`name`, `product`.`id` LIMIT ?",
        [2],
    ),
    (
        "an order joins nothing for a count",
        Query().sort_by_asc(F.category.name).include_deleted(),
        COUNT,
        "SELECT COUNT(*) FROM `product`",
        [],
    ),
]


@pytest.mark.parametrize(("query", "form", "sql", "args"), [row[1:] for row in JOINED], ids=[row[0] for row in JOINED])
def test_a_field_behind_a_reference_joins_its_table(query: Query, form: Form, sql: str, args: list[Any]) -> None:
    """Outer joins: a product without category must stay in an order, and on the other side of an "or"."""
    assert (sql, args) == compiler().bind(query, form)


SQLITE_SQL: list[tuple[Query, str, list[Any]]] = [
    (Query().filter(F.name.starts_with("a_")), r"`name` LIKE ? ESCAPE '\'", ["a\\_%"]),
    (Query().filter(F.tags.has("new")), "instr(',' || `tags` || ',', ',' || ? || ',') > 0", ["new"]),
]


@pytest.mark.parametrize(("query", "sql", "args"), SQLITE_SQL)
def test_what_sqlite_says_otherwise(query: Query, sql: str, args: list[Any]) -> None:
    """The compiler asks the dialect and never the database's name."""
    assert (f"{FROM}{sql}{ALIVE}", args) == compiler(SQLITE).bind(query, IDS)


def test_sqlite_orders_an_enum_as_mysql_does() -> None:
    """MySQL orders by the position of a member; text would come in another order on the embedded default."""
    bound = compiler(SQLITE).bind(Query().include_deleted().sort_by_desc(F.status), IDS)

    assert (
        "SELECT `id` FROM `product` ORDER BY CASE `status` WHEN 'draft' THEN 0 WHEN 'active' THEN 1 "
        "WHEN 'archived' THEN 2 END DESC",
        [],
    ) == bound


def test_the_first_row_needs_no_order_of_its_own() -> None:
    """ORDER BY id with LIMIT 1 makes MySQL walk the primary key instead of a good index."""
    made = compiler()

    assert (f"{FROM}`name` = ? AND `fake_delete` = 0 LIMIT ?", ["x", 1]) == (
        _ids(made.bind_first(Query().filter(F.name == "x")))
    )
    assert (f"SELECT `id` {P} ORDER BY `name`, `id` LIMIT ?", [1]) == _ids(made.bind_first(Query().sort_by_asc(F.name)))
    assert (f"SELECT `id` {P} ORDER BY `id` LIMIT ? OFFSET ?", [1, 4]) == _ids(made.bind_first(Query().offset(4)))


def test_iteration_goes_on_after_an_id() -> None:
    """Keyset pagination costs the same for the last page as for the first."""
    made, query = compiler(), Query().filter((F.stock > 1) | (F.stock == 0))

    assert (f"{FROM}(`stock` > ? OR `stock` = ?){ALIVE} ORDER BY `id` LIMIT ?", [1, 0, 50]) == _ids(
        made.bind_after(query, None, 50)
    )
    assert (f"{FROM}(`stock` > ? OR `stock` = ?){ALIVE} AND `id` > ? ORDER BY `id` LIMIT ?", [1, 0, 9, 50]) == _ids(
        made.bind_after(query, 9, 50)
    )


def _ids(bound: Any) -> Any:
    """The statement with the list of columns cut down to the id."""
    return f"SELECT `id` {bound.sql[bound.sql.index('FROM') :]}", bound.args


def test_a_shape_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated searches only bind: other values and other pages are the same statement."""
    made = compiler()
    made.bind(Query().filter(F.name == "a", F.stock.is_in([1, 2])).pager(2, 10), IDS)
    monkeypatch.setattr("fluxaorm.query.sql.select._Statement", None)

    bound = made.bind(Query().filter(F.name == "b", F.stock.is_in([3, 4])).pager(7, 20), IDS)

    assert bound is not None
    assert ["b", 3, 4, 20, 120] == bound.args


def test_the_number_of_kept_statements_is_bounded() -> None:
    """Lists of every length, asked for years, must not fill the memory."""
    made = compiler()
    for shape in range(2_500):
        conditions = [F.id > 1 if shape >> bit & 1 else F.id < 9 for bit in range(12)]
        made.bind(Query().filter(*conditions), IDS)

    assert kept_statements(made) <= 1000


def test_no_value_is_ever_in_the_text() -> None:
    """Whatever a user types into a search form, it goes to the server as a value."""
    evil = "'; DROP TABLE product; -- `?"
    queries = [
        Query().filter(F.name == evil[:20], F.note.like(evil), F.name.starts_with(evil), F.name.contains(evil)),
        Query().filter(F.name.is_in([evil[:20]]), F.name.between(evil, evil)),
        Query().filter_where(Where("`name` = ?", evil)),
    ]
    for query in queries:
        bound = compiler().bind(query, ROWS)

        assert bound is not None
        assert "DROP" not in bound.sql
        assert bound.sql.count("?") == len(bound.args)
