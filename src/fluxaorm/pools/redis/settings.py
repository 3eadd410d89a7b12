"""From a Redis address to redis-py's connections and clients: which class, which arguments. Opens nothing itself.

Connections for the lean path never repeat anything: redis-py would by default, also what must not be done twice.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.sentinel
import redis.cluster
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from fluxaorm.addresses import RedisAddress
    from fluxaorm.options import RedisOptions, TLSOptions
    from fluxaorm.pools.redis.cluster.slots import Node

# mypy takes it for an abstract class
_unix_connection: Any = redis.UnixDomainSocketConnection


class RedisSettings:
    """How to reach one server, the primary that Sentinels know, or the nodes of a cluster."""

    def __init__(self, address: RedisAddress, options: RedisOptions) -> None:
        self._address = address
        self._options = options
        # they remember which Sentinel answered last
        self._sentinel_pool: Any = None

    def connection(self, node: Node | None = None) -> Any:
        """A redis-py connection for the lean path, not yet connected; ``node``: of a cluster."""
        retry = Retry(NoBackoff(), 0)
        if self._address.master:
            if self._sentinel_pool is None:
                self._sentinel_pool = self._sentinels_of(redis.sentinel, retry)
            return self._sentinel_pool.make_connection()
        if self._address.socket:
            return _unix_connection(path=self._address.socket, retry=retry, **self._lean())
        kind = redis.SSLConnection if self._address.tls else redis.Connection
        return kind(retry=retry, **self._host(node), **self._lean())

    async def connected_async(self, node: Node | None = None) -> Any:
        """The same for asyncio, connected. Raises redis-py's errors, and OSError."""
        retry = AsyncRetry(NoBackoff(), 0)
        if self._address.master:
            return await _connected_through(self._sentinels_of(redis.asyncio.sentinel, retry))
        raw: Any
        if self._address.socket:
            raw = redis.asyncio.UnixDomainSocketConnection(path=self._address.socket, retry=retry, **self._lean())
        else:
            kind = redis.asyncio.SSLConnection if self._address.tls else redis.asyncio.Connection
            raw = kind(retry=retry, **self._host(node), **self._lean())
        await raw.connect()
        return raw

    def _sentinels_of(self, module: Any, retry: Any) -> Any:
        """redis-py's pool of connections to the primary, from its module for threads or that for asyncio."""
        sentinel = module.Sentinel(self._sentinels(), sentinel_kwargs=self._sentinel_arguments() | {"retry": retry})
        secure = self._address.tls is not None
        return module.SentinelConnectionPool(
            self._address.master,
            sentinel,
            retry=retry,
            ssl=secure,
            # it counts every connection that it ever made: those lost too, and how many there may be is our pool's say
            max_connections=sys.maxsize,
            **self._lean(),
        )

    def close(self) -> None:
        """Close the connections to Sentinels."""
        if self._sentinel_pool is not None:
            for client in self._sentinel_pool.sentinel_manager.sentinels:
                client.close()

    def client(self) -> Any:
        """A redis-py client, with redis-py's own ways in everything but the address."""
        return self._client_of(redis, redis.sentinel, redis.cluster)

    def async_client(self) -> Any:
        """The same for asyncio."""
        return self._client_of(redis.asyncio, redis.asyncio.sentinel, redis.asyncio.cluster)

    def _client_of(self, module: Any, sentinels: Any, clusters: Any) -> Any:
        arguments = {**self._common(), **self._tls_of_client()}
        if self._address.master:
            sentinel = sentinels.Sentinel(self._sentinels(), sentinel_kwargs=self._sentinel_arguments())
            return sentinel.master_for(self._address.master, **arguments)
        if self._address.cluster:
            del arguments["db"]
            nodes = [clusters.ClusterNode(*node) for node in self.seeds]
            return clusters.RedisCluster(startup_nodes=nodes, **arguments)
        return module.Redis(**self._where(), **arguments)

    def _host(self, node: Node | None = None) -> dict[str, Any]:
        host, port = node or self.seeds[0]
        return {"host": host, "port": port}

    @property
    def seeds(self) -> list[Node]:
        """Host and port of each server that the address names."""
        return [(host.host, host.port) for host in self._address.hosts]

    def _where(self) -> dict[str, Any]:
        return {"unix_socket_path": self._address.socket} if self._address.socket else self._host()

    def _sentinels(self) -> list[tuple[str, int]]:
        return [(host.host, host.port) for host in self._address.sentinels]

    def _sentinel_arguments(self) -> dict[str, Any]:
        return {
            "username": self._options.sentinel_user or None,
            "password": self._options.sentinel_password or None,
            "socket_timeout": self._options.connect_timeout or None,
            "socket_connect_timeout": self._options.connect_timeout or None,
            **self._tls_of_client(),
        }

    def _common(self) -> dict[str, Any]:
        return {
            "db": self._address.database,
            "username": self._address.user or None,
            "password": self._address.password or None,
            "socket_timeout": self._options.read_timeout or None,
            "socket_connect_timeout": self._options.connect_timeout or None,
        }

    def _lean(self) -> dict[str, Any]:
        """RESP2 has no messages that nobody asked for."""
        return {**self._common(), "protocol": 2, **self._tls()}

    def _tls(self) -> dict[str, Any]:
        return {} if self._address.tls is None else _tls_arguments(self._address.tls)

    def _tls_of_client(self) -> dict[str, Any]:
        return {} if self._address.tls is None else {"ssl": True, **self._tls()}


async def _connected_through(pool: Any) -> Any:
    raw = pool.make_connection()
    try:
        await raw.connect()
    finally:
        for client in pool.sentinel_manager.sentinels:
            await client.aclose()
    return raw


def _tls_arguments(tls: TLSOptions) -> dict[str, Any]:
    return {
        "ssl_cert_reqs": "required" if tls.verify else "none",
        "ssl_check_hostname": tls.verify and tls.check_hostname,
        "ssl_ca_certs": tls.ca_file or None,
        "ssl_certfile": tls.cert_file or None,
        "ssl_keyfile": tls.key_file or None,
    }
