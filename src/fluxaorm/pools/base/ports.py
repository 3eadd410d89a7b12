"""What pools of any kind of connection are to the rest of the library: protocols, plain values. No I/O, no driver."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class PoolStats:
    """A pool at one moment: connections that exist (also those being opened), idle ones of them, callers that wait."""

    open: int
    idle: int
    waiting: int


def total(stats: Iterable[PoolStats]) -> PoolStats:
    """Those of several pools together."""
    each = list(stats)
    return PoolStats(sum(one.open for one in each), sum(one.idle for one in each), sum(one.waiting for one in each))


C = TypeVar("C")


class Pooled(Protocol):
    """What the choice of a connection needs to know; times are monotonic seconds, the pool sets ``taken``."""

    usable: bool
    expires: float
    taken: float

    @property
    def touched(self) -> bool:
        """Whether SQL of the user's own may have changed the session: it is then for nobody else."""
        ...

    def is_alive(self) -> bool:
        """Whether the other side has not hung up as far as can be known without waiting."""
        ...


class Takes(Protocol[C]):
    """The short way, which never waits: ``take`` and ``put``; ``acquire`` and ``release`` are the whole."""

    @property
    def take(self) -> Callable[[], C | None]:
        """An idle connection that is fit for use, or None: then ``acquire``."""
        ...

    @property
    def put(self) -> Callable[[C], int]:
        """Give a connection back; whatever but 0 this returns is to be told to ``hand_on``."""
        ...

    def hand_on(self, connection: C, fate: int) -> None:
        """Close what is no longer usable, serve who waits."""
        ...

    def release(self, connection: C) -> None:
        """Give a connection back; it is closed when it is no longer usable. Never waits."""
        ...

    def stats(self) -> PoolStats:
        """The pool at this moment."""
        ...

    def close(self) -> None:
        """Close idle connections now, those in use when they come back; callers that wait get an error.

        On asyncio it is called in the loop, which closes the sockets.
        """
        ...


class SyncPool(Takes[C], Protocol[C]):
    """Connections shared by threads."""

    def acquire(self, seconds: float | None = None) -> C:
        """A connection for the caller alone. PoolTimeoutError after ``seconds`` (None: the pool's)."""
        ...

    def drop(self, connection: C) -> None:
        """Give up a connection nobody uses any more: from a finalizer, so in any thread, which may hold any lock."""
        ...

    def replace(self, connection: C, seconds: float | None = None) -> C:
        """Close a lost connection and open one in its place; when that fails neither is the caller's any more."""
        ...


class AsyncPool(Takes[C], Protocol[C]):
    """Connections of one event loop."""

    async def acquire(self, seconds: float | None = None) -> C:
        """As SyncPool.acquire."""
        ...

    async def replace(self, connection: C) -> C:
        """As SyncPool.replace."""
        ...
