"""Sums and averages for SQLite connections, exact as MySQL's are: SQLite's own are floats. Imports no driver.

``for name, made in AGGREGATES.items(): connection.create_aggregate(name, 1, made)``. Results are texts.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, Final

SUM: Final = "fluxa_sum"
AVERAGE: Final = "fluxa_avg"
_EXACT: Final = Context(prec=200)


class ExactSum:
    """Adds integers, and decimals that are kept as texts; NULLs do not count."""

    def __init__(self) -> None:
        self._total: int | Decimal = 0
        self._count = 0

    def step(self, value: Any) -> None:
        """One more value."""
        if value is None:
            return
        number = value if isinstance(value, int) else Decimal(str(value))
        if isinstance(number, int) and isinstance(self._total, int):
            self._total += number
        else:
            self._total = _EXACT.add(Decimal(self._total), Decimal(number))
        self._count += 1

    def finalize(self) -> str | None:
        """The sum; None of nothing."""
        return format(self._total, "") if self._count else None


class ExactAverage(ExactSum):
    """Their average."""

    def finalize(self) -> str | None:
        """The average, with more digits than anybody rounds to; None of nothing."""
        return format(_EXACT.divide(Decimal(self._total), Decimal(self._count)), "f") if self._count else None


AGGREGATES: Final[dict[str, Callable[[], Any]]] = {SUM: ExactSum, AVERAGE: ExactAverage}
