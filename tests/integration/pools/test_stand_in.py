"""What SQLite must do as MySQL does, so that a suite that passes on it means something."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, Int64, UInt32, UInt64
from fluxaorm.errors import MySQLError
from tests.support.cached import Cached, OpenCached


class AccountEntity(Entity, table="accounts"):
    """Numbers that doubles cannot hold."""

    id: UInt64
    balance: Decimal = Field(precision=30, scale=4)
    points: UInt64 = 0
    change: Int64 = 0
    limit: Decimal | None = Field(default=None, precision=30, scale=4)
    ratio: float = 0.0
    branch: UInt32 = 0


@pytest.fixture
def accounts(open_cached: OpenCached) -> Cached:
    """Accounts in every database and both shells."""
    return open_cached(AccountEntity)


def test_sums_and_averages_are_exact(accounts: Cached) -> None:
    """Money that is added as floats is wrong from the sixteenth digit on, and nobody sees it."""
    F: Any = accounts.provider.fields
    rows: list[dict[str, Any]] = [
        {"balance": Decimal("12345678901234567.8912"), "points": 2**63 + 1, "change": -(2**62), "ratio": 0.5},
        {"balance": Decimal("0.0001"), "points": 2, "change": -(2**62), "ratio": 0.25, "branch": 1},
    ]
    for row in rows:
        accounts.add(**row)
    asked = {"b": fx.sum_(F.balance), "p": fx.sum_(F.points), "c": fx.sum_(F.change), "r": fx.sum_(F.ratio)}
    asked |= {"l": fx.sum_(F.limit), "mean": fx.avg_(F.balance), "m": fx.avg_(F.points)}

    found = accounts.do(accounts.provider.aggregate(accounts.context(), fx.Query(), **asked))
    grouped = fx.Query().filter(F.points == 2).group_by(F.branch)
    by_branch = accounts.do(accounts.provider.aggregate(accounts.context(), grouped, b=fx.sum_(F.balance)))

    expected = {"b": Decimal("12345678901234567.8913"), "p": 2**63 + 3, "c": -(2**63), "r": 0.75, "l": None}
    expected |= {"mean": Decimal("6172839450617283.94565000"), "m": Decimal("4611686018427387905.5000")}
    assert expected == found
    assert [{"branch": 1, "b": Decimal("0.0001")}] == by_branch


def test_a_read_only_transaction_writes_nothing(accounts: Cached) -> None:
    """A suite that passes where this is allowed fails in production."""
    ctx = accounts.context()

    async def awaited() -> None:
        async with ctx.transaction(read_only=True):
            await accounts.provider.new(ctx, balance=1)
            await ctx.flush()

    def blocked() -> None:
        with ctx.transaction(read_only=True):
            accounts.provider.new(ctx, balance=1)
            ctx.flush()

    with pytest.raises(MySQLError, match="read_only"):
        blocked() if accounts.shell.name == "sync" else accounts.do(awaited())
    ctx.clear_flush()

    assert 0 == accounts.do(accounts.provider.count(ctx))
    accounts.add(balance=1)
    assert 1 == accounts.do(accounts.provider.count(ctx))


def test_without_a_query_all_rows_are_meant(accounts: Cached) -> None:
    """The first thing that anybody tries; None, which a helper may return by mistake, is still refused."""
    ids = [accounts.add(balance=number) for number in range(3)]
    ctx, provider, do = accounts.context(), accounts.provider, accounts.do

    assert sorted(ids) == sorted(entity.id for entity in do(provider.search_many(ctx)))
    assert (3, True) == (do(provider.count(ctx)), do(provider.exists(ctx)))
    assert sorted(ids) == sorted(do(provider.search_ids(ctx)))
    assert 3 == do(provider.search_many_with_total(ctx))[1] == do(provider.search_ids_with_total(ctx))[1]
    assert do(provider.search_one(ctx)).id in ids
    with pytest.raises(fx.FluxaError, match="Query"):
        do(provider.count(ctx, None))
