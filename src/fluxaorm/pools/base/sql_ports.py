"""What a SQL pool and its connections are to the rest of the library: protocols and plain values. No I/O, no driver.

SQL texts use ``?`` for values (Params: None, int, float, str, bytes, Decimal, date, datetime, time, timedelta). Rows
come back in raw form. A connection serves one caller at a time. After an error that leaves it in doubt (lost,
interrupted half-way, cancelled) its ``usable`` is False: the pool closes it and hands it to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from fluxaorm.plans.effects import ExecResult, QueryRows, Row, ServerThread, Statement
from fluxaorm.pools.base.ports import AsyncPool, Pooled, PoolStats, SyncPool

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect

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


class SQLConnection(Pooled, Protocol):
    """What is known of one connection to a MySQL or SQLite database, without asking it."""

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


class SyncSQLConnection(SQLConnection, Protocol):
    """One connection to a MySQL or SQLite database, in autocommit outside transactions.

    All methods raise the errors of ``dialect.map_error``; a lost connection raises MySQLConnectionError.
    """

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
        """Run statements in order, in as few packets as they fit; an error says in ``_failed_statement`` which."""
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


class AsyncSQLConnection(SQLConnection, Protocol):
    """As SyncSQLConnection, on asyncio. A cancelled call leaves the connection unusable."""

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
