"""Synchronous writes of rows that have asynchronous ones ahead of them, which must be applied first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fluxaorm import Query, TryAgainError
from fluxaorm.errors import PendingAsyncWriteError
from tests.support.async_flushes import KnownFlushes, Published
from tests.support.blocks import block
from tests.support.cached import Cached, OpenCached, SeatEntity
from tests.support.insides import core


def seat_of(cached: Cached, ctx: Any, id: int) -> Any:
    return cached.do(cached.provider.must_get_by_id(ctx, id))


def change_in_transaction(cached: Cached, ctx: Any, seat: Any) -> None:
    shop: Any = cached
    with block(shop, ctx):
        seat.row = "S"


def one_row(cached: Cached, id: int) -> None:
    cached.change(id, row="S")


def two_rows(cached: Cached, id: int) -> None:
    ctx = cached.context()
    seat_of(cached, ctx, id).row = "S"
    cached.do(cached.provider.new(ctx, row="other"))
    cached.do(ctx.flush())


def many(cached: Cached, id: int) -> None:
    ctx = cached.context()
    cached.do(cached.provider.update_where(ctx, Query().filter(cached.provider.fields.id == id), row="S"))


WRITES: dict[str, Callable[[Cached, int], None]] = {"lone": one_row, "transaction": two_rows, "bulk": many}


def stored(cached: Cached, id: int) -> str:
    """The column in the database."""
    table = core(cached.engine).binding(cached.provider).quoted_table
    rows = cached.do(cached.context().mysql().query(f"SELECT `row` FROM {table} WHERE `id` = ?", id))
    return str(rows[0][0])


@contextmanager
def consumer(cached: Cached, published: Published, id: int, token: str, column: str) -> Iterator[None]:
    """Applies a change as soon as somebody waits for it."""
    table = core(cached.engine).binding(cached.provider).quoted_table

    def work() -> None:
        until = time.monotonic() + 20
        while b"w" not in published.content(published.key(id)) and time.monotonic() < until:
            time.sleep(0.001)
        cached.sql(f"UPDATE {table} SET `row` = ? WHERE `id` = ?", column, id)
        published.apply(6)
        published.withdraw(published.key(id), token)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_waits_for_what_is_published_before_it(
    open_cached: OpenCached, write: Callable[[Cached, int], None]
) -> None:
    """Applied after it, the older change would undo the newer one."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes(pending_timeout=20))
    id = cached.add(row="A")
    token = published.change(id, 5, "u", row="B")

    with consumer(cached, published, id, token, "B"):
        write(cached, id)

    assert "S" == seat_of(cached, cached.context(), id).row == stored(cached, id)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_that_waited_in_vain_changes_nothing(
    open_cached: OpenCached, write: Callable[[Cached, int], None]
) -> None:
    """No consumer runs: the caller hears for which row, and both the row and what is pending of it stay."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes(pending_timeout=0.05))
    id = cached.add(row="A")
    token = published.change(id, 5, "u", row="B")

    with pytest.raises(PendingAsyncWriteError, match=f"Seat.* {id}: .*{token}") as raised:
        write(cached, id)

    assert (id, (token,)) == (raised.value.id, raised.value.tokens)
    assert isinstance(raised.value, TryAgainError)
    assert "A" == stored(cached, id)
    assert "B" == seat_of(cached, cached.context(), id).row
    assert b"w" not in published.content(published.key(id)).partition(b";")[0]


def change_two(cached: Cached, unmade: int) -> None:
    """One statement for both, in a transaction."""
    ctx = cached.context()
    for id in (cached.add(row="other"), unmade):
        seat_of(cached, ctx, id).row = "S"
    cached.do(ctx.flush())


def change_in_a_block(cached: Cached, unmade: int) -> None:
    ctx = cached.context()
    seat = seat_of(cached, ctx, unmade)
    change_in_transaction(cached, ctx, seat)


@pytest.mark.parametrize("write", [change_two, change_in_a_block], ids=["transaction", "block"])
def test_a_row_that_is_published_and_not_made_yet_is_not_gone(
    open_cached: OpenCached, write: Callable[[Cached, int], None]
) -> None:
    """Its UPDATE finds nothing before the intents ask: who was shown the row must not be told that it is gone."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes(pending_timeout=0.05))
    unmade = cached.add(row="A") + 1_000
    token = published.change(unmade, 5, "i", row="B")

    with pytest.raises(PendingAsyncWriteError, match=f"Seat.* {unmade}: .*{token}"):
        write(cached, unmade)

    assert "B" == seat_of(cached, cached.context(), unmade).row
    assert b"w" not in published.content(published.key(unmade)).partition(b";")[0]


def test_a_marker_is_waited_for_until_it_goes(open_cached: OpenCached) -> None:
    """A publish under way may be in the log already; one whose process died is over with its deadline."""
    cached = open_cached(SeatEntity)
    published = Published(cached)
    id = cached.add(row="A")
    published.announce(published.key(id), ms=50)

    cached.change(id, row="S")

    assert "S" == stored(cached, id)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_applied_is_not_waited_for(open_cached: OpenCached, write: Callable[[Cached, int], None]) -> None:
    """A consumer may have died between its COMMIT and the caches."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes(pending_timeout=1))
    id = cached.add(row="A")
    published.change(id, 5, "u", row="B")
    published.apply(6)

    write(cached, id)

    assert "S" == stored(cached, id)
    assert b"P" != published.content(published.key(id))[:1]


def test_inside_a_transaction_nobody_waits(open_cached: OpenCached) -> None:
    """It has locked the row, for which the consumer waits: the block fails at once, and is rolled back."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes(pending_timeout=3_600))
    id = cached.add(row="A")
    published.change(id, 5, "u", row="B")

    ctx = cached.context()
    seat = seat_of(cached, ctx, id)
    seat.row = "S"
    with pytest.raises(PendingAsyncWriteError) as raised:
        change_in_transaction(cached, ctx, seat)

    assert id == raised.value.id
    assert "A" == stored(cached, id)
    assert "S" == seat.row


def run(cached: Cached, ctx: Any, work: Callable[[Any], Any], then: Callable[[], None] = lambda: None) -> Any:
    """``run_in_transaction`` of a context of either kind; ``work`` gives what the context awaits."""

    def body(inner: Any) -> Any:
        work(inner)
        then()

    async def async_body(inner: Any) -> Any:
        await work(inner)
        then()

    return cached.do(ctx.run_in_transaction(async_body if cached.shell.name == "asyncio" else body))


def test_a_repeated_function_waits_without_locks(open_cached: OpenCached) -> None:
    """Rolled back, it keeps the consumer from nothing; run again, it sees what was applied and writes after it."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes(pending_timeout=20))
    id = cached.add(row="A")
    token = published.change(id, 5, "u", row="B")
    table = core(cached.engine).binding(cached.provider).quoted_table
    ctx = cached.context()
    seat = seat_of(cached, ctx, id)
    attempts: list[str] = []
    consumers: list[threading.Thread] = []

    def consume() -> None:
        # the row is locked until the attempt is rolled back
        cached.sql(f"UPDATE {table} SET `row` = 'B' WHERE `id` = ?", id)
        published.apply(6)
        published.withdraw(published.key(id), token)

    def meet_consumer() -> None:
        if not consumers:
            consumers.append(threading.Thread(target=consume))
            consumers[0].start()

    def work(inner: Any) -> Any:
        attempts.append(seat.row)
        seat.row = "S"
        return inner.flush()

    run(cached, ctx, work, meet_consumer)
    consumers[0].join()

    assert ["B", "B"] == attempts
    assert "S" == stored(cached, id)


@pytest.mark.parametrize("made", [True, False], ids=["changed", "not made yet"])
def test_a_repeated_function_waits_no_longer_than_a_flush(open_cached: OpenCached, made: bool) -> None:
    """No consumer runs: the caller hears for which row, after one rollback, and what waited for a flush waits again."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes(pending_timeout=0.05))
    id = cached.add(row="A") + (0 if made else 1_000)
    token = published.change(id, 5, "u" if made else "i", row="B")
    ctx = cached.context()
    seat_of(cached, ctx, id).row = "S"
    attempts: list[int] = []

    def work(inner: Any) -> Any:
        attempts.append(len(attempts))
        return inner.flush()

    with pytest.raises(PendingAsyncWriteError, match=f"Seat.* {id}: .*{token}"):
        run(cached, ctx, work)

    assert [0] == attempts
    assert "S" == seat_of(cached, ctx, id).row
    assert b"w" not in published.content(published.key(id)).partition(b";")[0]


def test_a_function_within_a_transaction_waits_for_nothing(open_cached: OpenCached) -> None:
    """The transaction around it still has the locks."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes(pending_timeout=3_600))
    id = cached.add(row="A")
    published.change(id, 5, "u", row="B")
    ctx = cached.context()
    shop: Any = cached
    attempts: list[int] = []

    def work(inner: Any) -> Any:
        attempts.append(1)
        return cached.provider.update_where(inner, Query().filter(cached.provider.fields.id == id), row="S")

    with pytest.raises(PendingAsyncWriteError), block(shop, ctx):
        run(cached, ctx, work)

    assert [1] == attempts


def test_inside_a_transaction_what_is_applied_is_no_obstacle(open_cached: OpenCached) -> None:
    """The order is right; the entry goes with it."""
    cached = open_cached(SeatEntity)
    published = Published(cached)
    id = cached.add(row="A")
    published.change(id, 5, "u", row="B")
    published.apply(6)
    ctx = cached.context()

    change_in_transaction(cached, ctx, seat_of(cached, ctx, id))

    assert "S" == stored(cached, id)


def test_a_table_is_not_emptied_under_what_is_published(open_cached: OpenCached) -> None:
    """The rows would come back."""
    cached = open_cached(SeatEntity)
    published = Published(cached, KnownFlushes(pending_timeout=0.05))
    id = cached.add(row="A")
    published.change(id, 5, "u", row="B")

    with pytest.raises(PendingAsyncWriteError):
        cached.do(cached.engine.schema(SeatEntity).truncate_table(cached.context()))

    assert "A" == stored(cached, id)


def test_a_write_waits_for_a_server_that_lost_its_memory(open_cached: OpenCached) -> None:
    """It may lack the entry of this very row."""
    cached = open_cached(SeatEntity)
    id = cached.add(row="A")
    published = Published(cached, KnownFlushes({0: 6}, pending_timeout=0.05))
    ctx = cached.context()
    published.flushes.watermarks = {}
    seat = seat_of(cached, ctx, id)
    published.flushes.marked.clear()
    published.flushes.watermarks = {0: 6}
    cached.redis.command("DEL", *[key for key in cached.redis.keys() if ":_fluxa_async:" in key], "none")
    seat.row = "S"

    with pytest.raises(PendingAsyncWriteError, match="lost its memory"):
        cached.do(ctx.flush())
    kept = stored(cached, id)
    published.apply(6)
    cached.do(ctx.flush())

    assert ("A", "S") == (kept, stored(cached, id))
