"""Transfers between accounts on asyncio: forty at once, each a unit of work, and no money is lost.

`version=True` makes a flush fail when somebody else changed the row since it was loaded; the transfer starts over.

    pip install 'fluxaorm[embedded]'
    python bank_asyncio.py
"""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import Any

import fluxaorm as fx
from fluxaorm import Entity, Field, StaleEntityError, UInt32


class AccountEntity(Entity, redis_cache=True):
    """Somebody's money."""

    id: UInt32
    owner: str = Field(unique=True, length=100)
    balance: Decimal = Field(default=Decimal("0"), precision=12, scale=2)
    version: UInt32 = Field(version=True)


OWNERS = ("Ada", "Grace", "Edsger", "Barbara")


async def open_accounts(engine: fx.Engine, accounts: Any) -> list[int]:
    """Create the tables and the accounts that are missing; all accounts' ids."""
    async with engine.new_async_context() as ctx:
        for alter in await fx.get_alters(ctx):
            await alter.exec(ctx)
        ids = []
        for owner in OWNERS:
            account = await accounts.get_by_owner(ctx, owner)
            account = account or await accounts.new(ctx, owner=owner, balance=Decimal("100"))
            ids.append(account.id)
        await ctx.flush()
        return ids


async def transfer(engine: fx.Engine, accounts: Any, source: int, target: int, amount: Decimal) -> int:
    """Move money; how often it had to start again."""
    attempts = 0
    while True:
        async with engine.new_async_context() as ctx:
            giver, taker = await accounts.get_by_ids(ctx, source, target)
            giver.balance -= amount
            taker.balance += amount
            try:
                await ctx.flush()
                return attempts
            except StaleEntityError:
                attempts += 1
                ctx.clear_flush()


async def main() -> None:
    """Forty transfers at once."""
    registry = fx.Registry.embedded("bank")
    registry.register_entity(AccountEntity)
    async with registry.validate() as engine:
        accounts = engine.provider(AccountEntity)
        ids = await open_accounts(engine, accounts)
        pairs = [random.sample(ids, 2) for _ in range(40)]
        repeated = await asyncio.gather(
            *(transfer(engine, accounts, giver, taker, Decimal("1.25")) for giver, taker in pairs)
        )
        async with engine.new_async_context() as ctx:
            balances = {account.owner: account.balance for account in await accounts.get_by_ids(ctx, *ids)}
    print(f"{len(pairs)} transfers, {sum(repeated)} of them started again")
    print(", ".join(f"{owner} has {balance}" for owner, balance in balances.items()))
    print(f"in all: {sum(balances.values())}")


if __name__ == "__main__":
    asyncio.run(main())
