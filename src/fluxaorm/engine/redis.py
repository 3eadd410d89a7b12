"""``engine.redis(code)``: a Redis pool, and redis-py's clients for commands of the user's own on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fluxaorm.entity.values.not_copied import NotCopied
from fluxaorm.errors import ContextMisuseError

if TYPE_CHECKING:
    from fluxaorm.pools.base.redis_ports import RedisPool


class EngineRedis(NotCopied):
    """What there is to know of a Redis pool, and who speaks to it.

    The clients repeat a command whose reply was lost, ten times by default, as redis-py does: an INCR may count twice.
    What is queued by ``ctx.redis_pipeline()`` is never repeated.
    """

    def __init__(self, pool: RedisPool) -> None:
        self._pool = pool

    @property
    def code(self) -> str:
        """The code it was registered under."""
        return self._pool.code

    @property
    def address(self) -> str:
        """Where the server is, without a password."""
        return self._pool.address

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

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.code}' {self.address}>"
