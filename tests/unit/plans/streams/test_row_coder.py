"""Whole rows in the raw form: each cell has the form that it has by itself, also one that is not as most are."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fluxaorm import Entity, Field, Json, UInt64
from fluxaorm.entity.values.json_value import JsonValue
from fluxaorm.entity.values.unfit_cell import UnfitCell
from fluxaorm.plans.streams.async_record import raw_values
from fluxaorm.plans.streams.row_coder import RowCoder
from tests.unit.entity.definitions import schema_of


class CodedEntity(Entity):
    """A column of each sort: as it is, as text, as another number, as a document."""

    id: UInt64
    price: Decimal = Field(precision=10, scale=2)
    active: bool
    seen: datetime
    notes: Json[list[int]]


SEEN = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
NOTES = JsonValue(None, [1, 2])


@pytest.mark.parametrize(
    "row",
    [
        [1, Decimal("12.50"), True, SEEN, None],
        [1, None, None, None, None],
        [1, Decimal("12.50"), False, SEEN, NOTES],
        [1, UnfitCell(b"12,50", "no number"), True, SEEN, None],
    ],
)
def test_a_whole_row_has_the_forms_of_its_cells(row: list[Any]) -> None:
    """A consumer reads the same whichever way a flush has taken."""
    columns = schema_of(CodedEntity).columns

    assert raw_values(columns, dict(enumerate(row))) == RowCoder(columns).values(row)
