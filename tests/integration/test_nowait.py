"""NOWAIT means the same on MySQL and on MariaDB, whatever number the server gives."""

from __future__ import annotations

from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import DeadlockError
from tests.support.blocks import block
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database


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
