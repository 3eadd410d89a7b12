"""Synchronous writes of rows that have asynchronous ones ahead of them: waiting, or saying so. Decides; no I/O.

What is published before a write must be applied before it, or it would be undone. Who has locked nothing waits and
repeats; whoever waited with locks would keep the consumer from what he waits for, and both for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from fluxaorm.errors import EntityGoneError, MySQLError, PendingAsyncWriteError, RedisError
from fluxaorm.plans.cache.functions import INTEND, TAKE_OUT, function_call, redis_plan
from fluxaorm.plans.cache.intents import Intents
from fluxaorm.plans.cache.pauses import pauses
from fluxaorm.plans.cache.pending_items import PendingItem, items_of
from fluxaorm.plans.cache.server_marks import ServerMark, applied_plan, is_marked
from fluxaorm.plans.effects import Plan, RedisCommand, RedisReplies, RedisRoundTrip, Sleep
from fluxaorm.plans.state.keys import INTENT_MS

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.state.engine_port import EnginePort

T = TypeVar("T")
ASK: Final = "1"
"""The argument of INTEND that makes it tell what is pending."""


class WrittenRow(NamedTuple):
    """A row that is written, by its key."""

    binding: BoundEntity
    id: int
    pool: str
    key: str


class PendingWrites:
    """What a write has met: pending changes of its rows, and servers without a mark."""

    def __init__(self, engine: EnginePort) -> None:
        self._engine = engine
        self._rows: dict[WrittenRow, list[str]] = {}
        """With the tokens that are waited for."""
        self._marks: dict[tuple[str, str, bytes], tuple[str, ServerMark]] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to wait for."""
        return bool(self._rows or self._marks)

    def hear(self, row: WrittenRow, reply: Sequence[bytes]) -> None:
        """Take what INTEND has told of a row: who the server is, then a token, partition and offset each."""
        flush, server = self._engine.async_flush, bytes(reply[0])
        if flush is not None and not is_marked(self._engine, row.binding, row.pool, server):
            known = (row.pool, row.binding.mark_prefix, server)
            if known not in self._marks:
                mark = ServerMark(flush, row.binding, row.pool, server)
                self._marks[known] = (row.binding.schema.name, mark)
        if len(reply) > 1:
            self._rows[row] = [token.decode() for token in reply[1::3]]

    def error(self) -> PendingAsyncWriteError:
        """What to tell who does not wait, or no longer."""
        for row, tokens in self._rows.items():
            return PendingAsyncWriteError(row.binding.schema.name, row.id, tokens)
        return PendingAsyncWriteError(next(name for name, _ in self._marks.values()))

    def refuse(self) -> None:
        """PendingAsyncWriteError for ``waiting_plan``, when there is anything to wait for."""
        if self:
            error = self.error()
            error._met = self
            raise error

    def is_over_plan(self) -> Plan[bool]:
        """Look once. Entries that are applied are taken out. Raises RedisError, MySQLError, KafkaError."""
        for known, (_, mark) in list(self._marks.items()):
            if not (yield from mark.set_plan()):
                return False
            del self._marks[known]
        if self._rows:
            yield from self._look_plan()
        return not self._rows

    def _look_plan(self) -> Plan[None]:
        flush = self._engine.async_flush
        assert flush is not None
        held = yield from self._held_plan()
        applied: dict[str, Mapping[int, int]] = {}
        sweeps: dict[str, list[RedisCommand]] = {}
        for row, items in held.items():
            mysql_pool = row.binding.mysql_pool
            entries = [item for item in items if item.kind == "e"]
            if entries and mysql_pool not in applied:
                applied[mysql_pool] = yield from applied_plan(flush, mysql_pool)
            done = {item.token for item in entries if item.offset < applied[mysql_pool].get(item.first, 0)}
            if done:
                sweeps.setdefault(row.pool, []).append(function_call(TAKE_OUT, row.key, "", 0, 0, *sorted(done)))
            self._rows[row] = [item.token for item in items if item.token not in done]
            if not self._rows[row]:
                del self._rows[row]
        for pool, commands in sweeps.items():
            _ = yield from redis_plan(pool, commands)

    def _held_plan(self) -> Plan[dict[WrittenRow, list[PendingItem]]]:
        """The items of each row that are waited for and still there."""
        held: dict[WrittenRow, list[PendingItem]] = {}
        for pool in {row.pool for row in self._rows}:
            rows = [row for row in self._rows if row.pool == pool]
            (found,) = (yield from RedisRoundTrip(pool, (("MGET", *[row.key for row in rows]),))).values
            if isinstance(found, RedisError):
                raise found
            for row, content in zip(rows, found, strict=True):
                if isinstance(content, RedisError):
                    raise content
                items = items_of(content) if isinstance(content, bytes) else []
                held[row] = [item for item in items if item.kind != "w" and item.token in self._rows[row]]
        return held

    def wait_plan(self, until: float) -> Plan[bool]:
        """Look with growing pauses until all is over; False: at ``until`` it was not.

        A Redis that does not answer is found out by who repeats.
        """
        for pause in pauses():
            try:
                if (yield from self.is_over_plan()):
                    return True
            except RedisError:
                return True
            if self._engine.monotonic() + pause > until:
                return False
            yield from Sleep(pause)
        raise AssertionError("unreachable")


class WriteIntents(Intents):
    """The intents of a synchronous write, which learn from the caches what is pending of its rows.

    ``locks``: of an explicit transaction, which cannot be repeated.
    """

    def __init__(self, engine: EnginePort, *, locks: bool = False) -> None:
        super().__init__(engine)
        self._locks = locks
        self._unasked: dict[tuple[str, str], WrittenRow] = {}
        self._asked: set[WrittenRow] = set()
        """Those of which something was heard: what is announced after their intents comes after the write."""
        self._pending = PendingWrites(engine)

    @property
    def pending(self) -> PendingWrites:
        """What has been met."""
        return self._pending

    def add_row(self, binding: BoundEntity, id: int) -> None:
        """Remember a row that is changed."""
        super().add_row(binding, id)
        pool = binding.redis_pool
        if pool is not None and self._engine.async_flush is not None:
            row = WrittenRow(binding, id, pool, binding.row_key(id))
            if row not in self._asked:
                self._unasked[pool, row.key] = row

    def intend_plan(self, lifetime: int = INTENT_MS) -> Plan[None]:
        """As ``Intents``; PendingAsyncWriteError when something of the rows is to be waited for. KafkaError."""
        yield from super().intend_plan(lifetime)
        if not self._locks:
            self._pending.refuse()
        if not self._pending:
            return
        try:
            is_over = yield from self._pending.is_over_plan()
        except (MySQLError, RedisError) as error:
            raise self._pending.error() from error
        if not is_over:
            raise self._pending.error()

    def missed_plan(self) -> Plan[PendingAsyncWriteError | None]:
        """Why the write has not found a row, where asynchronous ones ahead of it may be about to make it.

        Announces the keys, which are to be released; None also where Redis does not tell.
        """
        if not self._unasked:
            return None
        try:
            yield from super().intend_plan()
        except RedisError:
            return None
        if not self._pending:
            return None
        error = self._pending.error()
        error._met = None if self._locks else self._pending
        return error

    def _call(self, pool: str, function: str, key: str, *args: int) -> RedisCommand:
        command = super()._call(pool, function, key, *args)
        return (*command, ASK) if function == INTEND and (pool, key) in self._unasked else command

    def _hear(self, pool: str, commands: Sequence[RedisCommand], replies: RedisReplies) -> None:
        if not self._unasked:
            return
        for command, reply in zip(commands, replies.values, strict=True):
            row = self._unasked.pop((pool, str(command[3])), None) if isinstance(reply, list) else None
            if row is not None:
                self._asked.add(row)
                self._pending.hear(row, cast("list[Any]", reply))


def waiting_plan(engine: EnginePort, attempt: Callable[[], Plan[T]]) -> Plan[T]:
    """Run a plan that writes; after it has met asynchronous writes wait for them and run it again.

    Once more, too, after it has not found a row. PendingAsyncWriteError when they are not applied in
    ``pending_timeout`` in all.
    """
    flush = engine.async_flush
    return attempt() if flush is None else _waiting_plan(engine, flush.pending_timeout, attempt)


def _waiting_plan(engine: EnginePort, seconds: float, attempt: Callable[[], Plan[T]]) -> Plan[T]:
    until: float | None = None
    missed = False
    while True:
        try:
            return (yield from attempt())
        except EntityGoneError:
            # what makes the row may have been applied right after the write had looked for it
            if missed:
                raise
            missed = True
        except PendingAsyncWriteError as error:
            met: Any = error._met
            if met is None:
                raise
            error._met = None
            if until is None:
                until = engine.monotonic() + seconds
            if not (yield from met.wait_plan(until)):
                raise met.error() from None
