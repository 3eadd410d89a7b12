"""What the explorers look at: processes, states, replies to plans, and contents of a key in one form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from fluxaorm.errors import CommitUnknownError, FluxaError, MySQLError, RedisConnectionError
from fluxaorm.plans.effects import Effect, ExecResult, Plan, RedisCommand, RedisReplies

ID: Final = 7
NEVER: Final = "9999999999999"
"""The deadline that canonical contents show in the place of a real one."""
Reply = tuple[str, Any]
Send = Callable[[Sequence[RedisCommand]], list[Any]]


class FixedTokens:
    """The tokens of one process: always the same, so that equal states are equal."""

    def __init__(self, process: int) -> None:
        self.source = f"{process:016x}"

    def take(self) -> str:
        return f"{self.source}{0:08x}"


class Process(NamedTuple):
    """Where one reader or writer is."""

    replies: tuple[Reply, ...] = ()
    status: str = "ready"
    """``ready``, ``running``, ``returned``; ``ended`` in any other way, or in whichever when nobody asks."""
    floors: Any = (0, 0)
    """Of a reader, when it began: the newest version of a returned flush, and that any reader was given."""
    slept: Any = None
    """What a process that waits has seen of the world."""

    def told(self, reply: Reply) -> Process:
        """It after one more reply."""
        return self._replace(replies=(*self.replies, reply))


@dataclass(slots=True, unsafe_hash=True)
class State:
    """Everything: processes, the key's content, versions in the order they were committed, who holds the row.

    Never changed once it is made; it is not frozen, which would make it slow to make.
    """

    processes: tuple[Process, ...]
    content: bytes | None = None
    committed: tuple[int, ...] = (0,)
    locked_by: int | None = None
    seen: int = 0
    """Position of the newest version that a reader was given."""


RETURNED: Final = Process(status="returned")
ENDED: Final = Process(status="ended")
S = TypeVar("S", bound=State)


@cache
def _fields_of(kind: type[State]) -> tuple[tuple[str, ...], Callable[[State], tuple[Any, ...]]]:
    names = tuple(each.name for each in fields(kind))
    return names, attrgetter(*names)


def changed(state: S, **changes: Any) -> S:
    """Another state with these fields changed: what ``dataclasses.replace`` does, several times as fast."""
    kind: Any = type(state)
    names, values = _fields_of(kind)
    return type(state)(**(dict(zip(names, values(state), strict=True)) | changes))


def with_process(state: S, number: int, process: Process) -> S:
    return changed(state, processes=(*state.processes[:number], process, *state.processes[number + 1 :]))


def _rows(version: int) -> list[tuple[bytes, bytes, bytes]]:
    return [(b"%d" % ID, b"%d" % version, b"")]


def fed(plan: Plan[Any], reply: Reply, server: bytes) -> Effect[Any]:
    kind, value = reply
    if kind == "raise":
        error: FluxaError
        if value == "lost":
            error = RedisConnectionError("lost", pool="default")
        elif value == "unknown":
            error = CommitUnknownError("lost", errno=2013, pool="default")
        else:
            error = MySQLError("refused", errno=3819, pool="default")
        return plan.throw(error)
    if kind == "redis":
        return plan.send(RedisReplies([list(each) if isinstance(each, tuple) else each for each in value], server))
    if kind == "rows":
        return plan.send(_rows(value))
    if kind == "done":
        return plan.send(ExecResult(0, value) if value == 1 else [ExecResult(0, value)])
    return plan.send(value)


def abandon(plan: Plan[Any]) -> None:
    """Close a plan in the middle, although its clean-up asks for effects: each is given up likewise."""
    for _ in range(10):
        with suppress(RuntimeError):
            plan.close()
            return
    raise AssertionError("a plan does not end")


def hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(canonical, value))
    return canonical(value) if isinstance(value, bytes) else value


def canonical(content: Any) -> bytes | None:
    if isinstance(content, bytes) and content[:1] == b"W":
        return intents_of(tokens_in(content))
    assert content is None or isinstance(content, bytes), content
    return content


def tokens_in(content: bytes) -> list[str]:
    return [part.split(":")[0] for part in content[1:].decode().split(";") if part]


def intents_of(tokens: Sequence[str]) -> bytes | None:
    return f"W{''.join(f'{token}:{NEVER};' for token in sorted(tokens))}".encode() if tokens else None
