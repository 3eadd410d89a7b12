"""MySQL and MariaDB through mysqlclient's low-level interface: rows of numbers and texts, the rest as bytes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from MySQLdb import _mysql

from fluxaorm.errors import MySQLConnectionError
from fluxaorm.plans.effects import ExecResult, QueryRows, Row
from fluxaorm.pools.mysql.column_types import CLIENT_CONVERSIONS, CLIENT_ROW_CONVERSIONS
from fluxaorm.pools.mysql.connection import CHARSET, CLIENT_FLAGS, SURELY_FITS, BlockingMySQLConnection, connect_seconds
from fluxaorm.pools.mysql.literals import Sql
from fluxaorm.pools.mysql.logins import NO_TLS, NOT_AMONG_RESTRICTED, login_error, restricting_arguments

if TYPE_CHECKING:
    from fluxaorm.addresses import MySQLAddress
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.options import MySQLOptions, TLSOptions


def open_mysqlclient(
    address: MySQLAddress, options: MySQLOptions, dialect: Dialect, pool: str, expires: float, seconds: float | None
) -> MySQLClientConnection:
    """A fresh connection, within ``seconds`` if they are fewer than ``connect_timeout``. MySQLConnectionError.

    The C library counts in whole seconds.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    try:
        raw: Any = _mysql.connection(**_arguments(address, options, connect_seconds(options, seconds)))
    except _mysql.Error as error:
        _fill_hole(error)
        raise login_error(error, dialect, pool, "mysqlclient") from error
    if address.tls is not None and not _is_encrypted(raw):
        raw.close()
        raise MySQLConnectionError("the server does not speak TLS", errno=NO_TLS, pool=pool)
    return MySQLClientConnection(raw, dialect, pool, expires, deadline)


def _fill_hole(error: Exception) -> None:
    """The text of this error is lost in the C library; mysqlclient's tuple has nothing in its place, not even None."""
    if error.args[0] == NOT_AMONG_RESTRICTED:
        error.args = (NOT_AMONG_RESTRICTED, "a way to log in that is not allowed")


def _is_encrypted(raw: Any) -> bool:
    """MariaDB's C library goes on in clear where REQUIRED is all it was told."""
    raw.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    ((_, cipher),) = raw.store_result().fetch_row(0)
    return bool(cipher)


def _arguments(address: MySQLAddress, options: MySQLOptions, seconds: float) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "user": address.user,
        "password": address.password,
        "database": address.database,
        "client_flag": CLIENT_FLAGS,
        "charset": CHARSET,
        "local_infile": 0,
        "connect_timeout": math.ceil(seconds),
        **restricting_arguments(address),
    }
    if address.socket:
        arguments["unix_socket"] = address.socket
    else:
        # "localhost" means a Unix socket to the C library
        host = address.hosts[0].host
        arguments["host"] = "127.0.0.1" if host == "localhost" else host
        arguments["port"] = address.hosts[0].port
    for name in ("read_timeout", "write_timeout"):
        if seconds := getattr(options, name):
            arguments[name] = math.ceil(seconds)
    if address.tls is not None:
        arguments |= _tls_arguments(address.tls)
    return arguments


def _tls_arguments(tls: TLSOptions) -> dict[str, Any]:
    files = {"ca": tls.ca_file, "cert": tls.cert_file, "key": tls.key_file}
    mode = "VERIFY_IDENTITY" if tls.check_hostname else "VERIFY_CA"
    return {
        "ssl": {name: path for name, path in files.items() if path},
        "ssl_mode": mode if tls.verify else "REQUIRED",
    }


class MySQLClientConnection(BlockingMySQLConnection):
    """One connection."""

    __slots__ = ("_raw", "_send", "_store", "_stream")

    driver_errors = _mysql.MySQLError

    def __init__(self, raw: Any, dialect: Dialect, pool: str, expires: float, deadline: float | None) -> None:
        self._raw = raw
        raw.converter = CLIENT_ROW_CONVERSIONS
        self._send = raw.query
        self._store = raw.store_result
        self._stream: Any = None
        super().__init__(dialect, pool, expires, deadline)
        self.thread = raw.thread_id()

    def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See SyncSQLConnection."""
        text = self.render(sql, args)
        if len(text) > SURELY_FITS:
            self.check_size(text, sql)
        try:
            self._send(text)
            result = self._store()
            rows = [] if result is None else list(result.fetch_row(0))
            if result is None or result.has_next:
                self._skip_results()
            return rows
        except _mysql.MySQLError as error:
            raise self.failure(error, sql) from error
        except UnicodeDecodeError as error:
            raise self.undecodable(error, sql) from error
        except BaseException as error:
            self.give_up(error, sql)
            raise

    def _read_table(self, text: Sql) -> QueryRows:
        self._send(text)
        result = self._converted(self._store)
        return QueryRows(_names(result), result.fetch_row(0) if result is not None else ())

    def _converted(self, take: Callable[[], Any]) -> Any:
        """A result whose rows hold Python values."""
        plain = self._raw.converter
        self._raw.converter = CLIENT_CONVERSIONS
        try:
            return take()
        finally:
            self._raw.converter = plain

    def _start_stream(self, text: Sql) -> tuple[str, ...]:
        self._send(text)
        self._stream = self._converted(self._raw.use_result)
        return _names(self._stream)

    def read_stream(self, count: int) -> list[tuple[Any, ...]]:
        """See SyncSQLConnection."""
        with self.guarded():
            rows = [] if self._stream is None else list(self._stream.fetch_row(count))
            if len(rows) < count:
                self._end_stream()
                self._skip_results()
            return rows

    def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.discard()

    def _query(self, sql: Sql) -> ExecResult:
        self._raw.query(sql)
        return self._read_result()

    def _next_result(self) -> ExecResult | None:
        return None if self._raw.next_result() < 0 else self._read_result()

    def _read_result(self) -> ExecResult:
        raw = self._raw
        result = raw.store_result()
        return ExecResult(raw.insert_id(), raw.affected_rows() if result is None else 0)

    def fileno(self) -> int:
        """See BlockingMySQLConnection."""
        return int(self._raw.fileno())

    def close(self) -> None:
        """See SyncSQLConnection."""
        self.usable = False
        # it may be closed already
        with suppress(_mysql.MySQLError):
            self._raw.close()
        self.abandon()


def _names(result: Any) -> tuple[str, ...]:
    """The names of a result's columns; a statement without rows has none."""
    return () if result is None else tuple([column[0] for column in result.describe()])
