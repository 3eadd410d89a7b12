"""The query log: effects turned into entries for the handlers a user registered. Sees everything, changes nothing.

What a handler raises is logged and goes no further, but for what interrupts the program (KeyboardInterrupt).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from fluxaorm.errors import KafkaError, RedisError
from fluxaorm.observe.failing_handlers import FailingHandlers
from fluxaorm.observe.secret_arguments import SecretArguments
from fluxaorm.plans.effects import (
    Begin,
    Commit,
    Effect,
    Execute,
    ExecuteBatch,
    FetchRows,
    FetchTable,
    OpenStream,
    RedisReplies,
    RedisRoundTrip,
    Rollback,
    Session,
)
from fluxaorm.plans.state.keys import is_value
from fluxaorm.plans.streams.effects import KafkaEffect, PollRecords, ProduceRecords, PublishRecords

METRICS_META_KEY: Final = "metrics_source"
"""The metadata whose value is the label ``source`` of a context's metrics."""

Store = Literal["mysql", "redis", "kafka"]

_SHOWN_COMMANDS: Final = 20
"""A flush of thousands of rows would else make a text of a megabyte that nobody reads."""


@dataclass(frozen=True, slots=True)
class QueryLogEntry:
    """One statement, packet of statements, Redis round trip, or exchange with Kafka."""

    store: Store
    """``mysql``, ``redis`` or ``kafka``."""
    pool: str
    """The pool's code."""
    operation: str
    """``SELECT``, ``INSERT``, ``BEGIN``, ``MGET``, ``FCALL``, ``PRODUCE``, ``POLL``, ..."""
    query: str
    """The statement with its placeholders, the commands, or the topics or the consumer group."""
    args: Sequence[Any]
    """Masked where the statement names a secret field."""
    microseconds: int
    """How long it took."""
    started: float
    """Monotonic seconds."""
    rows: int | None
    """Rows returned or changed, where the store tells; records stored or read."""
    miss: bool
    """Whether a Redis look-up found nothing."""
    error: str | None
    """Why it failed; of a Redis round trip also the first command that was refused, of records the first."""
    meta: dict[str, str] = field(default_factory=dict[str, str])
    """The context's ``meta_data``."""
    operations: tuple[str, ...] = ()
    """The operation of each statement or command, in order."""
    hits: int = 0
    """Keys looked up in Redis that had a value."""
    misses: int = 0
    """Keys looked up in Redis that had none that counts."""


Handler = Callable[[Any, QueryLogEntry], None]


class QueryLoggers:
    """The handlers of one context; called by the runner with each effect it performed."""

    def __init__(self, ctx: Any, failing: FailingHandlers, secrets: SecretArguments) -> None:
        self._ctx = ctx
        self.failing = failing
        self.secrets = secrets
        self._handlers: list[tuple[Handler, frozenset[Store]]] = []

    def add(self, handler: Handler, *, mysql: bool, redis: bool, kafka: bool = True) -> None:
        """Call ``handler(ctx, entry)`` for the chosen stores."""
        chosen: dict[Store, bool] = {"mysql": mysql, "redis": redis, "kafka": kafka}
        self._handlers.append((handler, frozenset(store for store, wanted in chosen.items() if wanted)))

    def for_context(self, ctx: Any) -> QueryLoggers:
        """The same handlers for another context."""
        loggers = QueryLoggers(ctx, self.failing, self.secrets)
        loggers._handlers = list(self._handlers)
        return loggers

    def __call__(
        self, effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
    ) -> None:
        """The runner's observer."""
        try:
            seen = _see(effect, reply, error, microseconds, started)
            if seen is not None:
                self._tell_all(seen.entry(self._ctx, self.secrets))
        except Exception as failure:  # noqa: BLE001 - who watches must not end what is watched
            self.failing.note(self, failure)

    def _tell_all(self, entry: QueryLogEntry) -> None:
        for handler, stores in self._handlers:
            if entry.store in stores:
                self.tell(handler, entry)

    def tell(self, handler: Handler, entry: QueryLogEntry) -> None:
        """Call a handler; what it raises is logged once."""
        try:
            handler(self._ctx, entry)
        except Exception as error:  # noqa: BLE001 - who watches must not end what is watched
            self.failing.note(handler, error)

    def shared_with(self, others: Sequence[QueryLoggers]) -> SharedQueryLoggers:
        """For look-ups of several contexts that were merged."""
        return SharedQueryLoggers([self, *others])


class SharedQueryLoggers:
    """The handlers of several contexts. One that several have is called once, with the first of them."""

    def __init__(self, members: Sequence[QueryLoggers]) -> None:
        self._members = members

    def __call__(
        self, effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
    ) -> None:
        """The runner's observer."""
        try:
            seen = _see(effect, reply, error, microseconds, started)
            if seen is not None:
                self._tell_all(seen)
        except Exception as failure:  # noqa: BLE001 - who watches must not end what is watched
            self._members[0].failing.note(self, failure)

    def _tell_all(self, seen: _Seen) -> None:
        told: set[tuple[int, int]] = set()
        for member in self._members:
            entry = seen.entry(member._ctx, member.secrets)
            for handler, stores in member._handlers:
                identity = _identity(handler)
                if identity not in told and entry.store in stores:
                    told.add(identity)
                    member.tell(handler, entry)

    def shared_with(self, others: Sequence[QueryLoggers]) -> SharedQueryLoggers:
        """With more of them."""
        return SharedQueryLoggers([*self._members, *others])


def _identity(handler: Handler) -> tuple[int, int]:
    """The same for all bound methods of one object and function; handlers need not be hashable."""
    return id(getattr(handler, "__self__", None)), id(getattr(handler, "__func__", handler))


@dataclass(frozen=True, slots=True)
class _Seen:
    """An effect in the words of an entry, before it is known whose."""

    described: _Described
    hits: int
    misses: int
    failure: str | None
    microseconds: int
    """How long it took."""
    started: float

    def entry(self, ctx: Any, secrets: SecretArguments) -> QueryLogEntry:
        store, pool, operations, query, args, rows = self.described
        args = secrets.masked(query, args)
        return QueryLogEntry(
            store, pool, "+".join(dict.fromkeys(operations)), query, args, self.microseconds, self.started, rows,
            self.misses > 0, self.failure, ctx.meta_data, operations, self.hits, self.misses,
        )  # fmt: skip


def _see(
    effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
) -> _Seen | None:
    described = _describe(effect, reply)
    if described is None:
        return None
    failure = error
    if error is None and isinstance(effect, RedisRoundTrip):
        failure = _refusal(reply)
    elif error is None and isinstance(effect, ProduceRecords):
        failure = next((each for each in reply if isinstance(each, KafkaError)), None)
    hits, misses = _look_ups(effect, reply) if isinstance(effect, RedisRoundTrip) and reply is not None else (0, 0)
    return _Seen(described, hits, misses, None if failure is None else str(failure), microseconds, started)


_Described = tuple[Store, str, tuple[str, ...], str, Sequence[Any], int | None]


def _describe(effect: Effect[Any], reply: Any) -> _Described | None:
    if isinstance(effect, FetchRows):
        rows = None if reply is None else len(reply)
        return "mysql", _pool(effect.target), ("SELECT",), effect.sql, effect.args, rows
    if isinstance(effect, FetchTable):
        rows = None if reply is None else len(reply)
        return "mysql", _pool(effect.target), (_verb(effect.sql),), effect.sql, effect.args, rows
    if isinstance(effect, OpenStream):
        return "mysql", _pool(effect.target), (_verb(effect.sql),), effect.sql, effect.args, None
    if isinstance(effect, Execute):
        changed = None if reply is None else reply.rows_affected
        return "mysql", _pool(effect.target), (_verb(effect.sql),), effect.sql, effect.args, changed
    if isinstance(effect, ExecuteBatch):
        verbs = tuple(_verb(statement.sql) for statement in effect.statements)
        text = "; ".join(statement.sql for statement in effect.statements)
        changed = None if reply is None else sum(result.rows_affected for result in reply)
        return "mysql", effect.session.pool, verbs, text, (), changed
    if isinstance(effect, Begin | Commit | Rollback):
        name = type(effect).__name__.upper()
        return "mysql", effect.session.pool, (name,), name, (), None
    if isinstance(effect, RedisRoundTrip):
        return _describe_redis(effect)
    if isinstance(effect, KafkaEffect):
        text = f"{effect.operation} {effect.subject}".rstrip()
        return "kafka", effect.pool, (effect.operation,), text, (), _records_of(effect, reply)
    return None


def _records_of(effect: KafkaEffect[Any], reply: Any) -> int | None:
    if reply is None or not isinstance(effect, ProduceRecords | PublishRecords | PollRecords):
        return None
    return sum(not isinstance(each, KafkaError) for each in reply)


def _describe_redis(effect: RedisRoundTrip) -> _Described:
    names = tuple(str(command[0]) for command in effect.commands)
    text = "; ".join(" ".join(_word(word) for word in command) for command in effect.commands[:_SHOWN_COMMANDS])
    if len(names) > _SHOWN_COMMANDS:
        text += f"; and {len(names) - _SHOWN_COMMANDS} more"
    return "redis", effect.pool, names, text, (), len(effect.commands)


def _look_ups(effect: RedisRoundTrip, reply: RedisReplies) -> tuple[int, int]:
    """How many keys that commands asked for had a value, and how many had none or another's lease."""
    found: list[Any] = []
    for command, value in zip(effect.commands, reply.values, strict=True):
        if command[0] == "MGET" and isinstance(value, list):
            found += value
        elif command[0] == "GET" or (command[0] == "SET" and "GET" in command):
            found.append(value)
    hits = sum(isinstance(value, bytes) and is_value(value) for value in found)
    return hits, len(found) - hits


def _refusal(reply: RedisReplies) -> RedisError | None:
    """The first error among the replies: those are values and raise nothing."""
    return next((value for value in reply.values if isinstance(value, RedisError)), None)


def _word(word: bytes | str | int) -> str:
    if isinstance(word, bytes):
        return f"<{len(word)} bytes>"
    return str(word)


def _verb(sql: str) -> str:
    return next(iter(sql.split(None, 1)), "").upper()


def _pool(target: str | Session) -> str:
    return target if isinstance(target, str) else target.pool
