"""``fluxaorm consume-async-flush``: applies asynchronous flushes until it is told to stop, and says how far it is."""

from __future__ import annotations

import json as json_module
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from fluxaorm.cli.application import open_engine
from fluxaorm.plans.streams.flush_loop import Consumed
from fluxaorm.streaming.async_flush_consumer import AsyncFlushConsumer

TERMINAL_SECONDS: Final = 0.5
FILE_SECONDS: Final = 10.0
"""How often a line is written where every line stays."""


@dataclass
class Progress:
    """What was done since the start, told every now and then."""

    lag: Callable[[], int]
    json: bool
    live: bool
    """Whether a line may be written over."""
    applied: int = 0
    repeated: int = 0
    dead_letters: int = 0
    waiting: int = 0
    told_at: float = field(default_factory=time.monotonic)

    def note(self, consumed: Consumed) -> None:
        """One round."""
        self.applied += consumed.applied
        self.repeated += consumed.repeated
        self.dead_letters += consumed.dead_letters
        self.waiting = consumed.waiting
        if time.monotonic() - self.told_at > (TERMINAL_SECONDS if self.live else FILE_SECONDS):
            self.tell()

    def tell(self, *, last: bool = False) -> None:
        """Write the line."""
        self.told_at = time.monotonic()
        end = "\r" if self.live and not last else "\n"
        print(self._json() if self.json else self._text(), end=end, flush=True)

    def _text(self) -> str:
        waiting = f", waiting {self.waiting:,}" if self.waiting else ""
        counts = f"applied {self.applied:,}, repeated {self.repeated:,}, dead letters {self.dead_letters:,}"
        return f"{counts}{waiting}, lag {self.lag():,}".ljust(79 if self.live else 0)

    def _json(self) -> str:
        names = ("applied", "repeated", "dead_letters", "waiting")
        return json_module.dumps({**{name: getattr(self, name) for name in names}, "lag": self.lag()})


def run(name: str | None, *, max_records: int, json: bool) -> None:
    """Consume until SIGTERM or SIGINT. Raises what ``AsyncFlushConsumer.run`` does, PoolConnectError, RegistryError."""
    with open_engine(name, connect=True) as engine:
        consumer: AsyncFlushConsumer = engine.async_flush_consumer()
        live = sys.stdout.isatty() and not json
        progress = Progress(lambda: sum(consumer.lag.values()), json, live)
        try:
            consumer.run(max_records=max_records, on_round=progress.note)
        finally:
            progress.tell(last=True)
