"""Statements and commands of the user's own in a flush: when they run, what a failure leaves, what is never sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import (
    CacheUnavailableError,
    ContextClosedError,
    DuplicateKeyError,
    MySQLError,
    PartialCommitError,
    PostCommitError,
    QueryError,
    RedisError,
    UnflushedChangesWarning,
    UnknownPoolError,
)
from tests.support.blocks import Undo, block, close, flush
from tests.support.network import MakeProxy
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database


def add_user(shop: Shop, ctx: Any, name: str = "Alice") -> Any:
    return shop.do(shop.users.new(ctx, name=name, email=f"{name.lower()}@example.com"))


def clash(shop: Shop, ctx: Any) -> Any:
    """A pending user whose e-mail is taken by another's row."""
    other = shop.context()
    add_user(shop, other, "Taken")
    shop.do(other.flush())
    return shop.do(shop.users.new(ctx, name="Late", email="taken@example.com"))


def test_queued_statements_run_after_the_entities_in_their_transaction(cached_shop: Shop) -> None:
    """A statement may rely on the rows of its flush; the handles have the results afterwards."""
    ctx = cached_shop.context()
    users = [add_user(cached_shop, ctx, name) for name in ("Alice", "Bob")]
    update = ctx.mysql_pipeline().add(
        "UPDATE UserEntity SET age = age + ? WHERE id IN ?", 30, [user.id for user in users], table="UserEntity"
    )
    insert = ctx.mysql_pipeline().add("INSERT INTO CategoryEntity (id, name) VALUES (?, ?)", 7, "What? 100%; -- 'x'")

    with pytest.raises(QueryError, match="was not run yet"):
        _ = update.result
    result = cached_shop.do(ctx.flush())

    assert fx.FlushResult(inserted=2) == result
    assert (True, 2, 1) == (update.is_done, update.result.rows_affected, insert.result.rows_affected)
    assert [("30",), ("30",)] == cached_shop.sql("SELECT age FROM UserEntity")
    assert [("What? 100%; -- 'x'",)] == cached_shop.sql("SELECT name FROM CategoryEntity")


def test_a_flush_with_pipelines_only_runs_them(cached_shop: Shop, valkey: RedisServer) -> None:
    """Nothing else need be pending; they run once."""
    ctx = cached_shop.context()
    key = f"{valkey.namespace}:mine"
    insert = ctx.mysql_pipeline().add("INSERT INTO CategoryEntity (id, name) VALUES (1, 'Books')")
    stored, counted = ctx.redis_pipeline().add("SET", key, 1.5), ctx.redis_pipeline().add(b"STRLEN", key)

    results = [cached_shop.do(ctx.flush()) for _ in range(2)]

    assert [fx.FlushResult()] * 2 == results
    assert (1, b"OK", 3) == (insert.result.rows_affected, stored.result, counted.result)


def test_redis_commands_are_sent_only_when_the_rows_are_there(cached_shop: Shop, valkey: RedisServer) -> None:
    """Those of a failed flush wait for the retry; no read, and nothing else, ever sends them."""
    ctx = cached_shop.context()
    late = clash(cached_shop, ctx)
    key = f"{valkey.namespace}:mine"
    handle = ctx.redis_pipeline().add("INCR", key)

    with pytest.raises(DuplicateKeyError):
        cached_shop.do(ctx.flush())
    cached_shop.do(cached_shop.users.get_by_id(ctx, 12345))
    cached_shop.do(cached_shop.users.get_by_ids(ctx, 1, 2, 3))
    after_reads = (handle.is_done, valkey.command("GET", key))
    late.email = "late@example.com"
    cached_shop.do(ctx.flush())

    assert (False, None) == after_reads
    assert (1, "1") == (handle.result, valkey.command("GET", key))


def test_a_failed_flush_keeps_queued_statements_and_undoes_them(cached_shop: Shop) -> None:
    """The transaction is one: a statement of a failed flush is undone, and runs again with the next."""
    ctx = cached_shop.context()
    good = ctx.mysql_pipeline().add("INSERT INTO CategoryEntity (id, name) VALUES (1, 'Books')")
    bad = ctx.mysql_pipeline().add("INSERT INTO CategoryEntity (id, nobody) VALUES (2, 'Films')")
    add_user(cached_shop, ctx)

    with pytest.raises(MySQLError, match="nobody"):
        cached_shop.do(ctx.flush())
    rows = cached_shop.sql("SELECT id FROM CategoryEntity") + cached_shop.sql("SELECT id FROM UserEntity")
    done = (good.is_done, bad.is_done)
    ctx.clear_flush()

    assert ([], (False, False)) == (rows, done)
    assert fx.FlushResult() == cached_shop.do(ctx.flush())
    assert [] == cached_shop.sql("SELECT id FROM CategoryEntity")


def test_clear_flush_forgets_pipelines_and_keys_to_invalidate(cached_shop: Shop, valkey: RedisServer) -> None:
    """What was queued for changes that are given up must not run with later ones."""
    ctx = cached_shop.context()
    key = f"{valkey.namespace}:mine"
    valkey.command("SET", key, "kept")
    ctx.mysql_pipeline().add("INSERT INTO CategoryEntity (id, name) VALUES (1, 'Books')")
    ctx.redis_pipeline().add("SET", key, "changed")
    ctx.invalidate_key(key)

    ctx.clear_flush()
    cached_shop.do(ctx.flush())

    assert ("kept", []) == (valkey.command("GET", key), cached_shop.sql("SELECT id FROM CategoryEntity"))


def test_a_flush_of_chosen_entities_leaves_pipelines_waiting(cached_shop: Shop) -> None:
    """They belong to the flush of everything."""
    ctx = cached_shop.context()
    user = add_user(cached_shop, ctx)
    handle = ctx.mysql_pipeline().add("UPDATE UserEntity SET age = 9")

    cached_shop.do(ctx.flush(user))
    early = handle.is_done
    cached_shop.do(ctx.flush())

    assert (False, 1) == (early, handle.result.rows_affected)


def test_a_command_that_is_refused_is_told_when_the_rows_are_durable(cached_shop: Shop, valkey: RedisServer) -> None:
    """The others were done; the handle raises what its command was refused with."""
    ctx = cached_shop.context()
    key = f"{valkey.namespace}:mine"
    user = add_user(cached_shop, ctx)
    ctx.redis_pipeline().add("SET", key, "text")
    wrong, after = ctx.redis_pipeline().add("INCR", key), ctx.redis_pipeline().add("GET", key)

    with pytest.raises(PostCommitError, match=r"not all Redis commands were done.*not an integer"):
        cached_shop.do(ctx.flush())

    assert (False, b"text") == (user.is_new, after.result)
    with pytest.raises(RedisError, match="not an integer"):
        _ = wrong.result
    assert fx.FlushResult() == cached_shop.do(ctx.flush())


def test_a_key_is_deleted_before_the_sql_and_after_the_commit(cached_shop: Shop, valkey: RedisServer) -> None:
    """Whoever cached a value of their own, also while the flush ran, has it dropped: twice, as a trigger shows."""
    ctx = cached_shop.context()
    key = f"{valkey.namespace}:mine"
    valkey.command("SET", key, "old")
    add_user(cached_shop, ctx)
    ctx.invalidate_key(key)
    deletions: list[str] = []

    def note(_: Any, entry: fx.QueryLogEntry) -> None:
        if "DEL" in entry.operations:
            deletions.append("deleted")
            valkey.command("SET", key, "cached meanwhile")
        elif entry.operation in ("INSERT", "COMMIT"):
            deletions.append("written")

    ctx.register_query_logger(note)
    cached_shop.do(ctx.flush())

    assert ["deleted", "written", "deleted"] == deletions


def test_a_key_that_cannot_be_invalidated_ends_the_flush(
    make_shop: Any, valkey: RedisServer, proxy_factory: MakeProxy
) -> None:
    """Rows whose cached values would stay wrong are not written."""
    proxy = proxy_factory(valkey.address)
    shop = make_shop(f"{proxy.host}:{proxy.port}", valkey.namespace)
    ctx = shop.context()
    shop.do(shop.counters.new(ctx, label="a"))
    ctx.invalidate_key("mine")
    proxy.close()

    with pytest.raises(CacheUnavailableError, match="nothing was written"):
        shop.do(ctx.flush())

    assert [] == shop.sql("SELECT id FROM CounterEntity")
    ctx.clear_flush()


def test_commands_of_a_transaction_wait_for_its_commit_and_are_dropped_by_a_rollback(
    cached_shop: Shop, valkey: RedisServer
) -> None:
    """SQL takes part in the transaction at once, Redis has nothing to undo and so comes last."""
    ctx = cached_shop.context()
    key = f"{valkey.namespace}:mine"
    with block(cached_shop, ctx):
        statement = ctx.mysql_pipeline().add("INSERT INTO CategoryEntity (id, name) VALUES (1, 'Books')")
        ctx.redis_pipeline().add("INCR", key)
        cached_shop.do(ctx.flush())
        inside = (statement.result.rows_affected, valkey.command("GET", key))
    with block(cached_shop, ctx):
        ctx.mysql_pipeline().add("INSERT INTO CategoryEntity (id, name) VALUES (2, 'Films')")
        ctx.redis_pipeline().add("INCR", key)
        cached_shop.do(ctx.flush())
        raise Undo

    assert (1, None) == inside
    assert ("1", [("1",)]) == (valkey.command("GET", key), cached_shop.sql("SELECT id FROM CategoryEntity"))


def test_leaving_a_context_with_queued_statements_warns(plain_shop: Shop) -> None:
    """What nobody flushed is told, as for entities."""
    ctx = plain_shop.context()
    ctx.mysql_pipeline().add("UPDATE CounterEntity SET hits = 1")

    with pytest.warns(UnflushedChangesWarning, match="1 unflushed"):
        plain_shop.do(ctx.__aexit__(None, None, None)) if plain_shop.shell.name == "asyncio" else ctx.__exit__(
            None, None, None
        )


@pytest.mark.parametrize(
    "words", [(), ("SELECT", 3), ("multi",), (b"BLPOP", "a", 0), ("XREAD", "BLOCK", 0), ("GET", None)]
)
def test_commands_that_would_hurt_others_on_the_connection_are_refused(cached_shop: Shop, words: Any) -> None:
    """One connection serves many: what switches its database or blocks it has no place in a pipeline."""
    with pytest.raises(QueryError, match=r"pipeline takes no|word of a Redis command"):
        cached_shop.context().redis_pipeline().add(*words)


@pytest.mark.parametrize(
    ("sql", "args", "message"),
    [
        ("UPDATE a SET b = ?", (), "1 placeholders"),
        ("DELETE FROM a; DELETE FROM b", (), "one statement"),
        (" ", (), "one"),
    ],
)
def test_malformed_statements_are_refused_when_they_are_queued(
    plain_shop: Shop, sql: str, args: Any, message: str
) -> None:
    """The mistake is told at its line, not by a flush far away."""
    with pytest.raises(QueryError, match=message):
        plain_shop.context().mysql_pipeline().add(sql, *args)


def test_pools_and_keys_that_are_not_the_users_are_refused(cached_shop: Shop) -> None:
    """A misspelt pool is told with the known ones; keys of the library's cache have their own way."""
    ctx = cached_shop.context()

    for pipeline in (ctx.mysql_pipeline, ctx.redis_pipeline):
        with pytest.raises(UnknownPoolError, match=r"nope.*default"):
            pipeline("nope")
    with pytest.raises(QueryError, match=r"Provider\.invalidate"):
        ctx.invalidate_key("fx:db:UserEntity:1")
    with pytest.raises(QueryError, match="is a text"):
        ctx.invalidate_key("")


# what ends the transaction


@pytest.mark.parametrize(
    "sql",
    [
        "COMMIT",
        "/*!50000 COMMIT */",
        "ROLLBACK",
        "CALL p()",
        "SET @a = 1, autocommit = 0",
        "LOCK TABLES UserEntity READ",
        "CREATE TABLE other (a INT)",
        "TRUNCATE TABLE UserEntity",
        "FLUSH TABLES",
    ],
)
def test_statements_that_would_end_the_flush_are_refused_when_they_are_queued(server_shop: Shop, sql: str) -> None:
    """A flush that fails after a COMMIT in its midst has written."""
    ctx = server_shop.context()

    with pytest.raises(QueryError, match="a pipeline takes no"):
        ctx.mysql_pipeline().add(sql)

    assert fx.FlushResult() == server_shop.do(ctx.flush())


@pytest.fixture
def server_shop(mysql_database: Database, valkey: RedisServer, shell: Shell) -> Iterator[Shop]:
    """A cached shop on MySQL and on MariaDB; what PREPARE needs to be one session is one connection."""
    engine = open_engine(mysql_database.url, valkey.host_port, valkey.namespace)
    shop = Shop(engine, shell, mysql_database.url)
    yield shop
    shell.close(engine)


def queue_hidden_commit(ctx: Any) -> tuple[Any, ...]:
    """Statements that create a table, which commits, in a way that no text shows; and one after them."""
    pipeline = ctx.mysql_pipeline()
    texts = ("SET @text = 'CREATE TABLE other (a INT)'", "PREPARE hidden FROM @text", "EXECUTE hidden")
    return tuple(pipeline.add(text) for text in (*texts, "INSERT INTO CategoryEntity (id, name) VALUES (1, 'Late')"))


@pytest.mark.parametrize("explicit", [False, True], ids=["flush", "transaction"])
def test_what_a_hidden_commit_made_durable_is_told(server_shop: Shop, explicit: bool) -> None:
    """The rows are there and no cache serves the old ones; what was queued behind it waits, and was not run."""
    ctx = server_shop.context()
    user = add_user(server_shop, ctx)
    server_shop.do(ctx.flush())
    server_shop.do(server_shop.users.get_by_id(server_shop.context(), user.id))
    user.age = 7
    handles = queue_hidden_commit(ctx)

    with pytest.raises(PartialCommitError, match="EXECUTE hidden ended the transaction") as told:
        flush(server_shop, ctx, explicit)

    assert (("default",), 3) == (told.value.committed, told.value.statements_done)
    assert [True, True, True, False] == [handle.is_done for handle in handles]
    assert ([("7",)], []) == (
        server_shop.sql("SELECT age FROM UserEntity"),
        server_shop.sql("SELECT id FROM CategoryEntity"),
    )
    assert (7, {}) == (server_shop.do(server_shop.users.get_by_id(server_shop.context(), user.id)).age, user.changes())
    assert fx.FlushResult() == server_shop.do(ctx.flush())
    assert [("1",)] == server_shop.sql("SELECT id FROM CategoryEntity")


def test_a_statement_that_commits_and_then_fails_is_found_out(server_shop: Shop) -> None:
    """The server commits before it looks whether the table is there already."""
    ctx = server_shop.context()
    user = add_user(server_shop, ctx)
    server_shop.sql("CREATE TABLE other (a INT)")
    handles = queue_hidden_commit(ctx)

    with pytest.raises(PartialCommitError, match="already exists"):
        server_shop.do(ctx.flush())
    ctx.clear_flush()

    assert [True, True, False, False] == [handle.is_done for handle in handles]
    assert ([(str(user.id),)], False) == (server_shop.sql("SELECT id FROM UserEntity"), user.is_new)


def test_a_session_that_queued_statements_changed_serves_nobody_else(server_shop: Shop) -> None:
    """They may set variables for one another; that ends with the flush."""
    ctx = server_shop.context()
    pipeline = ctx.mysql_pipeline()
    pipeline.add("SET @mine = 5")
    counted = pipeline.add("INSERT INTO CategoryEntity (id, name) VALUES (@mine, 'it''s')")

    server_shop.do(ctx.flush())

    assert 1 == counted.result.rows_affected
    assert [("5",)] == server_shop.sql("SELECT id FROM CategoryEntity")
    assert (None,) == server_shop.do(server_shop.context().mysql().query_row("SELECT @mine"))


def test_nothing_is_queued_in_a_closed_context(cached_shop: Shop) -> None:
    """No flush would run it, and nobody would be told."""
    ctx = cached_shop.context()
    mysql, redis = ctx.mysql_pipeline(), ctx.redis_pipeline()
    close(cached_shop, ctx)

    with pytest.raises(ContextClosedError):
        mysql.add("UPDATE CounterEntity SET hits = 1")
    with pytest.raises(ContextClosedError):
        redis.add("SET", "a", 1)
    with pytest.raises(ContextClosedError):
        ctx.invalidate_key("a")
