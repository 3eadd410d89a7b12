"""SQLite rolls a transaction back by itself after some failures; nothing then runs outside of it unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxaorm.errors import MySQLError, TransactionLostError
from tests.support.blocks import block
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine

REFUSE = "CREATE TRIGGER refused BEFORE INSERT ON NoteEntity BEGIN SELECT RAISE(ROLLBACK, 'refused'); END"


@pytest.fixture
def shop(tmp_path: Path, shell: Shell) -> Iterator[Shop]:
    """A shop whose table of notes refuses every row together with its transaction."""
    url = f"sqlite:///{tmp_path}/app.db"
    shop = Shop(open_engine(url, None), shell, url)
    shop.sql(REFUSE)
    yield shop
    shell.close(shop.engine)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT OR ROLLBACK INTO CounterEntity SELECT * FROM CounterEntity",
        "UPDATE OR ROLLBACK CounterEntity SET label = NULL",
        "INSERT INTO NoteEntity (id, text, blob) VALUES (1, 'a', x'00')",
        "",
    ],
    ids=["insert or rollback", "update or rollback", "a trigger", "a trigger, by a flush"],
)
def test_a_block_that_sqlite_rolled_back_writes_nothing_more(shop: Shop, sql: str) -> None:
    """What was written before is gone, so what comes after must not be there either; the block says so."""
    ctx = shop.context()

    def refused() -> None:
        if sql:
            shop.do(ctx.mysql().exec(sql))
        else:
            shop.do(shop.notes.new(ctx, text="a"))
            shop.do(ctx.flush())

    def work() -> None:
        with block(shop, ctx):
            shop.do(shop.counters.new(ctx, label="before"))
            shop.do(ctx.flush())
            with pytest.raises(MySQLError, match=r"constraint failed|refused"):
                refused()
            ctx.clear_flush()
            shop.do(shop.counters.new(ctx, label="after"))
            with pytest.raises(TransactionLostError):
                shop.do(ctx.flush())

    with pytest.raises(TransactionLostError):
        work()

    assert [("0",)] == shop.sql("SELECT COUNT(*) FROM CounterEntity")


def test_a_refused_statement_alone_leaves_the_block_open(shop: Shop) -> None:
    """Most failures end their statement and no more."""
    ctx = shop.context()

    with block(shop, ctx):
        shop.do(shop.counters.new(ctx, label="before"))
        shop.do(ctx.flush())
        with pytest.raises(MySQLError, match="constraint failed"):
            shop.do(ctx.mysql().exec("INSERT INTO CounterEntity SELECT * FROM CounterEntity"))
        shop.do(shop.counters.new(ctx, label="after"))
        shop.do(ctx.flush())

    assert [("before",), ("after",)] == shop.sql("SELECT label FROM CounterEntity ORDER BY id")
