"""Who watches a runner perform effects: what the query log must be to it. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fluxaorm.plans.effects import Effect


class Observer(Protocol):
    """Called after each effect. It keeps what its handlers raise to itself, but for what interrupts the program."""

    def __call__(
        self, effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
    ) -> None:
        """``reply`` or ``error``; ``started``: monotonic seconds."""
        ...

    def shared_with(self, others: Sequence[Any]) -> Observer:
        """One observer for effects that are performed for the contexts of this and of others at once."""
        ...


class Watched:
    """Tells the observer of one plan, which can change nothing.

    What interrupts the program meanwhile (KeyboardInterrupt) must reach it, but an effect that was performed is no less
    done: it is raised at the plan's next effect that can take it, or at the plan's end.
    """

    __slots__ = ("interruption", "observer")

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.interruption: BaseException | None = None

    def __call__(
        self, effect: Effect[Any], reply: Any, error: BaseException | None, microseconds: int, started: float
    ) -> None:
        """As the observer."""
        try:
            self.observer(effect, reply, error, microseconds, started)
        except BaseException as interruption:  # noqa: BLE001 - raised by ``deliver``
            self.interruption = self.interruption or interruption

    def deliver(self, cause: BaseException | None = None) -> None:
        """Raise what interrupted the observer, if anything did."""
        interruption, self.interruption = self.interruption, None
        if interruption is not None:
            raise interruption from cause
