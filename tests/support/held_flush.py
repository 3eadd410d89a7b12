"""Statements of the library that wait on the server for a row which another client has locked."""

from __future__ import annotations

import threading

from fluxaorm.errors import CommitUnknownError
from tests.support.fragile import Fragile
from tests.support.insides import core
from tests.support.server_threads import threads_at
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

LIMIT = 25.0
"""Seconds; far less than the servers wait for a lock."""


class Holder:
    """Another client that has locked rows by a statement."""

    def __init__(self, database: Database, sql: str) -> None:
        self.connection = database.server.connect(database.name)
        with self.connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(sql)

    def let_go(self) -> None:
        """Undo it."""
        self.connection.rollback()
        self.connection.close()


class HeldFlush:
    """A changed user whose row is locked, and its flush in a thread."""

    def __init__(self, shop: Fragile) -> None:
        self._shop = shop
        self.ctx = shop.context()
        self.user = shop.do(shop.users.new(self.ctx, name="A", email="a@example.com"))
        shop.do(self.ctx.flush())
        self.key = core(shop.engine).binding_of("UserEntity").row_key(self.user.id)
        self.holder = Holder(shop.database, "UPDATE UserEntity SET age = 1")
        self.user.age = 44
        self.errors: list[CommitUnknownError] = []
        """What the flush raised."""
        self._thread = threading.Thread(target=self._flush)

    def _flush(self) -> None:
        try:
            self._shop.do(self.ctx.flush())
        except CommitUnknownError as error:
            self.errors.append(error)

    def begin(self) -> None:
        """Return when the statement waits for the lock."""
        self._thread.start()
        wait_until(self.threads, "the statement to wait for the lock")

    def threads(self) -> list[int]:
        """The server's threads that are at the statement."""
        return threads_at(self._shop.database, start="UPDATE `UserEntity`")

    def end(self) -> None:
        """Return when the flush has."""
        self._thread.join(LIMIT)

    def let_go(self) -> None:
        """Unlock the row."""
        self.holder.let_go()
