"""The order in which a flush writes rows: what is freed is there for another, and foreign keys hold at each moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, Reference, UInt32, UInt64
from fluxaorm.errors import DuplicateKeyError, MySQLError, ReferenceCycleError
from tests.support.blocks import block
from tests.support.pointing_rows import FOREIGN_KEYS, LeafEntity, NodeEntity, engine_of
from tests.support.shells import Shell
from tests.support.shop_engines import Shop
from tests.support.sql_servers import Database


class AuthorEntity(Entity, table="writer"):
    """What novels point to, though nothing says so but the database."""

    id: UInt32
    name: str = Field(length=20, unique=True)


class NovelEntity(Entity, table="novel"):
    """Comes before its author by the table's name, and points to it with a plain number."""

    id: UInt32
    author: UInt32
    place: UInt32 | None = Field(default=None, unique=True)


class TagEntity(Entity, soft_delete=True):
    """A deleted row gives its name up."""

    id: UInt64
    name: str = Field(unique=True, length=50)
    above: Reference[TagEntity] | None = None


class SeatEntity(Entity):
    """Places that only one row has at a time."""

    id: UInt32
    place: str | None = Field(default=None, unique=True, length=20)
    row: UInt32 | None = None


Open = Callable[..., Shop]


@pytest.fixture
def pointing(mysql_database: Database, shell: Shell) -> Iterator[Open]:
    """Opens a shop of these entities, their tables having these foreign keys."""
    shops: list[Shop] = []

    def opened(*entities: Any, keys: tuple[str, ...]) -> Shop:
        shops.append(Shop(engine_of(mysql_database.url, *entities), shell, mysql_database.url))
        for key in keys:
            mysql_database.execute(key)
        return shops[-1]

    yield opened
    for shop in shops:
        shell.close(shop.engine)


@pytest.fixture
def seats(database_url: str, shell: Shell) -> Iterator[Shop]:
    """A shop of seats and tags on each database."""
    engine = engine_of(database_url, SeatEntity, TagEntity)
    yield Shop(engine, shell, database_url)
    shell.close(engine)


def statements_of(ctx: Any) -> list[str]:
    """The first words of what is sent from here on."""
    sent: list[str] = []

    def note(_: Any, entry: fx.QueryLogEntry) -> None:
        sent.extend(entry.operations)

    ctx.register_query_logger(note, redis=False)
    return sent


# unique values


@pytest.mark.parametrize("force", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize("first", [True, False], ids=["the first", "the last"])
def test_a_deleted_row_never_blocks_the_one_that_takes_its_name(seats: Shop, force: bool, first: bool) -> None:
    """Whatever sort of deletion it is, and whichever of the rows is the older one."""
    tags: Any = seats.engine.provider(TagEntity)
    ctx = seats.context()
    rows = [seats.do(tags.new(ctx, name=name)) for name in ("a", "b")]
    seats.do(ctx.flush())
    gone, kept = rows if first else reversed(rows)

    kept.name = gone.name
    if force:
        gone.force_delete()
    else:
        gone.delete()
    result = seats.do(ctx.flush())

    assert fx.FlushResult(updated=1, deleted=1) == result
    assert [(str(kept.id),)] == seats.sql(f"SELECT id FROM TagEntity WHERE name = '{kept.name}' AND fake_delete = 0")


def test_a_restored_row_gets_back_what_another_gives_up(seats: Shop) -> None:
    """One of the two is deleted in the same flush, or renamed."""
    tags: Any = seats.engine.provider(TagEntity)
    ctx = seats.context()
    old = seats.do(tags.new(ctx, name="a"))
    seats.do(ctx.flush())
    old.delete()
    seats.do(ctx.flush())
    now = seats.do(tags.new(ctx, name="a"))
    seats.do(ctx.flush())

    now.name = "b"
    old.restore()
    result = seats.do(ctx.flush())

    assert fx.FlushResult(updated=2) == result
    assert [("a", str(old.id)), ("b", str(now.id))] == seats.sql("SELECT name, id FROM TagEntity ORDER BY name")


@pytest.mark.parametrize("step", [1, -1], ids=["to the right", "to the left"])
def test_a_value_is_passed_along(seats: Shop, step: int) -> None:
    """Everybody moves up one seat: each row is written after the one that makes room for it."""
    provider: Any = seats.engine.provider(SeatEntity)
    ctx = seats.context()
    rows = [seats.do(provider.new(ctx, place=f"Seat {number}", row=number)) for number in range(2, 6)]
    seats.do(ctx.flush())

    for number, row in enumerate(rows, 2):
        row.place = f"seat {number + step}"
        row.row = number + step
    result = seats.do(ctx.flush())

    assert fx.FlushResult(updated=4) == result
    assert [(f"seat {number + step}",) for number in range(2, 6)] == seats.sql(
        "SELECT place FROM SeatEntity ORDER BY id"
    )


def test_a_swap_is_refused_and_told(seats: Shop) -> None:
    """No order makes room for both; nothing is written, and the error names the rows' value."""
    provider: Any = seats.engine.provider(SeatEntity)
    ctx = seats.context()
    one, other = (seats.do(provider.new(ctx, place=place)) for place in ("a", "b"))
    seats.do(ctx.flush())

    one.place, other.place = "b", "a"
    with pytest.raises(DuplicateKeyError) as caught:
        seats.do(ctx.flush())

    assert ("SeatEntity", "place") == (caught.value.entity, caught.value.index)
    assert caught.value.values in ({"place": "a"}, {"place": "b"})
    assert "same flush" in str(caught.value.__notes__)
    one.place = None
    seats.do(ctx.flush(one, other))
    one.place = "b"
    seats.do(ctx.flush())
    assert [("b",), ("a",)] == seats.sql("SELECT place FROM SeatEntity ORDER BY id")


# foreign keys

NOVEL_KEYS = ("ALTER TABLE novel ADD CONSTRAINT written_by FOREIGN KEY (author) REFERENCES writer (id)",)


def test_rows_are_written_as_keys_want_it_that_nobody_declared(pointing: Open) -> None:
    """Parents first, children gone first, whatever the tables are called; the database is asked once."""
    shop = pointing(NovelEntity, AuthorEntity, keys=NOVEL_KEYS)
    novels: Any = shop.engine.provider(NovelEntity)
    authors: Any = shop.engine.provider(AuthorEntity)
    ctx = shop.context()

    def add(name: str) -> tuple[Any, Any]:
        author = shop.do(authors.new(ctx, name=name))
        novel = shop.do(novels.new(ctx, author=author.id))
        return novel, author

    rows = add("Ann")
    sent = statements_of(ctx)
    inserted = [shop.do(ctx.flush())]
    asked = sent.copy()
    more = add("Bob")
    sent.clear()
    inserted.append(shop.do(ctx.flush()))
    for row in (*rows, *more):
        row.delete()
    deleted = shop.do(ctx.flush())

    assert [fx.FlushResult(inserted=2)] * 2 == inserted
    assert fx.FlushResult(deleted=4) == deleted
    assert ["INSERT", "INSERT"] * 2 == [word for word in asked if word == "INSERT"]
    assert 1 == asked.count("SELECT")
    assert ["BEGIN", "INSERT", "INSERT", "COMMIT", "BEGIN", "DELETE", "DELETE", "COMMIT"] == sent


def test_what_points_away_is_written_before_the_row_is_deleted(pointing: Open) -> None:
    """The heir is inserted, the novel goes to it, the author is deleted, in one flush and in this order."""
    shop = pointing(NovelEntity, AuthorEntity, keys=NOVEL_KEYS)
    novels: Any = shop.engine.provider(NovelEntity)
    authors: Any = shop.engine.provider(AuthorEntity)
    ctx = shop.context()
    author = shop.do(authors.new(ctx, name="Ann"))
    shop.do(ctx.flush())
    novel = shop.do(novels.new(ctx, author=author.id, place=1))
    shop.do(ctx.flush())

    heir = shop.do(authors.new(ctx, name="Bob"))
    novel.author = heir.id
    author.delete()
    result = shop.do(ctx.flush())

    assert fx.FlushResult(inserted=1, updated=1, deleted=1) == result
    assert [(str(heir.id),)] == shop.sql("SELECT author FROM novel")
    assert [("Bob",)] == shop.sql("SELECT name FROM writer")


def test_a_flush_inside_a_transaction_finds_the_order_too(pointing: Open) -> None:
    """What was written in the block before stays, and the connection is the block's own."""
    shop = pointing(NovelEntity, AuthorEntity, keys=NOVEL_KEYS)
    novels: Any = shop.engine.provider(NovelEntity)
    authors: Any = shop.engine.provider(AuthorEntity)
    ctx = shop.context()

    first, heir = (shop.do(authors.new(ctx, name=name)) for name in ("Ann", "Bob"))
    with block(shop, ctx):
        shop.do(ctx.flush(first))
        for author in (first, heir):
            shop.do(novels.new(ctx, author=author.id))
        shop.do(ctx.flush())

    assert [(str(first.id),), (str(heir.id),)] == shop.sql("SELECT author FROM novel ORDER BY author")


def test_a_row_that_points_nowhere_is_the_servers_error(pointing: Open) -> None:
    """No order helps: the flush fails once, keeps its changes, and works when the row is there."""
    shop = pointing(NovelEntity, AuthorEntity, keys=NOVEL_KEYS)
    novels: Any = shop.engine.provider(NovelEntity)
    authors: Any = shop.engine.provider(AuthorEntity)
    ctx = shop.context()
    lost = shop.do(novels.new(ctx, author=77))
    shop.do(novels.new(ctx, author=77))

    for _ in range(2):
        with pytest.raises(MySQLError) as caught:
            shop.do(ctx.flush())
        assert 1452 == caught.value.errno
    shop.do(authors.new_with_id(ctx, 77, name="Ann"))
    result = shop.do(ctx.flush())

    assert fx.FlushResult(inserted=3) == result
    assert not lost.is_new


def test_a_cycle_is_told_with_its_rows_until_the_key_is_gone(pointing: Open) -> None:
    """The error says which rows and keys; a key that was dropped since is in nobody's way."""
    shop = pointing(NodeEntity, LeafEntity, keys=FOREIGN_KEYS)
    nodes: Any = shop.engine.provider(NodeEntity)
    leaves: Any = shop.engine.provider(LeafEntity)
    ctx = shop.context()
    node = shop.do(nodes.new(ctx))
    leaf = shop.do(leaves.new(ctx, node=node))
    node.leaf_id = leaf

    with pytest.raises(ReferenceCycleError):
        shop.do(ctx.flush())
    with pytest.raises(ReferenceCycleError) as caught:
        shop.do(ctx.flush())
    assert {("NodeEntity", node.id), ("LeafEntity", leaf.id)} == set(caught.value.rows)
    assert {"node_leaf", "leaf_node"} == set(caught.value.keys)
    shop.sql("ALTER TABLE node DROP FOREIGN KEY node_leaf")
    result = shop.do(ctx.flush())

    assert fx.FlushResult(inserted=2) == result
    assert [(str(leaf.id),)] == shop.sql("SELECT leaf FROM node")


@pytest.mark.parametrize("rule", ["CASCADE", "SET NULL"])
def test_what_the_server_deletes_or_empties_by_itself_is_no_cycle(pointing: Open, rule: str) -> None:
    """Two nodes that point to each other can be deleted together where the key says how."""
    keys = (f"{FOREIGN_KEYS[0]} ON DELETE {rule}",)
    shop = pointing(NodeEntity, LeafEntity, keys=keys)
    nodes: Any = shop.engine.provider(NodeEntity)
    ctx = shop.context()
    one, other, child = (shop.do(nodes.new(ctx)) for _ in range(3))
    shop.do(ctx.flush())
    one.parent_id, other.parent_id, child.parent_id = other, one, one
    shop.do(ctx.flush())

    for row in (one, other, child):
        row.delete()
    result = shop.do(ctx.flush())

    assert fx.FlushResult(deleted=3) == result
    assert [] == shop.sql("SELECT id FROM node")


def test_a_tree_is_inserted_and_deleted_level_by_level(pointing: Open) -> None:
    """In one INSERT, parents ahead; in one DELETE a level, all of them in the same packet."""
    shop = pointing(NodeEntity, LeafEntity, keys=FOREIGN_KEYS)
    nodes: Any = shop.engine.provider(NodeEntity)
    ctx = shop.context()
    made = [shop.do(nodes.new(ctx)) for _ in range(15)]
    for number, row in enumerate(made):
        # the last one is the root
        row.parent_id = made[7 + (number + 1) // 2] if number < 14 else None
    shop.do(ctx.flush())
    stored = shop.sql("SELECT COUNT(*) FROM node")
    sent = statements_of(ctx)

    for row in made:
        row.delete()
    result = shop.do(ctx.flush())

    assert [("15",)] == stored
    assert fx.FlushResult(deleted=15) == result
    assert ["BEGIN", *["DELETE"] * 5, "COMMIT"] == sent
