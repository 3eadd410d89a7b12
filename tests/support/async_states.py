"""What the explorer of asynchronous flushes looks at: states, replies to plans, contents of a key in one form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fluxaorm.errors import AsyncFlushUnknownError, KafkaUnavailableError
from fluxaorm.plans.cache.many_rows import read_rows_plan
from fluxaorm.plans.cache.one_row import read_row_plan
from fluxaorm.plans.cache.pending_items import PendingItem, items_of
from fluxaorm.plans.effects import (
    Effect,
    ExecResult,
    Plan,
    RedisCommand,
    RedisReplies,
)
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from tests.support import explorer
from tests.support.explorer import ID, NEVER, Reply

TOPIC_ID: Final = "topic"
ELSEWHERE: Final = b"f" * 40 + b" " + b"f" * 40
"""Who no server is."""


class TakeRecord(Effect[int]):
    """The writer whose record lies at this offset; waits until there is one."""

    __slots__ = ("offset",)

    def __init__(self, offset: int) -> None:
        self.offset = offset


@dataclass(frozen=True, slots=True)
class AsyncState(explorer.State):
    """Also the log, how far it is applied and who has that locked, and which run of Redis it is."""

    log: tuple[int, ...] = ()
    applied: int = 0
    applied_locked_by: int | None = None
    run: int = 0
    marked: bool = True
    seen_row: tuple[int, int] = (0, 0)
    """The newest writer of each column that a reader was given."""
    returned: frozenset[int] = frozenset()
    """Writers that were told of success."""
    flaw: str = ""

    @property
    def order(self) -> tuple[int, ...]:
        """All writes as they come one after the other, those that are only published at the end."""
        return self.committed + self.log[self.applied :]


@dataclass(frozen=True, slots=True)
class Weakness:
    """What a weaker protocol does not do."""

    mutate: Callable[[int, RedisCommand], list[RedisCommand]] | None = None
    """Process and command -> what is sent instead."""
    applied_unread: bool = False
    """Readers lay over without knowing what is applied."""
    applied_unlocked: bool = False
    """Consumers do not look whether they are still who applies."""
    always_marked: bool = False
    """Nobody waits for a server that lost its memory."""


def canonical_items(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(canonical_items, value))
    return pending_content(items_of(value)) if isinstance(value, bytes) and value[:1] == b"P" else value


def pair_of(row: Sequence[Any]) -> tuple[int, int]:
    return int(row[1] or 0), int(row[2] or 0)


def world_of(state: AsyncState) -> Any:
    """What somebody who waits may wait for."""
    items = [item for item in items_of(state.content or b"") if item.kind != "w"]
    return tuple(items), len(state.log), state.applied, state.run, state.marked


def unlocked(state: AsyncState, number: int) -> AsyncState:
    return replace(
        state,
        locked_by=None if state.locked_by == number else state.locked_by,
        applied_locked_by=None if state.applied_locked_by == number else state.applied_locked_by,
    )


def pending_content(items: Sequence[PendingItem]) -> bytes | None:
    """Content of these items in one form, their deadlines never; without any but intents as the functions write it."""
    if all(item.kind == "w" for item in items):
        return explorer._intents([item.token for item in items])
    parts = [b"P"]
    for kind, token, first, offset, server, payload in sorted(items):
        until = str(first) if kind == "e" else NEVER
        parts.append(f"{kind}{token}:{until}:{offset}:{server}:{len(payload)};".encode() + payload)
    return b"".join(parts)


def read_plan(unit_of_work: UnitOfWork, binding: Any, *, many: bool) -> Plan[tuple[int, int]]:
    engine, target = unit_of_work._engine, unit_of_work._target(binding.mysql_pool)
    row: Any
    if many:
        row = (yield from read_rows_plan(engine, target, binding, [ID]))[ID]
    else:
        row = yield from read_row_plan(engine, target, binding, ID)
    return pair_of(row)


def fed(plan: Plan[Any], effect: Effect[Any], reply: Reply) -> Effect[Any]:
    kind, value = reply
    if reply == ("raise", "no broker"):
        return plan.throw(KafkaUnavailableError("no broker", pool="events"))
    if reply == ("raise", "unknown publish"):
        return plan.throw(AsyncFlushUnknownError("lost", pool="events"))
    if kind == "redis":
        values, server = value
        return plan.send(RedisReplies([_listed(each) for each in values], server))
    if kind == "rows":
        return plan.send(list(value))
    if kind == "results":
        return plan.send([ExecResult(0, 1)] * value)
    if kind == "watermarks":
        return plan.send({0: value})
    if kind == "record":
        return plan.send(value[1])
    if kind == "slept":
        return plan.send(None)
    return explorer._fed(plan, reply, b"")


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple) else value
