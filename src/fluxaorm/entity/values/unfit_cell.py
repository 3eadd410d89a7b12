"""The cell of a column in an entity's row whose stored value the field has no form for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from fluxaorm.entity.values.encoders import timedelta_encoder

UNFIT: Final = (ValueError, TypeError, ArithmeticError)
"""What decoders raise for a value that is none of theirs."""


class UnfitCell:
    """A stored value that could not be decoded: ``raw``, as text where it is one, and why it does not fit.

    It can be replaced like any other value; whoever reads the field gets an error. It equals nothing but itself.
    """

    __slots__ = ("raw", "reason")

    def __init__(self, raw: Any, reason: str) -> None:
        self.raw = as_text(raw)
        self.reason = reason

    def __repr__(self) -> str:
        return f"UnfitCell({self.raw!r})"


def as_text(raw: Any) -> Any:
    """A raw value in the form that it has on most ways: drivers give texts as bytes, and some a TIME as a timedelta."""
    if isinstance(raw, timedelta):
        return timedelta_encoder(6 if raw.microseconds else 0)(raw)
    try:
        return raw.decode() if isinstance(raw, bytes) else raw
    except UnicodeDecodeError:
        return raw
