"""Who watches a runner perform effects: what the query log must be to it. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fluxaorm.plans.effects import Effect


class Observer(Protocol):
    """Called after each effect."""

    def __call__(
        self, effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
    ) -> None:
        """``reply`` or ``error``; ``started``: monotonic seconds."""
        ...

    def shared_with(self, others: Sequence[Any]) -> SharedObserver:
        """One observer for effects that are performed for the contexts of this and of others at once."""
        ...


class SharedObserver(Observer, Protocol):
    """Tells each handler once, and keeps what a handler raises away from the contexts of others."""

    def failure_of(self, observer: Any) -> BaseException | None:
        """What a handler of this one raised, first."""
        ...
