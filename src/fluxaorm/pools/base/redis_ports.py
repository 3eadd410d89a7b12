"""What a Redis pool and its connections are to the rest of the library: protocols, plain values. No I/O, no driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from fluxaorm.plans.effects import RedisCommand, RedisReplies
from fluxaorm.pools.base.ports import PoolStats

if TYPE_CHECKING:
    from fluxaorm.options import RedisOptions
    from fluxaorm.pools.base.watching import Watch


class SyncRedis(Protocol):
    """The lean path to Redis for threads."""

    def round_trip(self, commands: Sequence[RedisCommand], watch: Watch | None = None) -> RedisReplies:
        """Send commands at once and read all replies. RedisConnectionError; nothing is ever repeated.

        On a cluster a command of a primary that was lost has RedisConnectionError as its reply, unless all were lost.

        ``watch``: is told which connection is waited on.
        """
        ...

    def stats(self) -> PoolStats:
        """Its connections at this moment."""
        ...

    def close(self) -> None:
        """Close the idle connections."""
        ...


class AsyncRedis(Protocol):
    """The lean path to Redis on one event loop; many tasks may call it at once."""

    async def round_trip(self, commands: Sequence[RedisCommand]) -> RedisReplies:
        """As SyncRedis.round_trip."""
        ...

    def stats(self) -> PoolStats:
        """Its connections at this moment."""
        ...

    def refuse(self) -> None:
        """Open no connection any more."""
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...


MESSAGE: Final = b"message"


PONG: Final = b"pong"


class Subscription(Protocol):
    """A connection that listens, for one thread. Everything raises RedisConnectionError when it is lost."""

    def subscribe(self, channels: Sequence[str]) -> None:
        """Ask for the messages of these channels."""
        ...

    def ping(self) -> None:
        """Ask for a ``PONG``: it comes after everything that was published before."""
        ...

    def read(self, seconds: float) -> tuple[bytes, ...] | None:
        """What the server said next, ``(MESSAGE, channel, payload)``, ``(PONG, ...)`` or its like; None: nothing."""
        ...

    def interrupt(self) -> None:
        """From another thread: end what ``read`` waits for."""
        ...

    def close(self) -> None:
        """Close it; never raises."""
        ...

    def disown(self) -> None:
        """In a child process: forget it without saying anything to the server."""
        ...


class RedisPool(Protocol):
    """A registered Redis pool: ``engine.registry.redis_pools[code]``."""

    code: str
    namespace: str | None
    options: RedisOptions

    @property
    def address(self) -> str:
        """Where the server is, without a password."""
        ...

    def connect(self) -> RedisServer:
        """Reach the server and learn what it is. PoolConnectError."""
        ...

    @property
    def sync(self) -> SyncRedis:
        """The lean path for threads."""
        ...

    @property
    def asyncio(self) -> AsyncRedis:
        """The lean path of the running event loop, made on first use in it."""
        ...

    def subscription(self) -> Subscription:
        """A connection of its own that listens. RedisConnectionError."""
        ...

    @property
    def client(self) -> Any:
        """A redis-py client (``redis.Redis``, of a cluster ``redis.RedisCluster``) for everything else."""
        ...

    @property
    def async_client(self) -> Any:
        """A ``redis.asyncio.Redis`` client of the running loop."""
        ...

    def stats(self) -> PoolStats:
        """As SQLPool.stats."""
        ...

    def close(self) -> None:
        """Close the connections for threads."""
        ...

    async def aclose(self) -> None:
        """Close the connections of the running loop, and those for threads."""
        ...

    def reset_after_fork(self) -> None:
        """In a child process: forget the parent's connections without touching them."""
        ...


@dataclass(frozen=True, slots=True)
class RedisServer:
    """What a Redis server says it is."""

    product: str
    """``redis`` or ``valkey``."""
    version: tuple[int, ...]
    modules: frozenset[str]
    maxmemory_policy: str
    cluster: bool = False
    """Whether it is a node of a cluster."""
