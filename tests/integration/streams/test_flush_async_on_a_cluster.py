"""Asynchronous flushes with their marks on a Redis Cluster, whose nodes each know a part of the keys."""

from __future__ import annotations

import pytest

from tests.support.async_apps import OpenApp
from tests.support.cached import SeatEntity
from tests.support.redis_servers import RedisCluster
from tests.support.waiting import wait_until


@pytest.fixture
def valkey(valkey_cluster: RedisCluster) -> RedisCluster:
    """In the place of the one server."""
    return valkey_cluster


def test_each_node_says_of_its_rows_that_they_are_on_their_way(open_app: OpenApp) -> None:
    """A row on a node that was not told would be served as it was, and one that is never taken out for ever."""
    here, there = open_app(), open_app()
    ids = [here.stored(SeatEntity, row="A") for _ in range(12)]
    assert {"A"} == {app.found(SeatEntity, id).row for id in ids for app in (here, there)}
    ctx = here.context()
    for seat in here.do(here.provider(SeatEntity).get_by_ids(ctx, *ids)):
        seat.row = "B"

    here.do(ctx.flush_async(True))

    assert {"B"} == {here.found(SeatEntity, id).row for id in ids}
    wait_until(lambda: {"B"} == {there.found(SeatEntity, id).row for id in ids}, "the other process to see them")
    assert 0 == here.apply(1)
    assert {"B"} == {here.in_mysql(SeatEntity, id).row for id in ids}
    assert {"B"} == {app.found(SeatEntity, id).row for id in ids for app in (here, there)}
