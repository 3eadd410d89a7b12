"""What the end of a context's time does to an effect: the table is whole."""

from __future__ import annotations

from typing import Any

import pytest

from fluxaorm.plans import effects
from fluxaorm.plans.effects import Effect, Execute, FetchTable, Session
from fluxaorm.query.own_sql.raw_statements import Reach
from fluxaorm.runners.time_limits import Limit, limit_of

SHIELDED = [each for each in vars(effects).values() if isinstance(each, type) and getattr(each, "shielded", False)]


@pytest.mark.parametrize("kind", SHIELDED)
def test_no_deadline_ends_what_is_shielded(kind: type[Effect[Any]]) -> None:
    """It cleans up, or decides what is durable: cut off it would leave what nobody tidies up."""
    effect = kind.__new__(kind)

    assert limit_of(effect) in (Limit.NOTHING, Limit.GRACE)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Execute("default", "UPDATE a SET b = 1"), Limit.WAIT_ONLY),
        (Execute(Session("default"), "UPDATE a SET b = 1"), Limit.ENDED),
        (FetchTable("default", "INSERT INTO a VALUES (1) RETURNING b", reach=Reach.WRITE), Limit.WAIT_ONLY),
        (FetchTable("default", "SELECT b FROM a"), Limit.ENDED),
    ],
    ids=["alone", "in a transaction", "alone, with rows", "a read"],
)
def test_a_statement_that_commits_by_itself_goes_on(effect: Effect[Any], expected: Limit) -> None:
    """Nobody would know whether it was done; in a transaction the rollback says so."""
    assert expected is limit_of(effect)
