"""``engine.redis(code)``: a Redis pool, and redis-py's clients for commands of the user's own on it."""

from __future__ import annotations

import asyncio
from typing import Any

from fluxaorm.engine.pool_view import PoolView
from fluxaorm.errors import ContextMisuseError
from fluxaorm.pools.base.redis_ports import RedisPool


class EngineRedis(PoolView[RedisPool]):
    """What there is to know of a Redis pool, and who speaks to it.

    The clients repeat a command whose reply was lost, ten times by default, as redis-py does: an INCR may count twice.
    What is queued by ``ctx.redis_pipeline()`` is never repeated.
    """

    @property
    def namespace(self) -> str | None:
        """What begins the library's keys there; None: the name of the database."""
        return self._pool.namespace

    @property
    def client(self) -> Any:
        """redis-py's client for threads: a ``redis.Redis``, on a cluster a ``redis.RedisCluster``."""
        return self._pool.client

    @property
    def async_client(self) -> Any:
        """redis-py's client for the running event loop: ``redis.asyncio.Redis``, on a cluster ``RedisCluster``.

        ContextMisuseError where no loop runs.
        """
        try:
            _ = asyncio.get_running_loop()
        except RuntimeError:
            raise ContextMisuseError(
                f"Redis pool '{self.code}': async_client is that of the running event loop, and none runs: ask for it "
                "in a coroutine, or take client"
            ) from None
        return self._pool.async_client
