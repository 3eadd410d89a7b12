"""A primary that Sentinels watch dies under load, and another takes its place: what readers and writers notice."""

from __future__ import annotations

from typing import Any, Literal

import pytest

import fluxaorm as fx
from devstack.sentinel import SERVICE, SentinelGroup
from tests.support.killed_workers import RegisterEntity
from tests.support.load import Load
from tests.support.measured import Measured
from tests.support.primaries import FailOver
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault
ROWS = 20
LONG, SHORT = 60_000, 500
"""Milliseconds after which the Sentinels replace a primary: never in this test, and soon."""


def load_on(
    database: Database, fail_over: FailOver, on_write_failure: Literal["fail", "proceed"], shell_name: str
) -> Load:
    """Registers cached by the group's primary, and nobody at work on them yet."""
    registry = fx.Registry()
    registry.register_mysql(database.url)
    options = fx.RedisOptions(
        master=SERVICE,
        sentinels=fail_over.sentinels,
        namespace=database.name,
        on_write_failure=on_write_failure,
    )
    registry.register_redis("", 0, options=options)
    registry.register_entity(RegisterEntity)
    engine = registry.validate()
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    database.execute(
        f"INSERT INTO RegisterEntity (id, value) VALUES {', '.join(f'({id}, 0)' for id in range(1, ROWS + 1))}"
    )
    return Load(engine, ROWS, asynchronous=shell_name == "asyncio")


@pytest.mark.parametrize("shell_name", ["sync", "asyncio"])
def test_while_a_primary_is_replaced_reads_go_on_and_writes_fail_clean(
    mariadb_database: Database, sentinel_group: SentinelGroup, measured: Measured, shell_name: str
) -> None:
    """No reader sees an error or an old row, no refused change is half there, and the caches are used again."""
    fail_over = FailOver.of(sentinel_group)
    load = load_on(mariadb_database, fail_over, "fail", shell_name)
    load.start(readers=3, writers=2)
    try:
        wait_until(lambda: load.counts.redis_hit > 200 or load.errors, "hits before")
        before = load.reads
        fail_over.notice_after(LONG)
        fail_over.primary.kill()
        wait_until(lambda: load.refused > 10 or load.errors, "refused writes")
        during = load.reads
        wait_until(lambda: load.reads > during + 100 or load.errors, "reads without a cache")
        fail_over.notice_after(SHORT)
        fail_over.wait_until_promoted()
        hits, written = load.counts.redis_hit, load.written
        wait_until(lambda: load.counts.redis_hit > hits + 200 or load.errors, "hits after")
        wait_until(lambda: load.written > written + 50 or load.errors, "writes after")
    finally:
        load.stop()
    measured("fail-over", f"{load.reads - before} reads, {load.refused} refused writes, {load.written} writes")
    stored: dict[Any, Any] = dict(mariadb_database.execute("SELECT id, value FROM RegisterEntity"))

    assert [] == load.errors
    assert [] == load.wrong
    assert load.last == stored


@pytest.mark.parametrize("shell_name", ["sync", "asyncio"])
def test_with_proceed_writes_go_on_while_a_primary_is_replaced(
    mariadb_database: Database, sentinel_group: SentinelGroup, shell_name: str
) -> None:
    """Whoever chose it is not told of the fail-over at all."""
    fail_over = FailOver.of(sentinel_group)
    load = load_on(mariadb_database, fail_over, "proceed", shell_name)
    load.start(readers=0, writers=2)
    try:
        wait_until(lambda: load.written > 50 or load.errors, "writes before")
        fail_over.notice_after(LONG)
        fail_over.primary.kill()
        written = load.written
        wait_until(lambda: load.written > written + 50 or load.errors, "writes without a cache")
        fail_over.notice_after(SHORT)
        fail_over.wait_until_promoted()
        hits = load.counts.redis_hit + load.counts.redis_miss
        wait_until(lambda: load.counts.redis_hit + load.counts.redis_miss > hits + 100 or load.errors, "its use after")
    finally:
        load.stop()
    stored: dict[Any, Any] = dict(mariadb_database.execute("SELECT id, value FROM RegisterEntity"))

    assert [] == load.errors
    assert 0 == load.refused
    assert load.last == stored
