"""What is kept of texts: bounded by bytes, whatever a request makes of them."""

from __future__ import annotations

import pytest

from fluxaorm.dialects.sqlite.sqlite import SQLITE
from fluxaorm.errors import QueryError
from fluxaorm.pools.mysql.literals import render
from fluxaorm.query.conditions import DEEPEST, Condition, and_
from fluxaorm.query.kept import Kept
from fluxaorm.query.own_sql.placeholders import PIECES
from fluxaorm.query.query import Query
from tests.unit.query.catalogue import F, compiler


def test_what_is_kept_is_bounded_by_its_bytes() -> None:
    """A thousand entries are nothing, or a gigabyte."""
    kept: Kept[int, str] = Kept(1000)

    for key in range(100):
        kept.keep(key, "", 100)
        assert len(kept) <= 10
    kept.keep(-1, "", 300)

    assert -1 not in kept
    assert 99 in kept


def test_lists_of_many_lengths_are_not_kept_for_good() -> None:
    """Their lengths come from requests: each would leave a text of its own in every process."""
    queries = compiler(SQLITE)

    for count in range(1, 20_000, 200):
        bound = queries.bind_all(Query().filter(F.id.is_in(list(range(1, count + 1)))))
        assert bound is not None
        render(bound.sql, bound.args)

    pieces = sum(2 * len(text) + 64 * len(cut) for text, cut in PIECES.items())
    picks = sum(256 * len(compiled.picks) for compiled in queries._kept.values())
    assert pieces <= 16 << 20
    assert 0 < picks <= 2 << 20


@pytest.mark.parametrize("levels", [DEEPEST - 2, DEEPEST, 50_000])
def test_conditions_may_be_nested_so_deep_and_no_deeper(levels: int) -> None:
    """They are made of requests, and whoever walks them has a stack that ends."""

    def nested() -> Condition:
        condition: Condition = F.stock == 1
        for level in range(levels):
            condition = condition & (F.stock == level) if level % 2 else condition | (F.stock == level)
        return condition

    if levels < DEEPEST:
        assert compiler(SQLITE).bind_all(Query().filter(nested())) is not None
    else:
        with pytest.raises(QueryError, match="nested more than"):
            nested()


def test_many_conditions_at_one_level_are_no_depth() -> None:
    """Filters are added one by one."""
    condition: Condition = F.id == 1

    for number in range(5000):
        condition = condition & (F.id != number + 1)
        condition = ~~condition

    bound = compiler(SQLITE).bind_all(Query().filter(condition, and_([F.id == n + 1 for n in range(5000)])))
    assert bound is not None
    assert 10_001 == len(bound.args)
