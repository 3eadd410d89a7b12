"""SQLite pools: files, and databases in memory.

A database in memory is a file too, in a directory of its own, on a file system in memory where there is one: only so
may one connection read while another writes, as on MySQL. It goes with the pool.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.dialects import SQLITE
from fluxaorm.errors import PoolConnectError
from fluxaorm.pools.base.sql import SQLPoolBase
from fluxaorm.pools.sqlite.connection import AsyncSQLiteConnection, SQLiteConnection

if TYPE_CHECKING:
    from fluxaorm.addresses import SQLiteAddress
    from fluxaorm.options import MySQLOptions

OLDEST: Final = (3, 37, 0)
"""The first with STRICT tables."""
_MEMORY: Final = Path("/dev/shm")


class SQLitePool(SQLPoolBase):
    """A pool of connections to one file."""

    def __init__(self, code: str, address: SQLiteAddress, options: MySQLOptions) -> None:
        super().__init__(code, address, options, SQLITE)
        self.collation = SQLITE.choose_collation((), "") or ""
        self._path = os.path.abspath(address.path) if address.path else ""
        self._finalizer: weakref.finalize[..., Any] | None = None

    def _file(self) -> str:
        with self._making:
            return self._path or self._new_file()

    def _new_file(self) -> str:
        parent = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        directory = tempfile.mkdtemp(prefix="fluxaorm-", dir=parent)
        self._finalizer = weakref.finalize(self, _remove, directory, os.getpid())
        self._path = os.path.join(directory, "memory.db")
        return self._path

    def _open(self, seconds: float | None = None) -> SQLiteConnection:
        return SQLiteConnection(self._file(), self.dialect, self.code)

    async def _open_async(self) -> AsyncSQLiteConnection:
        connection = AsyncSQLiteConnection(self._file(), self.dialect, self.code)
        try:
            await connection.prepare_session()
        except BaseException:
            connection.close()
            raise
        return connection

    def _learn(self, connection: SQLiteConnection) -> None:
        if sqlite3.sqlite_version_info < OLDEST:
            found = f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or later is needed"
            raise PoolConnectError(self.code, self.address, found)

    def close(self) -> None:
        """See SQLPool. A database in memory is gone."""
        super().close()
        if self._finalizer is not None:
            self._finalizer()


def _remove(directory: str, owner: int) -> None:
    # a child process has the pool too, but not the database
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)
