"""Effects: what a plan asks a runner to do. Plain values; nothing here performs I/O.

``rows = yield from FetchRows("default", sql, args)``: one yield is one round trip, and the reply has its type.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from fluxaorm.errors import ContextMisuseError, RedisError
from fluxaorm.query.own_sql.raw_statements import Reach

if TYPE_CHECKING:
    from fluxaorm.errors import CommitUnknownError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Row: TypeAlias = "Sequence[Any]"
RedisCommand: TypeAlias = "tuple[bytes | str | int, ...]"


class Effect(Generic[T_co]):
    """Base of all effects; iterating one yields it and returns the runner's reply."""

    __slots__ = ()
    shielded: ClassVar[bool] = False
    """Whether a cancellation or deadline waits until it is done."""

    def __iter__(self) -> Generator[Effect[Any], Any, T_co]:
        reply: T_co = yield self
        return reply


Plan: TypeAlias = Generator[Effect[Any], Any, T]
"""A generator function that decides; driven by a runner, or by a test with scripted replies."""


class Session:
    """One transaction on one MySQL pool. The runner keeps the connection in ``connection``; plans only pass it on."""

    __slots__ = ("changed", "connection", "doubt", "drop", "pool", "rollbacks", "stream")

    def __init__(self, pool: str) -> None:
        self.pool = pool
        self.connection: Any = None
        self.drop: Callable[[Any], None] | None = None
        """Gives the connection up, from any thread at any moment."""
        self.changed = False
        """Whether a statement of the user's own may have changed what the library's SQL rests on."""
        self.rollbacks = 0
        """How often the connection had rolled back before; set by the runner."""
        self.doubt: CommitUnknownError | None = None
        """Why nobody knows whether a statement of the user's own has committed; set also by the runner, when nobody
        heard its end."""
        self.stream: Stream | None = None
        """Whose rows must be read, or dropped, before anything else is sent."""

    def abandon(self) -> bool:
        """Its context was collected, in some thread, in the middle of anything: whether it was open still."""
        connection, self.connection = self.connection, None
        if connection is None or self.drop is None:
            return False
        self.drop(connection)
        return True


@dataclass(frozen=True, slots=True)
class ServerThread:
    """A connection as its server knows it. ``opened``: monotonic seconds; ``server``: which one, empty: not known."""

    number: int
    opened: float
    server: str


class Stream:
    """The rows of a SELECT while they are read. The runner keeps the connection, until it is None."""

    __slots__ = ("abandoned", "columns", "connection", "drop", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.connection: Any = None
        self.columns: tuple[str, ...] = ()
        self.drop: Callable[[Any], None] | None = None
        """Gives a connection of the stream's own up, from any thread at any moment."""
        self.abandoned = False
        """Whether nobody can read a transaction's stream any more: what comes next closes it."""

    def abandon(self) -> None:
        """Its reader was collected, in some thread, in the middle of anything."""
        self.abandoned = True
        if self.drop is not None:
            connection, self.connection = self.connection, None
            self.drop(connection)


Target: TypeAlias = "str | Session"
"""A pool's code (any free connection, autocommit) or an open transaction."""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a statement did: ``rows_affected`` counts found rows, also when nothing changed."""

    last_insert_id: int
    """What AUTO_INCREMENT gave, as the driver tells it."""
    rows_affected: int
    """Rows inserted, found by an UPDATE, or deleted."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with ``?`` placeholders and its values (Params). ``tag`` is the plan's own, for errors.

    With ``rows`` the SQL ends in ``VALUES``, or has a ``?`` behind it, and the driver's adapter puts one
    ``(value, ...)`` group a row there.
    """

    sql: str
    args: Sequence[Any] = ()
    tag: Any = None
    rows: Sequence[Sequence[Any]] | None = None


class FetchRows(Effect[list[Row]]):
    """Run a SELECT; the reply is its rows, values in raw form."""

    __slots__ = ("args", "sql", "target")

    def __init__(self, target: Target, sql: str, args: Sequence[Any] = ()) -> None:
        self.target, self.sql, self.args = target, sql, args


class QueryRows(list[tuple[Any, ...]]):
    """The rows of a query, each a tuple of Python values. ``columns``: their names."""

    __slots__ = ("columns",)

    def __init__(self, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        super().__init__(rows)
        self.columns = tuple(columns)


class FetchTable(Effect[QueryRows]):
    """Run any statement that returns rows; the reply is its rows as Python values, with their columns' names.

    ``reach``: how far it may go. What may leave traces makes the connection serve nobody else afterwards.
    """

    __slots__ = ("args", "reach", "sql", "target")

    def __init__(self, target: Target, sql: str, args: Sequence[Any] = (), *, reach: Reach = Reach.OURS) -> None:
        self.target, self.sql, self.args, self.reach = target, sql, args, reach


class OpenStream(Effect[None]):
    """Run a statement whose rows are read bit by bit; sets the stream's columns. ``reach`` as in ``FetchTable``."""

    __slots__ = ("args", "reach", "sql", "stream")

    def __init__(self, stream: Stream, sql: str, args: Sequence[Any] = (), *, reach: Reach = Reach.OURS) -> None:
        self.stream, self.sql, self.args, self.reach = stream, sql, args, reach

    @property
    def target(self) -> Target:
        """Where it runs."""
        return self.stream.target


class ReadStream(Effect[list[tuple[Any, ...]]]):
    """At most ``count`` more rows as Python values; none left: an empty list, and the connection is given back."""

    __slots__ = ("count", "stream")

    def __init__(self, stream: Stream, count: int) -> None:
        self.stream, self.count = stream, count


class CloseStream(Effect[None]):
    """Drop what was not read: a connection of the stream's own is closed, a transaction's read to the end."""

    __slots__ = ("stream",)
    shielded = True

    def __init__(self, stream: Stream) -> None:
        self.stream = stream


class RowReaderPort(Protocol):
    """How rows of one entity are read for several callers at once."""

    most: int
    """Ids that may be read together."""

    def plan(self, ids: Sequence[int]) -> Plan[Mapping[int, Row]]:
        """The rows of distinct ids; an id without a row is left out."""
        ...


class LookUpRows(Effect["Mapping[int, Row] | None"]):
    """Read rows by id through ``reader``, together with what others ask of it in the same tick of the event loop.

    The reply is shared and may hold others' rows too; None: nobody else asks, the plan goes on by itself. For plans of
    an AsyncContext only.
    """

    __slots__ = ("ids", "reader")

    def __init__(self, reader: RowReaderPort, ids: Sequence[int]) -> None:
        self.reader, self.ids = reader, ids


class Execute(Effect[ExecResult]):
    """Run one statement that returns no rows; ``rows`` as in ``Statement``, ``reach`` as in ``FetchTable``.

    ``result``: what the server answered to a lone statement; known also when the caller is interrupted right after it.
    """

    __slots__ = ("args", "reach", "result", "rows", "sql", "target")

    def __init__(
        self,
        target: Target,
        sql: str,
        args: Sequence[Any] = (),
        rows: Sequence[Sequence[Any]] | None = None,
        *,
        reach: Reach = Reach.OURS,
    ) -> None:
        self.target, self.sql, self.args, self.rows, self.reach = target, sql, args, rows, reach
        self.result: ExecResult | None = None


class ExecuteBatch(Effect[list[ExecResult]]):
    """Run statements in order inside a transaction, in as few round trips as the server and 1 MiB a packet allow.

    The first that fails ends it: the runner raises its error with ``_failed_statement`` set to its position.
    ``reach`` as in ``FetchTable``.
    """

    __slots__ = ("reach", "session", "statements")

    def __init__(self, session: Session, statements: Sequence[Statement], *, reach: Reach = Reach.OURS) -> None:
        self.session, self.statements, self.reach = session, statements, reach


class Begin(Effect[None]):
    """Open a transaction on the session's pool; the runner puts the connection into the session."""

    __slots__ = ("isolation", "read_only", "session")

    def __init__(self, session: Session, isolation: str | None = None, read_only: bool = False) -> None:
        self.session, self.isolation, self.read_only = session, isolation, read_only


class Commit(Effect[None]):
    """Commit and give the connection back. A lost connection raises CommitUnknownError.

    ``done``: the server has said so; known also when the caller is interrupted right after it.
    """

    __slots__ = ("done", "session")
    shielded = True

    def __init__(self, session: Session) -> None:
        self.session = session
        self.done = False


class Rollback(Effect[None]):
    """Roll back and give the connection back, or close it when that fails; never raises."""

    __slots__ = ("session",)
    shielded = True

    def __init__(self, session: Session) -> None:
        self.session = session


@dataclass(slots=True)
class RedisReplies:
    """Replies of one round trip, in order; a refused command's reply is a RedisError value, not raised.

    ``server`` identifies the primary that answered (the first command): ``b"<run_id> <master_replid>"``.
    """

    values: list[Any]
    server: bytes
    servers: Sequence[bytes | list[bytes]] | None = None
    """Where several may have answered: who did, for each command; of an MGET for each of its keys."""

    def accepted(self) -> list[Any]:
        """The replies, none of which is an error. RedisError: the first of those that were refused."""
        for value in self.values:
            if isinstance(value, RedisError):
                raise value
        return self.values

    def server_of(self, command: int) -> bytes:
        """Who answered the command at this position."""
        if self.servers is None:
            return self.server
        server = self.servers[command]
        return server if isinstance(server, bytes) else self.server

    def servers_of_keys(self, command: int, count: int) -> Sequence[bytes]:
        """Who answered for each of the ``count`` keys of the MGET at this position."""
        servers = None if self.servers is None else self.servers[command]
        return servers if isinstance(servers, list) else [servers or self.server] * count


class RedisRoundTrip(Effect[RedisReplies]):
    """Send commands to a Redis pool in one round trip, on a cluster one to each primary that owns keys of theirs.

    A lost connection raises RedisConnectionError, nothing is repeated. Where only some primaries could be reached, the
    others' commands have it as their reply.
    """

    __slots__ = ("commands", "pool")

    def __init__(self, pool: str, commands: Sequence[RedisCommand]) -> None:
        self.pool, self.commands = pool, commands


class ShieldedRedisRoundTrip(RedisRoundTrip):
    """The same for clean-up: a cancellation or deadline waits until it is done."""

    __slots__ = ()
    shielded = True


class Sleep(Effect[None]):
    """Wait ``seconds`` before going on."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Parallel(Effect[list[Any]]):
    """Independent effects: concurrently by the asyncio runner, one after the other by the sync one.

    Replies in order.
    """

    __slots__ = ("effects",)

    def __init__(self, effects: Sequence[Effect[Any]]) -> None:
        self.effects = effects


class Turn(Protocol):
    """Held by one plan at a time, of those that share a connection; an ``asyncio.Lock``."""

    async def acquire(self) -> object:
        """Wait for it."""
        ...

    def release(self) -> None:
        """Let the next one have it."""
        ...


class TakeTurn(Effect[None]):
    """Wait until nobody else has the turn; whoever took it releases it. For plans of an AsyncContext only."""

    __slots__ = ("turn",)

    def __init__(self, turn: Turn) -> None:
        self.turn = turn


class CallHandler(Effect[Any]):
    """Call a user's callback; the asyncio runner awaits it when it is a coroutine function."""

    __slots__ = ("args", "handler")

    def __init__(self, handler: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.handler, self.args = handler, args

    def call(self) -> Any:
        """What the handler gives. ContextMisuseError for a StopIteration: it would end a generator of ours instead."""
        try:
            return self.handler(*self.args)
        except StopIteration as error:
            raise ContextMisuseError(
                f"the handler {self.handler!r} raised StopIteration, which only ends an iteration: raise another error"
            ) from error
