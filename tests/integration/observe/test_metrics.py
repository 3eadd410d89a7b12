"""Metrics of real work on SQLite and Valkey, read from the Prometheus registry, for threads and for asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import fluxaorm as fx
from fluxaorm.errors import DuplicateKeyError, MySQLError
from tests.support import shop
from tests.support.insides import core
from tests.support.local_caches import wait_until_open
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import Shop
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until


@pytest.fixture
def prometheus() -> CollectorRegistry:
    """A Prometheus registry of this test's own."""
    return CollectorRegistry()


@pytest.fixture
def measured_shop(tmp_path: Path, valkey: RedisServer, shell: Shell, prometheus: CollectorRegistry) -> Iterator[Shop]:
    """A shop with metrics; what made its tables is counted under the source "set up"."""
    url = f"sqlite:///{tmp_path}/app.db"
    registry = fx.Registry()
    registry.register_mysql(url)
    registry.register_redis(valkey.host_port, 0, options=fx.RedisOptions(namespace=valkey.namespace))
    registry.register_entity(*shop.ENTITIES)
    registry.enable_metrics(prometheus)
    engine = registry.validate()
    with engine.new_context() as ctx:
        ctx.set_meta_data(fx.METRICS_META_KEY, "set up")
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    yield Shop(engine, shell, url)
    shell.close(engine)


def counts(prometheus: CollectorRegistry, name: str, source: str) -> dict[str, float]:
    """The samples of one source by their other labels, sorted by name, without the pool."""
    found: dict[str, float] = {}
    for metric in prometheus.collect():
        for sample in metric.samples:
            if sample.name == name and sample.labels["source"] == source:
                own = {key: value for key, value in sorted(sample.labels.items()) if key not in ("pool", "source")}
                found[" ".join(f"{key}={value}" for key, value in own.items())] = sample.value
    return found


def stored_user(measured_shop: Shop, source: str, email: str = "ann@example.com") -> int:
    """The id of a user whose insert is counted under this source."""
    ctx = measured_shop.context()
    ctx.set_meta_data(fx.METRICS_META_KEY, source)
    user = measured_shop.do(measured_shop.users.new(ctx, name="Ann", email=email))
    measured_shop.do(ctx.flush())
    number: int = user.id
    return number


def test_reads_and_writes_are_counted_under_their_source(measured_shop: Shop, prometheus: CollectorRegistry) -> None:
    """A dashboard tells which part of an application asks the database how often."""
    stored_user(measured_shop, "set up", "first@example.com")  # reserves ids

    id = stored_user(measured_shop, "writer")
    for source in ("cold", "warm"):
        ctx = measured_shop.context()
        ctx.set_meta_data(fx.METRICS_META_KEY, source)
        measured_shop.do(measured_shop.users.get_by_id(ctx, id))

    assert {
        "writer": {"operation=exec": 1.0},
        "cold": {"operation=select": 1.0},
        "warm": {},
    } == {
        source: counts(prometheus, "fluxaorm_db_queries_seconds_count", source) for source in ("writer", "cold", "warm")
    }
    assert {
        "cold": {
            "miss=1 operation=key pipeline=0 set=1": 1.0,
            "miss=0 operation=script pipeline=0 set=1": 1.0,
        },
        "warm": {"miss=0 operation=key pipeline=0 set=0": 1.0},
    } == {source: counts(prometheus, "fluxaorm_redis_queries_seconds_count", source) for source in ("cold", "warm")}


def test_a_failed_statement_is_counted_as_an_error(measured_shop: Shop, prometheus: CollectorRegistry) -> None:
    """Errors are seen on a dashboard also when the application handles them."""
    stored_user(measured_shop, "set up")
    before = counts(prometheus, "fluxaorm_db_queries_errors_total", "set up")

    with pytest.raises(DuplicateKeyError):
        stored_user(measured_shop, "second")

    assert before == counts(prometheus, "fluxaorm_db_queries_errors_total", "set up")
    assert {"operation=exec": 1.0} == counts(prometheus, "fluxaorm_db_queries_errors_total", "second")


def test_a_clone_counts_once_and_under_the_same_source(measured_shop: Shop, prometheus: CollectorRegistry) -> None:
    """It takes the loggers over that it was born with."""
    ctx = measured_shop.context()
    ctx.set_meta_data(fx.METRICS_META_KEY, "cloned")

    clone = ctx.clone()
    measured_shop.do(measured_shop.counters.get_by_id(clone, 1))

    assert {"operation=select": 1.0} == counts(prometheus, "fluxaorm_db_queries_seconds_count", "cloned")


def test_a_query_log_beside_them_sees_the_same(measured_shop: Shop, prometheus: CollectorRegistry) -> None:
    """One mechanism serves both: neither replaces the other."""
    ctx = measured_shop.context()
    seen: list[Any] = []
    ctx.register_query_logger(lambda ctx, entry: seen.append(entry))

    measured_shop.do(measured_shop.counters.get_by_id(ctx, 1))

    assert ["SELECT"] == [entry.operation for entry in seen]
    assert {"operation=select": 1.0} == counts(prometheus, "fluxaorm_db_queries_seconds_count", "default")


def test_raw_sql_is_counted_by_operation_and_source(measured_shop: Shop, prometheus: CollectorRegistry) -> None:
    """SQL of the application's own is load like any other, whoever runs it: a context, also streamed, or the engine."""
    ctx = measured_shop.context()
    ctx.set_meta_data(fx.METRICS_META_KEY, "reports")
    engine = measured_shop.engine
    on_engine = engine.mysql() if measured_shop.shell.name == "sync" else engine.async_mysql()

    measured_shop.do(ctx.mysql().exec("UPDATE CounterEntity SET hits = hits + ?", 1))
    measured_shop.do(ctx.mysql().query_row("SELECT 1"))
    with pytest.raises(MySQLError):
        measured_shop.do(ctx.mysql().exec("DELETE FROM missing"))
    measured_shop.do(on_engine.query("SELECT 2"))

    counted = counts(prometheus, "fluxaorm_db_queries_seconds_count", "reports")
    assert {"operation=exec": 2.0, "operation=select": 1.0} == counted
    assert {"operation=select": 1.0} == counts(prometheus, "fluxaorm_db_queries_seconds_count", "default")
    assert {"operation=exec": 1.0} == counts(prometheus, "fluxaorm_db_queries_errors_total", "reports")


def states(prometheus: CollectorRegistry) -> dict[str, float | None]:
    """Of the connections to SQL."""
    name, labels = "fluxaorm_pool_connections", {"store": "mysql", "pool": "default"}
    return {
        state: prometheus.get_sample_value(name, labels | {"state": state}) for state in ("idle", "used", "waiting")
    }


def test_connections_and_those_who_wait_for_one_are_counted(
    mysql_database: Database, shell: Shell, prometheus: CollectorRegistry
) -> None:
    """A pool that is too small shows as callers that wait, for threads and for tasks."""
    registry = fx.Registry()
    registry.register_mysql(mysql_database.url, options=fx.MySQLOptions(max_open_connections=2))
    registry.enable_metrics(prometheus)
    engine = registry.validate()
    pool = core(engine).mysql_pool()
    seen: list[dict[str, float | None]] = []

    def use_up() -> None:
        taken = [pool.sync.acquire() for _ in range(2)]
        waiter = threading.Thread(target=lambda: pool.sync.release(pool.sync.acquire()))
        waiter.start()
        wait_until(lambda: states(prometheus)["waiting"], "a caller to wait")
        seen.append(states(prometheus))
        for connection in taken:
            pool.sync.release(connection)
        waiter.join()

    async def use_up_in_loop() -> None:
        taken = [await pool.asyncio.acquire() for _ in range(2)]
        waiter = asyncio.ensure_future(pool.asyncio.acquire())
        await asyncio.sleep(0)
        seen.append(states(prometheus))
        for connection in taken:
            pool.asyncio.release(connection)
        pool.asyncio.release(await waiter)

    use_up() if shell.name == "sync" else shell.do(use_up_in_loop())
    seen.append(states(prometheus))

    assert [{"idle": 0.0, "used": 2.0, "waiting": 1.0}, {"idle": 2.0, "used": 0.0, "waiting": 0.0}] == seen
    shell.close(engine)


def test_requests_of_each_cache_tier_are_counted_by_entity_and_result(
    measured_shop: Shop, prometheus: CollectorRegistry
) -> None:
    """Hit rates tell whether a cache is worth its memory, and misses of which kind why it is not."""
    wait_until_open(measured_shop.engine)
    ctx = measured_shop.context()
    category = measured_shop.do(measured_shop.categories.new(ctx, name="Books"))
    measured_shop.do(ctx.flush())

    for _ in range(2):
        reader = measured_shop.context()
        measured_shop.do(measured_shop.categories.get_by_id(reader, category.id))
        held = measured_shop.do(measured_shop.categories.get_by_id(reader, category.id))
        measured_shop.do(measured_shop.categories.get_by_id(reader, category.id))
        del held

    seen = {
        (tier, result): prometheus.get_sample_value(
            "fluxaorm_cache_requests_total", {"tier": tier, "entity": "CategoryEntity", "result": result}
        )
        for tier, result in (
            ("context", "hit"),
            ("local", "hit"),
            ("local", "miss"),
            ("redis", "hit"),
            ("redis", "miss"),
        )
    }
    rows = prometheus.get_sample_value("fluxaorm_local_cache_rows", {"entity": "CategoryEntity"})
    limit = prometheus.get_sample_value("fluxaorm_local_cache_limit", {"entity": "CategoryEntity"})
    assert 2 <= (seen.pop(("context", "hit")) or 0)
    assert 1 <= (seen.pop(("local", "hit")) or 0)
    assert {("local", "miss"): 1.0, ("redis", "hit"): 0.0, ("redis", "miss"): 1.0} == seen
    assert (1.0, 100.0) == (rows, limit)
