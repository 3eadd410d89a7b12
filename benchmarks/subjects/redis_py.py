"""redis-py with its hiredis parser: what a hand-written cache costs through the usual client; asyncio on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import MySQLdb
import redis
import redis.asyncio
import uvloop

from benchmarks.subject import Servers
from benchmarks.subjects.raw import SELECT, decoded


class RedisPy:
    """Rows as MessagePack under their ids, filled once."""

    name = "redis_py"

    def open(self, servers: Servers) -> None:
        self._client: Any = redis.Redis(servers.redis_host, servers.redis_port)
        self._prefix = f"redis_py:{servers.database}:"
        connection = MySQLdb.connect(
            host=servers.host, port=servers.port, user=servers.user, password=servers.password,
            database=servers.database, charset="utf8mb4",
        )  # fmt: skip
        cursor = connection.cursor()
        cursor.execute(SELECT)
        encode = msgspec.msgpack.Encoder(decimal_format="string").encode
        self._client.mset({f"{self._prefix}{row[0]}": encode(row) for row in cursor.fetchall()})
        cursor.close()
        connection.close()
        self._loop = uvloop.new_event_loop()
        self._async_client: Any = self._loop.run_until_complete(self._connected(servers))

    async def _connected(self, servers: Servers) -> Any:
        pool = redis.asyncio.BlockingConnectionPool(
            host=servers.redis_host, port=servers.redis_port, max_connections=8, timeout=None
        )
        return redis.asyncio.Redis(connection_pool=pool)

    def close(self) -> None:
        for key in self._client.scan_iter(f"{self._prefix}*", 1_000):
            self._client.delete(key)
        self._client.close()
        self._loop.run_until_complete(self._async_client.aclose())
        self._loop.run_until_complete(self._async_client.connection_pool.disconnect())
        self._loop.close()

    def get_redis(self, id: int) -> tuple[int, str, Any]:
        product = decoded(self._client.get(f"{self._prefix}{id}"))
        return product.id, product.name, Decimal(product.price)

    def get100_redis(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        values = self._client.mget([f"{self._prefix}{id}" for id in ids])
        return [(product.id, product.name) for product in map(decoded, values)]

    def async64_redis(self, ids: Sequence[int]) -> list[str]:
        async def one(id: int) -> str:
            name: str = decoded(await self._async_client.get(f"{self._prefix}{id}")).name
            return name

        async def all_at_once() -> list[str]:
            return list(await asyncio.gather(*map(one, ids)))

        return self._loop.run_until_complete(all_at_once())
