"""``ctx.mysql(pool)``: SQL of the user's own, in the open transaction of the context if there is one.

``?`` stands for a value, a list for a list of values in parentheses. One statement a call. Rows are tuples of Python
values: DATETIME is aware and in UTC, TIME a timedelta, JSON its text.

What a statement changes of the session (SET, LOCKs, PREPARE, variables) lasts until the end of the statement, or of the
transaction it is part of: the connection then serves nobody else. Inside a transaction the library puts back what its
own statements rest on before the next of them: the character set, sql_mode, time zone, limits and the database.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, TypeVar, overload

from fluxaorm.context.transaction import AsyncTransactionBlock, TransactionBlock
from fluxaorm.errors import QueryError
from fluxaorm.plans.effects import (
    CloseStream,
    ExecResult,
    Execute,
    FetchTable,
    OpenStream,
    Plan,
    QueryRows,
    ReadStream,
    Stream,
)
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.query.own_sql.placeholders import has_several_statements
from fluxaorm.query.own_sql.raw_statements import Reach, chooses_database, definition, reach_of, transaction_control
from fluxaorm.query.where import Where

if TYPE_CHECKING:
    from fluxaorm.plans.state.unit_of_work import AsyncUnitOfWork, SyncUnitOfWork

C = TypeVar("C", bound="SyncUnitOfWork")
A = TypeVar("A", bound="AsyncUnitOfWork")

STREAM_BATCH: Final = 500
"""Rows in memory while a stream is read."""


class _RawBase:
    """What both shells share: which SQL is taken, and where it runs."""

    def __init__(self, unit_of_work: UnitOfWork, pool: str) -> None:
        self._unit_of_work = unit_of_work
        self._pool = pool

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self._pool}'>"

    def _statement(self, sql: str | Where, args: tuple[Any, ...]) -> tuple[str, Sequence[Any], Reach]:
        """The text, its values, and how far it may go.

        QueryError for what would take the connection out of the library's hands.
        """
        if isinstance(sql, Where):
            if args:
                raise QueryError("a Where has its values already: pass it alone")
            where = sql
        else:
            where = Where(sql, *args)
        text = str(where)
        if has_several_statements(text):
            raise QueryError("one statement a call: the text holds several")
        if control := transaction_control(text):
            raise QueryError(f"{control} is the library's: use begin() or ctx.transaction()")
        if self._unit_of_work._open_transaction is not None:
            self._check_inside(text)
        return text, where.parameters, reach_of(text)

    def _check_inside(self, text: str) -> None:
        """Refuse what a transaction cannot hold, as far as it is plain to see."""
        if chooses_database(text):
            raise QueryError("USE would lead the rest of the transaction to another database: write `db`.`table`")
        if self._commits_silently and (word := definition(text)):
            raise QueryError(f"{word} would commit the open transaction: run it outside")

    @property
    def _commits_silently(self) -> bool:
        return not self._unit_of_work._engine.mysql_pools[self._pool].dialect.transactional_ddl

    def _exec_plan(self, sql: str | Where, args: tuple[Any, ...]) -> Plan[ExecResult]:
        text, values, reach = self._statement(sql, args)
        return (yield from Execute(self._unit_of_work._target(self._pool), text, values, reach=reach))

    def _query_plan(self, sql: str | Where, args: tuple[Any, ...]) -> Plan[QueryRows]:
        text, values, reach = self._statement(sql, args)
        return (yield from FetchTable(self._unit_of_work._target(self._pool), text, values, reach=reach))

    def _query_row_plan(self, sql: str | Where, args: tuple[Any, ...]) -> Plan[tuple[Any, ...] | None]:
        rows = yield from self._query_plan(sql, args)
        return rows[0] if rows else None

    def _stream_plan(self, sql: str | Where, args: tuple[Any, ...]) -> Plan[Stream]:
        text, values, reach = self._statement(sql, args)
        if self._unit_of_work._open_transaction is not None and reach is Reach.TRANSACTION and self._commits_silently:
            raise QueryError(
                "what may end the transaction is not streamed inside one: call it without stream=True, or outside"
            )
        stream = Stream(self._unit_of_work._target(self._pool))
        yield from OpenStream(stream, text, values, reach=reach)
        if isinstance(stream.target, str):
            others = [each for each in self._unit_of_work._streams or () if each.connection is not None]
            self._unit_of_work._streams = {*others, stream}
        return stream


def _read_plan(stream: Stream) -> Plan[list[tuple[Any, ...]]]:
    return (yield from ReadStream(stream, STREAM_BATCH))


def _close_plan(stream: Stream) -> Plan[None]:
    yield from CloseStream(stream)


def _warn_if_left(stream: Stream, reader: object) -> None:
    """Of a reader that is collected: its connection would be nobody's for ever."""
    if stream.connection is not None:
        stream.abandon()
        warnings.warn("a stream of rows was neither read to its end nor closed", ResourceWarning, 2, source=reader)


class RowStream(Iterator[tuple[Any, ...]]):
    """Rows that are read while they are used, in constant memory. Close one that is not read to its end.

    It holds a connection, at the longest until its context is left; inside a transaction nothing else runs there until
    it ends or is closed.
    """

    def __init__(self, ctx: SyncUnitOfWork, stream: Stream) -> None:
        self._ctx, self._stream = ctx, stream
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self.columns = stream.columns
        """The names of the columns."""

    def __del__(self) -> None:
        _warn_if_left(self._stream, self)

    def __next__(self) -> tuple[Any, ...]:
        for row in self._rows:
            return row
        self._rows = iter(self._ctx._run(_read_plan(self._stream), inside=False))
        return next(self._rows)

    def close(self) -> None:
        """Read no more. Safe to call twice."""
        self._rows = iter(())
        if self._stream.connection is not None:
            self._ctx._run(_close_plan(self._stream), inside=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncRowStream(AsyncIterator[tuple[Any, ...]]):
    """Rows that are read while they are used, in constant memory, by ``async for``. Close one not read to its end.

    It holds a connection, at the longest until its context is left; inside a transaction nothing else runs there until
    it ends or is closed.
    """

    def __init__(self, ctx: AsyncUnitOfWork, stream: Stream) -> None:
        self._ctx, self._stream = ctx, stream
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self.columns = stream.columns
        """The names of the columns."""

    def __del__(self) -> None:
        _warn_if_left(self._stream, self)

    async def __anext__(self) -> tuple[Any, ...]:
        for row in self._rows:
            return row
        self._rows = iter(await self._ctx._drive(_read_plan(self._stream), inside=False))
        for row in self._rows:
            return row
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Read no more. Safe to call twice."""
        self._rows = iter(())
        if self._stream.connection is not None:
            await self._ctx._drive(_close_plan(self._stream), inside=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class RawMySQL(_RawBase, Generic[C]):
    """Raw SQL of a Context. All raise QueryError for SQL that cannot be taken, and MySQLError."""

    def __init__(self, ctx: C, pool: str) -> None:
        super().__init__(ctx, pool)
        self._ctx = ctx

    def exec(self, sql: str | Where, *args: Any) -> ExecResult:
        """Run a statement without rows. CommitUnknownError when the connection is lost on it outside a transaction.

        Inside one, a procedure or its like that ends the transaction is found out: PartialCommitError, or
        CommitUnknownError when it is not known whether it committed. Then the block can only be left.

        Rows that entities have cached are not noticed: tell ``Provider.invalidate(ctx, *ids)``. Raises also QueryError,
        MySQLError, ContextClosedError.
        """
        return self._ctx._run(self._exec_plan(sql, args))

    def query_row(self, sql: str | Where, *args: Any) -> tuple[Any, ...] | None:
        """The first row, or None. Raises QueryError, MySQLError, ContextClosedError."""
        return self._ctx._run(self._query_row_plan(sql, args))

    @overload
    def query(self, sql: str | Where, *args: Any, stream: Literal[False] = False) -> QueryRows: ...
    @overload
    def query(self, sql: str | Where, *args: Any, stream: Literal[True]) -> RowStream: ...
    def query(self, sql: str | Where, *args: Any, stream: bool = False) -> QueryRows | RowStream:
        """All rows, a list of tuples with ``columns``; with ``stream`` an iterator that needs constant memory.

        Raises QueryError, MySQLError, ContextClosedError.
        """
        if stream:
            return RowStream(self._ctx, self._ctx._run(self._stream_plan(sql, args)))
        return self._ctx._run(self._query_plan(sql, args))

    def begin(self, *, isolation: str | None = None, read_only: bool = False) -> TransactionBlock[C]:
        """A transaction of the context, or in one a savepoint, for ``with``: ``ctx.transaction()`` by another name."""
        return TransactionBlock(self._ctx, isolation, read_only)


class AsyncRawMySQL(_RawBase, Generic[A]):
    """Raw SQL of an AsyncContext: calls are awaited. All raise QueryError for SQL that cannot be taken, MySQLError."""

    def __init__(self, ctx: A, pool: str) -> None:
        super().__init__(ctx, pool)
        self._ctx = ctx

    async def exec(self, sql: str | Where, *args: Any) -> ExecResult:
        """Run a statement without rows. CommitUnknownError when the connection is lost on it outside a transaction.

        Inside one, a procedure or its like that ends the transaction is found out: PartialCommitError, or
        CommitUnknownError when it is not known whether it committed. Then the block can only be left.

        Rows that entities have cached are not noticed: tell ``Provider.invalidate(ctx, *ids)``. Raises also QueryError,
        MySQLError, ContextClosedError.
        """
        return await self._ctx._run(self._exec_plan(sql, args))

    async def query_row(self, sql: str | Where, *args: Any) -> tuple[Any, ...] | None:
        """The first row, or None. Raises QueryError, MySQLError, ContextClosedError."""
        return await self._ctx._run(self._query_row_plan(sql, args))

    @overload
    async def query(self, sql: str | Where, *args: Any, stream: Literal[False] = False) -> QueryRows: ...
    @overload
    async def query(self, sql: str | Where, *args: Any, stream: Literal[True]) -> AsyncRowStream: ...
    async def query(self, sql: str | Where, *args: Any, stream: bool = False) -> QueryRows | AsyncRowStream:
        """All rows, a list of tuples with ``columns``; with ``stream`` an async iterator, in constant memory.

        Raises QueryError, MySQLError, ContextClosedError.
        """
        if stream:
            return AsyncRowStream(self._ctx, await self._ctx._run(self._stream_plan(sql, args)))
        return await self._ctx._run(self._query_plan(sql, args))

    def begin(self, *, isolation: str | None = None, read_only: bool = False) -> AsyncTransactionBlock[A]:
        """A transaction of the context, or in one a savepoint, for ``async with``: ``ctx.transaction()``."""
        return AsyncTransactionBlock(self._ctx, isolation, read_only)
