"""How long to wait between two looks at what somebody else is about to finish. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

FIRST: Final = 0.005
LONGEST: Final = 0.2


def pauses() -> Iterator[float]:
    """Seconds, without end: growing, and different for each who waits."""
    pause = FIRST
    while True:
        yield pause * random.uniform(0.7, 1.3)
        pause = min(2 * pause, LONGEST)
