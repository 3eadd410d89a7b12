"""What the explorer of asynchronous flushes looks at: states, replies to plans, contents of a key in one form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from fluxaorm.errors import AsyncFlushUnknownError, KafkaUnavailableError
from fluxaorm.plans.cache.pending_items import PendingItem, items_of
from fluxaorm.plans.effects import Effect, ExecResult, Plan, RedisCommand, RedisReplies
from tests.support import explorer_states
from tests.support.explorer_states import NEVER, Reply, State, intents_of

TOPIC_ID: Final = "topic"
ELSEWHERE: Final = b"f" * 40 + b" " + b"f" * 40
"""Who no server is."""


@dataclass(slots=True, unsafe_hash=True)
class AsyncState(State):
    """Also the log, how far it is applied and who has that locked, where the group is, and which run of Redis it is."""

    log: tuple[int, ...] = ()
    applied: int = 0
    applied_locked_by: int | None = None
    group: int = 0
    """The group's offset."""
    run: int = 0
    marked: bool = True
    rewinds: int = 0
    """How often MySQL has lost its last transaction."""
    faults: float = 0
    """How many more there may be."""
    seen_row: tuple[int, int] = (0, 0)
    """The newest writer of each column that a reader was given."""
    returned: frozenset[int] = frozenset()
    """Writers that were told of success."""
    rewound: frozenset[int] = frozenset()
    """Writers whose transaction MySQL has lost: reads may go back behind them, until they are applied once more."""
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
    begun_at_group: bool = False
    """Consumers begin where the group is, whatever is applied."""
    waits_locked: bool = False
    """Writers keep the row locked while they wait."""


def canonical_items(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(canonical_items, value))
    return pending_content(items_in(value)) if isinstance(value, bytes) and value[:1] == b"P" else value


@cache
def items_in(content: bytes | None) -> tuple[PendingItem, ...]:
    return tuple(items_of(content or b""))


def pair_of(row: Sequence[Any]) -> tuple[int, int]:
    return int(row[1] or 0), int(row[2] or 0)


def world_of(state: AsyncState) -> Any:
    """What somebody who waits may wait for."""
    items = tuple(item for item in items_in(state.content) if item.kind != "w")
    return items, state.applied, state.run, state.marked


def shortened(replies: tuple[Reply, ...]) -> tuple[Reply, ...]:
    """Without a look that was followed by a sleep and another look of the same form: it has left nothing behind."""
    sleeps = [at for at, reply in enumerate(replies) if reply[0] == "slept"]
    if len(sleeps) < 2:
        return replies
    former, last = replies[sleeps[-2] + 1 : sleeps[-1]], replies[sleeps[-1] + 1 :]
    if [kind for kind, _ in former] != [kind for kind, _ in last]:
        return replies
    return replies[: sleeps[-2] + 1] + last


def pending_content(items: Sequence[PendingItem]) -> bytes | None:
    """Content of these items in one form, their deadlines never; without any but intents as the functions write it."""
    if all(item.kind == "w" for item in items):
        return intents_of([item.token for item in items])
    parts = [b"P"]
    for kind, token, first, offset, server, payload in sorted(items):
        until = str(first) if kind == "e" else NEVER
        parts.append(f"{kind}{token}:{until}:{offset}:{server}:{len(payload)};".encode() + payload)
    return b"".join(parts)


def fed(plan: Plan[Any], reply: Reply) -> Effect[Any]:
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
    if kind == "no record":
        return plan.send(0)
    return explorer_states.fed(plan, reply, b"")


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple) else value
