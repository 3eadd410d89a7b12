"""Connections that are killed, cut and refused while the library uses them: what the caller sees, and what is
written.
"""

from __future__ import annotations

from typing import Any

import pytest

import fluxaorm as fx
from devstack.proxy import Direction, Proxy, Verdict
from fluxaorm.errors import CacheUnavailableError, CommitUnknownError, MySQLConnectionError, TransactionLostError
from tests.support.blocks import block
from tests.support.fragile import Fragile
from tests.support.insides import core, pending


def cut_when(proxy: Proxy, word: bytes, *, answer: bool) -> None:
    """Cut the connection that sends ``word``: before the server sees it, or with ``answer`` before its answer
    arrives.
    """
    seen = False

    def intercept(way: Direction, chunk: bytes) -> Verdict:
        nonlocal seen
        if way is Direction.REQUEST and word in chunk:
            seen = True
            return Verdict.FORWARD if answer else Verdict.CUT
        if seen and way is Direction.ANSWER:
            seen = False
            return Verdict.CUT
        return Verdict.FORWARD

    proxy.intercept = intercept


def counted_rows(shop: Fragile) -> int:
    return int(shop.database.execute("SELECT COUNT(*) FROM UserEntity")[0][0])


def two_tables_worth(shop: Fragile, ctx: Any) -> None:
    shop.do(shop.users.new(ctx, name="A", email="a@example.com"))
    shop.do(shop.counters.new(ctx, label="a"))


def test_connections_that_died_while_idle_are_replaced_unnoticed(fragile: Fragile) -> None:
    """A server that hung up on idle connections costs nothing but new ones."""
    ctx = fragile.context()
    two_tables_worth(fragile, ctx)
    fragile.mysql.cut()
    fragile.redis.cut()

    result = fragile.do(ctx.flush())

    assert fx.FlushResult(inserted=2) == result


def test_a_connection_lost_inside_a_transaction_is_retried_once(fragile: Fragile) -> None:
    """COMMIT was not sent: the whole flush runs again on a fresh connection."""
    ctx = fragile.context()
    two_tables_worth(fragile, ctx)
    cut_when(fragile.mysql, b"INSERT INTO `UserEntity`", answer=True)
    once = fragile.mysql.intercept
    cuts: list[Verdict] = []

    def only_once(way: Direction, chunk: bytes) -> Verdict:
        verdict = once(way, chunk) if once and not cuts else Verdict.FORWARD
        if verdict is Verdict.CUT:
            cuts.append(verdict)
        return verdict

    fragile.mysql.intercept = only_once

    result = fragile.do(ctx.flush())

    assert 1 == len(cuts)
    assert (fx.FlushResult(inserted=2), 1) == (result, counted_rows(fragile))


def test_a_server_that_stays_away_is_told_and_nothing_is_written(fragile: Fragile) -> None:
    """After the retry the caller learns it; the changes wait for the next flush."""
    ctx = fragile.context()
    two_tables_worth(fragile, ctx)
    fragile.mysql.refuse()

    with pytest.raises(MySQLConnectionError):
        fragile.do(ctx.flush())
    waiting = len(pending(ctx))
    fragile.mysql.accept()
    result = fragile.do(ctx.flush())

    assert (2, fx.FlushResult(inserted=2), 1) == (waiting, result, counted_rows(fragile))


@pytest.mark.parametrize("answer", [False, True])
def test_a_connection_lost_during_commit_leaves_the_outcome_unknown(fragile: Fragile, answer: bool) -> None:
    """Whether COMMIT arrived or not cannot be known, so it is said and never retried."""
    ctx = fragile.context()
    two_tables_worth(fragile, ctx)
    cut_when(fragile.mysql, b"COMMIT", answer=answer)

    with pytest.raises(CommitUnknownError, match="not known"):
        fragile.do(ctx.flush())
    fragile.mysql.intercept = None

    assert int(answer) == counted_rows(fragile)
    ctx.clear_flush()


def test_a_connection_lost_during_a_lone_statement_leaves_the_outcome_unknown(fragile: Fragile) -> None:
    """A statement that commits itself is a COMMIT too; the caches keep its intent, so both outcomes read right."""
    ctx = fragile.context()
    user = fragile.do(fragile.users.new(ctx, name="A", email="a@example.com"))
    fragile.do(ctx.flush())
    fragile.do(fragile.users.get_by_id(fragile.context(), user.id))
    user.age = 44
    cut_when(fragile.mysql, b"UPDATE `UserEntity`", answer=True)

    with pytest.raises(CommitUnknownError):
        fragile.do(ctx.flush())
    fragile.mysql.intercept = None

    assert 44 == fragile.do(fragile.users.get_by_id(fragile.context(), user.id)).age
    ctx.clear_flush()


def test_reads_go_on_from_the_database_while_redis_is_away(fragile: Fragile) -> None:
    """A cache that cannot be reached costs speed only; when it is back it is used again."""
    ctx = fragile.context()
    user = fragile.do(fragile.users.new(ctx, name="A", email="a@example.com"))
    fragile.do(ctx.flush())
    fragile.redis.refuse()

    alone = fragile.do(fragile.users.get_by_id(fragile.context(), user.id))
    many = fragile.do(fragile.users.get_by_ids(fragile.context(), user.id))
    fragile.redis.accept()
    fragile.do(fragile.users.get_by_id(fragile.context(), user.id))
    fragile.mysql.reset()
    again = fragile.do(fragile.users.get_by_id(fragile.context(), user.id))

    assert ("A", "A", "A") == (alone.name, many[0].name, again.name)
    assert 0 == fragile.mysql.round_trips


def test_a_flush_that_cannot_tell_redis_is_rolled_back(fragile: Fragile) -> None:
    """Otherwise the cache would go on serving the old row."""
    ctx = fragile.context()
    user = fragile.do(fragile.users.new(ctx, name="A", email="a@example.com"))
    fragile.do(ctx.flush())
    user.age = 5
    fragile.redis.refuse()

    with pytest.raises(CacheUnavailableError):
        fragile.do(ctx.flush())
    unchanged = fragile.database.execute("SELECT age FROM UserEntity")
    fragile.redis.accept()
    result = fragile.do(ctx.flush())

    assert (((0,),), fx.FlushResult(updated=1)) == (tuple(unchanged), result)


# reads


def cut_first(proxy: Proxy, *words: bytes) -> list[bytes]:
    """Cut the connections that send these words, each once, in their order; the words that are left."""
    left = list(words)

    def intercept(way: Direction, chunk: bytes) -> Verdict:
        if way is Direction.REQUEST and left and left[0] in chunk:
            del left[0]
            return Verdict.CUT
        return Verdict.FORWARD

    proxy.intercept = intercept
    return left


def hold(shop: Fragile, count: int) -> list[Any]:
    """So many connections of the pool, for the test alone."""
    pool = core(shop.engine).mysql_pools["default"]
    if shop.shell.name == "sync":
        return [pool.sync.acquire() for _ in range(count)]

    async def acquired() -> list[Any]:
        return [await pool.asyncio.acquire() for _ in range(count)]

    held: list[Any] = shop.do(acquired())
    return held


def give_back(shop: Fragile, connections: list[Any]) -> None:
    """The end of ``hold``."""
    pool = core(shop.engine).mysql_pools["default"]

    async def released() -> None:
        for connection in connections:
            pool.asyncio.release(connection)

    if shop.shell.name == "asyncio":
        shop.do(released())
        return
    for connection in connections:
        pool.sync.release(connection)


def label_of(shop: Fragile, id: int) -> str:
    """What a fresh context reads of a counter, which nothing caches."""
    label: str = shop.do(shop.counters.must_get_by_id(shop.context(), id)).label
    return label


@pytest.fixture
def counter(fragile: Fragile) -> int:
    """A counter's id, with one warm connection in the pool."""
    ctx = fragile.context()
    made = fragile.do(fragile.counters.new(ctx, label="a"))
    fragile.do(ctx.flush())
    return int(made.id)


def test_a_read_on_a_connection_that_the_server_ended_is_repeated(fragile: Fragile, counter: int) -> None:
    """A restart or a KILL costs no reader an error."""
    left = cut_first(fragile.mysql, b"SELECT")

    label = label_of(fragile, counter)

    assert ("a", []) == (label, left)


def test_a_read_that_fails_on_a_fresh_connection_too_is_an_error(fragile: Fragile, counter: int) -> None:
    """It is repeated once: a statement that ends the server must not end it again and again."""
    left = cut_first(fragile.mysql, b"`CounterEntity`", b"`CounterEntity`")

    with pytest.raises(MySQLConnectionError):
        label_of(fragile, counter)

    assert ("a", []) == (label_of(fragile, counter), left)


def test_a_read_inside_a_transaction_is_not_repeated(fragile: Fragile, counter: int) -> None:
    """What the transaction did is gone with its connection."""
    ctx = fragile.context()
    cut_first(fragile.mysql, b"FOR UPDATE")

    with pytest.raises((MySQLConnectionError, TransactionLostError)), block(fragile, ctx):
        fragile.do(fragile.counters.get_by_id(ctx, counter, for_update=True))


def test_idle_connections_beside_a_dead_one_are_asked_before_they_are_used(fragile: Fragile, counter: int) -> None:
    """Else each of them would cost somebody an error, of a flush even one that cannot be repeated."""
    give_back(fragile, hold(fragile, 3))
    left = cut_first(fragile.mysql, b"`CounterEntity`", b"SELECT 1")

    first = label_of(fragile, counter)
    fresh = hold(fragile, 1)
    second = label_of(fragile, counter)
    give_back(fragile, fresh)

    assert ("a", "a", []) == (first, second, left)
