"""SQLAlchemy's asyncio ORM on asyncmy and uvloop: a session a look-up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import uvloop
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from benchmarks.subject import Servers
from benchmarks.subjects.sqlalchemy_orm import Product


class SQLAlchemyAsync:
    """Eight connections, autocommit."""

    name = "sqlalchemy_async"

    def open(self, servers: Servers) -> None:
        url = URL.create(
            "mysql+asyncmy", servers.user, servers.password or None, servers.host, servers.port, servers.database,
            {"charset": "utf8mb4"},
        )  # fmt: skip
        self._engine = create_async_engine(url, pool_size=8, max_overflow=0, isolation_level="AUTOCOMMIT")
        self._loop = uvloop.new_event_loop()

    def close(self) -> None:
        self._loop.run_until_complete(self._engine.dispose())
        self._loop.close()

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        return self._loop.run_until_complete(self._get(id))

    async def _get(self, id: int) -> tuple[int, str, Any]:
        async with AsyncSession(self._engine) as session:
            product = await session.get_one(Product, id)
            return product.id, product.name, product.price

    def async64_mysql(self, ids: Sequence[int]) -> list[str]:
        async def one(id: int) -> str:
            return (await self._get(id))[1]

        async def all_at_once() -> list[str]:
            return list(await asyncio.gather(*map(one, ids)))

        return self._loop.run_until_complete(all_at_once())
