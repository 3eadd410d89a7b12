"""MySQL and MariaDB on asyncio, through asyncmy.

A SELECT that a connection runs often becomes a prepared statement there, which the driver reads a quarter faster; its
rows hold native values, but days are cast to text by the server: the driver would make None of 0000-00-00, and break
off at the 30th of February. Everything else travels as text with literals, and its rows hold bytes.
"""

from __future__ import annotations

import asyncio
import re
import select
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from asyncmy.connection import Connection
from asyncmy.errors import MySQLError, OperationalError

from fluxaorm import errors
from fluxaorm.plans.effects import ExecResult, QueryRows, Row, Statement
from fluxaorm.pools.base.values import NATIVE
from fluxaorm.pools.mysql.column_types import DAYS, ROW_CONVERSIONS, Decoder, decoded_rows, decoder_of
from fluxaorm.pools.mysql.connection import (
    CHARSET,
    CLIENT_FLAGS,
    SURELY_FITS,
    MySQLConnectionState,
    begin_sql,
    confusion,
    server_from,
    session_sql,
)
from fluxaorm.pools.mysql.literals import Sql
from fluxaorm.pools.mysql.logins import NO_TLS, lacks_package, login_error, login_ways
from fluxaorm.pools.mysql.packets import Packet, packets
from fluxaorm.query.own_sql.placeholders import split_placeholders

if TYPE_CHECKING:
    import ssl

    from fluxaorm.addresses import MySQLAddress
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.options import MySQLOptions

PREPARED_STATEMENTS: Final = 64
"""Kept a connection; the least used go."""
PREPARED_AFTER: Final = 3
"""Runs of a text on one connection before it is prepared, which costs a round trip."""
PREPARED_ARGUMENTS: Final = 8
"""Texts with more arguments are lists of ids, of many different lengths."""
PREPARED_LENGTH: Final = 8192
"""Longer texts are not: those that are kept are counted, and so their bytes are bounded too."""
_COUNTED_TEXTS: Final = 512
_NAME: Final = re.compile(r"(?:`[^`]+`\.)?`[^`]+`")
_QUIT: Final = b"\x01"
_connection: Final[Any] = Connection


async def open_asyncmy(
    address: MySQLAddress,
    options: MySQLOptions,
    context: ssl.SSLContext | None,
    dialect: Dialect,
    pool: str,
    expires: float,
) -> AsyncmyConnection:
    """A fresh connection. MySQLConnectionError."""
    where: dict[str, Any] = {"unix_socket": address.socket}
    if not address.socket:
        where = {"host": address.hosts[0].host, "port": address.hosts[0].port}
    seconds = options.connect_timeout or 10
    raw = _connection(
        **where,
        user=address.user,
        # the driver would spell it in Latin-1
        password=address.password.encode(),
        database=address.database,
        charset=CHARSET,
        use_unicode=False,
        conv=ROW_CONVERSIONS,
        client_flag=CLIENT_FLAGS,
        autocommit=None,
        connect_timeout=seconds,
        read_timeout=options.read_timeout or None,
        ssl=context,
        stmt_cache_size=PREPARED_STATEMENTS,
        auth_plugin_map=login_ways(address, OperationalError),
    )
    connection = AsyncmyConnection(raw, dialect, pool, expires)
    try:
        # the driver's own limit ends with the TCP connection, before the login
        async with asyncio.timeout(seconds):
            await raw.connect()
            if context is not None and raw._transport.get_extra_info("ssl_object") is None:
                raise OperationalError(NO_TLS, "the server does not speak TLS")
            await connection.prepare_session()
    except MySQLError as error:
        connection.close()
        raise login_error(error, dialect, pool, "asyncmy") from error
    except TimeoutError:
        connection.close()
        raise dialect.map_error(2003, f"no answer within {seconds:g} s", pool=pool) from None
    except BaseException as error:
        connection.close()
        if not isinstance(error, Exception) or isinstance(error, errors.FluxaError | OSError):
            raise
        if lacks_package(error):
            raise login_error(error, dialect, pool, "asyncmy") from error
        raise confusion(error, dialect, pool) from error
    return connection


class AsyncmyConnection(MySQLConnectionState):
    """One connection."""

    __slots__ = ("_poll", "_prepared", "_raw", "_uses")

    driver_errors = MySQLError

    def __init__(self, raw: Any, dialect: Dialect, pool: str, expires: float) -> None:
        super().__init__(dialect, pool, expires)
        self._raw = raw
        self._poll = select.poll()
        self._uses: dict[str, int] = {}
        self._prepared: dict[str, str | None] = {}
        """Text -> as it is prepared; None: it never is."""

    async def prepare_session(self) -> None:
        """Make a fresh connection the library's."""
        self._poll.register(self._raw._transport.get_extra_info("socket").fileno(), select.POLLIN)
        statements = session_sql(self.dialect)
        self.server = server_from(await self.fetch(statements))
        self.thread = self._raw.thread_id()

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See AsyncSQLConnection."""
        bindable = args and len(args) <= PREPARED_ARGUMENTS and len(sql) <= PREPARED_LENGTH and self._may_prepare(args)
        prepared = self._prepared.get(sql) if bindable else None
        if prepared is not None:
            return await self._fetch_prepared(prepared, sql, [NATIVE[type(value)](value) for value in args])
        text = self.render(sql, args)
        if len(text) > SURELY_FITS:
            self.check_size(text, sql)
        try:
            raw = self._raw
            await raw.query(text)
            result = raw._result
            rows = result.rows
            if bindable:
                self._count_use(sql, result)
            while raw._result.has_next:
                await raw.next_result()
            return [] if rows is None else list(rows)
        except MySQLError as error:
            raise self.failure(error, sql) from error
        except UnicodeDecodeError as error:
            raise self.undecodable(error, sql) from error
        except BaseException as error:
            self.give_up(error, sql)
            raise

    def _may_prepare(self, args: Sequence[Any]) -> bool:
        """Whether values may be bound to a prepared statement.

        A Decimal would be bound as text, and MariaDB's BETWEEN compares a decimal with text as doubles. What is long
        goes with a statement whose size is looked at.
        """
        if self.touched:
            return False
        for value in args:
            if isinstance(value, Decimal) or (isinstance(value, str | bytes) and len(value) > SURELY_FITS):
                return False
        return True

    def _count_use(self, sql: str, result: Any) -> None:
        """Prepare a text from its next use on when it was run often enough."""
        uses = self._uses.get(sql, 0) + 1
        if len(self._uses) >= _COUNTED_TEXTS:
            self._uses.clear()
            self._prepared.clear()
        self._uses[sql] = uses
        if uses == PREPARED_AFTER:
            self._prepared[sql] = prepared_form(sql, result.fields or ())

    async def _fetch_prepared(self, prepared: str, sql: str, args: list[Any]) -> list[Row]:
        pyformat = _pyformat(prepared)
        try:
            cursor = self._raw.cursor()
            await cursor.execute(pyformat, args)
            rows = cursor._rows
            return [] if rows is None else list(rows)
        except MySQLError as error:
            raise self.failure(error, sql) from error
        except UnicodeDecodeError as error:
            raise self.undecodable(error, sql) from error
        except BaseException as error:
            self.give_up(error, sql)
            raise

    async def execute(
        self, sql: str, args: Sequence[Any] = (), rows: Sequence[Sequence[Any]] | None = None
    ) -> ExecResult:
        """See AsyncSQLConnection."""
        return await self._perform(self.render(sql, args, rows), sql)

    async def execute_batch(self, statements: Sequence[Statement]) -> list[ExecResult]:
        """See AsyncSQLConnection."""
        results: list[ExecResult] = []
        for packet in packets(statements, render=self.render):
            await self._send_packet(packet, statements, results)
        return results

    async def _send_packet(self, packet: Packet, statements: Sequence[Statement], results: list[ExecResult]) -> None:
        last = packet.first + packet.count
        self.check_size(packet.sql, statements[packet.first].sql)
        try:
            result: ExecResult | None = await self._query(packet.sql)
            while result is not None:
                if len(results) < last:
                    results.append(result)
                result = await self._next_result()
        except MySQLError as error:
            position = min(len(results), last - 1)
            failure = self.failure(error, statements[position].sql)
            failure._failed_statement = position
            raise failure from error
        except UnicodeDecodeError as error:
            raise self.undecodable(error, statements[packet.first].sql) from error
        except BaseException as error:
            self.give_up(error, statements[packet.first].sql)
            raise

    async def _perform(self, text: Sql, sql: str) -> ExecResult:
        """Send ``text`` and read all results; the first. ``sql``: what an error shows."""
        self.check_size(text, sql)
        try:
            result = await self._query(text)
            await self._skip_results()
            return result
        except MySQLError as error:
            raise self.failure(error, sql) from error
        except UnicodeDecodeError as error:
            raise self.undecodable(error, sql) from error
        except BaseException as error:
            self.give_up(error, sql)
            raise

    async def fetch_table(self, sql: str, args: Sequence[Any] = ()) -> QueryRows:
        """See AsyncSQLConnection."""
        text = self.render(sql, args)
        self.check_size(text, sql)
        with self.guarded(sql):
            await self._raw.query(text)
            result = self._raw._result
            table = QueryRows(_names(result), decoded_rows(result.rows or (), _decoders(result)))
            await self._skip_results()
            return table

    async def open_stream(self, sql: str, args: Sequence[Any] = ()) -> tuple[str, ...]:
        """See AsyncSQLConnection."""
        text = self.render(sql, args)
        self.check_size(text, sql)
        with self.guarded(sql):
            await self._raw.query(text, unbuffered=True)
            self._let_wait()
            return _names(self._raw._result)

    def _let_wait(self) -> None:
        """The driver takes whatever arrives: what was not asked for yet waits in the socket."""
        if self._raw._result.unbuffered_active:
            self._raw._transport.pause_reading()

    async def read_stream(self, count: int) -> list[tuple[Any, ...]]:
        """See AsyncSQLConnection."""
        result = self._raw._result
        rows: list[Any] = []
        with self.guarded():
            self._raw._transport.resume_reading()
            while len(rows) < count and (row := await result._read_rowdata_packet_unbuffered()) is not None:
                rows.append(row)
                rows += result._take_pending_rows(count - len(rows))
            if len(rows) < count:
                await self._skip_results()
            else:
                self._let_wait()
            return decoded_rows(rows, _decoders(result))

    async def close_stream(self) -> None:
        """See AsyncSQLConnection."""
        with self.guarded():
            result = self._raw._result
            self._raw._transport.resume_reading()
            while (await result._read_rowdata_packet_unbuffered()) is not None:
                result._take_pending_rows()
            await self._skip_results()

    async def _skip_results(self) -> None:
        while await self._next_result() is not None:
            pass

    async def _query(self, sql: Sql) -> ExecResult:
        await self._raw.query(sql)
        return self._read_result()

    async def _next_result(self) -> ExecResult | None:
        if not self._raw._result.has_next:
            return None
        await self._raw.next_result()
        return self._read_result()

    def _read_result(self) -> ExecResult:
        result = self._raw._result
        return ExecResult(result.insert_id, result.affected_rows if result.rows is None else 0)

    async def begin(self, isolation: str | None = None, read_only: bool = False) -> None:
        """See AsyncSQLConnection."""
        statements = begin_sql(self.dialect, isolation, read_only)
        await self._perform(statements, statements)

    async def commit(self) -> None:
        """See AsyncSQLConnection."""
        await self._perform("COMMIT", "COMMIT")

    async def rollback(self) -> None:
        """See AsyncSQLConnection."""
        self.rollbacks += 1
        await self._perform("ROLLBACK", "ROLLBACK")

    async def ping(self) -> None:
        """See AsyncSQLConnection."""
        await self._perform("SELECT 1", "SELECT 1")

    async def answers(self, seconds: float) -> bool:
        """See BlockingMySQLConnection."""
        with suppress(errors.MySQLError, TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ping()
        return self.usable

    def is_alive(self) -> bool:
        """A server that says something unasked says farewell; the loop may not have read it yet."""
        raw = self._raw
        if not raw.connected or raw._stream_broken or raw._proto.length > raw._proto.pos:
            return False
        return not self._poll.poll(0)

    def close(self) -> None:
        """See AsyncSQLConnection. One that is in order says goodbye first."""
        raw, transport = self._raw, self._raw._transport
        # whatever the driver says: it is gone, or its loop is
        with suppress(MySQLError, OSError, RuntimeError):
            if raw._result is not None:
                # forgotten in the middle of a stream it would read on when it is collected
                raw._result.unbuffered_active = False
            if (self.usable or self.retired) and raw.connected:
                raw._next_seq_id = 0
                raw.write_packet(_QUIT)
            raw.close()
            if transport is not None and transport.get_extra_info("ssl_object") is not None:
                # it would wait for the server's farewell, longer than its loop may live
                transport.abort()
        self.usable = False
        self.abandon()

    def disown(self) -> None:
        """In a child process: its loop never runs there, so the parent's socket stays untouched."""
        self.usable = False


def prepared_form(sql: str, fields: Sequence[Any]) -> str | None:
    """A SELECT with its days cast to text; None when they cannot be found in it. ``fields``: its result's."""
    days = [at for at, field in enumerate(fields) if field.type_code in DAYS]
    if not days:
        return sql
    start, found, rest = sql.removeprefix("SELECT ").partition(" FROM ")
    columns = start.split(", ")
    if not sql.startswith("SELECT ") or not found or len(columns) != len(fields):
        return None
    if not all(_NAME.fullmatch(columns[at]) for at in days):
        return None
    for at in days:
        columns[at] = f"CAST({columns[at]} AS CHAR)"
    return f"SELECT {', '.join(columns)} FROM {rest}"


@lru_cache(maxsize=512)
def _pyformat(sql: str) -> str:
    return "%s".join(piece.replace("%", "%%") for piece in split_placeholders(sql))


def _names(result: Any) -> tuple[str, ...]:
    """The names of a result's columns; a statement without rows has none."""
    return tuple([column[0] for column in result.description or ()])


def _decoders(result: Any) -> list[Decoder]:
    if result.description is None:
        return []
    return [decoder_of(field.type_code, field.charsetnr) for field in result.fields]
