"""The local caches of an engine as tests of them want them: open, and their heartbeats out of the count."""

from __future__ import annotations

import time
from typing import Final

from fluxaorm.engine import Engine
from tests.support.insides import core
from tests.support.waiting import wait_until

HEARTBEATS: Final = frozenset({b"*1\r\n$4\r\nPING\r\n"})
"""What listeners send twice a second, for a proxy that is not to count it."""


def wait_until_open(engine: Engine, *, is_open: bool = True, seconds: float = 10.0) -> None:
    """Return when all local caches of the engine that follow other processes are open, or shut."""

    def are_so() -> bool:
        return all(
            (listener.trust.until > time.monotonic()) == is_open
            for listener in core(engine).bindings.listeners.values()
        )

    wait_until(are_so, f"the local caches to be {'open' if is_open else 'shut'}", seconds)
