"""Values for drivers that bind them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from fluxaorm.errors import QueryError
from fluxaorm.pools.base.values import NATIVE


class Size(Enum):
    LARGE = 7


class Text(str):
    """A subclass that nobody foresaw."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, 1),
        (7, 7),
        (1.5, 1.5),
        ("ł", "ł"),
        (Text("a"), "a"),
        (b"\0", b"\0"),
        (bytearray(b"a"), b"a"),
        (Decimal("1E2"), "100"),
        (datetime.fromisoformat("2026-01-31 01:02:03.000004"), "2026-01-31 01:02:03.000004"),
        (date(2026, 1, 31), "2026-01-31"),
        (time(1, 2), "01:02:00"),
        (timedelta(hours=100), "100:00:00"),
        (UUID(int=1), b"\0" * 15 + b"\x01"),
        (Size.LARGE, 7),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_value_becomes_one_that_every_driver_knows(value: Any, expected: Any) -> None:
    """None, int, float, str and bytes."""
    assert expected == NATIVE[type(value)](value)


@pytest.mark.parametrize("value", [float("nan"), "\udc80", object(), (1,)], ids=lambda value: type(value).__name__)
def test_what_no_database_can_store_is_refused(value: Any) -> None:
    """SQLite would store NaN as NULL."""
    with pytest.raises(QueryError):
        NATIVE[type(value)](value)
