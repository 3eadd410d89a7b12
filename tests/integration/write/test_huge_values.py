"""A few characters of a request can stand for gigabytes: such values are refused, or find nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, Field, UInt64
from fluxaorm.errors import FieldValueError, QueryError
from tests.support.cached import Cached, OpenCached

DIGITS = 10**5000
"""Python spells no int of so many digits."""
HUGE = [Decimal("1e9999999999"), Decimal("-1e400000000"), Decimal("1e-400000000"), DIGITS]


class PriceEntity(Entity):
    """A number of each kind."""

    id: UInt64
    code: int = Field(default=0, unique=True)
    price: Decimal = Field(default=Decimal(0), precision=10, scale=2)
    weight: float = 0.0
    lasts: timedelta = timedelta(0)


@pytest.fixture
def prices(open_cached: OpenCached) -> Cached:
    """No prices, on each database, in each shell."""
    return open_cached(PriceEntity)


def test_numbers_without_end_are_no_values(prices: Cached) -> None:
    """Nothing is written of them, and the error says so in a line."""
    given: list[dict[str, Any]] = [{"price": number} for number in HUGE]
    given += [{"code": DIGITS}, {"weight": DIGITS}, {"lasts": timedelta.max}]

    for values in given:
        with pytest.raises(FieldValueError) as caught:
            prices.do(prices.provider.new(prices.context(), **values))
        assert 200 > len(str(caught.value))


def test_numbers_without_end_are_nothing_to_search_for(prices: Cached) -> None:
    """They would become gigabytes of SQL."""
    field = prices.provider.fields
    conditions: list[Callable[[], Any]] = [
        *(partial(field.price.gte, number) for number in HUGE),
        *(partial(field.price.is_in, [number]) for number in HUGE),
        partial(field.code.eq, DIGITS),
        partial(field.code.lt, DIGITS),
        partial(field.weight.gt, DIGITS),
    ]

    for condition in conditions:
        with pytest.raises(QueryError) as caught:
            prices.do(prices.provider.search_many(prices.context(), fx.Query().filter(condition())))
        assert 200 > len(str(caught.value))


def test_numbers_without_end_are_no_ids_and_no_parameters(prices: Cached) -> None:
    """By whichever way they come."""
    provider = prices.provider

    def parameter(number: Any) -> Any:
        return prices.context().mysql().query("SELECT ?", number)

    calls: list[Callable[[], Any]] = [
        lambda: provider.get_by_code(prices.context(), DIGITS),
        lambda: prices.context().mysql().query("SELECT ?", DIGITS),
        lambda: prices.context().mysql().query("SELECT ?, ?", 1, DIGITS),
        *(partial(parameter, number) for number in HUGE),
    ]

    for call in calls:
        with pytest.raises(QueryError):
            prices.do(call())
    # no row has such an id: nobody is asked for it
    assert prices.do(provider.get_by_id(prices.context(), DIGITS)) is None
    assert [] == prices.do(provider.get_by_ids(prices.context(), DIGITS))
