"""Whether two spellings of a topic's setting mean the same to a broker, which writes down what it read. Pure."""

from __future__ import annotations

import re
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SETS: Final = frozenset({"cleanup.policy"})
"""Lists in which the order of the words says nothing."""


def is_same(name: str, one: str, other: str) -> bool:
    """``+5`` is 5, ``TRUE`` is true, and ``compact, delete`` is ``delete,compact``."""
    return one == other or _meaning(name, one) == _meaning(name, other)


def words_of(value: str) -> list[str]:
    """The words of a list."""
    return [word.strip() for word in value.split(",") if word.strip()]


def number_of(value: str) -> int | None:
    """A whole number; None for anything else."""
    text = value.strip()
    return int(text) if re.fullmatch(r"[+-]?\d+", text, re.ASCII) else None


def _meaning(name: str, value: str) -> object:
    text = value.strip()
    whole = number_of(text)
    if whole is not None:
        return whole
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.casefold() in ("true", "false"):
        return text.casefold()
    words = words_of(text)
    return frozenset(words) if name in _SETS else tuple(words)
