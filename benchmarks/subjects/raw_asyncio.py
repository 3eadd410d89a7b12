"""The floor's asyncio half: asyncmy's connections used one look-up each, and GETs multiplexed on one hiredis reader."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import asyncmy
import hiredis

from benchmarks.subject import Servers
from benchmarks.table import COLUMNS

CONNECTIONS = 8
SELECT_NAME = f"SELECT {', '.join(COLUMNS)} FROM product WHERE id = %s"


async def open_connections(servers: Servers, **options: Any) -> list[Any]:
    """Eight of asyncmy, without its statement cache unless the options ask for it."""
    return [
        await asyncmy.connect(
            host=servers.host, port=servers.port, user=servers.user, password=servers.password,
            database=servers.database, charset="utf8mb4", autocommit=True, **options,
        )
        for _ in range(CONNECTIONS)
    ]  # fmt: skip


async def look_up_each(connections: Sequence[Any], ids: Sequence[int]) -> list[str]:
    """A SELECT a row; as many at once as there are connections."""
    free = asyncio.Queue[Any]()
    for connection in connections:
        free.put_nowait(connection)

    async def one(id: int) -> str:
        connection = await free.get()
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(SELECT_NAME, (id,))
                name: str = (await cursor.fetchone())[1]
                return name
        finally:
            free.put_nowait(connection)

    return list(await asyncio.gather(*map(one, ids)))


class Multiplexed(asyncio.Protocol):
    """One connection for all; what is asked in one tick leaves in one write."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(notEnoughData=Ellipsis)
        self._futures: deque[asyncio.Future[Any]] = deque()
        self._outgoing: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def send(self, *words: str | bytes | int) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self._outgoing:
            self._loop.call_soon(self._write)
        self._outgoing.append(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub says tuples of one
        self._futures.append(future)
        return future

    def _write(self) -> None:
        self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not Ellipsis:
            self._futures.popleft().set_result(reply)

    def close(self) -> None:
        self._transport.close()


async def connect_multiplexed(servers: Servers) -> Multiplexed:
    """Connected."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(Multiplexed, servers.redis_host, servers.redis_port)
    return protocol
