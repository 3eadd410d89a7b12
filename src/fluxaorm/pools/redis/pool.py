"""A registered Redis or Valkey pool: the lean paths, redis-py's clients, and what the server is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from fluxaorm.errors import PoolConnectError, RedisError
from fluxaorm.pools.base.per_loop import PerLoop
from fluxaorm.pools.base.ports import PoolStats, total
from fluxaorm.pools.base.redis_ports import AsyncRedis, RedisServer, Subscription, SyncRedis
from fluxaorm.pools.base.sql_ports import PoolLimits
from fluxaorm.pools.redis.blocking import BlockingLink, BlockingRedis
from fluxaorm.pools.redis.looped import LoopRedis
from fluxaorm.pools.redis.settings import RedisSettings
from fluxaorm.pools.redis.subscription import RedisSubscription
from fluxaorm.pools.redis.wire import SERVER_COMMANDS, server_from

if TYPE_CHECKING:
    from fluxaorm.addresses import RedisAddress
    from fluxaorm.options import RedisOptions
    from fluxaorm.pools.redis.embedded_valkey import EmbeddedValkey


class ForkableRedis(SyncRedis, Protocol):
    """Connections of threads."""

    def abandon(self) -> None:
        """In a child process: start anew."""
        ...


class RedisServerPool:
    """One server, or the primary that Sentinels know. Opens nothing before it is asked to."""

    def __init__(self, code: str, address: RedisAddress, options: RedisOptions) -> None:
        self.code = code
        self.options = options
        self.namespace: str | None = options.namespace or None
        self._address = address
        self._settings_made: RedisSettings | None = None
        self._embedded: EmbeddedValkey | None = None
        self._client: Any = None
        self._async_clients: PerLoop[Any] = PerLoop(
            lambda: self._settings().async_client(), lambda client: client.aclose()
        )
        self._looped: PerLoop[AsyncRedis] = PerLoop(self._looped_unless_closed, lambda redis: redis.aclose())
        self._closed = False
        self._inherited: list[object] = []
        self._making = threading.Lock()
        limits = PoolLimits(
            max_open=options.max_connections,
            max_idle=options.max_connections,
            lifetime=float("inf"),
            timeout=options.pool_timeout,
        )
        self.sync = self._make_blocking(limits)

    def __repr__(self) -> str:
        return f"<RedisServerPool '{self.code}' {self.address}>"

    @property
    def address(self) -> str:
        """Where the server is, without a password."""
        return str(self._address)

    def _settings(self) -> RedisSettings:
        with self._making:
            if self._settings_made is None:
                address = self._address
                if address.embedded:
                    address = msgspec.structs.replace(address, embedded="", socket=self._start_embedded())
                self._settings_made = RedisSettings(address, self.options)
            return self._settings_made

    def _start_embedded(self) -> str:
        from fluxaorm.pools.redis.embedded_valkey import start_embedded_valkey

        self._embedded = start_embedded_valkey(self._address.embedded)
        return self._embedded.socket

    def connect(self) -> RedisServer:
        """See RedisPool. PoolConnectError; MissingExtraError when an embedded server is not installed."""
        try:
            link = BlockingLink(self._settings().connection(), self.code)
            try:
                server = server_from(link.round_trip(SERVER_COMMANDS).values)
            finally:
                link.close()
        except RedisError as error:
            raise PoolConnectError(self.code, self.address, self._explained(error.reason)) from error
        if server.cluster:
            reason = "it is a node of a cluster; use redis+cluster:// or RedisOptions(cluster=True)"
            raise PoolConnectError(self.code, self.address, reason)
        return server

    def _explained(self, reason: str) -> str:
        # a server without TLS takes the handshake for the beginning of a long command, and waits for its end
        silent = self._address.tls is not None and reason.startswith("Timeout")
        return f"{reason}; does the server speak TLS?" if silent else reason

    @property
    def asyncio(self) -> AsyncRedis:
        """See RedisPool."""
        return self._looped.get()

    def _make_blocking(self, limits: PoolLimits) -> ForkableRedis:
        return BlockingRedis(self.code, limits, lambda: self._settings().connection())

    def _looped_unless_closed(self) -> AsyncRedis:
        made = self._make_looped()
        if self._closed:
            made.refuse()
        return made

    def _make_looped(self) -> AsyncRedis:
        return LoopRedis(self.code, self.options.read_timeout, lambda: self._settings().connected_async())

    def subscription(self) -> Subscription:
        """See RedisPool."""
        return RedisSubscription(self._settings().connection(), self.code)

    @property
    def client(self) -> Any:
        """A ``redis.Redis`` for the user's own commands; of a cluster a ``redis.RedisCluster``."""
        if self._client is None:
            self._client = self._settings().client()
        return self._client

    @property
    def async_client(self) -> Any:
        """The same of the running loop: ``redis.asyncio.Redis`` or ``redis.asyncio.RedisCluster``."""
        return self._async_clients.get()

    def stats(self) -> PoolStats:
        """See RedisPool."""
        return total([self.sync.stats(), *(each.stats() for each in self._looped.running())])

    def close(self) -> None:
        """See RedisPool. An embedded server stops when nobody in this process uses it any more."""
        self._closed = True
        self.sync.close()
        if self._client is not None:
            self._client.close()
        if self._settings_made is not None:
            self._settings_made.close()
        if self._embedded is not None:
            self._embedded.release()
            self._embedded = None

    async def aclose(self) -> None:
        """See RedisPool."""
        looped, client = self._looped.take(), self._async_clients.take()
        if looped is not None:
            await looped.aclose()
        if client is not None:
            await client.aclose()
        self.close()

    def reset_after_fork(self) -> None:
        """See RedisPool."""
        self._making = threading.Lock()
        # what is kept here must not be closed: the parent shares the sockets, and loops do not run here
        self._inherited += [self._client, *self._looped.abandon(), *self._async_clients.abandon()]
        self._client = None
        self.sync.abandon()
