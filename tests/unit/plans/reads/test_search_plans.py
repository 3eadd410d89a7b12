"""The plans of searches, fed with scripted replies: what they send, and what they make of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, cast

import pytest

from fluxaorm.dialects.capabilities import Capabilities
from fluxaorm.dialects.mysql.mysql import MySQL
from fluxaorm.errors import QueryError
from fluxaorm.plans.effects import FetchRows, Plan
from fluxaorm.plans.reads.aggregates import aggregate_groups_plan, aggregate_plan
from fluxaorm.plans.reads.all_ids import get_all_plan
from fluxaorm.plans.reads.search import (
    Iteration,
    count_plan,
    exists_plan,
    from_sql_plan,
    search_ids_plan,
    search_ids_with_total_plan,
    search_many_plan,
    search_many_with_total_plan,
    search_one_plan,
    select_plan,
)
from fluxaorm.plans.state.unit_of_work import IdentityMap
from fluxaorm.query.aggregates import avg_, count, max_, min_, sum_
from fluxaorm.query.fields import QueryField
from fluxaorm.query.query import Query
from fluxaorm.query.sql.select import NO_LIMIT
from tests.unit.query.catalogue import CATEGORY, MYSQL, PRODUCT, F, Status, Tag, compiler


class ScriptedBoundEntity:
    """What a search asks of a binding."""

    def __init__(self, schema: Any) -> None:
        self.schema, self.mysql_pool = schema, schema.mysql_pool
        self.queries = compiler(schema=schema)
        self.dialect: Any = MYSQL
        self.select_list = "`id`, `name`"
        self.fills_all_ids = False
        self.decoders = [column.decode for column in schema.columns]

    def binding_of(self, name: str) -> ScriptedBoundEntity:
        assert CATEGORY.name == name
        return ScriptedBoundEntity(CATEGORY)


class ScriptedIdentityMap:
    """What a search asks of a unit of work; an "entity" is its row's id."""

    target = "default"
    schema = PRODUCT
    writes_seen = 0

    def __init__(self) -> None:
        self.binding = ScriptedBoundEntity(PRODUCT)
        self.unit_of_work = type("Owner", (), {"_engine": self.binding, "_pending": ()})()

    in_transaction = True

    def known(self, id: int) -> None:
        """Nothing waits for a flush."""

    def shown(self, entities: list[str], include_deleted: bool) -> list[str]:
        return entities

    def entities_from_rows(self, rows: Sequence[Sequence[Any]], since: int) -> list[str]:
        return [f"entity {int(row[0])}" for row in rows]


UNIT = cast(IdentityMap, ScriptedIdentityMap())
ROWS = [[b"1"], [b"2"], [b"3"]]


def drive(plan: Plan[Any], *replies: Sequence[Any]) -> tuple[Any, list[FetchRows]]:
    """What the plan returns, and what it sent; it must send exactly as much as there are replies."""
    sent: list[FetchRows] = []
    reply: Any = None
    left = list(replies)
    while True:
        try:
            effect = plan.send(reply)
        except StopIteration as end:
            assert not left, "the plan did not ask for everything"
            return end.value, sent
        assert isinstance(effect, FetchRows)
        assert left, f"the plan asked for more: {effect.sql}"
        sent.append(effect)
        reply = left.pop(0)


def test_search_many_makes_entities_of_rows_in_one_round_trip() -> None:
    """Full rows are read at once: ids first and rows later would be two."""
    entities, sent = drive(search_many_plan(UNIT, Query().filter(F.stock > 1).pager(2, 3)), ROWS)

    assert ["entity 1", "entity 2", "entity 3"] == entities
    assert [("default", [1, 3, 3])] == [(effect.target, effect.args) for effect in sent]


@pytest.mark.parametrize(
    ("plan", "empty"),
    [
        (search_many_plan, []),
        (search_many_with_total_plan, ([], 0)),
        (search_one_plan, None),
        (search_ids_plan, []),
        (search_ids_with_total_plan, ([], 0)),
        (count_plan, 0),
        (exists_plan, False),
    ],
)
def test_a_search_that_can_match_nothing_sends_nothing(plan: Any, empty: Any) -> None:
    """No reply is scripted: asking for one would fail."""
    found, _ = drive(plan(UNIT, Query().filter(F.id.is_in([]))))

    assert empty == found


TOTALS = [
    ("a short page is the last", Query().pager(3, 5), ROWS, [], 13),
    ("all rows", Query(), ROWS, [], 3),
    ("no rows at all", Query().pager(1, 5), [], [], 0),
    ("a full page may have a next", Query().pager(1, 3), ROWS, [[[b"9"]]], 9),
    ("a page behind the end", Query().pager(4, 3), [], [[[b"7"]]], 7),
]


@pytest.mark.parametrize(
    ("query", "page", "count_replies", "total"), [row[1:] for row in TOTALS], ids=[row[0] for row in TOTALS]
)
def test_a_total_is_counted_where_the_page_does_not_tell(
    query: Query, page: list[Any], count_replies: list[Any], total: int
) -> None:
    """Counting reads the whole index; the last page knows already."""
    entities, sent = drive(search_many_with_total_plan(UNIT, query), page, *count_replies)
    ids, _ = drive(search_ids_with_total_plan(UNIT, query), page, *count_replies)

    assert ([f"entity {int(row[0])}" for row in page], total) == entities
    assert ([int(row[0]) for row in page], total) == ids
    assert ["SELECT COUNT(*) FROM `product` WHERE `fake_delete` = 0"] * len(count_replies) == [
        effect.sql for effect in sent[1:]
    ]


def test_search_one_reads_one_row() -> None:
    """The server stops at the first."""
    entity, sent = drive(search_one_plan(UNIT, Query().filter(F.stock > 1).limit(50)), ROWS[:1])

    assert "entity 1" == entity
    assert [1, 1] == sent[0].args


def test_search_one_without_a_match_is_none() -> None:
    """Nothing found is no error."""
    entity, _ = drive(search_one_plan(UNIT, Query().filter(F.stock > 1)), [])

    assert entity is None


LOOK_UPS = [
    (Query().filter(F.name == "a", F.stock == 3), True),
    (Query().filter((F.stock == 3) & (F.name == "a")), True),
    (Query().filter(F.name == "a", F.stock == 3).limit(1), True),
    (Query().filter(F.name == "a"), False),
    (Query().filter(F.name == "a", F.stock >= 3), False),
    (Query().filter(F.name == "a", F.stock == 3, F.id == 1), False),
    (Query().filter(F.name == "a", F.stock == 3, F.name == "b"), False),
    (Query().filter(F.name == "a", F.stock == 3).include_deleted(), False),
    (Query().filter(F.name == "a", F.stock == 3).for_update(), False),
    (Query().filter(F.name == "a", F.stock == 3).offset(1), False),
    (Query().filter((F.name == "a") | (F.stock == 3)), False),
    (Query().filter(F.name == "a", F.status == "draft"), False),
]


@pytest.mark.parametrize(("query", "is_look_up"), LOOK_UPS, ids=[repr(row[0]) for row in LOOK_UPS])
def test_search_one_takes_the_path_of_a_cached_unique_index(
    monkeypatch: pytest.MonkeyPatch, query: Query, is_look_up: bool
) -> None:
    """Exactly one equality for each of its columns, nothing else: then both find the same row."""
    asked: list[Any] = []

    def get_by_unique(identity_map: Any, index: str, values: list[Any]) -> Plan[str]:
        asked.append((index, values))
        yield from ()
        return "entity 1"

    monkeypatch.setattr("fluxaorm.plans.reads.search.get_by_unique_plan", get_by_unique)

    entity, _ = drive(search_one_plan(UNIT, query), *([] if is_look_up else [ROWS[:1]]))

    assert "entity 1" == entity
    assert ([("code", ["a", 3])] if is_look_up else []) == asked


def test_count_exists_and_ids_read_raw_values() -> None:
    """Text from MySQL, numbers from prepared statements and SQLite."""
    assert 5 == drive(count_plan(UNIT, Query()), [[b"5"]])[0]
    assert 5 == drive(count_plan(UNIT, Query()), [[5]])[0]
    assert drive(exists_plan(UNIT, Query()), [[1]])[0] is True
    assert drive(exists_plan(UNIT, Query()), [])[0] is False
    assert [1, 2, 3] == drive(search_ids_plan(UNIT, Query()), ROWS)[0]


def test_select_decodes_by_the_fields_columns() -> None:
    """Also of columns behind a reference, whose decoders belong to another entity."""
    fields: list[QueryField[Any, Any]] = [F.id, F.status, F.tags, F.day, F.price, F.category.id, F.category.name]
    row = ["1", "active", "sale,new", "2024-05-01", "1.50", "7", None]

    found, sent = drive(select_plan(UNIT, Query().limit(1), fields), [row])

    assert [(1, Status.ACTIVE, {Tag.SALE, Tag.NEW}, date(2024, 5, 1), Decimal("1.50"), 7, None)] == found
    assert sent[0].sql.startswith("SELECT `product`.`id`, `product`.`status`, ")


def test_select_needs_a_field() -> None:
    """An empty list would be a syntax error of the server's."""
    with pytest.raises(QueryError, match="select\\(\\) needs a field"):
        drive(select_plan(UNIT, Query(), []))


def test_get_all_reads_living_rows_by_id() -> None:
    """For small tables; the order makes it the same each time."""
    entities, sent = drive(get_all_plan(UNIT), ROWS)

    assert 3 == len(entities)
    assert sent[0].sql.endswith("FROM `product` WHERE `fake_delete` = 0 ORDER BY `id`")


def test_own_sql_is_sent_with_expanded_lists() -> None:
    """The user's text stays as it is inside; only the columns are picked by name."""
    entities, sent = drive(from_sql_plan(UNIT, "SELECT * FROM product WHERE id IN ?", ([1, 2],)), ROWS[:2])

    assert ["entity 1", "entity 2"] == entities
    assert "SELECT `id`, `name` FROM (\nSELECT * FROM product WHERE id IN (?, ?)\n) AS `fx_rows`" == sent[0].sql
    assert (1, 2) == sent[0].args


def _iterate(query: Query, batch: int, *pages: list[Any]) -> tuple[list[str], list[list[Any]]]:
    iteration = Iteration(UNIT, query, batch)
    entities: list[str] = []
    args: list[Any] = []
    for page in pages:
        assert not iteration.done
        found, sent = drive(iteration.batch_plan(), page)
        entities += found
        args += [effect.args for effect in sent]
    assert iteration.done
    return entities, args


def test_iterate_goes_on_after_the_last_id() -> None:
    """One page at a time; a short page ends it without another question."""
    entities, args = _iterate(Query().filter(F.stock > 9), 2, ROWS[:2], ROWS[2:])

    assert ["entity 1", "entity 2", "entity 3"] == entities
    assert [[9, 2], [9, 2, 2]] == args


def test_iterate_asks_once_more_after_a_full_page() -> None:
    """A full page may be the last; only the server knows."""
    assert (["entity 1", "entity 2"], [[2], [2, 2]]) == _iterate(Query(), 2, ROWS[:2], [])


def test_iterate_stops_at_the_querys_limit() -> None:
    """And asks for no more than that."""
    assert (["entity 1", "entity 2", "entity 3"], [[2], [2, 1]]) == _iterate(Query().limit(3), 2, ROWS[:2], ROWS[2:])


def test_iterate_keeps_to_what_a_server_returns_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vitess refuses a query of more than 10,000 rows a shard."""
    vitess = MySQL(Capabilities("vitess", (24,), "24", rows_a_query=3))
    monkeypatch.setattr(UNIT.binding, "dialect", vitess)

    assert (["entity 1"], [[3]]) == _iterate(Query(), 50_000, ROWS[:1])


def test_iterate_of_nothing_sends_nothing() -> None:
    """As every search."""
    iteration = Iteration(UNIT, Query().filter(F.id.is_in([])), 10)

    assert ([], []) == drive(iteration.batch_plan())
    assert iteration.done


@pytest.mark.parametrize(
    ("query", "batch", "text"),
    [
        (Query().sort_by_asc(F.name), 10, "iterate() goes by id: it takes no sort; search_many() with a pager does"),
        (Query().pager(2, 10), 10, "iterate() takes no offset or page; filter by id instead"),
        (Query(), 0, "batch must be an int of at least 1, got 0"),
        ("all", 10, "a Query is wanted here, not str: Query().filter(...)"),
        (Query().group_by(F.name), 10, "a query with group_by() is for aggregate()"),
    ],
)
def test_iterate_refuses_at_once_what_it_cannot_do(query: Any, batch: int, text: str) -> None:
    """Not when the loop first asks for an entity."""
    with pytest.raises(QueryError) as caught:
        Iteration(UNIT, query, batch)

    assert text == str(caught.value)


@pytest.mark.parametrize(
    "plan",
    [search_many_plan, search_many_with_total_plan, search_one_plan, search_ids_plan, count_plan, exists_plan],
)
def test_searches_take_queries_only(plan: Any) -> None:
    """A grouped query has no rows of entities."""
    for wrong in (F.stock > 1, None, Query().group_by(F.name)):
        with pytest.raises(QueryError):
            drive(plan(UNIT, wrong))


def test_aggregates_come_in_the_types_of_their_fields() -> None:
    """MySQL answers sums as decimals, SQLite as floats; a user sees neither."""
    wanted = {
        "price": sum_(F.price),
        "stock": sum_(F.stock),
        "weight": sum_(F.weight),
        "mean": avg_(F.stock),
        "cents": avg_(F.price),
        "first": min_(F.day),
        "last": max_(F.name),
        "rows": count(),
        "rated": count(F.rating),
    }
    mysql = [b"10.50", b"12", b"1.5", b"3.5000", b"1.050000", "2024-01-01", "z", b"4", b"3"]
    sqlite = [10.500000000000002, 12, 1.5, 3.5, 1.05, "2024-01-01", "z", 4, 3]

    expected = {
        "price": Decimal("10.50"),
        "stock": 12,
        "weight": 1.5,
        "mean": Decimal("3.5000"),
        "cents": Decimal("1.050000"),
        "first": date(2024, 1, 1),
        "last": "z",
        "rows": 4,
        "rated": 3,
    }
    for row in (mysql, sqlite):
        found, _ = drive(aggregate_plan(UNIT, Query(), wanted), [row])

        assert expected == found
        assert [type(value) for value in expected.values()] == [type(value) for value in found.values()]


def test_aggregates_of_nothing() -> None:
    """The same whether the server was asked or not."""
    wanted = {"total": sum_(F.price), "rows": count()}

    assert {"total": None, "rows": 0} == drive(aggregate_plan(UNIT, Query(), wanted), [[None, b"0"]])[0]
    assert {"total": None, "rows": 0} == drive(aggregate_plan(UNIT, Query().filter(F.id.is_in([])), wanted))[0]


def test_groups_carry_what_they_are_grouped_by() -> None:
    """Under the names of the fields, decoded."""
    query = Query().group_by(F.status, F.category.name)

    found, sent = drive(aggregate_groups_plan(UNIT, query, {"n": count()}), [["draft", "Books", b"2"]])

    assert [{"status": Status.DRAFT, "category.name": "Books", "n": 2}] == found
    assert sent[0].sql.endswith("GROUP BY `product`.`status`, `category`.`name`")


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({}, "aggregate() needs something to compute: aggregate(ctx, query, total=sum_(F.price))"),
        ({"n": 5}, "aggregate(): n is an int, not sum_(...), count() or the like"),
        ({"status": count()}, "aggregate(): status is the name of a field it is grouped by"),
    ],
)
def test_nonsense_aggregates_are_refused(wanted: Any, text: str) -> None:
    """Before anything is sent."""
    with pytest.raises(QueryError) as caught:
        drive(aggregate_groups_plan(UNIT, Query().group_by(F.status), wanted))

    assert text == str(caught.value)


def test_an_offset_alone_has_an_end_beyond_every_table() -> None:
    """MySQL has no OFFSET without LIMIT."""
    _, sent = drive(search_ids_plan(UNIT, Query().offset(5)), ROWS)

    assert [NO_LIMIT, 5] == sent[0].args
