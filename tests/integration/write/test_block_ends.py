"""The end of a transaction's block: it writes what waits, and is all or nothing."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import (
    ContextMisuseError,
    DuplicateKeyError,
    MissingValueError,
    UnflushedChangesWarning,
)
from tests.support.blocks import Undo, block, close, enter, leave
from tests.support.shells import Shell
from tests.support.shop import CounterEntity
from tests.support.shop_engines import Shop


def counter(shop: Shop, ctx: Any, label: str) -> Any:
    return shop.do(shop.counters.new(ctx, label=label))


def labels(shop: Shop) -> list[str]:
    return [label for (label,) in shop.sql("SELECT label FROM CounterEntity ORDER BY label")]


def test_the_end_writes_what_waits(cached_shop: Shop) -> None:
    """Whoever leaves a block without an error has said that its work is to be kept, queued statements included."""
    ctx = cached_shop.context()
    waited = counter(cached_shop, ctx, "before the block")

    with block(cached_shop, ctx):
        counter(cached_shop, ctx, "in the block")
        statement = ctx.mysql_pipeline().add("UPDATE CounterEntity SET hits = 7")

    assert ["before the block", "in the block"] == labels(cached_shop)
    assert (False, 2) == (waited.is_dirty, statement.result.rows_affected)


def test_the_end_writes_documents_that_were_changed_in_place(cached_shop: Shop) -> None:
    """Nobody has told the context of such a change: it has to look."""
    ctx = cached_shop.context()
    product = cached_shop.do(cached_shop.products.new(ctx, name="Dune", attributes={"pages": "1"}))
    cached_shop.do(ctx.flush())

    with block(cached_shop, ctx):
        product.attributes["pages"] = "2"

    stored = cached_shop.do(cached_shop.products.get_by_id(cached_shop.context(), product.id))
    assert {"pages": "2"} == stored.attributes


def test_the_end_of_a_nested_block_writes_too(plain_shop: Shop) -> None:
    """What it wrote is then part of the block around it."""
    ctx = plain_shop.context()

    with block(plain_shop, ctx):
        with block(plain_shop, ctx):
            counter(plain_shop, ctx, "a")
        inside = plain_shop.do(plain_shop.counters.count(ctx, fx.Query()))

    assert (1, ["a"]) == (inside, labels(plain_shop))


def test_an_end_that_cannot_write_undoes_the_block(plain_shop: Shop) -> None:
    """All or nothing: what an earlier flush of the block wrote goes too, and so does what could not be written."""
    ctx = plain_shop.context()
    counter(plain_shop, ctx, "taken")
    plain_shop.do(ctx.flush())

    def work() -> None:
        with block(plain_shop, ctx):
            counter(plain_shop, ctx, "written first")
            plain_shop.do(ctx.flush())
            counter(plain_shop, ctx, "taken")

    with pytest.raises(DuplicateKeyError):
        work()

    assert (["taken"], fx.FlushResult(), False) == (labels(plain_shop), plain_shop.do(ctx.flush()), ctx.in_transaction)


def test_what_may_fail_goes_into_a_nested_block(plain_shop: Shop) -> None:
    """The flush at its end undoes only that block; the one around it goes on and commits the rest."""
    ctx = plain_shop.context()
    counter(plain_shop, ctx, "taken")
    plain_shop.do(ctx.flush())

    with block(plain_shop, ctx):
        counter(plain_shop, ctx, "kept")
        with pytest.raises(DuplicateKeyError), block(plain_shop, ctx):
            counter(plain_shop, ctx, "taken")
        with pytest.raises(MissingValueError), block(plain_shop, ctx):
            plain_shop.do(plain_shop.counters.new(ctx))

    assert ["kept", "taken"] == labels(plain_shop)


def test_a_read_only_block_writes_nothing_and_keeps_what_waits(plain_shop: Shop) -> None:
    """Its server would refuse it; the changes are there for the next flush."""
    ctx = plain_shop.context()
    waited = counter(plain_shop, ctx, "a")

    with block(plain_shop, ctx, read_only=True):
        seen = plain_shop.do(plain_shop.counters.count(ctx, fx.Query()))

    assert (0, True) == (seen, waited.is_dirty)
    plain_shop.do(ctx.flush())
    assert ["a"] == labels(plain_shop)


def test_a_function_run_in_a_transaction_need_not_flush(plain_shop: Shop) -> None:
    """Its end is a block's end; an exception of its own takes back what it did."""
    ctx = plain_shop.context()
    blocking = plain_shop.shell.name == "sync"

    def run(label: str, *, fail: bool) -> None:
        def body(inner: Any) -> None:
            plain_shop.counters.new(inner, label=label)
            if fail:
                raise Undo

        async def async_body(inner: Any) -> None:
            await plain_shop.counters.new(inner, label=label)
            if fail:
                raise Undo

        plain_shop.do(ctx.run_in_transaction(body if blocking else async_body))

    run("kept", fail=False)
    with pytest.raises(Undo):
        run("dropped", fail=True)

    assert fx.FlushResult() == plain_shop.do(ctx.flush())
    assert ["kept"] == labels(plain_shop)


def test_blocks_left_in_another_order_keep_nothing(plain_shop: Shop) -> None:
    """Two tasks that share a context: each believes in a transaction of its own, and neither may be told of success."""
    ctx = plain_shop.context()
    waited = counter(plain_shop, ctx, "before")
    first = enter(plain_shop, ctx.transaction())
    counter(plain_shop, ctx, "a")
    second = enter(plain_shop, ctx.transaction())
    counter(plain_shop, ctx, "b")
    plain_shop.do(ctx.flush())

    with pytest.raises(ContextMisuseError, match="all of it is rolled back"):
        leave(plain_shop, first)
    still_open = ctx.in_transaction
    with pytest.raises(ContextMisuseError, match="all of it is rolled back"):
        plain_shop.do(plain_shop.counters.count(ctx, fx.Query()))
    with pytest.raises(ContextMisuseError, match="all of it is rolled back"):
        leave(plain_shop, second)

    assert (True, False, True) == (still_open, ctx.in_transaction, waited.is_dirty)
    assert [] == labels(plain_shop)
    plain_shop.do(ctx.flush())
    assert ["before"] == labels(plain_shop)


def test_three_blocks_left_in_another_order_end_with_the_last(plain_shop: Shop) -> None:
    """Nobody else would give the connection back."""
    ctx = plain_shop.context()
    blocks = [enter(plain_shop, ctx.transaction()) for _ in range(3)]
    counter(plain_shop, ctx, "a")
    plain_shop.do(ctx.flush())

    for each in (blocks[1], blocks[0], blocks[2]):
        with pytest.raises(ContextMisuseError):
            leave(plain_shop, each)

    assert (False, []) == (ctx.in_transaction, labels(plain_shop))
    counter(plain_shop, ctx, "b")
    plain_shop.do(ctx.flush())
    assert ["b"] == labels(plain_shop)


def test_a_block_is_left_once_and_not_before_it_is_entered(plain_shop: Shop) -> None:
    """By hand one can do both; neither may end another one's transaction."""
    ctx = plain_shop.context()

    with pytest.raises(ContextMisuseError, match="never entered"):
        leave(plain_shop, ctx.transaction())
    once = enter(plain_shop, ctx.transaction())
    leave(plain_shop, once)
    with block(plain_shop, ctx):
        counter(plain_shop, ctx, "a")
        with pytest.raises(ContextMisuseError, match="left already"):
            leave(plain_shop, once)

    assert ["a"] == labels(plain_shop)


def test_a_block_left_beside_a_flush_keeps_nothing(make_shop: Any, shell: Shell) -> None:
    """Its own task has gone on while another one writes: what that writes was not meant to be committed by itself."""
    beside = _leave_beside_a_task if shell.name == "asyncio" else _leave_beside_a_thread

    shop, ctx, left, flushed = beside(make_shop)
    with pytest.raises(ContextMisuseError, match="all of it is rolled back"):
        shop.do(shop.counters.count(ctx))
    with pytest.warns(UnflushedChangesWarning, match="open transaction"):
        close(shop, ctx)

    assert (ContextMisuseError, ContextMisuseError) == (type(left), type(flushed))
    assert [] == labels(shop)


def before_insert(handler: Any) -> Any:
    """What registers it for counters."""
    return lambda engine: engine.provider(CounterEntity).on_before_insert(engine, handler)


def _leave_beside_a_task(make_shop: Any) -> tuple[Shop, Any, BaseException | None, BaseException | None]:
    flushing, has_left = asyncio.Event(), asyncio.Event()

    async def wait(_: Any, __: Any) -> None:
        flushing.set()
        await has_left.wait()

    async def leave_it(ctx: Any, opened: Any) -> tuple[BaseException | None, BaseException | None]:
        flush = asyncio.ensure_future(ctx.flush())
        await flushing.wait()
        leaving = asyncio.ensure_future(opened.__aexit__(None, None, None))
        await asyncio.wait([leaving])
        has_left.set()
        await asyncio.wait([flush])
        return leaving.exception(), flush.exception()

    shop: Shop = make_shop(prepare=before_insert(wait))
    ctx = shop.context()
    opened = enter(shop, ctx.transaction())
    counter(shop, ctx, "a")
    return (shop, ctx, *shop.do(leave_it(ctx, opened)))


def _leave_beside_a_thread(make_shop: Any) -> tuple[Shop, Any, BaseException | None, BaseException | None]:
    flushing, has_left = threading.Event(), threading.Event()

    def wait(_: Any, __: Any) -> None:
        flushing.set()
        assert has_left.wait(30)

    shop: Shop = make_shop(prepare=before_insert(wait))
    ctx = shop.context()
    opened = enter(shop, ctx.transaction())
    counter(shop, ctx, "a")
    with ThreadPoolExecutor() as threads:
        flush = threads.submit(ctx.flush)
        assert flushing.wait(30)
        left = threads.submit(opened.__exit__, None, None, None).exception()
        has_left.set()
        return shop, ctx, left, flush.exception()


def test_a_context_left_in_an_open_transaction_warns(plain_shop: Shop) -> None:
    """What was flushed in it is lost, and nothing else would say so."""
    ctx = plain_shop.context()
    enter(plain_shop, ctx.transaction())
    counter(plain_shop, ctx, "flushed")
    plain_shop.do(ctx.flush())
    counter(plain_shop, ctx, "waiting")

    with pytest.warns(UnflushedChangesWarning, match="open transaction with 1 unflushed changes .*rolled back"):
        close(plain_shop, ctx)

    assert [] == labels(plain_shop)


def test_a_warning_of_unflushed_changes_names_them(plain_shop: Shop) -> None:
    """Whoever finds the warning in a log has to find the code that forgot to flush."""
    ctx = plain_shop.context()
    made = counter(plain_shop, ctx, "a")

    with pytest.warns(UnflushedChangesWarning, match=f"CounterEntity:{made.id} .*new.*call flush"):
        close(plain_shop, ctx)


def test_a_warning_of_many_unflushed_changes_stays_short(plain_shop: Shop) -> None:
    """A loader that forgot to flush has a hundred thousand of them."""
    ctx = plain_shop.context()
    plain_shop.do(plain_shop.counters.new_many(ctx, 30))

    with pytest.warns(UnflushedChangesWarning, match=r"30 unflushed .*, 20 more\)"):
        close(plain_shop, ctx)


def test_closing_after_an_error_does_not_warn(plain_shop: Shop) -> None:
    """The error says already why nothing was flushed; a warning that is an error would hide it."""
    ctx = plain_shop.context()
    counter(plain_shop, ctx, "a")

    def fail() -> None:
        try:
            raise Undo
        finally:
            close(plain_shop, ctx)

    with pytest.raises(Undo):
        fail()


def test_dropping_a_context_with_unflushed_changes_warns(plain_shop: Shop) -> None:
    """Not everybody writes ``with``; a context that nobody closes is where changes get lost unseen."""

    def drop() -> None:
        shell, engine = plain_shop.shell, plain_shop.engine
        counter(plain_shop, engine.new_context() if shell.name == "sync" else engine.new_async_context(), "a")
        gc.collect()

    with pytest.warns(UnflushedChangesWarning, match="CounterEntity"):
        drop()
