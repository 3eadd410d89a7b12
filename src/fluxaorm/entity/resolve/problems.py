"""Collects what is wrong with definitions, one sentence each, so that all of it is told at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Problems:
    """Sentences in the order they were found, each once."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def add(self, where: str, what: str) -> None:
        """``UserEntity.age: must be ...``."""
        self._found[f"{where}: {what}"] = None

    @property
    def sentences(self) -> list[str]:
        """All of them."""
        return list(self._found)

    def __len__(self) -> int:
        return len(self._found)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'table'?``, or nothing when no name is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
