"""The table of failures: what the caller of a flush or a transaction sees, what is written, what is cached after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fluxaorm as fx
from devstack.proxy import Direction, Verdict
from fluxaorm import Entity, UInt64
from fluxaorm.errors import (
    CommitUnknownError,
    DeadlockError,
    EntityGoneError,
    MySQLConnectionError,
    PartialCommitError,
    PostCommitError,
    StaleEntityError,
    TransactionLostError,
)
from tests.support.blocks import block, flush
from tests.support.fragile import Fragile
from tests.support.held_flush import LIMIT, HeldFlush, Holder
from tests.support.insides import core
from tests.support.network import MakeProxy
from tests.support.redis_servers import RedisServer
from tests.support.server_threads import threads_at
from tests.support.shells import Shell
from tests.support.shop_engines import Shop
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault


def once(proxy: Any, way: Direction, word: bytes, act: Callable[[], Verdict | None]) -> None:
    """Do something when a statement with this word, or the answer to it, comes along; the first time only."""
    state = {"asked": False, "done": False}

    def intercept(going: Direction, chunk: bytes) -> Verdict:
        if going is Direction.REQUEST and word in chunk:
            state["asked"] = True
        if state["done"] or not state["asked"] or going is not way:
            return Verdict.FORWARD
        state["done"] = True
        return act() or Verdict.FORWARD

    proxy.intercept = intercept


@pytest.mark.parametrize("way", ["cut", "killed"])
def test_an_unknown_statement_is_seen_through_before_its_key_is_released(
    fragile: Fragile, valkey: RedisServer, way: str
) -> None:
    """It may still be waiting on the server: its thread is killed and seen gone, and only then anybody caches again."""
    waiting = HeldFlush(fragile)

    waiting.begin()
    if way == "cut":
        fragile.mysql.cut()
    else:
        for thread in waiting.threads():
            fragile.database.execute(f"KILL {thread}")
    waiting.end()
    wait_until(lambda: not waiting.threads(), "the thread to be gone", LIMIT)
    wait_until(lambda: core(fragile.engine).resources.background.unfinished == 0, "the key to be released")
    waiting.let_go()

    assert ["CommitUnknownError"] == [type(error).__name__ for error in waiting.errors]
    assert valkey.text(waiting.key) is None
    assert 0 == fragile.do(fragile.users.get_by_id(fragile.context(), waiting.user.id)).age
    waiting.ctx.clear_flush()


@pytest.mark.parametrize("answer", [False, True])
def test_after_an_unknown_commit_of_a_block_nothing_waits_and_all_is_read_again(fragile: Fragile, answer: bool) -> None:
    """It may be written: repeating it by accident would be as wrong as taking it for written."""
    ctx = fragile.context()
    user = fragile.do(fragile.users.new(ctx, name="A", email="a@example.com"))
    once(fragile.mysql, Direction.ANSWER if answer else Direction.REQUEST, b"COMMIT", lambda: Verdict.CUT)

    def write() -> None:
        with block(fragile, ctx):
            fragile.do(ctx.flush())

    with pytest.raises(CommitUnknownError, match="not known"):
        write()
    wait_until(lambda: core(fragile.engine).resources.background.unfinished == 0, "the keys to be released")

    assert fx.FlushResult() == fragile.do(ctx.flush())
    for reader in (ctx, fragile.context()):
        assert answer == (fragile.do(fragile.users.get_by_id(reader, user.id)) is not None)


def test_a_connection_lost_in_a_block_ends_it(fragile: Fragile) -> None:
    """The body cannot be repeated: what follows is told so, nothing is written, not even by a block that goes on."""
    ctx = fragile.context()
    fragile.do(fragile.counters.new(ctx, label="a"))

    def go_on() -> None:
        with block(fragile, ctx):
            fragile.do(ctx.flush())
            fragile.mysql.cut()
            with pytest.raises(MySQLConnectionError):
                fragile.do(fragile.counters.count(ctx, fx.Query()))
            with pytest.raises(TransactionLostError, match="leave its block"):
                fragile.do(fragile.counters.count(ctx, fx.Query()))

    with pytest.raises(TransactionLostError):
        go_on()

    assert ((0,),) == tuple(fragile.database.execute("SELECT COUNT(*) FROM CounterEntity"))
    assert fx.FlushResult(inserted=1) == fragile.do(ctx.flush())


def test_a_deadlock_in_a_block_is_told_and_undone(fragile: Fragile) -> None:
    """The server has rolled all of it back, so nothing that follows may pass for a part of it."""
    setup = fragile.context()
    first, second = (fragile.do(fragile.counters.new(setup, label=label)) for label in ("a", "b"))
    fragile.do(setup.flush())
    ctx = fragile.context()
    mine = fragile.do(fragile.counters.get_by_id(ctx, first.id))
    other = Holder(fragile.database, "UPDATE CounterEntity SET hits = hits + 10 WHERE label = 'b'")
    # who has changed more is not the victim
    with other.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO NoteEntity (id, text, counters) SELECT 1000 + seq.n, 'x', '[]' FROM (SELECT 1 AS n"
            " UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6) seq"
        )

    def clash() -> None:
        with block(fragile, ctx):
            mine.hits = 1
            fragile.do(ctx.flush())
            crossing = threading.Thread(target=cross)
            crossing.start()
            statement = "UPDATE CounterEntity SET hits = hits + 1 "
            wait_until(lambda: threads_at(fragile.database, start=statement), "the other to wait")
            try:
                fragile.do(fragile.counters.get_by_id(ctx, second.id, for_update=True))
            finally:
                crossing.join(LIMIT)

    def cross() -> None:
        with other.connection.cursor() as cursor:
            cursor.execute("UPDATE CounterEntity SET hits = hits + 1 WHERE label = 'a'")

    with pytest.raises(DeadlockError):
        clash()
    other.connection.commit()
    other.connection.close()

    assert (0, False) == (mine.hits, mine.is_dirty)
    assert ((1,), (10,)) == tuple(fragile.database.execute("SELECT hits FROM CounterEntity ORDER BY label"))


def test_a_flush_that_met_a_deadlock_is_repeated(fragile: Fragile) -> None:
    """Nothing of it was committed, so the caller need not know: both writers' changes are there in the end."""
    ctx = fragile.context()
    mine = [fragile.do(fragile.counters.new(ctx, label=label)) for label in ("a", "b")]
    fragile.do(ctx.flush())
    other = Holder(fragile.database, "UPDATE CounterEntity SET label = 'B' WHERE label = 'b'")
    # who has changed more is not the victim
    with other.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO NoteEntity (id, text, counters) SELECT 1000 + seq.n, 'x', '[]' FROM (SELECT 1 AS n"
            " UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6) seq"
        )
    errors: list[str] = []
    ctx.register_query_logger(lambda _, entry: errors.append(str(entry.error)) if entry.error else None)

    def cross() -> None:
        second = f"WHERE `id` = {mine[1].id} AND"
        wait_until(
            lambda: threads_at(fragile.database, second, start="UPDATE `CounterEntity` SET "),
            "the flush to wait for the second row",
        )
        with other.connection.cursor() as cursor:
            cursor.execute("UPDATE CounterEntity SET label = 'A' WHERE label = 'a'")
        other.connection.commit()

    for counter in mine:
        counter.hits = 7
    crossing = threading.Thread(target=cross)
    crossing.start()
    result = fragile.do(ctx.flush())
    crossing.join(LIMIT)
    other.connection.close()

    assert (fx.FlushResult(updated=2), 1) == (result, len([error for error in errors if "eadlock" in error]))
    assert (("A", 7), ("B", 7)) == tuple(
        fragile.database.execute("SELECT label, hits FROM CounterEntity ORDER BY label")
    )


def test_a_release_that_fails_is_made_up_for(fragile: Fragile, valkey: RedisServer) -> None:
    """The rows are durable and the caller knows what did not happen; as soon as Redis is back the key is free."""
    ctx = fragile.context()
    user = fragile.do(fragile.users.new(ctx, name="A", email="a@example.com"))
    fragile.do(ctx.flush())
    key = core(fragile.engine).binding_of("UserEntity").row_key(user.id)
    user.age = 5

    def lose_redis() -> None:
        fragile.redis.refuse()

    once(fragile.mysql, Direction.ANSWER, b"UPDATE `UserEntity`", lose_redis)

    with pytest.raises(PostCommitError, match="rows are committed"):
        fragile.do(ctx.flush())
    held = valkey.text(key)
    unfinished = core(fragile.engine).resources.background.unfinished
    fragile.redis.accept()
    wait_until(lambda: core(fragile.engine).resources.background.unfinished == 0, "the key to be released")

    assert held is not None
    assert ("W", 1, None) == (held[:1], unfinished, valkey.text(key))
    assert (5, False) == (fragile.do(fragile.users.get_by_id(fragile.context(), user.id)).age, user.is_dirty)


def test_a_row_that_is_gone_and_one_that_changed_undo_the_flush_of_a_block(fragile: Fragile) -> None:
    """Optimistic locks and vanished rows are told inside a transaction as outside; what was before stays."""
    setup = fragile.context()
    counter = fragile.do(fragile.counters.new(setup, label="a"))
    user = fragile.do(fragile.users.new(setup, name="A", email="a@example.com"))
    fragile.do(setup.flush())
    fragile.database.execute("UPDATE CounterEntity SET version = 9")
    fragile.database.execute("DELETE FROM UserEntity")

    with block(fragile, setup):
        fragile.do(fragile.notes.new(setup, text="stays"))
        fragile.do(setup.flush())
        counter.hits = 2
        with pytest.raises(StaleEntityError):
            fragile.do(setup.flush())
        fragile.do(setup.reload(counter, discard=True))
        user.age = 3
        with pytest.raises(EntityGoneError):
            fragile.do(setup.flush())
        setup.clear_flush()

    assert (("stays",),) == tuple(fragile.database.execute("SELECT text FROM NoteEntity"))
    assert 9 == counter.version


# two pools


class FirstEntity(fx.Entity, redis_cache=True):
    """In the default pool."""

    id: fx.UInt32
    name: str = ""


class SecondEntity(fx.Entity, mysql="other", redis_cache=True):
    """In the other pool."""

    id: fx.UInt32
    name: str = ""


class Pair(Fragile):
    """``hear(row, changes)`` is called after each update."""

    hear: Any = None


@pytest.fixture
def pair(mysql_database: Database, valkey: RedisServer, proxy_factory: MakeProxy, shell: Shell) -> Iterator[Pair]:
    """An engine over two databases of a server; the second is behind a proxy."""
    other = mysql_database.server.create_database()
    proxy = proxy_factory(mysql_database.server.address)
    registry = fx.Registry()
    registry.register_mysql(mysql_database.url)
    registry.register_mysql(mysql_database.server.url(other.name, proxy.port), "other")
    registry.register_redis(valkey.host_port, 0, options=fx.RedisOptions(namespace=valkey.namespace))
    registry.register_entity(FirstEntity, SecondEntity)
    engine = registry.validate()
    shop = Pair(engine, shell, mysql_database.url)
    shop.mysql, shop.database = proxy, other
    for definition in (FirstEntity, SecondEntity):
        provider(shop, definition).on_after_update(
            engine, lambda _, row, changes: shop.hear and shop.hear(row, changes)
        )
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    yield shop
    proxy.intercept = None
    shell.close(engine)
    other.drop()


def provider(shop: Shop, definition: type[fx.Entity]) -> Any:
    """Of an entity of this module."""
    return shop.engine.provider(definition)


@pytest.mark.parametrize("explicit", [False, True])
def test_a_second_pool_that_fails_is_told_apart(pair: Fragile, explicit: bool) -> None:
    """The first is durable and its entities are clean; those of the other stay unsaved and can be flushed again."""
    ctx = pair.context()
    first = pair.do(provider(pair, FirstEntity).new(ctx, name="a"))
    second = pair.do(provider(pair, SecondEntity).new(ctx, name="b"))
    once(pair.mysql, Direction.REQUEST, b"COMMIT", lambda: Verdict.CUT)

    with pytest.raises(PartialCommitError) as caught:
        flush(pair, ctx, explicit)
    unsaved = (first.is_new, second.is_new)
    result = pair.do(ctx.flush())

    assert (("default",), "other") == (caught.value.committed, caught.value.failed)
    assert (False, True) == unsaved
    assert fx.FlushResult(inserted=1) == result
    assert (("b",),) == tuple(pair.database.execute("SELECT name FROM SecondEntity"))


@pytest.mark.parametrize("explicit", [False, True])
def test_rows_that_were_committed_are_followed_by_what_follows_a_commit(
    pair: Pair, valkey: RedisServer, explicit: bool
) -> None:
    """Their callbacks run and no cache keeps what was there before; those of the other pool run when it is written.

    What such a callback raises is told beside the error that matters.
    """
    ctx = pair.context()
    first, second = provider(pair, FirstEntity), provider(pair, SecondEntity)
    one = pair.do(first.new(ctx, name="a"))
    two = pair.do(second.new(ctx, name="b"))
    pair.do(ctx.flush())
    pair.do(first.get_by_id(pair.context(), one.id))
    key = f"{valkey.namespace}:mine"
    called: list[tuple[str, str]] = []

    def note(row: Any, changes: Any) -> None:
        called.append((type(row).__name__, changes["name"].new))
        if len(called) == 1:
            raise ValueError("a callback's own")

    pair.hear = note
    once(pair.mysql, Direction.REQUEST, b"COMMIT", lambda: Verdict.CUT)

    def refill(_: Any, entry: Any) -> None:
        if entry.operation == "COMMIT":
            valkey.command("SET", key, "somebody's, from the old rows")

    one.name, two.name = "A", "B"
    ctx.invalidate_key(key)
    ctx.register_query_logger(refill, redis=False)

    with pytest.raises(PartialCommitError) as caught:
        flush(pair, ctx, explicit)
    after_one, left = list(called), valkey.command("EXISTS", key)
    seen = pair.do(first.get_by_id(pair.context(), one.id)).name
    pair.do(ctx.flush())

    assert [("FirstEntity", "A")] == after_one
    assert [("FirstEntity", "A"), ("SecondEntity", "B")] == called
    assert ["a callback's own"] == [str(failure) for failure in caught.value.failures]
    assert ("A", 0) == (seen, left)


def test_a_block_over_two_pools_begins_where_it_is_needed(pair: Fragile) -> None:
    """One transaction a pool, none where nothing happens."""
    ctx = pair.context()
    seen: list[tuple[str, str]] = []
    ctx.register_query_logger(lambda _, entry: seen.append((entry.pool, entry.operation)), redis=False)
    pair.do(provider(pair, FirstEntity).new(ctx, name="a"))
    seen.clear()

    with block(pair, ctx):
        pair.do(ctx.flush())

    assert [("default", "BEGIN"), ("default", "SAVEPOINT+INSERT"), ("default", "COMMIT")] == seen


class LoneSeatEntity(Entity, local_cache=True):
    """Kept in the process, and nowhere else."""

    id: UInt64
    taken_by: UInt64 = 0


def test_an_unknown_statement_leaves_no_old_row_in_a_process_that_has_no_redis(
    mysql_database: Database, proxy_factory: MakeProxy, shell: Shell
) -> None:
    """Whoever read the row while the statement was under way has kept it as it was."""
    proxy = proxy_factory(mysql_database.server.address)
    url = mysql_database.server.url(mysql_database.name, proxy.port)
    registry = fx.Registry()
    registry.register_mysql(url)
    registry.register_entity(LoneSeatEntity)
    engine = registry.validate()
    with engine.new_context() as setup:
        for alter in fx.get_alters(setup):
            alter.exec(setup)
    seats: Any = engine.provider(LoneSeatEntity)
    ctx = shell.context(engine)
    seat = shell.do(seats.new(ctx))
    shell.do(ctx.flush())

    local = core(engine).binding(seats).local
    assert local is not None

    def keep_old_row_and_lose_the_answer() -> Verdict:
        local.put(seat.id, (seat.id, 0), local.mark(seat.id))
        return Verdict.CUT

    once(proxy, Direction.ANSWER, b"UPDATE `LoneSeatEntity`", keep_old_row_and_lose_the_answer)
    seat.taken_by = 7
    with pytest.raises(CommitUnknownError):
        shell.do(ctx.flush())
    wait_until(lambda: core(engine).resources.background.unfinished == 0, "the statement's thread to be gone", LIMIT)

    assert 7 == shell.do(seats.must_get_by_id(shell.context(engine), seat.id)).taken_by
    ctx.clear_flush()
    shell.close(engine)
