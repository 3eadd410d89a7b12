"""SQLite in the place of MySQL, for threads and for asyncio: one core that never waits, and how each of the two waits.

On asyncio statements run on the loop itself, since they take microseconds. A lock that somebody else holds is waited
for by asking again after an ``await``, so that whoever holds it, perhaps another task of the same loop, can go on.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.dialects.sqlite.aggregates import AGGREGATES
from fluxaorm.dialects.sqlite.collations import COLLATIONS
from fluxaorm.errors import DeadlockError, FluxaError, MySQLConnectionError, MySQLError, NotSupportedError, QueryError
from fluxaorm.plans.effects import ExecResult, QueryRows, Row, Statement
from fluxaorm.pools.base.values import NATIVE, Writers
from fluxaorm.query.own_sql.placeholders import rows_places

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect

LOCK_SECONDS: Final = 5.0
"""How long a lock is waited for."""
_SNAPSHOT_OUTDATED: Final = sqlite3.SQLITE_BUSY_SNAPSHOT
_FIRST_PAUSE: Final = 0.0005
_LONGEST_PAUSE: Final = 0.02
_STATEMENTS: Final = 128
_MOST_BITS: Final = 4096
_FOREIGN: Final = ("no such function", "no such collation sequence", "syntax error", "unrecognized token")


def _int64_or_text(value: int) -> int | str:
    if value.bit_length() > _MOST_BITS:
        raise QueryError(f"an int of {value.bit_length()} bits cannot be sent to the database")
    # a column whose numbers may be larger holds them as text
    return int(value) if -(1 << 63) <= value < (1 << 63) else str(int(value))


_PARAMETERS: Final[Writers[Any]] = Writers({**NATIVE, int: _int64_or_text})


class SQLiteCore:
    """One connection, without waiting for locks."""

    __slots__ = (
        "__weakref__",
        "_begun",
        "_raw",
        "_reads_only",
        "_stream",
        "dialect",
        "expires",
        "opened",
        "pool",
        "taken",
        "touched",
        "usable",
    )

    rollbacks: Final = 0
    lost: Final = False
    interrupted: Final = False
    thread: Final = None
    server: Final = ""
    """There is no server that would know it by a number."""

    def __init__(self, path: str, dialect: Dialect, pool: str, seconds: float) -> None:
        self.dialect = dialect
        self.pool = pool
        self.expires = float("inf")
        self.taken = 0.0
        self.opened = 0.0
        self._stream: sqlite3.Cursor | None = None
        self._begun = False
        self.usable = True
        self.touched = False
        try:
            self._raw = sqlite3.connect(
                path, timeout=seconds, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS
            )
        except sqlite3.Error as error:
            raise self._failure(error) from error
        for name, function in COLLATIONS.items():
            self._raw.create_collation(name, function)
        for name, made in AGGREGATES.items():
            self._raw.create_aggregate(name, 1, made)

    def query(self, sql: str, args: Sequence[Any]) -> list[Row]:
        """The rows of a SELECT."""
        rows: list[Row] = self._run(sql, _parameters(args)).fetchall()
        return rows

    def table(self, sql: str, args: Sequence[Any]) -> QueryRows:
        """The rows of a statement with the names of their columns."""
        cursor = self._run(sql, _parameters(args))
        return QueryRows(_names(cursor), self._guarded(cursor.fetchall))

    def start_stream(self, sql: str, args: Sequence[Any]) -> tuple[str, ...]:
        """Run a statement whose rows are read bit by bit; the names of their columns."""
        self._stream = self._run(sql, _parameters(args))
        return _names(self._stream)

    def next_rows(self, count: int) -> list[tuple[Any, ...]]:
        """At most ``count`` more rows of the stream."""
        if self._stream is None:
            return []
        stream = self._stream
        rows: list[tuple[Any, ...]] = self._guarded(lambda: stream.fetchmany(count))
        if len(rows) < count:
            self.drop_stream()
        return rows

    def drop_stream(self) -> None:
        """Read no more of it."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def change(self, sql: str, args: Sequence[Any], rows: Sequence[Sequence[Any]] | None) -> ExecResult:
        """Run one statement. What a RETURNING gives is the result's ``last_insert_id``."""
        if rows is not None:
            return self._insert(sql, rows)
        cursor = self._run(sql, _parameters(args))
        if cursor.description is not None:
            returned = self._guarded(cursor.fetchall)
            last = returned[-1][0] if returned else 0
            return ExecResult(last if isinstance(last, int) else 0, len(returned))
        return ExecResult(cursor.lastrowid or 0, max(0, cursor.rowcount))

    def _insert(self, sql: str, rows: Sequence[Sequence[Any]]) -> ExecResult:
        """All rows or none."""
        if not rows:
            raise QueryError("a statement with rows was given none")
        places = ", ".join("?" * len(rows[0]))
        before, after = rows_places(sql)
        prepared = [_parameters(row) for row in rows]
        begin, done, undo = (
            ("SAVEPOINT fluxa_rows", "RELEASE fluxa_rows", "ROLLBACK TO fluxa_rows; RELEASE fluxa_rows")
            if self._raw.in_transaction
            else ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
        )
        self._run(begin, ())
        try:
            cursor = self._guarded(lambda: self._raw.executemany(f"{before}({places}){after}", prepared), sql)
            self._run(done, ())
        except BaseException:
            if self._raw.in_transaction:
                for statement in undo.split("; "):
                    self._raw.execute(statement)
            raise
        return ExecResult(cursor.lastrowid or 0, max(0, cursor.rowcount))

    def run_all(self, statements: Sequence[str]) -> None:
        """Run statements without values."""
        for statement in statements:
            self._run(statement, ()).fetchall()

    def end(self, statement: str) -> None:
        """COMMIT or ROLLBACK. After some errors SQLite has rolled back by itself: then only a COMMIT fails."""
        try:
            if self._raw.in_transaction or statement == "COMMIT":
                self._run(statement, ())
        finally:
            self._begun = False
            self._let_write()

    def start(self, statements: Sequence[str], read_only: bool) -> None:
        """Begin a transaction."""
        self._reads_only = read_only
        try:
            self.run_all(statements)
        except BaseException:
            self._let_write()
            raise
        self._begun = True

    def _let_write(self) -> None:
        if self._reads_only:
            self._raw.execute("PRAGMA query_only = 0")
            self._reads_only = False

    def _run(self, sql: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self._guarded(lambda: self._raw.execute(sql, parameters), sql)
        return cursor

    def _guarded(self, step: Callable[[], Any], sql: str = "") -> Any:
        try:
            return step()
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise self._failure(error, sql) from error
        except BaseException:
            self.usable = False
            raise

    def _failure(self, error: Exception, sql: str = "") -> FluxaError:
        message = str(error)
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            return QueryError(message)
        if any(foreign in message for foreign in _FOREIGN):
            return NotSupportedError(
                f"SQLite, which stands in for MySQL in pool '{self.pool}', cannot do this: {message}"
            )
        mapped = self.dialect.map_error(code, message, pool=self.pool, statement=sql)
        if isinstance(mapped, MySQLConnectionError):
            self.usable = False
        # OR ROLLBACK, RAISE(ROLLBACK) and some failures of SQLite's own do that; what follows would commit by itself
        mapped._ended_transaction = self._begun and not self._raw.in_transaction
        return mapped

    def touch(self) -> None:
        """See SyncSQLConnection; values are bound, so no session matters to them."""
        self.touched = True

    def retire(self) -> None:
        """See SyncSQLConnection."""
        self.usable = False

    def is_alive(self) -> bool:
        """A file does not hang up."""
        return True

    def close(self) -> None:
        """See SyncSQLConnection."""
        self.usable = False
        self._raw.close()

    def abort(self) -> None:
        """From another thread: end the statement that runs."""
        self.usable = False
        self._raw.interrupt()

    def disown(self) -> None:
        """In a child process: never used again, nor closed, which would meddle with the parent's locks."""
        self.usable = False


def _names(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    """A statement without rows has none."""
    return tuple([column[0] for column in cursor.description or ()])


def _parameters(args: Sequence[Any]) -> list[Any]:
    return [_PARAMETERS[type(value)](value) for value in args]


class SQLiteConnection(SQLiteCore):
    """A connection for threads: SQLite itself waits for locks."""

    __slots__ = ()

    def __init__(self, path: str, dialect: Dialect, pool: str) -> None:
        super().__init__(path, dialect, pool, LOCK_SECONDS)
        try:
            self.run_all(dialect.session_statements())
        except BaseException:
            self.close()
            raise

    def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See SyncSQLConnection."""
        return self.query(sql, args)

    def fetch_table(self, sql: str, args: Sequence[Any] = ()) -> QueryRows:
        """See SyncSQLConnection."""
        return self.table(sql, args)

    def open_stream(self, sql: str, args: Sequence[Any] = ()) -> tuple[str, ...]:
        """See SyncSQLConnection."""
        return self.start_stream(sql, args)

    def read_stream(self, count: int) -> list[tuple[Any, ...]]:
        """See SyncSQLConnection."""
        return self.next_rows(count)

    def close_stream(self) -> None:
        """See SyncSQLConnection."""
        self.drop_stream()

    def execute(self, sql: str, args: Sequence[Any] = (), rows: Sequence[Sequence[Any]] | None = None) -> ExecResult:
        """See SyncSQLConnection."""
        return self.change(sql, args, rows)

    def execute_batch(self, statements: Sequence[Statement]) -> list[ExecResult]:
        """See SyncSQLConnection."""
        results: list[ExecResult] = []
        for position, statement in enumerate(statements):
            try:
                results.append(self.change(statement.sql, statement.args, statement.rows))
            except MySQLError as error:
                error._failed_statement = position
                raise
        return results

    def begin(self, isolation: str | None = None, read_only: bool = False) -> None:
        """See SyncSQLConnection."""
        self.start(self.dialect.begin_statements(isolation, read_only), read_only)

    def commit(self) -> None:
        """See SyncSQLConnection."""
        self.end("COMMIT")

    def rollback(self) -> None:
        """See SyncSQLConnection."""
        self.end("ROLLBACK")

    def ping(self) -> None:
        """See SyncSQLConnection."""
        self.query("SELECT 1", ())


class AsyncSQLiteConnection(SQLiteCore):
    """A connection for one event loop: locks are waited for with ``await``."""

    __slots__ = ()

    def __init__(self, path: str, dialect: Dialect, pool: str) -> None:
        super().__init__(path, dialect, pool, 0)

    async def prepare_session(self) -> None:
        """Make a fresh connection the library's."""
        await self._patiently(lambda: self.run_all((*self.dialect.session_statements(), "PRAGMA busy_timeout = 0")))

    async def _patiently(self, attempt: Callable[[], Any]) -> Any:
        """The result of an attempt, made again while somebody else has the lock: finding it taken it did nothing."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LOCK_SECONDS
        pause = _FIRST_PAUSE
        while True:
            try:
                return attempt()
            except DeadlockError as error:
                if error.errno == _SNAPSHOT_OUTDATED or error._ended_transaction or loop.time() >= deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See AsyncSQLConnection."""
        rows: list[Row] = await self._patiently(lambda: self.query(sql, args))
        return rows

    async def fetch_table(self, sql: str, args: Sequence[Any] = ()) -> QueryRows:
        """See AsyncSQLConnection."""
        rows: QueryRows = await self._patiently(lambda: self.table(sql, args))
        return rows

    async def open_stream(self, sql: str, args: Sequence[Any] = ()) -> tuple[str, ...]:
        """See AsyncSQLConnection."""
        columns: tuple[str, ...] = await self._patiently(lambda: self.start_stream(sql, args))
        return columns

    async def read_stream(self, count: int) -> list[tuple[Any, ...]]:
        """See AsyncSQLConnection."""
        rows: list[tuple[Any, ...]] = await self._patiently(lambda: self.next_rows(count))
        return rows

    async def close_stream(self) -> None:
        """See AsyncSQLConnection."""
        self.drop_stream()

    async def execute(
        self, sql: str, args: Sequence[Any] = (), rows: Sequence[Sequence[Any]] | None = None
    ) -> ExecResult:
        """See AsyncSQLConnection."""
        result: ExecResult = await self._patiently(lambda: self.change(sql, args, rows))
        return result

    async def execute_batch(self, statements: Sequence[Statement]) -> list[ExecResult]:
        """See AsyncSQLConnection."""
        results: list[ExecResult] = []
        for position, statement in enumerate(statements):
            try:
                results.append(await self.execute(statement.sql, statement.args, statement.rows))
            except MySQLError as error:
                error._failed_statement = position
                raise
        return results

    async def begin(self, isolation: str | None = None, read_only: bool = False) -> None:
        """See AsyncSQLConnection."""
        statements = self.dialect.begin_statements(isolation, read_only)
        await self._patiently(lambda: self.start(statements, read_only))

    async def commit(self) -> None:
        """See AsyncSQLConnection."""
        await self._patiently(lambda: self.end("COMMIT"))

    async def rollback(self) -> None:
        """See AsyncSQLConnection."""
        self.end("ROLLBACK")

    async def ping(self) -> None:
        """See AsyncSQLConnection."""
        await self.fetch("SELECT 1")
