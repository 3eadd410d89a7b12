"""What MySQL and SQLite pools have in common: connections for threads, and for each event loop that asks."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.errors import FluxaError, MySQLConnectionError, MySQLError, PoolConnectError, PoolTimeoutError
from fluxaorm.pools.base.blocking import ConnectionPool
from fluxaorm.pools.base.forks import run_each
from fluxaorm.pools.base.looped import AsyncConnectionPool
from fluxaorm.pools.base.per_loop import PerLoop
from fluxaorm.pools.base.ports import PoolStats, total
from fluxaorm.pools.base.sql_ports import PoolLimits

if TYPE_CHECKING:
    from fluxaorm.addresses import MySQLAddress, SQLiteAddress
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.options import MySQLOptions
    from fluxaorm.plans.effects import ServerThread

DEFAULT_CONNECTIONS: Final = 100
DEFAULT_LIFETIME: Final = 300.0


_NO_ROOM: Final = frozenset(
    {
        1040,  # too many connections
        1203,  # the user's connections
        1226,  # the user's limit
    }
)


def is_full(error: Exception) -> bool:
    """Whether a server takes no more connections now: worth waiting for as for a connection of the pool's own."""
    return isinstance(error, MySQLError) and error.errno in _NO_ROOM


def _is_lost(connection: Any) -> bool:
    lost: bool = connection.lost
    return lost


def _answers(connection: Any, seconds: float) -> Any:
    """To be awaited on asyncio."""
    return connection.answers(seconds)


async def _close_looped(pool: AsyncConnectionPool[Any]) -> None:
    pool.close()
    # the sockets are closed by callbacks of the loop
    await asyncio.sleep(0)
    await asyncio.sleep(0)


class SQLPoolBase(ABC):
    """A registered pool. Opens nothing before it is asked to."""

    def __init__(
        self, code: str, address: MySQLAddress | SQLiteAddress, options: MySQLOptions, dialect: Dialect
    ) -> None:
        self.code = code
        self.options = options
        self.dialect = dialect
        self.collation = ""
        self.hides_values = False
        """Whether no message of the server's may show a value, since an entity here has secret fields."""
        self.ignored_tables = frozenset(options.ignored_tables)
        self.drops_unknown_tables = options.unknown_tables == "drop"
        self.limits = limits_from(options)
        self.on_abandoned: Callable[[str, ServerThread], None] | None = None
        self._address = address
        self._blocking: ConnectionPool[Any] | None = None
        self._looped: PerLoop[AsyncConnectionPool[Any]] = PerLoop(self._make_looped, _close_looped)
        self._closed = False
        self._inherited: list[object] = []
        self._making = threading.RLock()
        """Held while something is made that all threads share."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.code}' {self.address}>"

    @property
    def address(self) -> str:
        """Where the database is, without a password."""
        return str(self._address)

    @property
    def database(self) -> str:
        """The database's name."""
        return self._address.database

    def connect(self) -> None:
        """See SQLPool. PoolConnectError; MissingExtraError when the driver is not installed."""
        try:
            connection = self._open()
        except MySQLError as error:
            raise PoolConnectError(self.code, self.address, error.reason) from error
        try:
            self._learn(connection)
        except PoolConnectError:
            raise
        except FluxaError as error:
            raise PoolConnectError(self.code, self.address, str(error)) from error
        finally:
            connection.close()

    @abstractmethod
    def _open(self, seconds: float | None = None) -> Any:
        """A fresh connection for threads, within ``seconds`` if they are fewer than ``connect_timeout``."""

    @abstractmethod
    async def _open_async(self) -> Any:
        """A fresh connection for the running loop."""

    @abstractmethod
    def _learn(self, connection: Any) -> None:
        """Set dialect, limits and collation."""

    @property
    def sync(self) -> ConnectionPool[Any]:
        """See SQLPool."""
        return self._blocking or self._make_blocking()

    @property
    def asyncio(self) -> AsyncConnectionPool[Any]:
        """See SQLPool."""
        return self._looped.get()

    def _make_blocking(self) -> ConnectionPool[Any]:
        with self._making:
            if self._blocking is None:
                self._blocking = ConnectionPool(self.limits, self._open, self._refusal, is_full, _is_lost, _answers)
            return self._blocking

    def _make_looped(self) -> AsyncConnectionPool[Any]:
        made = AsyncConnectionPool(self.limits, self._open_async, self._refusal, is_full, _is_lost, _answers)
        if self._closed:
            made.close()
        return made

    def _refusal(self, reason: str, timed_out: bool) -> MySQLError:
        return (PoolTimeoutError if timed_out else MySQLConnectionError)(reason, pool=self.code)

    def _abandoned(self, thread: ServerThread) -> None:
        if self.on_abandoned is not None:
            self.on_abandoned(self.code, thread)

    def _expiry(self) -> float:
        """When a connection opened now is replaced: not all at once that were opened together."""
        return time.monotonic() + self.limits.lifetime * random.uniform(0.9, 1.0)

    def stats(self) -> PoolStats:
        """See SQLPool."""
        return total([self.sync.stats(), *(each.stats() for each in self._looped.running())])

    def close(self) -> None:
        """See SQLPool. A loop that asks later is given no connection either."""
        self._closed = True
        self.sync.close()

    async def aclose(self) -> None:
        """See SQLPool."""
        looped = self._looped.take()
        if looped is not None:
            await _close_looped(looped)
        self.close()

    def reset_after_fork(self) -> None:
        """See SQLPool."""
        self._making = threading.RLock()
        if self._blocking is not None:
            inherited = self._blocking.abandon()
            self._inherited += inherited
            run_each([connection.disown for connection in inherited])
        # their loops do not run here: nothing must close them, since the parent shares the sockets
        self._inherited += self._looped.abandon()


def limits_from(options: MySQLOptions, max_connections: int = 0, wait_timeout: float = 0) -> PoolLimits:
    """What the options ask for, within what the server allows; 0: unknown."""
    max_open = options.max_open_connections or DEFAULT_CONNECTIONS
    lifetime = options.conn_max_lifetime or DEFAULT_LIFETIME
    if max_connections:
        max_open = min(max_open, max_connections)
    if wait_timeout:
        lifetime = min(lifetime, wait_timeout)
    max_idle = min(options.max_idle_connections or max_open, max_open)
    return PoolLimits(max_open, max_idle, lifetime, options.pool_timeout)
