"""A context whose time is over: what is under way ends at once on both sides, and nothing is left half done."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from devstack.proxy import Direction, Verdict
from fluxaorm.errors import ContextMisuseError, DeadlineExceededError
from tests.support.blocks import block
from tests.support.fragile import Fragile
from tests.support.insides import core
from tests.support.server_threads import threads_at
from tests.support.shop_engines import Shop
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault
GENEROUS = 20.0
"""Far below what the statements would take, far above what a busy machine needs."""


def in_time(shop: Shop, call: Any, kind: type[BaseException] = DeadlineExceededError) -> BaseException:
    """The error of a call that must not go on for long."""
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        shop.do(call())
    assert time.monotonic() - started < GENEROUS
    return caught.value


def limited(shop: Shop, seconds: float = 0.3) -> Any:
    engine = shop.engine
    return (engine.new_context if shop.shell.name == "sync" else engine.new_async_context)(timeout=seconds)


def warm(shop: Shop) -> None:
    """Code is compiled and ids are in hand, so that a context's time is not spent on them."""
    ctx = shop.context()
    for provider in (shop.users, shop.counters):
        shop.do(provider.new_many(ctx, 1))
    ctx.clear_flush()


def running(shop: Fragile, marker: str) -> int:
    """How many statements with this text the server is at."""
    return len(threads_at(shop.database, marker))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT SLEEP(100), 'of_deadline'",
        "WITH slow AS (SELECT SLEEP(100) AS slept, 'of_deadline' AS marker) SELECT * FROM slow",
    ],
    ids=["select", "with"],
)
def test_a_statement_is_ended_on_the_server_too(fragile: Fragile, sql: str) -> None:
    """The caller is told, and the server does not go on for nobody."""
    ctx = limited(fragile)

    error = in_time(fragile, lambda: ctx.mysql().query(sql))
    wait_until(lambda: running(fragile, "of_deadline") == 0, "the statement to be killed", GENEROUS)

    assert "0.3 s" in str(error)
    assert [(1,)] == list(fragile.do(fragile.context().mysql().query("SELECT 1")))


def test_a_transaction_is_rolled_back(fragile: Fragile) -> None:
    """Its locks are free as soon as the caller knows, and its entities are unsaved again."""
    warm(fragile)
    ctx = limited(fragile, 3.0)
    counter = fragile.do(fragile.counters.new(ctx, label="a"))

    def flush_and_linger() -> None:
        with block(fragile, ctx):
            fragile.do(ctx.flush())
            fragile.do(ctx.mysql().query("SELECT SLEEP(100)"))

    with pytest.raises(DeadlineExceededError):
        flush_and_linger()

    assert counter.is_new
    other = fragile.context()
    fragile.do(fragile.counters.new(other, label="a"))
    fragile.do(other.flush())
    assert ((1,),) == tuple(fragile.database.execute("SELECT COUNT(*) FROM CounterEntity"))
    ctx.clear_flush()


def test_a_swallowed_deadline_does_not_commit(fragile: Fragile) -> None:
    """Whoever goes on after it meets it again, and the block does not end as if nothing had been."""
    warm(fragile)
    ctx = limited(fragile, 3.0)

    def linger_and_go_on() -> None:
        with block(fragile, ctx):
            fragile.do(fragile.counters.new(ctx, label="a"))
            fragile.do(ctx.flush())
            in_time(fragile, lambda: ctx.mysql().query("SELECT SLEEP(100)"))
            in_time(fragile, lambda: ctx.mysql().query("SELECT 1"))

    with pytest.raises(DeadlineExceededError):
        linger_and_go_on()

    assert ((0,),) == tuple(fragile.database.execute("SELECT COUNT(*) FROM CounterEntity"))
    ctx.clear_flush()


def test_a_lock_is_waited_for_until_the_deadline(fragile: Fragile) -> None:
    """A flush that needs a row somebody else holds gives up in its own time, and its changes are kept."""
    setup = fragile.context()
    first = fragile.do(fragile.counters.new(setup, label="a"))
    second = fragile.do(fragile.counters.new(setup, label="b"))
    fragile.do(setup.flush())
    holder = fragile.database.server.connect(fragile.database.name)
    with holder.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE CounterEntity SET hits = 7 WHERE label = 'b'")
    ctx = limited(fragile, 3.0)
    mine = fragile.do(fragile.counters.get_by_ids(ctx, first.id, second.id))
    for counter in mine:
        counter.hits = 5

    in_time(fragile, ctx.flush)
    dirty = [counter.is_dirty for counter in mine]
    holder.rollback()
    holder.close()

    assert [True, True] == dirty
    wait_until(lambda: running(fragile, "UPDATE `CounterEntity`") == 0, "the flush's statement to be killed", GENEROUS)
    assert ((0,), (0,)) == tuple(fragile.database.execute("SELECT hits FROM CounterEntity ORDER BY label"))
    ctx.clear_flush()


def test_a_server_that_hangs_is_left(fragile: Fragile) -> None:
    """No answer ever comes: neither from MySQL nor from Redis."""
    ctx = fragile.context()
    user = fragile.do(fragile.users.new(ctx, name="A", email="a@example.com"))
    fragile.do(ctx.flush())

    fragile.redis.stall()
    in_time(fragile, lambda: fragile.users.get_by_id(limited(fragile), user.id))
    fragile.redis.resume()
    fragile.mysql.stall()
    in_time(fragile, lambda: fragile.users.get_by_id(limited(fragile), user.id))
    fragile.mysql.resume()

    assert "A" == fragile.do(fragile.users.get_by_id(fragile.context(), user.id)).name


def test_a_row_that_was_not_read_is_not_cached(fragile: Fragile) -> None:
    """A look-up cut off in MySQL fills nothing, so the next one reads the row."""
    ctx = fragile.context()
    user = fragile.do(fragile.users.new(ctx, name="A", email="a@example.com"))
    fragile.do(ctx.flush())
    cut = threading.Event()

    def drop_select(way: Direction, chunk: bytes) -> Verdict:
        if way is Direction.REQUEST and b"FROM `UserEntity`" in chunk:
            cut.set()
            return Verdict.DROP
        return Verdict.FORWARD

    fragile.mysql.intercept = drop_select
    in_time(fragile, lambda: fragile.users.get_by_id(limited(fragile, 3.0), user.id))
    fragile.mysql.intercept = None

    assert cut.is_set()
    assert "A" == fragile.do(fragile.users.get_by_id(fragile.context(), user.id)).name


def test_a_commit_is_finished_after_the_deadline(fragile: Fragile) -> None:
    """Nobody may be left in doubt about it."""
    warm(fragile)
    ctx = limited(fragile, 3.0)
    fragile.do(fragile.users.new(ctx, name="A", email="a@example.com"))
    fragile.do(fragile.counters.new(ctx, label="a"))

    def delay_commit(way: Direction, chunk: bytes) -> Verdict:
        if way is Direction.REQUEST and b"COMMIT" in chunk:
            time.sleep(3.5)
        return Verdict.FORWARD

    fragile.mysql.intercept = delay_commit

    result = fragile.do(ctx.flush())

    assert 2 == result.inserted
    assert ((1,),) == tuple(fragile.database.execute("SELECT COUNT(*) FROM CounterEntity"))


def test_a_connection_is_waited_for_until_the_deadline(fragile: Fragile) -> None:
    """A pool that is used up holds nobody longer than his own time."""
    pool = core(fragile.engine).mysql_pools["default"]

    async def take_all() -> list[Any]:
        return [await pool.asyncio.acquire() for _ in range(pool.limits.max_open)]

    async def give_back(connections: list[Any]) -> None:
        for connection in connections:
            pool.asyncio.release(connection)

    if fragile.shell.name == "sync":
        taken = [pool.sync.acquire() for _ in range(pool.limits.max_open)]
        in_time(fragile, lambda: limited(fragile).mysql().query("SELECT 1"))
        for connection in taken:
            pool.sync.release(connection)
    else:
        others = fragile.do(take_all())
        in_time(fragile, lambda: limited(fragile).mysql().query("SELECT 1"))
        fragile.do(give_back(others))

    assert [(1,)] == list(fragile.do(limited(fragile, 60.0).mysql().query("SELECT 1")))


def test_a_time_that_is_over_is_told_before_anything_is_sent(fragile: Fragile) -> None:
    """Also by a clone with a time of its own; the context it came from goes on."""
    parent = fragile.context()
    ctx = parent.clone(timeout=0.01)
    wait_until(lambda: ctx._run_plan.__self__._limit.left < 0, "the time to be over")
    fragile.mysql.reset()

    in_time(fragile, lambda: ctx.mysql().query("SELECT 1"))

    assert 0 == fragile.mysql.round_trips
    assert [(1,)] == list(fragile.do(parent.mysql().query("SELECT 1")))


@pytest.mark.parametrize("seconds", [0, -1.5])
def test_a_time_that_is_none_is_refused(fragile: Fragile, seconds: float) -> None:
    """Zero is no time; who wants no limit leaves it out."""
    with pytest.raises(ContextMisuseError, match="above 0"):
        fragile.context().clone(timeout=seconds)
