"""What a pool and its connections are to the rest of the library: protocols and plain values. No I/O, no driver.

SQL texts use ``?`` for values (Params: None, int, float, str, bytes, Decimal, date, datetime, time, timedelta). Rows
come back in raw form. A connection serves one caller at a time. After an error that leaves it in doubt (lost,
interrupted half-way, cancelled) its ``usable`` is False: the pool closes it and hands it to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from fluxaorm.plans.effects import ExecResult, QueryRows, RedisCommand, RedisReplies, Row, ServerThread, Statement

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.options import RedisOptions
    from fluxaorm.pools.base.watching import Watch

PACKET_BYTES: Final = 1 << 20
"""Statements of one batch travel together up to this many bytes."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many connections a pool keeps, and for how long. Times in seconds."""

    max_open: int = 100
    max_idle: int = 100
    lifetime: float = 300.0
    timeout: float = 30.0
    """How long to wait for a free connection."""
    liveness_after: float = 0.001
    """One that was handed out longer ago is looked at before it is used again: its socket, without a round trip."""


@dataclass(frozen=True, slots=True)
class PoolStats:
    """A pool at one moment: connections that exist (also those being opened), idle ones of them, callers that wait."""

    open: int
    idle: int
    waiting: int


def total(stats: Iterable[PoolStats]) -> PoolStats:
    """Those of several pools together."""
    each = list(stats)
    return PoolStats(sum(one.open for one in each), sum(one.idle for one in each), sum(one.waiting for one in each))


class Pooled(Protocol):
    """What the choice of a connection needs to know; times are monotonic seconds, the pool sets ``taken``."""

    usable: bool
    expires: float
    taken: float

    @property
    def touched(self) -> bool:
        """Whether SQL of the user's own may have changed the session: it is then for nobody else."""
        ...

    def is_alive(self) -> bool:
        """Whether the other side has not hung up as far as can be known without waiting."""
        ...


class SyncSQLConnection(Pooled, Protocol):
    """One connection to a MySQL or SQLite database, in autocommit outside transactions.

    All methods raise the errors of ``dialect.map_error``; a lost connection raises MySQLConnectionError.
    """

    @property
    def thread(self) -> int | None:
        """Its number at the server, None where there is none."""
        ...

    @property
    def opened(self) -> float:
        """When, in monotonic seconds."""
        ...

    @property
    def lost(self) -> bool:
        """Whether the server, or the way to it, has ended it."""
        ...

    @property
    def server(self) -> str:
        """Which server it leads to, whatever its address; empty where that is not known."""
        ...

    @property
    def rollbacks(self) -> int:
        """How often ``rollback`` was called."""
        ...

    @property
    def interrupted(self) -> bool:
        """Whether the caller went away from a statement, which may still run on the server."""
        ...

    def touch(self) -> None:
        """Say that such SQL is about to run."""
        ...

    def retire(self) -> None:
        """Let nobody else have it: it is closed when it is given back."""
        ...

    def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """The rows of a SELECT, values in raw form."""
        ...

    def fetch_table(self, sql: str, args: Sequence[Any] = ()) -> QueryRows:
        """The rows of a statement as Python values, with the names of their columns."""
        ...

    def open_stream(self, sql: str, args: Sequence[Any] = ()) -> tuple[str, ...]:
        """Run a statement whose rows are then read with ``read_stream``; the names of their columns."""
        ...

    def read_stream(self, count: int) -> list[tuple[Any, ...]]:
        """At most ``count`` more rows as Python values; fewer only at the end, after which the connection is free."""
        ...

    def close_stream(self) -> None:
        """Read what is left and drop it."""
        ...

    def execute(self, sql: str, args: Sequence[Any] = (), rows: Sequence[Sequence[Any]] | None = None) -> ExecResult:
        """Run one statement; with ``rows`` the SQL ends in VALUES and the groups are appended."""
        ...

    def execute_batch(self, statements: Sequence[Statement]) -> list[ExecResult]:
        """Run statements in order, in as few packets as they fit; an error has its position in ``failed_statement``."""
        ...

    def begin(self, isolation: str | None = None, read_only: bool = False) -> None:
        """Open a transaction."""
        ...

    def commit(self) -> None:
        """Commit; a connection lost meanwhile raises MySQLConnectionError like any other loss."""
        ...

    def rollback(self) -> None:
        """Roll back."""
        ...

    def ping(self) -> None:
        """One round trip."""
        ...

    def abort(self) -> None:
        """From another thread: end the wait for the server; the connection is not usable any more."""
        ...

    def close(self) -> None:
        """Close it, also in the middle of a statement; never raises."""
        ...


class AsyncSQLConnection(Pooled, Protocol):
    """The same on asyncio. A cancelled call leaves the connection unusable."""

    @property
    def thread(self) -> int | None:
        """As SyncSQLConnection.thread."""
        ...

    @property
    def opened(self) -> float:
        """As SyncSQLConnection.opened."""
        ...

    @property
    def lost(self) -> bool:
        """As SyncSQLConnection.lost."""
        ...

    @property
    def server(self) -> str:
        """As SyncSQLConnection.server."""
        ...

    @property
    def rollbacks(self) -> int:
        """As SyncSQLConnection.rollbacks."""
        ...

    @property
    def interrupted(self) -> bool:
        """As SyncSQLConnection.interrupted."""
        ...

    def touch(self) -> None:
        """As SyncSQLConnection.touch."""
        ...

    def retire(self) -> None:
        """As SyncSQLConnection.retire."""
        ...

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """As SyncSQLConnection.fetch."""
        ...

    async def fetch_table(self, sql: str, args: Sequence[Any] = ()) -> QueryRows:
        """As SyncSQLConnection.fetch_table."""
        ...

    async def open_stream(self, sql: str, args: Sequence[Any] = ()) -> tuple[str, ...]:
        """As SyncSQLConnection.open_stream."""
        ...

    async def read_stream(self, count: int) -> list[tuple[Any, ...]]:
        """As SyncSQLConnection.read_stream."""
        ...

    async def close_stream(self) -> None:
        """As SyncSQLConnection.close_stream."""
        ...

    async def execute(
        self, sql: str, args: Sequence[Any] = (), rows: Sequence[Sequence[Any]] | None = None
    ) -> ExecResult:
        """As SyncSQLConnection.execute."""
        ...

    async def execute_batch(self, statements: Sequence[Statement]) -> list[ExecResult]:
        """As SyncSQLConnection.execute_batch."""
        ...

    async def begin(self, isolation: str | None = None, read_only: bool = False) -> None:
        """As SyncSQLConnection.begin."""
        ...

    async def commit(self) -> None:
        """As SyncSQLConnection.commit."""
        ...

    async def rollback(self) -> None:
        """As SyncSQLConnection.rollback."""
        ...

    async def ping(self) -> None:
        """As SyncSQLConnection.ping."""
        ...

    def close(self) -> None:
        """Close it at once; never raises, never waits."""
        ...


C = TypeVar("C")


class Takes(Protocol[C]):
    """The short way, which never waits: ``take`` and ``put``; ``acquire`` and ``release`` are the whole."""

    @property
    def take(self) -> Callable[[], C | None]:
        """An idle connection that is fit for use, or None: then ``acquire``."""
        ...

    @property
    def put(self) -> Callable[[C], int]:
        """Give a connection back; whatever but 0 this returns is to be told to ``hand_on``."""
        ...

    def hand_on(self, connection: C, fate: int) -> None:
        """Close what is no longer usable, serve who waits."""
        ...

    def release(self, connection: C) -> None:
        """Give a connection back; it is closed when it is no longer usable. Never waits."""
        ...

    def stats(self) -> PoolStats:
        """The pool at this moment."""
        ...

    def close(self) -> None:
        """Close idle connections now, those in use when they come back; callers that wait get an error.

        On asyncio it is called in the loop, which closes the sockets.
        """
        ...


class SyncPool(Takes[C], Protocol[C]):
    """Connections shared by threads."""

    def acquire(self, seconds: float | None = None) -> C:
        """A connection for the caller alone. PoolTimeoutError after ``seconds`` (None: the pool's)."""
        ...

    def drop(self, connection: C) -> None:
        """Give up a connection nobody uses any more: from a finalizer, so in any thread, which may hold any lock."""
        ...

    def replace(self, connection: C, seconds: float | None = None) -> C:
        """Close a lost connection and open one in its place; when that fails neither is the caller's any more."""
        ...


class AsyncPool(Takes[C], Protocol[C]):
    """Connections of one event loop."""

    async def acquire(self, seconds: float | None = None) -> C:
        """As SyncPool.acquire."""
        ...

    async def replace(self, connection: C) -> C:
        """As SyncPool.replace."""
        ...


class SQLPool(Protocol):
    """A registered MySQL or SQLite pool: ``engine.registry.mysql_pools[code]``."""

    code: str
    dialect: Dialect
    """What the server understands; known after ``connect()``, until then what the newest MySQL (or SQLite) would."""
    limits: PoolLimits
    collation: str
    """Of tables we create, resolved by ``connect()``."""
    ignored_tables: frozenset[str]
    drops_unknown_tables: bool
    hides_values: bool
    """Set by who knows the entities: whether what the server says may show no value, since one may be a secret."""
    on_abandoned: Callable[[str, ServerThread], None] | None
    """Called with the pool's code when a connection is closed on whose server's thread a statement may still run."""

    @property
    def address(self) -> str:
        """Where the server is, without a password."""
        ...

    @property
    def database(self) -> str:
        """The database's name, part of cache keys."""
        ...

    def connect(self) -> None:
        """Reach the server and learn what it is: sets ``dialect``, ``limits`` and ``collation``. PoolConnectError."""
        ...

    @property
    def sync(self) -> SyncPool[SyncSQLConnection]:
        """Its connections for threads."""
        ...

    @property
    def asyncio(self) -> AsyncPool[AsyncSQLConnection]:
        """Its connections for the running event loop, made on first use in it."""
        ...

    def stats(self) -> PoolStats:
        """Its connections for threads and for all event loops at this moment. Safe for threads."""
        ...

    def close(self) -> None:
        """Close the connections for threads, and forget those of loops that no longer run."""
        ...

    async def aclose(self) -> None:
        """Close the connections of the running loop, and those for threads."""
        ...

    def reset_after_fork(self) -> None:
        """In a child process: forget the parent's connections without touching them."""
        ...


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
