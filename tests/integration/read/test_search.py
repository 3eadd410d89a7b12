"""Searches through providers, on MySQL, MariaDB and SQLite, blocking and on asyncio."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import MySQLError, NotSupportedError, QueryError
from fluxaorm.query import fields
from tests.support.blocks import block
from tests.support.insides import core, known_ids
from tests.support.shop_engines import Shop

PRODUCTS = [
    # name, price, category, status, tags
    ("Dune", "9.99", "Books", "active", {"sale", "new"}),
    ("Emma", "7.50", "Books", "archived", set()),
    ("Kettle", "25.00", "Kitchen", "active", {"featured"}),
    ("Knife 100%", "12.00", "Kitchen", "draft", {"sale"}),
    ("Lamp", "49.90", None, "active", {"new"}),
]


@pytest.fixture
def shop(cached_shop: Shop) -> Shop:
    """A shop with five products in two categories, one product in none."""
    ctx = cached_shop.context()
    categories: dict[str | None, Any] = {None: None}
    for name in ("Books", "Kitchen"):
        categories[name] = cached_shop.do(cached_shop.categories.new(ctx, name=name))
    for name, price, category, status, tags in PRODUCTS:
        cached_shop.do(
            cached_shop.products.new(
                ctx, name=name, price=Decimal(price), category=categories[category], status=status, tags=tags,
                aliases=(name[:2], None, None),
            )
        )  # fmt: skip
    cached_shop.do(ctx.flush())
    return cached_shop


def names(entities: list[Any]) -> list[str]:
    return [entity.name for entity in entities]


def query(shop: Shop) -> tuple[fx.Query, Any]:
    """A query by name, and the fields."""
    fields = shop.products.fields
    return fx.Query().sort_by_asc(fields.name), fields


def test_search_many_gives_whole_entities_in_order(shop: Shop) -> None:
    """Everything a screen shows comes from one statement."""
    ctx = shop.context()
    q, F = query(shop)

    found = shop.do(shop.products.search_many(ctx, q.filter(F.price >= 10, F.status.is_in(["active", "draft"]))))

    assert ["Kettle", "Knife 100%", "Lamp"] == names(found)
    assert (Decimal("25.00"), "active", frozenset({"featured"})) == (found[0].price, found[0].status, found[0].tags)
    assert found[0].aliases[0] == "Ke"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (lambda F: F.name == "dune", ["Dune"]),
        (lambda F: F.name.starts_with("k"), ["Kettle", "Knife 100%"]),
        (lambda F: F.name.contains("0%"), ["Knife 100%"]),
        (lambda F: F.name.like("%e%"), ["Dune", "Emma", "Kettle", "Knife 100%"]),
        (lambda F: F.tags.has("sale"), ["Dune", "Knife 100%"]),
        (lambda F: F.tags.has_any(["featured", "new"]), ["Dune", "Kettle", "Lamp"]),
        (lambda F: F.tags == {"new", "sale"}, ["Dune"]),
        (lambda F: F.category.is_null(), ["Lamp"]),
        (lambda F: F.category.name == "Books", ["Dune", "Emma"]),
        (lambda F: (F.category.name == "Books") | (F.name == "Lamp"), ["Dune", "Emma", "Lamp"]),
        (lambda F: F.price.between(Decimal("7.505"), Decimal("12")), ["Dune", "Knife 100%"]),
        (lambda F: F.aliases_1 == "Du", ["Dune"]),
        (lambda F: ~(F.status == "active") & (F.price > 8), ["Knife 100%"]),
        (lambda F: F.attributes.is_not_null(), ["Dune", "Emma", "Kettle", "Knife 100%", "Lamp"]),
    ],
)
def test_conditions_find_the_same_on_every_server(shop: Shop, condition: Any, expected: list[str]) -> None:
    """Case, sets, decimals and joins are where the servers differ."""
    ctx = shop.context()
    q, F = query(shop)

    assert expected == names(shop.do(shop.products.search_many(ctx, q.filter(condition(F)))))


def test_a_reference_is_compared_with_an_entity(shop: Shop) -> None:
    """One has the category at hand; its id is the library's business."""
    ctx = shop.context()
    q, F = query(shop)
    kitchen = shop.do(shop.categories.search_one(ctx, fx.Query().filter(shop.categories.fields.name == "Kitchen")))

    found = shop.do(shop.products.search_many(ctx, q.filter(F.category == kitchen)))

    assert ["Kettle", "Knife 100%"] == names(found)


def test_pages_with_their_total(shop: Shop) -> None:
    """The last page need not ask for the total, and must still tell the same."""
    ctx = shop.context()
    q, _ = query(shop)

    pages = [shop.do(shop.products.search_many_with_total(ctx, q.pager(page, 2))) for page in (1, 2, 3, 4)]

    assert [(["Dune", "Emma"], 5), (["Kettle", "Knife 100%"], 5), (["Lamp"], 5), ([], 5)] == [
        (names(page), total) for page, total in pages
    ]


def test_ids_count_and_exists(shop: Shop) -> None:
    """What needs no entity makes none."""
    ctx = shop.context()
    q, F = query(shop)
    active = q.filter(F.status == "active")

    ids = shop.do(shop.products.search_ids(ctx, active))
    some, total = shop.do(shop.products.search_ids_with_total(ctx, active.limit(2)))

    assert (3, 2, 3) == (len(ids), len(some), total)
    assert ids[:2] == some
    assert 3 == shop.do(shop.products.count(ctx, active))
    assert shop.do(shop.products.exists(ctx, active)) is True
    assert shop.do(shop.products.exists(ctx, active.filter(F.price > 100))) is False
    assert set() == known_ids(ctx, shop.products)


def test_a_required_field_behind_a_reference_may_be_null(shop: Shop) -> None:
    """A reference may lead nowhere, so its fields are typed, compared and given as nullable ones."""
    ctx = shop.context()
    q, F = query(shop)

    lost = shop.do(shop.products.search_many(ctx, q.filter(F.category.name == None)))  # noqa: E711 - a condition
    found = shop.do(shop.products.select(ctx, q.filter(F.category.name.is_in(["Books", None])), F.category.name))

    assert ["Lamp"] == names(lost)
    assert {("Books",), (None,)} == set(found)
    assert isinstance(F.category.name, fields.NullableStringField)
    with pytest.raises(QueryError, match="not nullable"):
        _ = F.name == None  # noqa: E711 - a condition


def test_search_one(shop: Shop) -> None:
    """The first in the order, or None."""
    ctx = shop.context()
    q, F = query(shop)

    assert "Kettle" == shop.do(shop.products.search_one(ctx, q.filter(F.name > "K"))).name
    assert shop.do(shop.products.search_one(ctx, q.filter(F.price > 100))) is None


def test_a_search_gives_the_objects_the_context_has(shop: Shop) -> None:
    """Two objects for one row would disagree after the first change; a clean one is refreshed."""
    ctx = shop.context()
    q, _ = query(shop)
    first = shop.do(shop.products.search_one(ctx, q))
    dirty = shop.do(shop.products.search_one(ctx, q.offset(1)))
    dirty.price = Decimal("1.00")
    shop.sql("UPDATE ProductEntity SET price = 5")

    found = shop.do(shop.products.search_many(ctx, q))

    assert found[0] is first
    assert found[1] is dirty
    assert (Decimal(5), Decimal(1)) == (first.price, dirty.price)


def test_soft_deleted_rows_are_left_out_unless_asked_for(shop: Shop) -> None:
    """A deleted row comes back only to who says so."""
    ctx = shop.context()
    q, _ = query(shop)
    shop.do(shop.products.search_one(ctx, q)).delete()
    shop.do(ctx.flush())

    assert 4 == shop.do(shop.products.count(ctx, q))
    assert 4 == len(shop.do(shop.products.get_all(ctx)))
    everything = shop.do(shop.products.search_many(ctx, q.include_deleted()))
    assert ["Dune"] == [product.name for product in everything if product.is_deleted]
    assert 5 == len(everything)


def test_own_sql_as_a_condition(shop: Shop) -> None:
    """Whatever the fields cannot say."""
    ctx = shop.context()
    q, _ = query(shop)
    where = fx.Where("LENGTH(`name`) = ? AND `name` NOT IN ?", 4, ["Lamp"]).append("-- of four letters")

    assert ["Dune", "Emma"] == names(shop.do(shop.products.search_many(ctx, q.filter_where(where))))
    empty = fx.Where("`name` NOT IN ?", [])
    assert 5 == shop.do(shop.products.count(ctx, q.filter_where(empty)))
    assert 0 == shop.do(shop.products.count(ctx, q.filter_where(fx.Where("`name` IN ?", []))))


@pytest.mark.parametrize("text", ["1 = 1) OR (1 = 1", "1 = 1) -- (", "1 = 1) /*", "`name` = 'Dune"])
def test_own_sql_never_takes_other_conditions_away(shop: Shop, text: str) -> None:
    """It would find rows that are soft-deleted, and a bulk write would change rows that its other filters leave out."""
    ctx = shop.context()
    f = shop.products.fields
    q = fx.Query()

    with pytest.raises(QueryError, match="one whole condition"):
        shop.do(
            shop.products.update_where(ctx, q.filter(f.name == "none").filter_where(fx.Where(text)), price=Decimal(0))
        )

    assert 0 == shop.do(shop.products.count(ctx, q.filter(f.price == Decimal(0))))


def test_own_sql_is_read_as_its_server_reads_it(shop: Shop) -> None:
    """A backslash ends a text on SQLite, and on MySQL it does not."""
    ctx = shop.context()
    like, hidden = r"`name` LIKE '%mm\a' ESCAPE '\'", r"`name` = '\' OR 1 = 1) OR (1 = 1 -- '"
    is_sqlite = core(shop.engine).mysql_pools["default"].dialect.name == "sqlite"
    right, wrong = (like, hidden) if is_sqlite else (hidden, like)
    q = fx.Query().filter_where(fx.Where(right))

    found = names(shop.do(shop.products.search_many(ctx, q)))
    selected = names(shop.do(shop.products.from_sql(ctx, f"SELECT * FROM ProductEntity WHERE {right}")))
    with pytest.raises(QueryError, match="one whole condition"):
        shop.do(shop.products.count(ctx, fx.Query().filter_where(fx.Where(wrong))))
    with pytest.raises(QueryError, match="one whole SELECT"):
        shop.do(shop.products.from_sql(ctx, f"SELECT * FROM ProductEntity WHERE {wrong}"))

    assert [["Emma"] if is_sqlite else []] * 2 == [found, selected]


def test_entities_from_an_own_select(shop: Shop) -> None:
    """By name, in whatever order its columns come, and in the order of its rows."""
    ctx = shop.context()
    sql = """
        SELECT p.*, 1 AS extra FROM ProductEntity p JOIN CategoryEntity c ON c.id = p.category
        WHERE c.name IN ? ORDER BY p.price DESC; -- the dear ones first
    """

    found = shop.do(shop.products.from_sql(ctx, sql, ["Books", "Kitchen"]))

    assert ["Kettle", "Knife 100%", "Dune", "Emma"] == names(found)
    assert Decimal("9.99") == found[2].price


def test_an_own_select_without_a_column_is_refused_by_the_server(shop: Shop) -> None:
    """Half an entity would be written back as a whole one."""
    ctx = shop.context()

    with pytest.raises(MySQLError):
        shop.do(shop.products.from_sql(ctx, "SELECT id, name FROM ProductEntity"))


def test_select_reads_columns_only(shop: Shop) -> None:
    """Typed values in tuples, also from behind a reference."""
    ctx = shop.context()
    q, F = query(shop)

    found = shop.do(shop.products.select(ctx, q.limit(5), F.name, F.price, F.tags, F.category.name))

    assert ("Dune", Decimal("9.99"), frozenset({"sale", "new"}), "Books") == found[0]
    assert ("Lamp", Decimal("49.90"), frozenset({"new"}), None) == found[4]
    assert set() == known_ids(ctx, shop.products)


def test_iterate_reads_everything_in_batches(shop: Shop) -> None:
    """Every row once, by id, whatever the size of a batch."""
    ctx = shop.context()
    _, F = query(shop)
    for batch in (1, 2, 5, 100):
        assert [name for name, *_ in PRODUCTS] == names(_all(shop, shop.products.iterate(ctx, fx.Query(), batch)))
    active = fx.Query().filter(F.status == "active").limit(2)
    assert ["Dune", "Kettle"] == names(_all(shop, shop.products.iterate(ctx, active, batch=1)))
    with pytest.raises(QueryError):
        shop.products.iterate(ctx, fx.Query().sort_by_asc(F.name))


def _all(shop: Shop, entities: Any) -> list[Any]:
    if not hasattr(entities, "__aiter__"):
        return list(entities)

    async def collect() -> list[Any]:
        return [entity async for entity in entities]

    found: list[Any] = shop.do(collect())
    return found


def test_aggregates(shop: Shop) -> None:
    """Exact where the column is."""
    ctx = shop.context()
    _, F = query(shop)
    base = fx.Query()

    one = shop.do(
        shop.products.aggregate(
            ctx, base, total=fx.sum_(F.price), n=fx.count(), least=fx.min_(F.price), m=fx.avg_(F.price)
        )
    )
    groups = shop.do(
        shop.products.aggregate(ctx, base.sort_by_desc(F.status).group_by(F.status), n=fx.count(), most=fx.max_(F.name))
    )

    assert {"total": Decimal("104.39"), "n": 5, "least": Decimal("7.50"), "m": Decimal("20.878000")} == one
    assert [
        {"status": "archived", "n": 1, "most": "Emma"},
        {"status": "active", "n": 3, "most": "Lamp"},
        {"status": "draft", "n": 1, "most": "Knife 100%"},
    ] == groups


def test_locks(shop: Shop) -> None:
    """Where the server has row locks, the clause is understood; elsewhere it is refused, not left out."""
    ctx = shop.context()
    q, _ = query(shop)
    locking = [q.for_update(), q.for_update(nowait=True), q.limit(1).for_update(skip_locked=True)]
    with block(shop, ctx):
        if shop.url.startswith("sqlite"):
            with pytest.raises(NotSupportedError):
                shop.do(shop.products.search_many(ctx, locking[0]))
            return

        assert [5, 5, 1] == [len(shop.do(shop.products.search_many(ctx, each))) for each in locking]


def test_an_index_may_be_named(shop: Shop) -> None:
    """Advice: the result is the same with it."""
    ctx = shop.context()
    q, F = query(shop)

    assert 3 == shop.do(shop.products.count(ctx, q.use_index("status_price").filter(F.status == "active")))


def test_what_makes_no_sense_is_refused_by_the_call(shop: Shop) -> None:
    """Errors of a query are the caller's, not the server's."""
    ctx = shop.context()
    q, F = query(shop)

    for wrong in (
        q.filter(F.status == "sold"),
        q.filter(shop.users.fields.name == "x"),
        q.filter(F.price == Decimal("0.001")),
        q.use_index("nope"),
    ):
        with pytest.raises(QueryError):
            shop.do(shop.products.search_many(ctx, wrong))


def test_the_example_of_the_guide(shop: Shop) -> None:
    """The first query a user sees must run as it is printed."""
    ctx = shop.context()
    shop.do(shop.users.new(ctx, name="Ann", email="ann@example.com", age=30))
    shop.do(shop.users.new(ctx, name="Bob", email="bob@example.com", age=17))
    shop.do(ctx.flush())
    F = shop.users.fields

    q = (
        fx.Query()
        .filter(F.age >= 18, F.name.is_in(["Ann", "Bob"]), (F.name.like("A%")) | F.email.is_null())
        .filter_where(fx.Where("`name` LIKE ?", "%nn%"))
        .sort_by_asc(F.name)
        .sort_by_desc(F.created_at)
        .pager(1, 20)
    )

    users, total = shop.do(shop.users.search_many_with_total(ctx, q))
    assert (["Ann"], 1) == (names(users), total)
