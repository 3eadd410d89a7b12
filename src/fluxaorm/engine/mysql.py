"""``engine.mysql(code)`` and ``engine.async_mysql(code)``: a MySQL pool, and SQL of the user's own on it.

Each call has a connection for itself: it never joins a transaction that some context has open, nor can a context see
what ``begin()`` here has not committed. What is taken and what comes back is as ``ctx.mysql()`` has it (``raw_mysql``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, overload

from fluxaorm.context.raw_mysql import AsyncRawMySQL, AsyncRowStream, RawMySQL, RowStream
from fluxaorm.engine.pool_view import PoolView
from fluxaorm.pools.base.sql_ports import SQLPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from fluxaorm.context import AsyncContext, Context
    from fluxaorm.plans.effects import ExecResult, QueryRows
    from fluxaorm.pools.base.sql_ports import PoolLimits
    from fluxaorm.query.where import Where


class _MySQLView(PoolView[SQLPool]):
    """What there is to know of a MySQL pool."""

    @property
    def database(self) -> str:
        """The database's name."""
        return self._pool.database

    @property
    def limits(self) -> PoolLimits:
        """How many connections there are at most, and for how long."""
        return self._pool.limits

    @property
    def collation(self) -> str:
        """Of tables that are made."""
        return self._pool.collation


class EngineMySQL(_MySQLView):
    """A pool for threads. All calls raise QueryError for SQL that cannot be taken, MySQLError, ContextClosedError."""

    def __init__(self, pool: SQLPool, make_context: Callable[[], Context]) -> None:
        super().__init__(pool)
        self._make_context = make_context

    def _raw(self) -> RawMySQL[Context]:
        return RawMySQL(self._make_context(), self.code)

    def exec(self, sql: str | Where, *args: Any) -> ExecResult:
        """Run a statement without rows, committed at once.

        Rows that entities have cached are not noticed: tell ``Provider.invalidate(ctx, *ids)``. Raises QueryError,
        MySQLError, CommitUnknownError when the connection is lost on it, ContextClosedError.
        """
        return self._raw().exec(sql, *args)

    def query_row(self, sql: str | Where, *args: Any) -> tuple[Any, ...] | None:
        """The first row, or None. Raises QueryError, MySQLError, ContextClosedError."""
        return self._raw().query_row(sql, *args)

    @overload
    def query(self, sql: str | Where, *args: Any, stream: Literal[False] = False) -> QueryRows: ...
    @overload
    def query(self, sql: str | Where, *args: Any, stream: Literal[True]) -> RowStream: ...
    def query(self, sql: str | Where, *args: Any, stream: bool = False) -> QueryRows | RowStream:
        """All rows, a list of tuples with ``columns``; with ``stream`` an iterator that needs constant memory.

        Raises QueryError, MySQLError, ContextClosedError.
        """
        raw = self._raw()
        return raw.query(sql, *args, stream=True) if stream else raw.query(sql, *args)

    @contextmanager
    def begin(
        self, *, isolation: str | None = None, read_only: bool = False
    ) -> Generator[RawMySQL[Context], None, None]:
        """``with engine.mysql().begin() as tx:`` a transaction of its own, run through ``tx``.

        Committed at the block's end, rolled back by an exception; ``tx.begin()`` nests a savepoint. ``isolation`` and
        what its end raises: as ``ctx.transaction``. ContextClosedError when the engine is closed.
        """
        ctx = self._make_context()
        with ctx, ctx.transaction(isolation=isolation, read_only=read_only):
            yield RawMySQL(ctx, self.code)


class AsyncEngineMySQL(_MySQLView):
    """A pool for asyncio: calls are awaited. All raise QueryError for SQL that cannot be taken, MySQLError."""

    def __init__(self, pool: SQLPool, make_context: Callable[[], AsyncContext]) -> None:
        super().__init__(pool)
        self._make_context = make_context

    def _raw(self) -> AsyncRawMySQL[AsyncContext]:
        return AsyncRawMySQL(self._make_context(), self.code)

    async def exec(self, sql: str | Where, *args: Any) -> ExecResult:
        """Run a statement without rows, committed at once.

        Rows that entities have cached are not noticed: tell ``Provider.invalidate(ctx, *ids)``. Raises QueryError,
        MySQLError, CommitUnknownError when the connection is lost on it, ContextClosedError.
        """
        return await self._raw().exec(sql, *args)

    async def query_row(self, sql: str | Where, *args: Any) -> tuple[Any, ...] | None:
        """The first row, or None. Raises QueryError, MySQLError, ContextClosedError."""
        return await self._raw().query_row(sql, *args)

    @overload
    async def query(self, sql: str | Where, *args: Any, stream: Literal[False] = False) -> QueryRows: ...
    @overload
    async def query(self, sql: str | Where, *args: Any, stream: Literal[True]) -> AsyncRowStream: ...
    async def query(self, sql: str | Where, *args: Any, stream: bool = False) -> QueryRows | AsyncRowStream:
        """All rows, a list of tuples with ``columns``; with ``stream`` an async iterator, in constant memory.

        Raises QueryError, MySQLError, ContextClosedError.
        """
        raw = self._raw()
        return await (raw.query(sql, *args, stream=True) if stream else raw.query(sql, *args))

    @asynccontextmanager
    async def begin(
        self, *, isolation: str | None = None, read_only: bool = False
    ) -> AsyncGenerator[AsyncRawMySQL[AsyncContext], None]:
        """``async with engine.async_mysql().begin() as tx:`` a transaction of its own, run through ``tx``.

        Committed at the block's end, rolled back by an exception; ``tx.begin()`` nests a savepoint. ``isolation`` and
        what its end raises: as ``ctx.transaction``. ContextClosedError when the engine is closed.
        """
        ctx = self._make_context()
        async with ctx, ctx.transaction(isolation=isolation, read_only=read_only):
            yield AsyncRawMySQL(ctx, self.code)
