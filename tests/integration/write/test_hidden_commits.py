"""Statements of the user's own in an open transaction: one that ends it is found out, and what it changed of the
session decides nothing about the library's SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import CommitUnknownError, DeadlockError, MySQLError, PartialCommitError, QueryError
from tests.support.blocks import Undo, block
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

UNKNOWN = "not known whether"


@pytest.fixture
def shop(mysql_database: Database, valkey: RedisServer, shell: Shell) -> Iterator[Shop]:
    """A cached shop on MySQL and on MariaDB, with a user in its caches."""
    engine = open_engine(mysql_database.url, valkey.host_port, valkey.namespace)
    shop = Shop(engine, shell, mysql_database.url)
    ctx = shop.context()
    shop.do(shop.users.new(ctx, name="Alice", email="alice@example.com"))
    shop.do(ctx.flush())
    shop.do(only(shop, shop.context()))
    yield shop
    shell.close(engine)


def only(shop: Shop, ctx: Any) -> Any:
    """The user, through the caches."""
    return shop.users.get_by_id(ctx, int(shop.sql("SELECT id FROM UserEntity")[0][0]))


def age(shop: Shop) -> tuple[str, int]:
    """In the table, and what a fresh context is given."""
    return shop.sql("SELECT age FROM UserEntity")[0][0], shop.do(only(shop, shop.context())).age


def procedure(shop: Shop, body: str) -> None:
    """Make ``p``."""
    shop.sql(f"CREATE PROCEDURE p() BEGIN {body} END")


def write_seven(shop: Shop, ctx: Any) -> None:
    """Change the user's age."""
    shop.do(only(shop, ctx)).age = 7
    shop.do(ctx.flush())


def in_block(shop: Shop, ctx: Any, work: Callable[[], None]) -> None:
    """Do it in a transaction."""
    with block(shop, ctx):
        work()


def call(shop: Shop, ctx: Any, queued: bool) -> None:
    """Run ``p``; ``queued``: in a flush, where it is only taken in disguise."""
    if not queued:
        shop.do(ctx.mysql().exec("CALL p()"))
        return
    for text in ("PREPARE hidden FROM 'CALL p()'", "EXECUTE hidden"):
        ctx.mysql_pipeline().add(text)
    shop.do(ctx.flush())


def test_a_procedure_that_commits_is_found_out(shop: Shop) -> None:
    """What follows would commit by itself, so nothing more runs; what is there is told, and no cache is behind it."""
    ctx = shop.context()
    procedure(shop, "COMMIT;")
    user = shop.do(only(shop, ctx))
    seen: list[BaseException] = []

    def work() -> None:
        write_seven(shop, ctx)
        for sql in ("CALL p()", "UPDATE UserEntity SET age = 8"):
            with pytest.raises(PartialCommitError) as caught:
                shop.do(ctx.mysql().exec(sql))
            seen.append(caught.value)

    with pytest.raises(PartialCommitError, match=r"CALL p\(\) ended the transaction") as told:
        in_block(shop, ctx, work)

    assert [told.value] * 2 == seen
    assert (("default",), "default", {}) == (told.value.committed, told.value.failed, user.changes())
    assert ("7", 7) == age(shop)
    assert (fx.FlushResult(), False) == (shop.do(ctx.flush()), ctx.in_transaction)


def test_changes_that_were_not_flushed_yet_are_still_the_callers(shop: Shop) -> None:
    """What waited before the block waits again: the commit in its midst had nothing of it."""
    ctx = shop.context()
    procedure(shop, "COMMIT;")
    user = shop.do(only(shop, ctx))
    user.age = 7

    with pytest.raises(PartialCommitError), block(shop, ctx):
        shop.do(ctx.mysql().exec("CALL p()"))
    before = age(shop)
    shop.do(ctx.flush())

    assert (("0", 0), ("7", 7)) == (before, age(shop))


def test_a_procedure_that_commits_nothing_is_part_of_the_transaction(shop: Shop) -> None:
    """It goes with the rollback, and other procedures may follow it."""
    ctx = shop.context()
    procedure(shop, "UPDATE UserEntity SET age = age + 1;")

    with block(shop, ctx):
        for _ in range(2):
            shop.do(ctx.mysql().exec("CALL p()"))
        inside = shop.do(ctx.mysql().query_row("SELECT age FROM UserEntity"))
        raise Undo

    assert ((2,), ("0", 0)) == (inside, age(shop))


@pytest.mark.parametrize("queued", [False, True], ids=["direct", "queued"])
@pytest.mark.parametrize(
    ("body", "durable"),
    [
        ("ROLLBACK;", "0"),
        ("COMMIT; SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found';", "7"),
        ("COMMIT; KILL CONNECTION_ID(); DO SLEEP(10);", "7"),
    ],
    ids=["rollback", "deadlock", "lost"],
)
def test_whoever_cannot_know_says_so(shop: Shop, body: str, durable: str, queued: bool) -> None:
    """To repeat it might do it twice, to believe it done might lose it: nothing is pending, and all is read again."""
    ctx = shop.context()
    procedure(shop, body)
    user = shop.do(only(shop, ctx))

    def work() -> None:
        write_seven(shop, ctx)
        call(shop, ctx, queued)

    with pytest.raises(CommitUnknownError, match=UNKNOWN):
        in_block(shop, ctx, work)

    assert {} == user.changes()
    assert (durable, int(durable)) == age(shop)
    assert (int(durable), fx.FlushResult()) == (shop.do(only(shop, ctx)).age, shop.do(ctx.flush()))
    wait_until(lambda: age(shop) == (durable, int(durable)), "caches that were let go")


def test_a_flush_whose_queued_statement_may_have_committed_is_not_repeated(shop: Shop) -> None:
    """A flush that deadlocks is run again by itself; this one may be there already."""
    ctx = shop.context()
    procedure(
        shop,
        "INSERT INTO CategoryEntity (id, name) VALUES (1, 'once'); COMMIT;"
        " SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found';",
    )

    with pytest.raises(CommitUnknownError, match=UNKNOWN):
        call(shop, ctx, True)
    ctx.clear_flush()

    assert [("once",)] == shop.sql("SELECT name FROM CategoryEntity")


def test_a_lone_procedure_that_deadlocks_may_have_committed(shop: Shop) -> None:
    """Outside a transaction each of its statements commits by itself: "nothing was written" would be a lie."""
    procedure(shop, "UPDATE UserEntity SET age = 7; SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213;")

    for run in ("exec", "query"):
        with pytest.raises(CommitUnknownError, match=UNKNOWN):
            shop.do(getattr(shop.context().mysql(), run)("CALL p()"))

    assert [("7",)] == shop.sql("SELECT age FROM UserEntity")


def test_a_deadlock_that_committed_nothing_stays_one(shop: Shop) -> None:
    """The savepoint is still there: nothing was made durable, and the transaction may be repeated."""
    ctx = shop.context()
    procedure(shop, "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found';")

    with pytest.raises(DeadlockError), block(shop, ctx):
        shop.do(ctx.mysql().exec("CALL p()"))


def test_a_change_of_the_session_means_nothing_to_typed_sql(shop: Shop) -> None:
    """A limit or a mode would cut off rows or let values be refused; the user's own next statement still has it."""
    ctx = shop.context()
    procedure(shop, "SET sql_select_limit = 1, sql_mode = 'ANSI_QUOTES', time_zone = '+07:00', sql_safe_updates = 1;")
    other = shop.context()
    for name in ("Bob", "Carol"):
        shop.do(shop.users.new(other, name=name, email=f"{name}@example.com"))
    shop.do(other.flush())
    mode = "SELECT @@SESSION.sql_select_limit, @@SESSION.sql_safe_updates, @@SESSION.time_zone"

    with block(shop, ctx):
        shop.do(ctx.mysql().exec("CALL p()"))
        users = shop.do(shop.users.search_many(ctx, fx.Query()))
        typed = shop.do(ctx.mysql().query_row(mode))
        shop.do(ctx.mysql().exec("SET sql_select_limit = 1"))
        raw = shop.do(ctx.mysql().query("SELECT id FROM UserEntity"))
        again = shop.do(shop.users.search_many(ctx, fx.Query()))

    assert (3, 1, 3) == (len(users), len(raw), len(again))
    assert (18_446_744_073_709_551_615, 0, "+00:00") == typed


def test_a_procedure_that_fails_after_it_changed_the_session_changes_nothing(shop: Shop) -> None:
    """What it had done by then is done, also when the caller goes on."""
    ctx = shop.context()
    procedure(shop, "SET character_set_client = gbk, sql_select_limit = 0; INSERT INTO nowhere VALUES (1);")

    with block(shop, ctx):
        with pytest.raises(MySQLError, match="nowhere"):
            shop.do(ctx.mysql().exec("CALL p()"))
        user = shop.do(only(shop, ctx))
        user.name = "中' OR 1=1 -- "
        shop.do(ctx.flush())

    assert [("中' OR 1=1 -- ",)] == shop.sql("SELECT name FROM UserEntity")


def test_use_is_refused_where_it_would_last(shop: Shop) -> None:
    """The rest of the transaction would read and write another database."""
    ctx = shop.context()

    with block(shop, ctx), pytest.raises(QueryError, match="another database: write `db`"):
        shop.do(ctx.mysql().exec("/* x */ use information_schema"))
    with pytest.raises(QueryError, match="no USE"):
        ctx.mysql_pipeline().add("USE `information_schema`")


def test_another_database_that_no_text_shows_is_left_again(
    mariadb_database: Database, valkey: RedisServer, shell: Shell
) -> None:
    """MariaDB prepares USE: what follows it of the library's own goes where the pool's address says."""
    shop = Shop(open_engine(mariadb_database.url, None), shell, mariadb_database.url)
    ctx = shop.context()
    counter = shop.do(shop.counters.new(ctx, label="mine"))
    shop.do(ctx.flush())

    with block(shop, ctx):
        for text in ("PREPARE hidden FROM 'USE information_schema'", "EXECUTE hidden"):
            shop.do(ctx.mysql().exec(text))
        counter.hits = 7
        shop.do(ctx.flush())

    assert [("7",)] == shop.sql("SELECT hits FROM CounterEntity")
    shell.close(shop.engine)


def test_what_may_commit_is_not_streamed_in_a_transaction(shop: Shop) -> None:
    """Whether it did could only be asked when its rows are read, and by then others may have run."""
    ctx = shop.context()
    procedure(shop, "SELECT 1; COMMIT;")

    with block(shop, ctx), pytest.raises(QueryError, match="not streamed"):
        shop.do(ctx.mysql().query("CALL p()", stream=True))
