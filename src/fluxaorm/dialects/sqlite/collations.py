"""Comparison functions for SQLite connections: text orders as the numbers or times it stands for. Imports no driver.

``for name, function in COLLATIONS.items(): connection.create_collation(name, function)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

DECIMAL: Final = "FX_DECIMAL"
TIME: Final = "FX_TIME"


def compare_decimals(left: str, right: str) -> int:
    """-1, 0 or 1 by value; text that is no number comes last, by its characters."""
    return _compare(_decimal_key(left), _decimal_key(right))


def compare_times(left: str, right: str) -> int:
    """The same for ``[-]HHH:MM:SS[.ffffff]``."""
    return _compare(_time_key(left), _time_key(right))


COLLATIONS: Final[dict[str, Callable[[str, str], int]]] = {DECIMAL: compare_decimals, TIME: compare_times}


def _compare(left: tuple[bool, Decimal, str], right: tuple[bool, Decimal, str]) -> int:
    return (left > right) - (left < right)


_ZERO: Final = Decimal(0)
_TIME: Final = re.compile(r"(-?)(\d{2,3}):([0-5]\d):([0-5]\d(?:\.\d{1,6})?)", re.ASCII)


def _decimal_key(text: str) -> tuple[bool, Decimal, str]:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return True, _ZERO, text
    return (False, number, "") if number.is_finite() else (True, _ZERO, text)


def _time_key(text: str) -> tuple[bool, Decimal, str]:
    found = _TIME.fullmatch(text)
    if found is None:
        return True, _ZERO, text
    sign, hours, minutes, seconds = found.groups()
    value = int(hours) * 3600 + int(minutes) * 60 + Decimal(seconds)
    return False, -value if sign else value, ""
