"""The table of kinds at their boundaries, for every test that goes through all of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.unit.entity.cases.case import Case, Colour, TargetEntity
from tests.unit.entity.cases.choices import CHOICES
from tests.unit.entity.cases.documents import DOCUMENTS
from tests.unit.entity.cases.numbers import NUMBERS
from tests.unit.entity.cases.text import TEXTS
from tests.unit.entity.cases.times import TIMES

CASES = [*NUMBERS, *TEXTS, *TIMES, *CHOICES, *DOCUMENTS]
"""All of them."""


def same(left: Any, right: Any) -> bool:
    """Equal and of one type, and with the same sign of zero and digits."""
    return (
        type(left) is type(right) and repr(left) == repr(right)
        if isinstance(left, float | Decimal)
        else (type(left) is type(right) and left == right)
    )


__all__ = ["CASES", "Case", "Colour", "TargetEntity", "same"]
