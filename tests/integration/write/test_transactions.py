"""Explicit transactions against real databases: what is seen inside, what a rollback leaves, what may be repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import (
    ContextClosedError,
    ContextMisuseError,
    DeadlockError,
    DuplicateKeyError,
    QueryError,
    UnflushedChangesWarning,
)
from tests.support.blocks import Undo, block, close
from tests.support.insides import pending
from tests.support.shop import CounterEntity
from tests.support.shop_engines import Shop


def add_user(shop: Shop, ctx: Any, name: str = "Alice") -> Any:
    return shop.do(shop.users.new(ctx, name=name, email=f"{name.lower()}@example.com"))


def stored_user(shop: Shop, name: str = "Alice") -> int:
    ctx = shop.context()
    user = add_user(shop, ctx, name)
    shop.do(ctx.flush())
    return int(user.id)


def test_flushes_of_a_block_become_visible_together(cached_shop: Shop) -> None:
    """Several flushes are one transaction: others see nothing before its end, the block sees its own writes."""
    ctx = cached_shop.context()
    with block(cached_shop, ctx):
        first = add_user(cached_shop, ctx, "Alice")
        cached_shop.do(ctx.flush())
        first.age = 30
        add_user(cached_shop, ctx, "Bob")
        result = cached_shop.do(ctx.flush())
        inside = cached_shop.do(cached_shop.users.count(ctx, fx.Query()))
        outside = cached_shop.do(cached_shop.users.count(cached_shop.context(), fx.Query()))
        open_then = ctx.in_transaction

    assert (fx.FlushResult(inserted=1, updated=1), 2, 0, True) == (result, inside, outside, open_then)
    assert [("Alice", "30"), ("Bob", "0")] == cached_shop.sql("SELECT name, age FROM UserEntity ORDER BY name")
    assert not ctx.in_transaction


def test_reads_inside_neither_use_nor_fill_the_shared_caches(cached_shop: Shop) -> None:
    """What a transaction sees is nobody else's truth yet, and what the cache holds may be older than its own writes."""
    id = stored_user(cached_shop)
    cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id))
    cached_shop.sql("UPDATE UserEntity SET age = 50 WHERE id = ?", id)
    ctx = cached_shop.context()
    stores: list[str] = []
    ctx.register_query_logger(lambda _, entry: stores.append(entry.store))

    with block(cached_shop, ctx):
        one = cached_shop.do(cached_shop.users.get_by_id(ctx, id)).age
        many = [user.age for user in cached_shop.do(cached_shop.users.get_by_ids(ctx, id, id + 1000))]

    assert (50, [50]) == (one, many)
    assert {"mysql"} == set(stores)


def test_a_change_is_seen_through_the_caches_after_the_block(cached_shop: Shop) -> None:
    """The keys of all flushes are announced before the COMMIT and let go after it."""
    id = stored_user(cached_shop)
    cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id))
    ctx = cached_shop.context()

    with block(cached_shop, ctx):
        cached_shop.do(cached_shop.users.get_by_id(ctx, id)).age = 31
        cached_shop.do(ctx.flush())
        before = cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id)).age
    after = cached_shop.do(cached_shop.users.get_by_id(cached_shop.context(), id)).age

    assert (0, 31) == (before, after)


def test_a_nested_block_is_a_savepoint(cached_shop: Shop) -> None:
    """Its rollback takes back its own part only; the same depth may be entered again."""
    ctx = cached_shop.context()

    with block(cached_shop, ctx):
        add_user(cached_shop, ctx, "Alice")
        cached_shop.do(ctx.flush())
        with block(cached_shop, ctx):
            add_user(cached_shop, ctx, "Bob")
            cached_shop.do(ctx.flush())
            raise Undo
        with block(cached_shop, ctx):
            add_user(cached_shop, ctx, "Carol")
            cached_shop.do(ctx.flush())

    assert [("Alice",), ("Carol",)] == cached_shop.sql("SELECT name FROM UserEntity ORDER BY name")


def test_a_kept_nested_block_goes_with_the_outer_one(plain_shop: Shop) -> None:
    """A savepoint is no commit."""
    ctx = plain_shop.context()

    with block(plain_shop, ctx):
        with block(plain_shop, ctx):
            counter = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
            plain_shop.do(ctx.flush())
        raise Undo

    assert ([], True) == (plain_shop.sql("SELECT id FROM CounterEntity"), counter.is_new)


def test_a_failed_flush_inside_writes_nothing_and_the_block_goes_on(plain_shop: Shop) -> None:
    """A flush is all or nothing inside a transaction too; what was flushed before it stays."""
    ctx = plain_shop.context()

    with block(plain_shop, ctx):
        plain_shop.do(plain_shop.counters.new(ctx, label="a"))
        plain_shop.do(ctx.flush())
        plain_shop.do(plain_shop.notes.new(ctx, text="n"))
        double = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
        with pytest.raises(DuplicateKeyError):
            plain_shop.do(ctx.flush())
        nothing = plain_shop.do(plain_shop.notes.count(ctx, fx.Query()))
        double.label = "b"
        plain_shop.do(ctx.flush())

    assert 0 == nothing
    assert [("a",), ("b",)] == plain_shop.sql("SELECT label FROM CounterEntity ORDER BY label")
    assert [("n",)] == plain_shop.sql("SELECT text FROM NoteEntity")


def test_the_start_makes_clean_entities_stale(plain_shop: Shop) -> None:
    """The first look-up inside reads the row as it is now, into the same object."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
    plain_shop.do(ctx.flush())
    plain_shop.sql("UPDATE CounterEntity SET hits = 9")

    with block(plain_shop, ctx):
        again = plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id))

    assert again is counter
    assert 9 == counter.hits


def test_unsaved_changes_stay_with_the_start_of_a_block(plain_shop: Shop) -> None:
    """They are what the block is there to write."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
    plain_shop.do(ctx.flush())
    counter.hits = 5

    with block(plain_shop, ctx):
        same = plain_shop.do(plain_shop.counters.get_by_id(ctx, counter.id))
        result = plain_shop.do(ctx.flush())

    assert same is counter
    assert fx.FlushResult(updated=1) == result


def test_a_rolled_back_write_is_read_again_from_the_table(plain_shop: Shop) -> None:
    """A row read inside may hold what was never committed."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
    plain_shop.do(ctx.flush())
    id = counter.id

    with block(plain_shop, ctx):
        counter.hits = 5
        plain_shop.do(ctx.flush())
        seen = plain_shop.do(plain_shop.counters.search_one(ctx, fx.Query())).hits
        raise Undo
    counter.hits = 0
    back = plain_shop.do(plain_shop.counters.get_by_id(ctx, id))

    assert (5, 0, False) == (seen, back.hits, back.is_dirty)


def test_misuse_is_told(plain_shop: Shop) -> None:
    """Options that cannot be had, a block used twice, an isolation that is none."""
    ctx = plain_shop.context()
    with pytest.raises(QueryError, match="isolation 'chaos'"):
        ctx.transaction(isolation="chaos")
    used = ctx.transaction()
    enter: Any = used.__enter__ if plain_shop.shell.name == "sync" else lambda: plain_shop.do(used.__aenter__())
    leave: Any = used.__exit__ if plain_shop.shell.name == "sync" else lambda *a: plain_shop.do(used.__aexit__(*a))
    enter()

    for options in ({"isolation": "serializable"}, {"read_only": True}):
        with pytest.raises(ContextMisuseError, match="nested"):
            ctx.transaction(**options)
    leave(None, None, None)
    with pytest.raises(ContextMisuseError, match="serves once"):
        enter()


def test_a_block_that_touches_nothing_costs_nothing(cached_shop: Shop) -> None:
    """BEGIN is sent with the first statement."""
    ctx = cached_shop.context()
    seen: list[Any] = []
    ctx.register_query_logger(lambda _, entry: seen.append(entry))

    with block(cached_shop, ctx), block(cached_shop, ctx):
        pass

    assert [] == seen


def test_a_closed_context_rolls_back(plain_shop: Shop) -> None:
    """A request that is cut short leaves no lock and no half of its work."""

    def work() -> None:
        with block(plain_shop, ctx := plain_shop.context()):
            plain_shop.do(plain_shop.counters.new(ctx, label="a"))
            plain_shop.do(ctx.flush())
            with pytest.warns(UnflushedChangesWarning, match="open transaction"):
                close(plain_shop, ctx)

    with pytest.raises(ContextClosedError, match="closed inside the transaction"):
        work()

    with block(plain_shop, other := plain_shop.context()):
        plain_shop.do(plain_shop.counters.new(other, label="a"))
        plain_shop.do(other.flush())
    assert [("a",)] == plain_shop.sql("SELECT label FROM CounterEntity")


def test_a_clone_is_outside(plain_shop: Shop) -> None:
    """It is another unit of work."""
    ctx = plain_shop.context()

    with block(plain_shop, ctx):
        plain_shop.do(plain_shop.counters.new(ctx, label="a"))
        plain_shop.do(ctx.flush())
        clone = ctx.clone()
        seen = plain_shop.do(plain_shop.counters.count(clone, fx.Query()))

    assert (False, 0) == (clone.in_transaction, seen)


def test_what_waits_for_the_commit_is_dropped_by_a_rollback(make_shop: Any) -> None:
    """Also that of a nested block alone; the rest happens in order, after the rows are there for everybody."""
    happened: list[Any] = []

    def note(inner: Any, row: Any) -> None:
        happened.append((row.label, len(plain_shop.sql("SELECT id FROM CounterEntity")), inner.in_transaction))

    def listen(engine: fx.Engine) -> None:
        provider: Any = engine.provider(CounterEntity)
        provider.on_after_insert(engine, note)

    plain_shop: Shop = make_shop(prepare=listen)
    ctx = plain_shop.context()

    def insert(label: str) -> None:
        plain_shop.do(plain_shop.counters.new(ctx, label=label))
        plain_shop.do(ctx.flush())

    with block(plain_shop, ctx):
        insert("dropped with all")
        raise Undo
    with block(plain_shop, ctx):
        insert("first")
        with block(plain_shop, ctx):
            insert("dropped alone")
            raise Undo
        insert("second")

    assert [("first", 2, False), ("second", 2, False)] == happened


def test_a_repeated_function_begins_where_it_began_before(plain_shop: Shop) -> None:
    """A deadlock undoes the attempt, entities included: what was unsaved before is unsaved again, nothing else is."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
    plain_shop.do(ctx.flush())
    attempts: list[tuple[int, int]] = []

    def count(inner: Any) -> Any:
        attempts.append((counter.hits, len(pending(inner))))
        counter.hits += 1

    asynchronous = plain_shop.shell.name == "asyncio"

    def body(inner: Any) -> str:
        count(inner)
        plain_shop.counters.new(inner, label=f"new {len(attempts)}")
        inner.flush()
        if len(attempts) < 3:
            raise DeadlockError("as the server would say", errno=1213)
        return "done"

    async def async_body(inner: Any) -> str:
        count(inner)
        await plain_shop.counters.new(inner, label=f"new {len(attempts)}")
        await inner.flush()
        if len(attempts) < 3:
            raise DeadlockError("as the server would say", errno=1213)
        return "done"

    result = plain_shop.do(ctx.run_in_transaction(async_body if asynchronous else body))

    assert ("done", [(0, 0)] * 3) == (result, attempts)
    assert [("a", "1"), ("new 3", "0")] == plain_shop.sql("SELECT label, hits FROM CounterEntity ORDER BY label")


def test_a_function_that_always_deadlocks_is_given_up(plain_shop: Shop) -> None:
    """Four attempts, then the error is the caller's; inside another transaction it is at once."""
    ctx = plain_shop.context()
    attempts: list[int] = []

    def body(_: Any) -> None:
        attempts.append(1)
        raise DeadlockError("as the server would say", errno=1213)

    async def async_body(inner: Any) -> None:
        body(inner)

    function: Any = async_body if plain_shop.shell.name == "asyncio" else body
    with pytest.raises(DeadlockError):
        plain_shop.do(ctx.run_in_transaction(function))
    alone = len(attempts)
    with pytest.raises(DeadlockError), block(plain_shop, ctx):
        plain_shop.do(ctx.run_in_transaction(function))

    assert (4, 5) == (alone, len(attempts))


class _CalledLater:
    """Called as a coroutine function, without being a function."""

    async def __call__(self, ctx: Any) -> None:
        raise AssertionError("was called")


async def _later(ctx: Any) -> None:
    raise AssertionError("was called")


async def _rows_later(ctx: Any) -> AsyncIterator[Any]:
    yield ctx


def _rows(ctx: Any) -> Iterator[Any]:
    yield ctx


NOT_RUN: dict[str, tuple[Any, str]] = {
    "a generator": (_rows, "is a generator function: a call runs nothing of it"),
    "an async generator": (_rows_later, "is a generator function: a call runs nothing of it"),
    "a part of a generator": (partial(_rows), "is a generator function: a call runs nothing of it"),
    "nothing": (None, r"run_in_transaction\(\) takes a function of the context, not None"),
    "no function": ("flush", r"run_in_transaction\(\) takes a function of the context, not a str"),
}
NOT_AWAITED: dict[str, Any] = {
    "a coroutine function": _later,
    "a part of one": partial(_later),
    "an object that is called": _CalledLater(),
}


@pytest.mark.parametrize("name", [*NOT_RUN, *NOT_AWAITED])
def test_a_function_that_would_not_run_is_refused_before_anything_runs(plain_shop: Shop, name: str) -> None:
    """It would be taken for done, with nothing written; what waits for a flush goes on waiting."""
    ctx = plain_shop.context()
    counter = plain_shop.do(plain_shop.counters.new(ctx, label="a"))
    if name in NOT_AWAITED and plain_shop.shell.name == "asyncio":
        with pytest.raises(AssertionError, match="was called"):
            plain_shop.do(ctx.run_in_transaction(NOT_AWAITED[name]))
        return

    function, text = NOT_RUN.get(name) or (NOT_AWAITED[name], "is a coroutine function, and a Context awaits nothing")
    with pytest.raises(ContextMisuseError, match=text):
        plain_shop.do(ctx.run_in_transaction(function))

    assert [counter] == pending(ctx)
    assert not ctx.in_transaction


def test_what_a_function_did_before_it_was_found_to_be_of_the_wrong_kind_is_rolled_back(plain_shop: Shop) -> None:
    """Only its call tells what a plain function gives."""
    ctx = plain_shop.context()
    blocking = plain_shop.shell.name == "sync"
    ran: list[bool] = []

    def body(inner: Any) -> Any:
        if blocking:
            inner.mysql().exec("INSERT INTO CounterEntity (id, label, hits, version) VALUES (77, 'x', 0, 1)")
        ran.append(inner.in_transaction)
        return _later(inner) if blocking else 5

    text = "gave a coroutine, and a Context awaits nothing" if blocking else "gave an int, and an AsyncContext awaits"
    with pytest.raises(ContextMisuseError, match=text):
        plain_shop.do(ctx.run_in_transaction(body))

    assert [True] == ran
    assert not ctx.in_transaction
    assert [] == plain_shop.sql("SELECT label FROM CounterEntity")


def test_whatever_gives_something_to_await_is_run(plain_shop: Shop) -> None:
    """A part of a coroutine function, and a lambda that calls one, do as well as the function itself."""
    counters, ctx = plain_shop.counters, plain_shop.context()

    async def add(inner: Any, name: str) -> int:
        await counters.new(inner, label=name)
        return len(name)

    def add_now(inner: Any, name: str) -> int:
        counters.new(inner, label=name)
        return len(name)

    function: Any = add_now if plain_shop.shell.name == "sync" else add
    ways = [partial(function, name="Ann"), lambda inner: function(inner, "Robert")]

    assert [3, 6] == [plain_shop.do(ctx.run_in_transaction(way)) for way in ways]
    assert [("Ann",), ("Robert",)] == plain_shop.sql("SELECT label FROM CounterEntity ORDER BY label")


def test_ids_taken_inside_are_not_given_again_after_a_rollback(make_shop: Any) -> None:
    """Where the database has one lock for all, a block of ids is reserved inside, and must outlive the rollback."""
    shop, other = make_shop(), make_shop()
    ctx = shop.context()

    with block(shop, ctx):
        shop.do(shop.notes.new(ctx, text="takes the lock"))
        shop.do(ctx.flush())
        first = shop.do(shop.counters.new(ctx, label="a"))
        with block(shop, ctx):
            shop.do(ctx.flush())
            inner = shop.do(shop.counters.new_many(ctx, 50_000))[-1]
            raise Undo
        raise Undo
    others = other.do(other.counters.new_many(other.context(), 3))

    assert {first.id, inner.id}.isdisjoint(entity.id for entity in others)
    assert min(entity.id for entity in others) > inner.id
