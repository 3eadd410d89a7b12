"""What a rollback takes back in the context: the block's entities, changes and queued statements, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import (
    ContextClosedError,
    DeadlockError,
    DuplicateKeyError,
    QueryError,
    UnflushedChangesWarning,
)
from tests.support.blocks import Undo, block, close
from tests.support.shop_engines import Shop


def stored(shop: Shop, ctx: Any, *labels: str) -> list[Any]:
    """Counters that have rows, as entities of ``ctx``."""
    made = [shop.do(shop.counters.new(ctx, label=label)) for label in labels]
    shop.do(ctx.flush())
    return made


def stored_product(shop: Shop, ctx: Any, **values: Any) -> Any:
    product = shop.do(shop.products.new(ctx, name="Dune", **values))
    shop.do(ctx.flush())
    return product


@pytest.mark.parametrize("flushed", [False, True], ids=["unflushed", "flushed"])
def test_what_a_block_did_is_taken_back(plain_shop: Shop, flushed: bool) -> None:
    """The next flush must not write half of it: new entities are forgotten, changes and deletions are no more."""
    ctx = plain_shop.context()
    changed, deleted = stored(plain_shop, ctx, "changed", "deleted")

    with block(plain_shop, ctx):
        new = plain_shop.do(plain_shop.counters.new(ctx, label="new"))
        changed.hits = 4
        deleted.delete()
        if flushed:
            plain_shop.do(ctx.flush())
            changed.hits = 5
        raise Undo

    known = plain_shop.do(plain_shop.counters.get_by_ids(ctx, changed.id, deleted.id, new.id))
    assert [changed, deleted] == known
    assert (0, 1, False, False) == (changed.hits, changed.version, changed.is_dirty, deleted.is_deleted)
    assert fx.FlushResult() == plain_shop.do(ctx.flush())
    assert [("changed",), ("deleted",)] == plain_shop.sql("SELECT label FROM CounterEntity ORDER BY label")


@pytest.mark.parametrize("flushed", [False, True], ids=["unflushed", "flushed"])
def test_what_waited_before_a_block_waits_again(cached_shop: Shop, flushed: bool) -> None:
    """With the values that it had then: the block is undone, not the work before it."""
    ctx = cached_shop.context()
    changed, deleted = stored(cached_shop, ctx, "changed", "deleted")
    changed.hits = 1
    deleted.delete()
    new = cached_shop.do(cached_shop.counters.new(ctx, label="new"))
    queued = ctx.mysql_pipeline().add("UPDATE CounterEntity SET hits = hits + 10 WHERE label = 'changed'")

    with block(cached_shop, ctx):
        changed.hits = 2
        new.label = "other"
        ctx.mysql_pipeline().add("DELETE FROM CounterEntity")
        if flushed:
            cached_shop.do(ctx.flush())
        raise Undo

    states = (changed.changes(), deleted.is_deleted, new.is_new, new.label, queued.is_done)
    assert ({"hits": (0, 1)}, True, True, "new", False) == states
    assert fx.FlushResult(inserted=1, updated=1, deleted=1) == cached_shop.do(ctx.flush())
    assert [("changed", "11"), ("new", "0")] == cached_shop.sql("SELECT label, hits FROM CounterEntity ORDER BY label")
    assert 1 == queued.result.rows_affected


def test_a_deletion_of_what_waited_is_taken_back(plain_shop: Shop) -> None:
    """Deleting a new entity forgets it; undone, it is to be inserted after all."""
    ctx = plain_shop.context()
    new = plain_shop.do(plain_shop.counters.new(ctx, label="a"))

    with block(plain_shop, ctx):
        new.delete()
        raise Undo

    assert (True, new) == (new.is_new, plain_shop.do(plain_shop.counters.get_by_id(ctx, new.id)))
    assert fx.FlushResult(inserted=1) == plain_shop.do(ctx.flush())


def test_what_a_block_deleted_and_made_anew_is_the_old_entity_again(plain_shop: Shop) -> None:
    """One row is one object: the identity map goes back too, and the id may be chosen again."""
    ctx = plain_shop.context()
    old, _ = stored(plain_shop, ctx, "old", "last")

    with block(plain_shop, ctx):
        old.delete()
        plain_shop.do(ctx.flush())
        plain_shop.do(plain_shop.counters.new_with_id(ctx, old.id, label="new"))
        plain_shop.do(ctx.flush())
        raise Undo

    assert old is plain_shop.do(plain_shop.counters.get_by_id(ctx, old.id))
    assert ("old", False, fx.FlushResult()) == (old.label, old.is_deleted, plain_shop.do(ctx.flush()))


def test_soft_deletions_and_restores_are_taken_back(cached_shop: Shop) -> None:
    """They are changes of a column, and of who finds the row."""
    ctx = cached_shop.context()
    alive, dead = stored_product(cached_shop, ctx), stored_product(cached_shop, ctx)
    dead.delete()
    cached_shop.do(ctx.flush())

    with block(cached_shop, ctx):
        alive.delete()
        dead.restore()
        cached_shop.do(ctx.flush())
        raise Undo

    assert (False, True) == (alive.is_deleted, dead.is_deleted)
    assert fx.FlushResult() == cached_shop.do(ctx.flush())
    assert 1 == cached_shop.do(cached_shop.products.count(ctx, fx.Query()))


def test_documents_changed_in_place_are_taken_back(cached_shop: Shop) -> None:
    """Whether or not the block flushed: nobody has set them, so nobody can unset them."""
    ctx = cached_shop.context()
    clean = stored_product(cached_shop, ctx, attributes={"at": "0"})
    waiting = stored_product(cached_shop, ctx, attributes={"at": "0"})
    new = cached_shop.do(cached_shop.products.new(ctx, name="new", attributes={"at": "1"}))
    waiting.attributes["at"] = "1"

    for flushed in (False, True):
        with block(cached_shop, ctx):
            for product in (clean, waiting, new):
                product.attributes["at"] = "2"
            if flushed:
                cached_shop.do(ctx.flush())
            raise Undo

        assert ["0", "1", "1"] == [product.attributes["at"] for product in (clean, waiting, new)]
    assert fx.FlushResult(inserted=1, updated=1) == cached_shop.do(ctx.flush())
    other = cached_shop.context()
    read = cached_shop.do(cached_shop.products.get_by_ids(other, clean.id, waiting.id, new.id))
    assert ["0", "1", "1"] == [product.attributes["at"] for product in read]


def test_embedded_values_and_times_are_taken_back(cached_shop: Shop) -> None:
    """All of their columns, and what the flush set by itself."""
    ctx = cached_shop.context()
    user = cached_shop.do(cached_shop.users.new(ctx, name="Alice", email="a@example.com"))
    cached_shop.do(ctx.flush())
    before = (user.home, user.updated_at)

    with block(cached_shop, ctx):
        user.home = type(user.home)(country="PL", city="Gdynia")
        cached_shop.do(ctx.flush())
        raise Undo

    assert (before, False) == ((user.home, user.updated_at), user.is_dirty)


def test_what_a_block_read_or_wrote_in_bulk_is_read_again(cached_shop: Shop) -> None:
    """An entity may hold what was never committed."""
    ctx = cached_shop.context()
    (counter,) = stored(cached_shop, ctx, "a")
    id = counter.id

    with block(cached_shop, ctx):
        cached_shop.do(cached_shop.counters.update_where(ctx, fx.Query(), hits=9))
        inside = cached_shop.do(cached_shop.counters.get_by_id(ctx, id)).hits
        cached_shop.do(cached_shop.counters.save_many(ctx, [{"label": "b"}]))
        raise Undo

    assert (9, 0) == (inside, cached_shop.do(cached_shop.counters.get_by_id(ctx, id)).hits)
    assert [("a",)] == cached_shop.sql("SELECT label FROM CounterEntity")


def test_a_nested_block_takes_back_its_own_part(plain_shop: Shop) -> None:
    """What the block around it changed, flushed or not, is as it was when the nested one began."""
    ctx = plain_shop.context()
    written, waiting, untouched = stored(plain_shop, ctx, "written", "waiting", "untouched")

    with block(plain_shop, ctx):
        written.hits = 1
        plain_shop.do(ctx.flush())
        waiting.hits = 1
        with block(plain_shop, ctx):
            for counter in (written, waiting, untouched):
                counter.hits = 2
            plain_shop.do(ctx.flush())
            raise Undo
        states = [(counter.hits, counter.is_dirty) for counter in (written, waiting, untouched)]

    assert [(1, False), (1, True), (0, False)] == states
    rows = plain_shop.sql("SELECT label, hits FROM CounterEntity ORDER BY label")
    assert [("untouched", "0"), ("waiting", "1"), ("written", "1")] == rows


def test_a_failed_flush_outside_a_block_keeps_its_changes(plain_shop: Shop) -> None:
    """It is there to be repeated; only blocks take back."""
    ctx = plain_shop.context()
    stored(plain_shop, ctx, "a")
    twice = plain_shop.do(plain_shop.counters.new(ctx, label="a"))

    with pytest.raises(DuplicateKeyError):
        plain_shop.do(ctx.flush())
    twice.label = "b"

    assert fx.FlushResult(inserted=1) == plain_shop.do(ctx.flush())


def test_a_repeated_function_finds_what_waited_before_it(plain_shop: Shop) -> None:
    """Each attempt begins from the same: a counter that an attempt has raised must not be raised twice."""
    ctx = plain_shop.context()
    (counter,) = stored(plain_shop, ctx, "a")
    counter.hits = 10
    seen: list[int] = []

    def raise_it() -> None:
        seen.append(counter.hits)
        counter.hits += 1

    def body(inner: Any) -> None:
        raise_it()
        inner.flush()
        if len(seen) < 3:
            raise DeadlockError("as the server would say", errno=1213)

    async def async_body(inner: Any) -> None:
        raise_it()
        await inner.flush()
        if len(seen) < 3:
            raise DeadlockError("as the server would say", errno=1213)

    plain_shop.do(ctx.run_in_transaction(body if plain_shop.shell.name == "sync" else async_body))

    assert ([10, 10, 10], [("11",)]) == (seen, plain_shop.sql("SELECT hits FROM CounterEntity"))


def test_the_result_of_a_statement_that_was_rolled_back_is_not_given(plain_shop: Shop) -> None:
    """It says what is not so."""
    ctx = plain_shop.context()

    with block(plain_shop, ctx):
        queued = ctx.mysql_pipeline().add("DELETE FROM CounterEntity")
        plain_shop.do(ctx.flush())
        raise Undo

    with pytest.raises(QueryError, match="rolled back"):
        _ = queued.result


def test_closing_inside_a_block_takes_it_back(plain_shop: Shop) -> None:
    """Entities can still be read then, and must not tell of rows that were never written."""
    ctx = plain_shop.context()
    (counter,) = stored(plain_shop, ctx, "a")

    def work() -> None:
        with block(plain_shop, ctx):
            counter.hits = 5
            plain_shop.do(ctx.flush())
            with pytest.warns(UnflushedChangesWarning, match="open transaction"):
                close(plain_shop, ctx)

    with pytest.raises(ContextClosedError, match="closed inside the transaction"):
        work()

    assert 0 == counter.hits
