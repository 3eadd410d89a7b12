"""Statements and commands of the user's own that wait for a flush, and keys it invalidates. Decides; no I/O.

SQL runs in the flush's transaction, after its entities. Redis commands are sent when that is committed, and keys are
deleted before the SQL and again then; so a flush that fails has sent no command, and what waits stays for the next try.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from fluxaorm.errors import CacheUnavailableError, QueryError, RedisError, described, with_article
from fluxaorm.plans.effects import (
    ExecResult,
    Plan,
    RedisCommand,
    RedisRoundTrip,
    ShieldedRedisRoundTrip,
    Statement,
)
from fluxaorm.query.own_sql.placeholders import has_several_statements
from fluxaorm.query.own_sql.raw_statements import chooses_database, definition, procedure_call, transaction_control
from fluxaorm.query.where import Where

if TYPE_CHECKING:
    from fluxaorm.plans.state.unit_of_work import UnitOfWork

T = TypeVar("T")

_NOT_SHARED: Final = frozenset(
    {
        "AUTH", "CLIENT", "HELLO", "QUIT", "RESET", "SELECT",
        "DISCARD", "EXEC", "MULTI", "UNWATCH", "WATCH",
        "MONITOR", "PSYNC", "SYNC", "WAIT", "WAITAOF",
        "PSUBSCRIBE", "PUNSUBSCRIBE", "SSUBSCRIBE", "SUBSCRIBE", "SUNSUBSCRIBE", "UNSUBSCRIBE",
        "BLMOVE", "BLMPOP", "BLPOP", "BRPOP", "BRPOPLPUSH", "BZMPOP", "BZPOPMAX", "BZPOPMIN",
    }
)  # fmt: skip
"""Commands that change or hold up a connection, which others use too."""


class PipelineHandle(Generic[T]):
    """What a queued statement or command gave, known once a flush has run it."""

    __slots__ = ("_is_published", "_reply", "_rows", "_table", "_what", "is_done")

    def __init__(self, what: str, table: str | None = None, rows: tuple[int, ...] | None = None) -> None:
        self._what, self._table, self._rows = what, table, rows
        self._reply: Any = None
        self._is_published = False
        self.is_done = False
        """Whether a flush has run it, and was not rolled back."""

    @property
    def result(self) -> T:
        """The result; of a Redis command also the RedisError it was refused with, raised.

        Raises QueryError as long as no flush has run it, and when an asynchronous one has published it.
        """
        if self._is_published:
            raise QueryError(
                f"{self._what} was published by ctx.flush_async(): the consumer that runs it has its result"
            )
        if not self.is_done:
            raise QueryError(f"{self._what} was not run yet, or was rolled back; ctx.flush() runs what is queued")
        if isinstance(self._reply, RedisError):
            raise self._reply
        reply: T = self._reply
        return reply

    def _keep(self, reply: Any) -> None:
        """Remember the reply; it counts when the flush has succeeded."""
        self._reply = reply

    def __repr__(self) -> str:
        return f"<PipelineHandle {self._what}{' done' if self.is_done else ''}>"


class Pipelines:
    """All that waits in one unit of work, by pool."""

    __slots__ = ("commands", "keys", "statements")

    def __init__(self) -> None:
        self.statements: dict[str, list[Statement]] = {}
        """Their tags are their handles."""
        self.commands: dict[str, list[tuple[RedisCommand, PipelineHandle[Any]]]] = {}
        self.keys: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return (
            sum(len(each) for each in self.statements.values())
            + sum(len(each) for each in self.commands.values())
            + sum(len(each) for each in self.keys.values())
        )

    def copy(self) -> Pipelines:
        """The same, to go back to."""
        made = Pipelines()
        made.statements = {pool: list(each) for pool, each in self.statements.items()}
        made.commands = {pool: list(each) for pool, each in self.commands.items()}
        made.keys = {pool: dict(each) for pool, each in self.keys.items()}
        return made

    def wait_again(self, done: Iterable[str]) -> None:
        """What had been run was rolled back, but in these MySQL pools: there what is done is done with."""
        for pool in done:
            waiting = [statement for statement in self.statements.pop(pool, ()) if not statement.tag.is_done]
            if waiting:
                self.statements[pool] = waiting
        for statements in self.statements.values():
            for statement in statements:
                statement.tag.is_done = False

    def finish(self, pools: Iterable[str], count: int | None = None) -> None:
        """The statements of these MySQL pools are durable, or as durable as the transaction they are in.

        ``count``: the first so many of them; the others go on waiting.
        """
        for pool in pools:
            statements = self.statements.pop(pool, [])
            for statement in statements[:count]:
                statement.tag.is_done = True
            if count is not None and statements[count:]:
                self.statements[pool] = statements[count:]


def pipelines_of(unit_of_work: UnitOfWork) -> Pipelines | None:
    """What waits in a unit of work; None: nothing."""
    queued = unit_of_work._pipelines
    assert queued is None or isinstance(queued, Pipelines)
    return queued


def queue_of(unit_of_work: UnitOfWork) -> Pipelines:
    """The same, made when nothing waits yet. ContextClosedError when no flush will come."""
    if unit_of_work.closed:
        raise unit_of_work._closed_error()
    queued = pipelines_of(unit_of_work)
    if queued is None:
        queued = unit_of_work._pipelines = Pipelines()
    return queued


class MySQLPipeline:
    """Statements for one MySQL pool that wait for the next flush; as ``ctx.mysql_pipeline(pool)`` gives it."""

    def __init__(self, unit_of_work: UnitOfWork, pool: str) -> None:
        self._unit_of_work, self._pool = unit_of_work, pool

    def __repr__(self) -> str:
        """How many wait; shows no statement and no value."""
        queued = pipelines_of(self._unit_of_work)
        return _pipeline_repr(self, self._pool, 0 if queued is None else len(queued.statements.get(self._pool, ())))

    def add(
        self, sql: str, *args: Any, table: str | None = None, rows: Iterable[int] | None = None
    ) -> PipelineHandle[ExecResult]:
        """Queue one statement with ``?`` for values; a list stands for a list in parentheses.

        It runs after the flush's entities, in their transaction. The handle's ``result`` is then its
        ``ExecResult(last_insert_id, rows_affected)``. For ``flush_async``, which needs both: ``table``, the entity's
        that it writes, and ``rows``, ids of those that it changes there, none: ``()``. QueryError for several
        statements, none, other values than it has placeholders, and what would end the transaction: COMMIT and its
        like, LOCK, CALL, and DDL where it commits; for USE; and for a table or rows that are none.
        """
        where = Where(sql, *args)
        given = None if rows is None else _row_ids(rows)
        if not isinstance(cast("object", table), str | None):
            raise QueryError(f"table= takes the name of a table, as a str, not {described(table)}")
        if has_several_statements(sql) or not sql.strip():
            raise QueryError(f"a pipeline takes one statement at a time: {sql}")
        if chooses_database(sql):
            raise QueryError(f"a pipeline takes no USE, which what follows it would run in: write `db`.`table`: {sql}")
        if word := self._what_ends_it(sql):
            raise QueryError(f"a pipeline takes no {word}, which would end the flush's transaction half-way: {sql}")
        handle: PipelineHandle[ExecResult] = PipelineHandle(f"the statement {short_sql(sql)}", table, given)
        statement = Statement(str(where), where.parameters, handle)
        queue_of(self._unit_of_work).statements.setdefault(self._pool, []).append(statement)
        return handle

    def _what_ends_it(self, sql: str) -> str | None:
        """The word by which a statement would end the transaction, when it is plain to see."""
        if word := transaction_control(sql) or procedure_call(sql):
            return word
        dialect = self._unit_of_work._engine.mysql_pools[self._pool].dialect
        return None if dialect.transactional_ddl else definition(sql)


class RedisPipeline:
    """Commands for one Redis pool that wait for the next flush; as ``ctx.redis_pipeline(pool)`` gives it."""

    def __init__(self, unit_of_work: UnitOfWork, pool: str) -> None:
        self._unit_of_work, self._pool = unit_of_work, pool

    def __repr__(self) -> str:
        """How many wait; shows no command and no value."""
        queued = pipelines_of(self._unit_of_work)
        return _pipeline_repr(self, self._pool, 0 if queued is None else len(queued.commands.get(self._pool, ())))

    def add(self, *command: str | bytes | int | float) -> PipelineHandle[Any]:
        """Queue one command, word by word: ``add("SET", "key", "value", "EX", 60)``.

        It is sent once the flush's rows are committed. The handle's ``result`` is then its reply as the server gives
        it, text as bytes. QueryError for words of other types, or a command that would change or hold up a connection.

        On a cluster commands go to the owners of their keys, so that their order holds for keys of one slot; MGET, DEL,
        UNLINK, EXISTS and TOUCH may name any keys, others keys of one slot; one without a key is refused (RedisError).
        """
        words = tuple(map(_word, command))
        options = [_text(word).upper() for word in words]
        name = options[0] if options else ""
        if not name or name in _NOT_SHARED or (name.startswith("XREAD") and "BLOCK" in options):
            raise QueryError(f"a pipeline takes no {name or 'empty'} command; engine.redis(pool).client runs it")
        handle: PipelineHandle[Any] = PipelineHandle(f"the command {name}")
        queue_of(self._unit_of_work).commands.setdefault(self._pool, []).append((words, handle))
        return handle


def _pipeline_repr(pipeline: object, pool: str, count: int) -> str:
    return f"<{type(pipeline).__name__} '{pool}' {count} waiting>"


def _row_ids(rows: object) -> tuple[int, ...]:
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise QueryError(
            f"rows= takes the ids of the rows that a statement changes, as in rows=[1, 2], not {described(rows)}"
        )
    ids: tuple[Any, ...] = tuple(cast("Any", rows))
    for id in ids:
        if type(id) is not int:
            raise QueryError(f"rows= takes ids, and an id is an int, not {described(id)}")
    return ids


def _word(word: object) -> str | bytes | int:
    if isinstance(word, (str, bytes)):
        return word
    if type(word) is int:
        return word
    if isinstance(word, float):
        return repr(word)
    raise QueryError(f"a word of a Redis command is a str, bytes or number, not {with_article(word)}")


def _text(word: str | bytes | int) -> str:
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)


def short_sql(sql: str) -> str:
    """A statement for a message."""
    text = " ".join(sql.split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def queue_key(unit_of_work: UnitOfWork, pool: str, key: str) -> None:
    """Let the next flush delete a key of the user's own. QueryError for what is none, or is the library's."""
    if not isinstance(cast("object", key), str) or not key:
        raise QueryError(f"a Redis key is a text, not {key!r}")
    if key.startswith("fx:"):
        raise QueryError(f"{key} is a key of the library's cache; Provider.invalidate(ctx, id) drops rows from it")
    queue_of(unit_of_work).keys.setdefault(pool, {})[key] = None


def delete_keys_plan(unit_of_work: UnitOfWork, queued: Pipelines) -> Plan[None]:
    """Delete the keys before the SQL. CacheUnavailableError when a pool cannot be told and must be."""
    for pool, keys in queued.keys.items():
        try:
            reply = (yield from RedisRoundTrip(pool, (("DEL", *keys),))).values[0]
            if isinstance(reply, RedisError):
                raise reply
        except RedisError as error:
            unit_of_work._engine.cache_outage(pool, error)
            if not unit_of_work._engine.writes_without_cache(pool):
                message = f"nothing was written, since keys could not be invalidated: {error.reason}"
                raise CacheUnavailableError(message, pool=pool) from error


def send_plan(
    keys: Mapping[str, Iterable[str]], commands: Mapping[str, list[tuple[RedisCommand, PipelineHandle[Any]]]]
) -> Plan[list[Exception]]:
    """After the commit: delete the keys and send the commands, one round trip a pool; the errors."""
    failures: list[Exception] = []
    for pool in {**keys, **commands}:
        sent: list[tuple[RedisCommand, PipelineHandle[Any]]] = []
        if pool in keys:
            sent.append((("DEL", *keys[pool]), PipelineHandle("DEL")))
        sent += commands.get(pool, ())
        replies: list[Any]
        try:
            replies = (yield from ShieldedRedisRoundTrip(pool, [command for command, _ in sent])).values
        except RedisError as error:
            failures.append(error)
            replies = [error] * len(sent)
        else:
            failures += [reply for reply in replies if isinstance(reply, RedisError)]
        for (_, handle), reply in zip(sent, replies, strict=True):
            handle._keep(reply)
            handle.is_done = True
    return failures
