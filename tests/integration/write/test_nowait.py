"""NOWAIT means the same on MySQL and on MariaDB, whatever number the server gives."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import DeadlockError, TransactionLostError
from tests.support.blocks import block
from tests.support.private_servers import StartServer
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database, SqlServer


@pytest.mark.parametrize("raw", [False, True], ids=["query", "raw"])
def test_a_transaction_goes_on_after_a_lock_that_nowait_found_taken(
    mysql_database: Database, shell: Shell, raw: bool
) -> None:
    """The statement did nothing, and asked for nothing else; what the transaction wrote before is still its own."""
    shop = Shop(open_engine(mysql_database.url, None), shell, mysql_database.url)
    ctx, other = shop.context(), shop.context()
    locked, mine = (shop.do(shop.counters.new(ctx, label=label)) for label in ("locked", "mine"))
    shop.do(ctx.flush())
    query = fx.Query().filter(shop.counters.fields.id == locked.id).for_update(nowait=True)
    sql = "SELECT id FROM CounterEntity WHERE id = ? FOR UPDATE NOWAIT"

    def look() -> Any:
        return shop.do(other.mysql().query(sql, locked.id) if raw else shop.counters.search_many(other, query))

    with block(shop, ctx):
        shop.do(shop.counters.get_by_id(ctx, locked.id, for_update=True))
        with block(shop, other):
            shop.do(shop.counters.get_by_id(other, mine.id)).hits = 7
            shop.do(other.flush())
            with pytest.raises(DeadlockError, match="NOWAIT is set") as told:
                look()

    assert 3572 == told.value.errno
    assert [("7",)] == shop.sql("SELECT hits FROM CounterEntity WHERE label = 'mine'")
    shell.close(shop.engine)


@pytest.mark.slow
def test_a_transaction_that_nowait_has_ended_does_not_go_on(private_server: StartServer, shell: Shell) -> None:
    """MariaDB may be set to roll everything back then: what followed would be committed statement by statement."""
    own = private_server("mariadb", "--innodb-rollback-on-timeout=ON")
    server = SqlServer("mariadb", own.host, own.port, "root", "", own.version)
    shop = Shop(open_engine(server.create_database().url, None), shell, "")
    ctx, other = shop.context(), shop.context()
    locked, mine = (shop.do(shop.counters.new(ctx, label=label)) for label in ("locked", "mine"))
    shop.do(ctx.flush())
    query = fx.Query().filter(shop.counters.fields.id == locked.id).for_update(nowait=True)

    def work() -> None:
        with block(shop, other):
            shop.do(shop.counters.get_by_id(other, mine.id)).hits = 7
            shop.do(other.flush())
            with pytest.raises(DeadlockError, match="rolled the whole transaction back"):
                shop.do(shop.counters.search_many(other, query))
            shop.do(other.mysql().exec("UPDATE CounterEntity SET hits = 8 WHERE id = ?", mine.id))

    with block(shop, ctx):
        shop.do(shop.counters.get_by_id(ctx, locked.id, for_update=True))
        with pytest.raises(TransactionLostError, match="rolled the whole transaction back"):
            work()

    assert [("0",)] == shop.sql("SELECT hits FROM CounterEntity WHERE label = 'mine'")
    shell.close(shop.engine)


def test_a_row_that_changed_since_the_snapshot_ends_the_transaction(
    mariadb_database: Database, mariadb: SqlServer, shell: Shell
) -> None:
    """MariaDB rolls everything back when it is to lock such a row, as for a deadlock."""
    with closing(mariadb.connect()) as connection, connection.cursor() as cursor:
        if not cursor.execute("SHOW VARIABLES LIKE 'innodb_snapshot_isolation'"):
            pytest.skip("this MariaDB has no innodb_snapshot_isolation")
    shop = Shop(open_engine(mariadb_database.url, None), shell, mariadb_database.url)
    ctx = shop.context()
    mine, theirs = (shop.do(shop.counters.new(ctx, label=label)) for label in ("mine", "theirs"))
    shop.do(ctx.flush())

    def work() -> None:
        with block(shop, ctx, isolation="repeatable read"):
            shop.do(ctx.mysql().exec("SET innodb_snapshot_isolation = 1"))
            shop.do(shop.counters.get_by_id(ctx, mine.id)).hits = 7
            shop.do(ctx.flush())
            shop.sql("UPDATE CounterEntity SET hits = 5 WHERE id = ?", theirs.id)
            with pytest.raises(DeadlockError):
                shop.do(shop.counters.get_by_id(ctx, theirs.id, for_update=True))
            shop.do(ctx.mysql().exec("UPDATE CounterEntity SET hits = 8"))

    with pytest.raises(TransactionLostError):
        work()

    assert [("0",), ("5",)] == shop.sql("SELECT hits FROM CounterEntity ORDER BY id")
    shell.close(shop.engine)
