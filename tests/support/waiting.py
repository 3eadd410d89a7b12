"""Waiting for something that another thread, process or server does, with a limit that only a defect reaches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

LIMIT: Final = 60.0


def wait_until(look: Callable[[], T], what: str = "", limit: float = LIMIT) -> T:
    """The first answer of ``look`` that is true; AssertionError after ``limit`` seconds without one."""
    deadline = time.monotonic() + limit
    while not (answer := look()):
        assert time.monotonic() < deadline, f"waited {limit:g} s in vain{f' for {what}' if what else ''}"
        time.sleep(0.01)
    return answer


async def until(look: Callable[[], T], what: str = "", limit: float = LIMIT) -> T:
    """The same on an event loop, which goes on meanwhile."""
    deadline = time.monotonic() + limit
    while not (answer := look()):
        assert time.monotonic() < deadline, f"waited {limit:g} s in vain{f' for {what}' if what else ''}"
        await asyncio.sleep(0.01)
    return answer
