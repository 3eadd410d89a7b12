"""Ids inside a transaction that has locked rows: they come by another connection, which must not wait for this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import ContextMisuseError
from tests.support.blocks import block
from tests.support.insides import core
from tests.support.shop import CounterEntity
from tests.support.shop_engines import Shop

Make = Callable[[Shop, Any], Any]

WAYS: dict[str, Make] = {
    "new": lambda shop, ctx: shop.do(shop.counters.new(ctx, label="b")),
    "new_with_id": lambda shop, ctx: shop.do(shop.counters.new_with_id(ctx, 50, label="b")),
    "new_many": lambda shop, ctx: shop.do(shop.counters.new_many(ctx, 1))[0].set(label="b"),
    "save_many": lambda shop, ctx: shop.do(shop.counters.save_many(ctx, [{"label": "b"}])),
    "save_many with an id": lambda shop, ctx: shop.do(shop.counters.save_many(ctx, [{"id": 50, "label": "b"}])),
    "get_or_create": lambda shop, ctx: shop.do(shop.counters.get_or_create(ctx, {"label": "b"})),
}


@pytest.mark.parametrize("way", WAYS)
def test_ids_do_not_wait_for_rows_that_their_own_transaction_has_locked(plain_shop: Shop, way: str) -> None:
    """Nobody else would ever end that wait but the server's time-out."""
    ctx = plain_shop.context()
    # made elsewhere: the library has no row of ids for the table yet, and starts one from the last id there is
    plain_shop.sql("INSERT INTO CounterEntity (id, label, hits, version) VALUES (7, 'a', 0, 1)")
    plain_shop.sql("DELETE FROM _fluxa_ids")
    has_row_locks = core(plain_shop.engine).mysql_pools["default"].dialect.capabilities.row_locks
    last = fx.Query().sort_by_desc(plain_shop.counters.fields.id)

    with block(plain_shop, ctx, isolation="repeatable read" if has_row_locks else None):
        found = plain_shop.do(plain_shop.counters.search_many(ctx, last.for_update() if has_row_locks else last))
        found[0].hits = 1
        plain_shop.do(ctx.flush())
        WAYS[way](plain_shop, ctx)

    assert [("a", "1"), ("b", "0")] == plain_shop.sql("SELECT label, hits FROM CounterEntity ORDER BY label")
    ids = [int(id) for (id,) in plain_shop.sql("SELECT id FROM CounterEntity")]
    [(reserved,)] = plain_shop.sql("SELECT reserved FROM _fluxa_ids WHERE entity = 'CounterEntity'")
    assert max(ids) <= int(reserved)


@pytest.mark.parametrize("work", ["truncate_table", "drop_table", "update_schema", "update_schema_and_truncate"])
def test_tables_are_not_changed_from_inside_a_transaction(plain_shop: Shop, work: str) -> None:
    """The work would wait for the tables that the transaction has read, or commit what it has done."""
    ctx = plain_shop.context()
    schema = plain_shop.engine.schema(CounterEntity)

    with block(plain_shop, ctx):
        plain_shop.do(plain_shop.counters.count(ctx))
        with pytest.raises(ContextMisuseError, match=r"CounterEntity: .* transaction"):
            plain_shop.do(getattr(schema, work)(ctx))


def test_an_alter_is_not_run_from_inside_a_transaction(plain_shop: Shop) -> None:
    """As the rest of what changes tables."""
    ctx = plain_shop.context()
    plain_shop.sql("DROP TABLE NoteEntity")
    alters = fx.get_alters(ctx)
    [alter] = plain_shop.do(alters) if plain_shop.shell.name == "asyncio" else alters

    with block(plain_shop, ctx), pytest.raises(ContextMisuseError, match=r"default\.NoteEntity: .* transaction"):
        plain_shop.do(alter.exec(ctx))

    plain_shop.do(alter.exec(ctx))
