"""Where ids come from: blocks in the database, shared out by Redis, never handed out twice."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from fluxaorm.errors import IdExhaustedError, QueryError
from tests.support.redis_servers import RedisServer
from tests.support.shop_engines import Shop


def take(shop: Shop, count: int) -> list[int]:
    ctx = shop.context()
    ids = [shop.do(shop.counters.new(ctx)).id for _ in range(count)]
    ctx.clear_flush()
    return ids


def test_ids_increase_and_are_there_before_the_flush(cached_shop: Shop) -> None:
    """An id at once lets references be set before anything is written."""
    ids = take(cached_shop, 50)

    assert sorted(set(ids)) == ids


def test_two_engines_never_share_an_id(make_shop: Any, valkey: RedisServer) -> None:
    """Processes take from one block in Redis."""
    first, second = (make_shop(valkey.host_port, valkey.namespace) for _ in range(2))

    ids = take(first, 30) + take(second, 30) + take(first, 30)

    assert 90 == len(set(ids))


def test_without_redis_blocks_come_from_the_database(make_shop: Any) -> None:
    """Two processes without Redis take whole blocks."""
    first, second = make_shop(), make_shop()

    ids = take(first, 30) + take(second, 30)

    assert 60 == len(set(ids))


def test_an_emptied_redis_does_not_bring_ids_back(cached_shop: Shop, make_shop: Any, valkey: RedisServer) -> None:
    """When Redis lost the block, the next id comes from a fresh one."""
    before = take(cached_shop, 20)
    valkey.clean()

    other = make_shop(valkey.host_port, valkey.namespace)
    after = take(other, 20) + take(cached_shop, 20)

    assert 60 == len({*before, *after})


def test_a_block_of_another_run_of_redis_is_not_used(cached_shop: Shop, make_shop: Any, valkey: RedisServer) -> None:
    """A hash restored from an old snapshot carries the run id of the server that wrote it."""
    before = take(cached_shop, 20)
    (key,) = [key for key in valkey.keys() if key.endswith(":CounterEntity:id")]
    valkey.command("HSET", key, "offset", "0", "run", "0" * 40)

    other = make_shop(valkey.host_port, valkey.namespace)
    after = take(other, 20)

    assert 40 == len({*before, *after})


def test_ids_start_above_rows_that_are_already_there(cached_shop: Shop) -> None:
    """A table filled by other means does not clash."""
    cached_shop.sql("INSERT INTO CounterEntity (id, label, hits, version) VALUES (4000, 'old', 0, 1)")
    ctx = cached_shop.context()

    counter = cached_shop.do(cached_shop.counters.new(ctx, label="new"))

    assert counter.id > 4000
    cached_shop.do(ctx.flush())


def test_an_id_of_the_callers_lifts_the_generated_ones(cached_shop: Shop) -> None:
    """new_with_id above everything reserved: later ids stay above it."""
    ctx = cached_shop.context()
    cached_shop.do(cached_shop.counters.new_with_id(ctx, 1_000_000, label="mine"))
    cached_shop.do(ctx.flush())

    ids = {cached_shop.do(cached_shop.counters.new(ctx, label=f"c{number}")).id for number in range(40)}
    result = cached_shop.do(ctx.flush())

    assert 1_000_000 not in ids
    assert len(ids) == result.inserted


def test_the_id_types_maximum_is_checked(cached_shop: Shop) -> None:
    """A small id type ends with a clear error, not with a wrapped number."""
    ctx = cached_shop.context()
    cached_shop.do(cached_shop.categories.new_with_id(ctx, 65_535, name="last"))
    cached_shop.do(ctx.flush())

    with pytest.raises(IdExhaustedError, match="65535"):
        cached_shop.do(cached_shop.categories.new(ctx, name="one too many"))
    with pytest.raises(IdExhaustedError):
        cached_shop.do(cached_shop.categories.new_with_id(ctx, 65_536, name="too high"))
    with pytest.raises(QueryError, match="starts at 1"):
        cached_shop.do(cached_shop.categories.new_with_id(ctx, 0, name="zero"))


def test_threads_share_a_process_supply_without_repeats(cached_shop: Shop) -> None:
    """Many threads at once: every id once."""
    taken: list[int] = []

    def work() -> None:
        with cached_shop.engine.new_context() as ctx:
            ids = [cached_shop.users.new(ctx).id for _ in range(200)]
            ctx.clear_flush()
        taken.extend(ids)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1_600 == len(set(taken)) == len(taken)
