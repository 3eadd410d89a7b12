"""Limits of SQL pools, from options and from what a server allows."""

from __future__ import annotations

import pytest

from fluxaorm.options import MySQLOptions
from fluxaorm.pools.base.sql import limits_from
from fluxaorm.pools.base.sql_ports import PoolLimits


@pytest.mark.parametrize(
    ("options", "server", "expected"),
    [
        ({}, (0, 0), PoolLimits(100, 100, 300.0, 30.0)),
        ({}, (50, 60), PoolLimits(50, 50, 60.0, 30.0)),
        ({}, (151, 28_800), PoolLimits(100, 100, 300.0, 30.0)),
        ({"max_open_connections": 20, "max_idle_connections": 5}, (10, 0), PoolLimits(10, 5, 300.0, 30.0)),
        ({"max_open_connections": 4, "max_idle_connections": 9}, (0, 0), PoolLimits(4, 4, 300.0, 30.0)),
        ({"conn_max_lifetime": 900.0, "pool_timeout": 2.0}, (0, 600), PoolLimits(100, 100, 600.0, 2.0)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_pool_asks_for_no_more_than_the_server_gives(
    options: dict[str, float], server: tuple[int, int], expected: PoolLimits
) -> None:
    """The smaller of the option, or its default, and what the server allows; no more idle than open."""
    assert expected == limits_from(MySQLOptions(**options), *server)  # type: ignore[arg-type]  # floats and ints mixed
