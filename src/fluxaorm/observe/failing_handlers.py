"""What handlers that only watch raise: logged, once for each kind, and kept from what they watch. Does nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

logger = logging.getLogger("fluxaorm.observe")

_MOST: Final = 1000
"""Kinds of failures that are told apart: more can only be handlers whose names are made up as they go."""


class FailingHandlers:
    """Of one engine: which failures of its handlers were logged.

    A kind is the handler's name with the type of what it raised, so that a function made anew for each context is told
    of once all the same.
    """

    def __init__(self) -> None:
        self._told: set[tuple[str, type[Exception]]] = set()

    def note(self, handler: Callable[..., Any], error: Exception) -> None:
        """Log this failure unless its like was. Never raises."""
        try:
            name = _name_of(handler)
            kind = (name, type(error))
            if kind in self._told or len(self._told) >= _MOST:
                return
            self._told.add(kind)
            logger.error(
                "the query logger %s raised %s; nothing else is changed by it, and it is logged once",
                name,
                type(error).__name__,
                exc_info=error,
            )
        except Exception:  # noqa: BLE001 - a log that cannot be written must not end what it tells of
            pass


def _name_of(handler: Callable[..., Any]) -> str:
    named = handler if hasattr(handler, "__qualname__") else type(handler)
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"
