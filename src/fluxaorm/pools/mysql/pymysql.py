"""MySQL and MariaDB through PyMySQL, which installs everywhere: rows of bytes, nothing converted."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.err import MySQLError, OperationalError

from fluxaorm.errors import MySQLConnectionError
from fluxaorm.plans.effects import ExecResult, QueryRows, Row
from fluxaorm.pools.mysql.column_types import ROW_CONVERSIONS, Decoder, decoded_rows, decoder_of
from fluxaorm.pools.mysql.connection import (
    CHARSET,
    CLIENT_FLAGS,
    SURELY_FITS,
    BlockingMySQLConnection,
    confusion,
    connect_seconds,
)
from fluxaorm.pools.mysql.literals import Sql
from fluxaorm.pools.mysql.logins import NO_TLS, lacks_package, login_error, login_ways

if TYPE_CHECKING:
    from fluxaorm.addresses import MySQLAddress
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.options import MySQLOptions


def open_pymysql(
    address: MySQLAddress,
    options: MySQLOptions,
    context: ssl.SSLContext | None,
    dialect: Dialect,
    pool: str,
    expires: float,
    seconds: float | None,
) -> PyMySQLConnection:
    """A fresh connection, within ``seconds`` if they are fewer than ``connect_timeout``. MySQLConnectionError."""
    deadline = None if seconds is None else time.monotonic() + seconds
    where: dict[str, Any] = {"unix_socket": address.socket}
    if not address.socket:
        where = {"host": address.hosts[0].host, "port": address.hosts[0].port}
    seconds = connect_seconds(options, seconds)
    try:
        raw: Any = pymysql.connect(
            **where,
            user=address.user,
            # PyMySQL would spell it in Latin-1
            password=address.password.encode(),
            database=address.database,
            charset=CHARSET,
            use_unicode=False,
            conv=ROW_CONVERSIONS,
            client_flag=CLIENT_FLAGS,
            autocommit=None,
            connect_timeout=seconds,
            # the driver's own limit ends with the TCP connection, before the login
            read_timeout=seconds,
            write_timeout=options.write_timeout or None,
            ssl=context,
            ssl_disabled=context is None,
            auth_plugin_map=login_ways(address, OperationalError),
        )
    except MySQLError as error:
        raise login_error(error, dialect, pool, "PyMySQL") from error
    except OSError:
        raise
    except Exception as error:
        if lacks_package(error):
            raise login_error(error, dialect, pool, "PyMySQL") from error
        raise confusion(error, dialect, pool) from error
    if context is not None and not isinstance(raw._sock, ssl.SSLSocket):
        raw.close()
        raise MySQLConnectionError("the server does not speak TLS", errno=NO_TLS, pool=pool)
    connection = PyMySQLConnection(raw, dialect, pool, expires, deadline)
    connection.limit_reads(options.read_timeout)
    return connection


class PyMySQLConnection(BlockingMySQLConnection):
    """One connection."""

    __slots__ = ("_raw",)

    driver_errors = MySQLError

    def __init__(self, raw: Any, dialect: Dialect, pool: str, expires: float, deadline: float | None) -> None:
        self._raw = raw
        super().__init__(dialect, pool, expires, deadline)
        self.thread = self._raw.thread_id()

    def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See SyncSQLConnection."""
        text = self.render(sql, args)
        if len(text) > SURELY_FITS:
            self.check_size(text, sql)
        try:
            self._raw.query(text)
            rows: list[Row] = list(self._raw._result.rows or ())
            while self._next_result() is not None:
                pass
            return rows
        except MySQLError as error:
            raise self.failure(error, sql) from error
        except UnicodeDecodeError as error:
            raise self.undecodable(error, sql) from error
        except BaseException as error:
            self.give_up(error, sql)
            raise

    def _read_table(self, text: Sql) -> QueryRows:
        self._raw.query(text)
        result = self._raw._result
        return QueryRows(_names(result), decoded_rows(result.rows or (), _decoders(result)))

    def _start_stream(self, text: Sql) -> tuple[str, ...]:
        self._raw.query(text, unbuffered=True)
        return _names(self._raw._result)

    def read_stream(self, count: int) -> list[tuple[Any, ...]]:
        """See SyncSQLConnection."""
        result = self._raw._result
        rows: list[Any] = []
        with self.guarded():
            while len(rows) < count and (row := result._read_rowdata_packet_unbuffered()) is not None:
                rows.append(row)
            if len(rows) < count:
                self._skip_results()
            return decoded_rows(rows, _decoders(result))

    def _end_stream(self) -> None:
        self._raw._result._finish_unbuffered_query()

    def _query(self, sql: Sql) -> ExecResult:
        self._raw.query(sql)
        return self._read_result()

    def _next_result(self) -> ExecResult | None:
        if not self._raw._result.has_next:
            return None
        self._raw.next_result()
        return self._read_result()

    def _read_result(self) -> ExecResult:
        result = self._raw._result
        return ExecResult(result.insert_id or 0, result.affected_rows if result.rows is None else 0)

    def limit_reads(self, seconds: float) -> None:
        """Wait for an answer for so long; 0: for ever."""
        self._raw._read_timeout = seconds or None

    def fileno(self) -> int:
        """See BlockingMySQLConnection."""
        return int(self._raw._sock.fileno())

    def close(self) -> None:
        """See SyncSQLConnection."""
        self.usable = False
        if (result := self._raw._result) is not None:
            # forgotten in the middle of a stream it would read on
            result.unbuffered_active = False
        with suppress(MySQLError, OSError):
            self._raw.close()
        self.abandon()


def _names(result: Any) -> tuple[str, ...]:
    """The names of a result's columns; a statement without rows has none."""
    return tuple([column[0] for column in result.description or ()])


def _decoders(result: Any) -> list[Decoder]:
    if result.description is None:
        return []
    return [decoder_of(field.type_code, field.charsetnr) for field in result.fields]
