"""What a child process does first: every step by itself, whatever becomes of the others. Asks no driver, no server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

logger = logging.getLogger("fluxaorm.forks")


def run_each(steps: Iterable[Callable[[], object]]) -> None:
    """Run all steps; one that raises must not keep a child from letting go of the rest of its parent's things."""
    failures: list[BaseException] = []
    for step in steps:
        try:
            _ = step()
        except BaseException as error:  # noqa: BLE001 - told below; nobody could catch it in an at-fork hook
            failures.append(error)
    for failure in failures:
        logger.error("a step after fork() failed in the child", exc_info=failure)
