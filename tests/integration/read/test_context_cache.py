"""The context cache: one object for a row, until the context is told to forget it or to read it again."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm.errors import EntityGoneError
from tests.support.shop_engines import Shop


def add_counters(shop: Shop, *labels: str) -> list[int]:
    """Rows by another context; their ids."""
    ctx = shop.context()
    counters = [shop.do(shop.counters.new(ctx, label=label)) for label in labels]
    shop.do(ctx.flush())
    return [counter.id for counter in counters]


def loaded(shop: Shop, ctx: Any, ids: list[int]) -> list[Any]:
    """Their entities in a context."""
    found: list[Any] = shop.do(shop.counters.get_by_ids(ctx, *ids))
    return found


def test_clearing_forgets_clean_entities_and_keeps_changed_ones(plain_shop: Shop) -> None:
    """A long job begins anew with each batch; what it did not write yet must not be lost by that."""
    ids = add_counters(plain_shop, "a", "b")
    ctx = plain_shop.context()
    clean, changed = loaded(plain_shop, ctx, ids)
    changed.hits = 7
    plain_shop.sql("UPDATE CounterEntity SET hits = 3")

    ctx.clear()
    clean_again, changed_again = loaded(plain_shop, ctx, ids)

    assert (True, True) == (clean_again is not clean, changed_again is changed)
    assert (0, 3, 7) == (clean.hits, clean_again.hits, changed_again.hits)
    ctx.clear_flush()


def test_entities_are_reloaded_together(plain_shop: Shop) -> None:
    """Each sees its own row again, in place; a hundred of them are one statement."""
    ids = add_counters(plain_shop, *(f"c{number}" for number in range(100)))
    ctx = plain_shop.context()
    counters = loaded(plain_shop, ctx, ids)
    plain_shop.sql("UPDATE CounterEntity SET hits = id")
    statements: list[str] = []
    ctx.register_query_logger(lambda _, entry: statements.append(entry.operation))

    plain_shop.do(ctx.reload(*counters, counters[0]))

    assert (ids, ["SELECT"]) == ([counter.hits for counter in counters], statements)


def test_a_reload_that_misses_a_row_changes_nothing(plain_shop: Shop) -> None:
    """Half of them refreshed would be a state that no row ever had."""
    ids = add_counters(plain_shop, "a", "b")
    ctx = plain_shop.context()
    stays, gone = loaded(plain_shop, ctx, ids)
    stays.hits = 9
    plain_shop.sql("DELETE FROM CounterEntity WHERE id = ?", gone.id)
    plain_shop.sql("UPDATE CounterEntity SET hits = 3")

    with pytest.raises(EntityGoneError, match=f"CounterEntity {gone.id}"):
        plain_shop.do(ctx.reload(stays, gone, discard=True))

    assert (9, True) == (stays.hits, stays.is_dirty)
    ctx.clear_flush()
