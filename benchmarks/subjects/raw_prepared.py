"""asyncmy by hand with its cache of prepared statements: what a program could have without merging look-ups."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import uvloop

from benchmarks.subject import Servers
from benchmarks.subjects.raw_asyncio import look_up_each, open_connections


class RawPrepared:
    """A SELECT a row."""

    name = "raw_prepared"

    def open(self, servers: Servers) -> None:
        self._loop = uvloop.new_event_loop()
        self._connections: list[Any] = self._loop.run_until_complete(open_connections(servers, stmt_cache_size=64))

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def async64_mysql(self, ids: Sequence[int]) -> list[str]:
        return self._loop.run_until_complete(look_up_each(self._connections, ids))
