"""What a flush of many entities costs: in proportion to their number, with and without a Redis cache."""

from __future__ import annotations

import gc
import time

import pytest

from fluxaorm.plans.cache.intents import KEYS_A_TRIP
from tests.support.shop_engines import Shop

FEW, MANY = 500, 12_000
WORST_WALL, WORST_CPU = 8.0, 3.0
"""Times that one of many may cost what one of few does. It is about once; a flush that looked through all its entities
for each of them would need twenty-four. Other work on the machine disturbs the one more than the other.
"""


def _seconds_an_entity(shop: Shop, first: int, count: int) -> tuple[float, float]:
    """Wall and processor time to make, write, change and delete each of ``count`` users."""
    ctx = shop.context()
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    users = [
        shop.do(shop.users.new_with_id(ctx, id, name=f"user {id}", email=f"{id}@example.com"))
        for id in range(first, first + count)
    ]
    shop.do(ctx.flush())
    for user in users:
        user.age = user.id % 100
    shop.do(ctx.flush())
    for user in users:
        user.delete()
    shop.do(ctx.flush())
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


@pytest.mark.parametrize("database_url", ["mysql"], indirect=True)
def test_an_entity_of_many_costs_what_one_of_few_does(cached_shop: Shop) -> None:
    """A nightly load of 100,000 rows takes a hundred times as long as one of 1,000, not ten thousand times."""
    assert MANY > 2 * KEYS_A_TRIP
    few = [_seconds_an_entity(cached_shop, 1 + number * FEW, FEW) for number in range(4)]

    wall, cpu = _seconds_an_entity(cached_shop, 10_000, MANY)

    assert wall < WORST_WALL * min(figure for figure, _ in few)
    assert cpu < WORST_CPU * min(figure for _, figure in few)
