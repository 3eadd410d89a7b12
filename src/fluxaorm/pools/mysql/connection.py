"""What the connections to MySQL and MariaDB have in common, whatever the driver: settings, errors, batches.

A driver's adapter sends a text and reads results; here is what they mean. Every way out of a statement but the server's
own refusal leaves the connection unusable, so that nobody ever reads the rest of somebody else's answer.
"""

from __future__ import annotations

import os
import select
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.errors import FluxaError, MySQLConnectionError, MySQLError, Unshown
from fluxaorm.plans.effects import ExecResult, QueryRows, Row, ServerThread, Statement
from fluxaorm.pools.base.watching import cut_off, shut_down
from fluxaorm.pools.mysql.literals import Render, Sql, render, render_in_hex
from fluxaorm.pools.mysql.masked_messages import without_values
from fluxaorm.pools.mysql.packets import Packet, byte_length, packets

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.options import MySQLOptions

FOUND_ROWS: Final = 1 << 1
MULTI_STATEMENTS: Final = 1 << 16
MULTI_RESULTS: Final = 1 << 17
CLIENT_FLAGS: Final = FOUND_ROWS | MULTI_STATEMENTS | MULTI_RESULTS
CHARSET: Final = "utf8mb4"
CONNECT_SECONDS: Final = 10.0
GONE_AWAY: Final = 2006
PACKET_TOO_LARGE: Final = 1153
MALFORMED: Final = 2027
SURELY_FITS: Final = 255
"""Characters of a text that no server refuses for its size: 1,024 bytes are the least that can be allowed."""


class MySQLConnectionState:
    """What a connection knows besides its driver's. ``expires``: monotonic seconds."""

    __slots__ = (
        "__weakref__",
        "dialect",
        "expires",
        "hides_values",
        "interrupted",
        "lost",
        "max_packet",
        "on_abandoned",
        "opened",
        "pool",
        "render",
        "retired",
        "rollbacks",
        "server",
        "taken",
        "thread",
        "touched",
        "usable",
    )

    driver_errors: type[BaseException]
    """Base class of the driver's errors; their arguments are an error number and a message."""

    def __init__(self, dialect: Dialect, pool: str, expires: float) -> None:
        self.dialect = dialect
        self.pool = pool
        self.expires = expires
        self.taken = 0.0
        self.usable = True
        self.thread: int | None = None
        """The connection's number at the server."""
        self.opened = time.monotonic()
        self.server = ""
        """Which server it leads to, whatever its address."""
        self.lost = False
        """Whether the server, or the way to it, has ended the connection."""
        self.touched = False
        """Whether SQL of the user's own may have changed the session."""
        self.retired = False
        self.rollbacks = 0
        """How often the library has rolled back here."""
        self.render: Render = render
        """How statements are spelt."""
        self.interrupted = False
        """Whether the caller went away from a statement, which may still run on the server."""
        self.on_abandoned: Callable[[ServerThread], None] | None = None
        """Called when such a connection is closed."""
        self.hides_values = False
        """Whether a value that the server shows in a message may be a secret."""
        self.max_packet = 0
        """Bytes that the server takes in one packet; 0: not known."""

    def check_size(self, text: Sql, sql: str) -> None:
        """Refuse what the server would hang up on, so that nobody has to wonder whether it was done."""
        # no character takes more than four bytes, and the packet has one of its own before the text
        if self.max_packet and 4 * len(text) >= self.max_packet and (size := byte_length(text)) >= self.max_packet:
            message = f"the statement has {size} bytes, more than the server's max_allowed_packet of {self.max_packet}"
            raise self.dialect.map_error(PACKET_TOO_LARGE, message, pool=self.pool, statement=sql)

    def touch(self) -> None:
        """SQL that may change the session is about to run: from now on values are spelt so that no session matters."""
        self.touched = True
        self.render = render_in_hex

    def retire(self) -> None:
        """It is in order, but not for anybody else."""
        if self.usable:
            self.usable = False
            self.retired = True

    def interrupt(self) -> None:
        """The caller goes away from a statement: nobody may use the connection any more."""
        self.usable = False
        self.interrupted = True

    def abandon(self) -> None:
        """The connection is being closed: a statement that may still run is somebody's to end."""
        if self.interrupted and self.on_abandoned is not None and self.thread is not None:
            self.interrupted = False
            self.on_abandoned(ServerThread(self.thread, self.opened, self.server))

    @contextmanager
    def guarded(self, sql: str = "") -> Generator[None, None, None]:
        """Raises the driver's errors as the library's; any other way out leaves the connection unusable."""
        try:
            yield
        except self.driver_errors as error:
            raise self.failure(error, sql) from error
        except UnicodeDecodeError as error:
            raise self.undecodable(error, sql) from error
        except BaseException as error:
            self.give_up(error, sql)
            raise

    def give_up(self, error: BaseException, statement: str = "") -> None:
        """The caller, or the driver, left a statement in the middle of its answer; what confused the driver is told.

        MySQLConnectionError.
        """
        self.interrupt()
        if isinstance(error, Exception) and not isinstance(error, FluxaError | MemoryError):
            raise confusion(error, self.dialect, self.pool, statement, hidden=self.hides_values) from error

    def undecodable(self, error: UnicodeDecodeError, statement: str = "") -> MySQLError:
        """The error to raise when a driver cannot read what the server sent, of which some may be left."""
        self.usable = False
        reason = f"the server sent text that is none in {CHARSET}: {error}"
        return MySQLError(reason, pool=self.pool, statement=statement)

    def failure(self, error: BaseException, statement: str = "") -> MySQLError:
        """The error to raise instead of a driver's; a lost connection is unusable from now on."""
        told = number_and_message(error)[1]
        if self.hides_values:
            _hide_values(error)
        mapped = mapped_error(error, self.dialect, self.pool, statement)
        mapped._told = Unshown(told)
        if isinstance(mapped, MySQLConnectionError):
            self.usable = False
            # who was cut off at a deadline knows nothing of the server
            self.lost = not self.interrupted
        return mapped


def _hide_values(error: BaseException) -> None:
    """In a driver's error, which becomes the cause of ours."""
    number, message = number_and_message(error)
    masked = without_values(number, message)
    if masked != message:
        error.args = (number, masked)


def mapped_error(error: BaseException, dialect: Dialect, pool: str, statement: str = "") -> MySQLError:
    """A driver's error as the library's."""
    number, message = number_and_message(error)
    return dialect.map_error(number, message, pool=pool, statement=statement)


def number_and_message(error: BaseException) -> tuple[int, str]:
    """What a driver's error holds."""
    number = error.args[0] if error.args else 0
    message = str(error.args[1]) if len(error.args) > 1 else str(error)
    if not isinstance(number, int) or number == 0:
        # the drivers' way to say that the connection is closed already
        return GONE_AWAY, message or "the connection is closed"
    return number, message


def confusion(
    error: Exception, dialect: Dialect, pool: str, statement: str = "", *, hidden: bool = False
) -> MySQLError:
    """The error to raise when a driver cannot make sense of an answer, or would have to do what nobody allowed.

    Such a server, or whoever speaks in its place, is not to be trusted. ``hidden``: no value may be shown.
    """
    told = type(error).__name__ if hidden else f"{type(error).__name__}: {error}"
    return dialect.map_error(MALFORMED, f"the server's answer is none: {told}", pool=pool, statement=statement)


def connect_seconds(options: MySQLOptions, seconds: float | None) -> float:
    """How long a connection may take to open for a caller who has ``seconds`` left; drivers want some time."""
    usual = options.connect_timeout or CONNECT_SECONDS
    return usual if seconds is None else max(0.001, min(usual, seconds))


def session_sql(dialect: Dialect) -> str:
    """The statements that make a fresh connection the library's, for one round trip.

    The first one's row says which server it leads to; there may be none.
    """
    asked = dialect.server_sql()
    return ";".join((*((asked,) if asked else ()), *dialect.charset_statements(), *dialect.session_statements()))


def server_from(rows: Sequence[Row]) -> str:
    """Which server it is, from that row."""
    if not rows:
        return ""
    told = rows[0][0]
    return told.decode() if isinstance(told, bytes) else str(told)


def begin_sql(dialect: Dialect, isolation: str | None, read_only: bool) -> str:
    """The statements that open a transaction, for one round trip."""
    return ";".join(dialect.begin_statements(isolation, read_only))


class BlockingMySQLConnection(MySQLConnectionState, ABC):
    """A connection for threads. Subclasses speak to a driver."""

    __slots__ = ("_descriptor", "_file", "_poll")

    def __init__(self, dialect: Dialect, pool: str, expires: float, deadline: float | None) -> None:
        super().__init__(dialect, pool, expires)
        # a driver may refuse to tell it while another thread waits
        self._descriptor = self.fileno()
        self._file = _file_of(self._descriptor)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        statements = session_sql(dialect)
        with cut_off(self._descriptor, deadline):
            self.server = server_from(self.fetch(statements))

    @abstractmethod
    def fileno(self) -> int:
        """The socket's descriptor."""

    @abstractmethod
    def close(self) -> None:
        """Close it; never raises."""

    @abstractmethod
    def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See SyncSQLConnection."""

    @abstractmethod
    def _read_table(self, text: Sql) -> QueryRows:
        """Send a packet and read the rows of its first statement."""

    @abstractmethod
    def _start_stream(self, text: Sql) -> tuple[str, ...]:
        """Send a packet and read the names of the columns."""

    @abstractmethod
    def read_stream(self, count: int) -> list[tuple[Any, ...]]:
        """See SyncSQLConnection."""

    @abstractmethod
    def _end_stream(self) -> None:
        """Read what is left of a stream's rows."""

    @abstractmethod
    def _query(self, sql: Sql) -> ExecResult:
        """Send a packet and read the result of its first statement."""

    @abstractmethod
    def _next_result(self) -> ExecResult | None:
        """Read the next statement's result; None when there was none left."""

    def fetch_table(self, sql: str, args: Sequence[Any] = ()) -> QueryRows:
        """See SyncSQLConnection."""
        text = self.render(sql, args)
        self.check_size(text, sql)
        with self.guarded(sql):
            table = self._read_table(text)
            self._skip_results()
            return table

    def open_stream(self, sql: str, args: Sequence[Any] = ()) -> tuple[str, ...]:
        """See SyncSQLConnection."""
        text = self.render(sql, args)
        self.check_size(text, sql)
        with self.guarded(sql):
            return self._start_stream(text)

    def close_stream(self) -> None:
        """See SyncSQLConnection."""
        with self.guarded():
            self._end_stream()
            self._skip_results()

    def _skip_results(self) -> None:
        while self._next_result() is not None:
            pass

    def execute(self, sql: str, args: Sequence[Any] = (), rows: Sequence[Sequence[Any]] | None = None) -> ExecResult:
        """See SyncSQLConnection."""
        return self._perform(self.render(sql, args, rows), sql)

    def execute_batch(self, statements: Sequence[Statement]) -> list[ExecResult]:
        """See SyncSQLConnection."""
        results: list[ExecResult] = []
        for packet in packets(statements, render=self.render):
            self._send_packet(packet, statements, results)
        return results

    def _send_packet(self, packet: Packet, statements: Sequence[Statement], results: list[ExecResult]) -> None:
        last = packet.first + packet.count
        self.check_size(packet.sql, statements[packet.first].sql)
        try:
            result: ExecResult | None = self._query(packet.sql)
            while result is not None:
                if len(results) < last:
                    results.append(result)
                result = self._next_result()
        except self.driver_errors as error:
            position = min(len(results), last - 1)
            failure = self.failure(error, statements[position].sql)
            failure._failed_statement = position
            raise failure from error
        except UnicodeDecodeError as error:
            raise self.undecodable(error, statements[packet.first].sql) from error
        except BaseException as error:
            self.give_up(error, statements[packet.first].sql)
            raise

    def _perform(self, text: Sql, sql: str) -> ExecResult:
        """Send ``text`` and read all results; the first. ``sql``: what an error shows."""
        self.check_size(text, sql)
        try:
            result = self._query(text)
            self._skip_results()
            return result
        except self.driver_errors as error:
            raise self.failure(error, sql) from error
        except UnicodeDecodeError as error:
            raise self.undecodable(error, sql) from error
        except BaseException as error:
            self.give_up(error, sql)
            raise

    def begin(self, isolation: str | None = None, read_only: bool = False) -> None:
        """See SyncSQLConnection."""
        statements = begin_sql(self.dialect, isolation, read_only)
        self._perform(statements, statements)

    def commit(self) -> None:
        """See SyncSQLConnection."""
        self._perform("COMMIT", "COMMIT")

    def rollback(self) -> None:
        """See SyncSQLConnection."""
        self.rollbacks += 1
        self._perform("ROLLBACK", "ROLLBACK")

    def ping(self) -> None:
        """See SyncSQLConnection."""
        self._perform("SELECT 1", "SELECT 1")

    def answers(self, seconds: float) -> bool:
        """Whether the server answers in time; else the connection is not usable any more."""
        with cut_off(self._descriptor, time.monotonic() + seconds), suppress(MySQLError):
            self.ping()
        return self.usable

    def is_alive(self) -> bool:
        """A server that says something unasked says farewell."""
        return not self._poll.poll(0)

    def abort(self) -> None:
        """From another thread: end the wait for the server, which the waiting thread sees as a lost connection."""
        self.interrupt()
        shut_down(self._descriptor)

    def disown(self) -> None:
        """In a child process: put another file in the socket's place, so that nothing reaches the parent's.

        The driver is not asked: it may be in the middle of something. When it has closed the socket, the number may be
        another file's by now.
        """
        self.usable = False
        if _file_of(self._descriptor) != self._file:
            return
        nowhere = os.open(os.devnull, os.O_RDWR)
        try:
            os.dup2(nowhere, self._descriptor, inheritable=False)
        finally:
            os.close(nowhere)


def _file_of(descriptor: int) -> tuple[int, int] | None:
    """Which file a descriptor leads to; None: it is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino
