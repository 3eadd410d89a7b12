"""MySQL and MariaDB pools: which driver, and what a server is."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.dialects import VERSION_SQL, dialect_for, guessed_dialect
from fluxaorm.errors import MissingExtraError, PoolConnectError
from fluxaorm.pools.base.sql import SQLPoolBase, limits_from
from fluxaorm.pools.base.tls import tls_context

if TYPE_CHECKING:
    import ssl

    from fluxaorm.addresses import MySQLAddress
    from fluxaorm.options import MySQLOptions
    from fluxaorm.pools.base.sql_ports import SyncSQLConnection

DEFAULT_CHARSET: Final = "utf8mb4"
_UTF8: Final = re.compile(r"^utf8(?=_|$)", re.IGNORECASE)
_NEWEST: Final = "8.4.0"
"""What a server is taken for until it was asked."""
_DRIVERS: Final = {
    "mysqlclient": ("MySQLdb", "fluxaorm[mysqlclient]"),
    "pymysql": ("pymysql", "PyMySQL"),
    "asyncmy": ("asyncmy", "fluxaorm[asyncio]"),
}
"""Adapter -> the module it needs, and what to install."""
_LIMITS_SQL: Final = "SELECT @@max_connections, @@wait_timeout, @@max_allowed_packet"


class MySQLPool(SQLPoolBase):
    """A pool of connections to one server."""

    def __init__(self, code: str, address: MySQLAddress, options: MySQLOptions) -> None:
        super().__init__(code, address, options, guessed_dialect(_NEWEST))
        self._mysql_address = address
        self._context: ssl.SSLContext | None = None
        self._opener: Callable[[float | None], Any] | None = None
        self._max_packet = 0

    def _open(self, seconds: float | None = None) -> Any:
        if self._opener is None:
            self._opener = self._choose_driver()
        connection = self._opener(seconds)
        connection.max_packet = self._max_packet
        connection.hides_values = self.hides_values
        connection.on_abandoned = self._abandoned
        return connection

    def _choose_driver(self) -> Callable[[float | None], Any]:
        wanted = self.options.driver
        if wanted != "pymysql":
            try:
                return self._mysqlclient()
            except MissingExtraError:
                if wanted:
                    raise
        return self._pymysql()

    def _mysqlclient(self) -> Callable[[float | None], Any]:
        open_one = _adapter("mysqlclient", "driver='mysqlclient'").open_mysqlclient
        return lambda seconds: open_one(
            self._mysql_address, self.options, self.dialect, self.code, self._expiry(), seconds
        )

    def _pymysql(self) -> Callable[[float | None], Any]:
        open_one = _adapter("pymysql", "a MySQL pool").open_pymysql
        return lambda seconds: open_one(
            self._mysql_address, self.options, self._tls(), self.dialect, self.code, self._expiry(), seconds
        )

    async def _open_async(self) -> Any:
        module = _adapter("asyncmy", "a MySQL pool on asyncio")
        connection = await module.open_asyncmy(
            self._mysql_address, self.options, self._tls(), self.dialect, self.code, self._expiry()
        )
        connection.max_packet = self._max_packet
        connection.hides_values = self.hides_values
        connection.on_abandoned = self._abandoned
        return connection

    def _tls(self) -> ssl.SSLContext | None:
        if self._context is None and self._mysql_address.tls is not None:
            self._context = tls_context(self._mysql_address.tls)
        return self._context

    def _learn(self, connection: SyncSQLConnection) -> None:
        self.dialect = dialect_for(*(_text(cell) for cell in connection.fetch(VERSION_SQL)[0]))
        max_connections, wait_timeout, max_packet = (int(cell) for cell in connection.fetch(_LIMITS_SQL)[0])
        self.limits = limits_from(self.options, max_connections, wait_timeout)
        self._max_packet = max_packet
        self.collation = self._find_collation(connection)

    def _find_collation(self, connection: SyncSQLConnection) -> str:
        charset = _newest_name(self.options.default_encoding or DEFAULT_CHARSET)
        wanted = _newest_name(self.options.default_collate) or None
        names = [_text(row[0]) for row in connection.fetch(self.dialect.collations_sql(), (charset,))]
        found = self.dialect.choose_collation(names, charset, wanted)
        if found is None:
            what = f"collation '{wanted}' of charset '{charset}'" if names else f"charset '{charset}'"
            raise PoolConnectError(self.code, self.address, f"the server has no {what}")
        return found


def _newest_name(name: str) -> str:
    """``utf8`` was what servers called utf8mb3, and its collations, until they took it for an alias."""
    return _UTF8.sub("utf8mb3", name)


def _adapter(name: str, what: str) -> Any:
    """The module that speaks to a driver. MissingExtraError."""
    try:
        return importlib.import_module(f"fluxaorm.pools.mysql.{name}")
    except ImportError as error:
        module, install = _DRIVERS[name]
        cause = "" if importlib.util.find_spec(module) is None else str(error)
        raise MissingExtraError(what, module, install, cause) from None


def _text(cell: bytes | str) -> str:
    return cell.decode() if isinstance(cell, bytes) else cell
