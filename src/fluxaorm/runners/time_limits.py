"""What a deadline applies to, said once for both runners. No I/O.

Whatever is under way when the time is over is ended, and nothing new begins. Only a COMMIT, a lone statement and
clean-up go on, so that they end in success; a server that does not answer them either, ten seconds later, is left:
whoever waits for a COMMIT or a lone statement is told that its outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from time import monotonic
from typing import Any, Final

from fluxaorm.errors import DeadlineExceededError
from fluxaorm.plans.effects import (
    CallHandler,
    CloseStream,
    Commit,
    Effect,
    Execute,
    FetchTable,
    Parallel,
    Rollback,
    Session,
    ShieldedRedisRoundTrip,
    Sleep,
)
from fluxaorm.plans.streams.effects import KafkaEffect
from fluxaorm.query.own_sql.raw_statements import Reach

GRACE_SECONDS: Final = 10.0
"""How long what is not cut off may go on after the deadline, or after its own beginning."""


class TimeLimit:
    """A context's time. ``seconds``: how much it was given; ``deadline``: monotonic seconds."""

    __slots__ = ("deadline", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.deadline = monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until the deadline; may be negative."""
        return self.deadline - monotonic()

    @property
    def grace(self) -> float:
        """When to give up what began now and is not cut off, in monotonic seconds."""
        return max(self.deadline, monotonic()) + GRACE_SECONDS

    def check(self) -> float:
        """The seconds that are left. DeadlineExceededError when there are none."""
        left = self.left
        if left <= 0:
            raise self.exceeded()
        return left

    def exceeded(self) -> DeadlineExceededError:
        """The error to raise."""
        return DeadlineExceededError(f"the context's time of {self.seconds:g} s is over")


class Limit(Enum):
    """What the end of a context's time does to an effect that is under way; nothing new begins but clean-up."""

    NOTHING = "it goes on; its parts, if it has any, are limited each, or it minds the time itself"
    GRACE = "it goes on, and is left ten seconds later"
    WAIT_ONLY = "while it waits for a connection it ends; then as GRACE, since it commits by itself"
    SHORTENED = "it takes only the time that is left"
    ENDED = "it ends"


_LIMITS: Final[Mapping[type[Effect[Any]], Limit]] = {
    Commit: Limit.GRACE,
    Rollback: Limit.GRACE,
    CloseStream: Limit.NOTHING,
    ShieldedRedisRoundTrip: Limit.NOTHING,
    Parallel: Limit.NOTHING,
    CallHandler: Limit.NOTHING,
    Sleep: Limit.SHORTENED,
}


def limit_of(effect: Effect[Any]) -> Limit:
    """What applies to an effect; ``ENDED`` unless something is said of its type."""
    if isinstance(effect, KafkaEffect):
        return Limit.NOTHING
    return Limit.WAIT_ONLY if is_lone_statement(effect) else _LIMITS.get(type(effect), Limit.ENDED)


def is_lone_statement(effect: Effect[Any]) -> bool:
    """Whether it commits by itself."""
    if not isinstance(effect, Execute | FetchTable) or not isinstance(effect.target, str):
        return False
    return isinstance(effect, Execute) or effect.reach >= Reach.WRITE


def session_of(effect: Effect[Any]) -> Session | None:
    """The open transaction an effect runs in."""
    found = getattr(effect, "session", None) or getattr(getattr(effect, "stream", effect), "target", None)
    return found if isinstance(found, Session) else None
