"""Streams that are not read to their end: whose connection comes back, and when."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from tests.support.blocks import block
from tests.support.shop_engines import Shop

MANY = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    " SELECT a.i, b.i FROM n a JOIN n b ON b.i <= 9"
)


@pytest.fixture
def small(make_shop: Any) -> Shop:
    """A shop with one connection."""
    shop: Shop = make_shop(max_open_connections=1, pool_timeout=5)
    return shop


def begin(shop: Shop, db: Any) -> Any:
    """A stream of which one row was read."""
    stream = shop.do(db.query(MANY, stream=True))
    if shop.shell.name == "sync":
        next(stream)
        return stream

    async def first() -> None:
        await anext(stream)

    shop.do(first())
    return stream


def collect(streams: list[Any]) -> None:
    """Let the garbage collector have them."""
    streams.clear()
    gc.collect()


@pytest.mark.parametrize("way", ["block", "close"])
def test_a_context_that_is_left_closes_its_streams(small: Shop, way: str) -> None:
    """A loop that was left early, in every request, would take one connection after the other."""
    held = []
    for _ in range(3):
        ctx = small.context()
        held.append(begin(small, ctx.mysql()))
        if small.shell.name == "sync":
            ctx.__exit__(None, None, None) if way == "block" else ctx.close()
        else:
            small.do(ctx.__aexit__(None, None, None) if way == "block" else ctx.aclose())

    assert [(1,)] == list(small.do(small.context().mysql().query("SELECT 1")))
    assert 3 == len(held)


@pytest.mark.parametrize("of_engine", [False, True], ids=["context", "engine"])
def test_a_collected_stream_gives_its_connection_back_with_a_warning(small: Shop, of_engine: bool) -> None:
    """Nobody else could, while the context lives on; whoever forgot it is told."""
    ctx = small.context()
    engine = small.engine
    db = ctx.mysql() if not of_engine else engine.mysql() if small.shell.name == "sync" else engine.async_mysql()
    streams = [begin(small, db)]

    with pytest.warns(ResourceWarning, match="neither read to its end nor closed"):
        collect(streams)

    assert [(1,)] == list(small.do(ctx.mysql().query("SELECT 1")))


def test_a_transaction_goes_on_after_its_stream_was_collected(small: Shop) -> None:
    """Its connection stays its own, and is read free by what comes next."""
    ctx = small.context()

    with block(small, ctx):
        streams = [begin(small, ctx.mysql())]
        with pytest.warns(ResourceWarning, match="neither read to its end nor closed"):
            collect(streams)
        rows = small.do(ctx.mysql().query("SELECT 2"))

    assert [(2,)] == list(rows)
