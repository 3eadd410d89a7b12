"""Who watches does no harm: what query loggers and metrics raise is logged once, and nothing else is changed by it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import fluxaorm as fx
from fluxaorm.errors import ContextMisuseError, DuplicateKeyError
from tests.support import shop as entities
from tests.support.blocks import Undo, block
from tests.support.insides import core
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.shop_engines import Shop


def full_disk(ctx: Any, entry: fx.QueryLogEntry) -> None:
    """A handler that fails whatever it is told of."""
    raise OSError("the disk of the log is full")


def reports(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged of handlers."""
    return [record.getMessage() for record in caplog.records if record.name == "fluxaorm.observe"]


def test_a_flush_is_done_whatever_a_query_logger_raises(cached_shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A committed flush that looks failed is repeated, and writes everything twice."""
    ctx = cached_shop.context()
    ctx.register_query_logger(full_disk)

    for name in ("Ann", "Bob"):
        cached_shop.do(cached_shop.users.new(ctx, name=name, email=f"{name}@example.com"))
    first = cached_shop.do(ctx.flush())
    again = cached_shop.do(ctx.flush())

    assert (fx.FlushResult(inserted=2), fx.FlushResult()) == (first, again)
    assert [("Ann",), ("Bob",)] == cached_shop.sql("SELECT name FROM UserEntity ORDER BY name")
    assert 1 == len(reports(caplog))
    assert "full_disk raised OSError" in reports(caplog)[0]


def test_other_handlers_hear_of_it_all_the_same(cached_shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in one handler is no reason to lose what another keeps, in clones too."""
    ctx = cached_shop.context()
    heard: list[str] = []
    ctx.register_query_logger(full_disk)

    def hear(_: Any, entry: fx.QueryLogEntry) -> None:
        heard.append(entry.operation)

    ctx.register_query_logger(hear, redis=False)
    clone = ctx.clone()

    cached_shop.do(cached_shop.counters.get_by_id(ctx, 1))
    cached_shop.do(cached_shop.counters.get_by_id(clone, 1))

    assert ["SELECT", "SELECT"] == heard
    assert 1 == len(reports(caplog))


def test_an_error_of_the_server_is_not_hidden(cached_shop: Shop) -> None:
    """What a handler raises while it is told of a failure must not take its place."""
    ctx = cached_shop.context()
    ctx.register_query_logger(full_disk)
    for _ in range(2):
        cached_shop.do(cached_shop.users.new(ctx, name="Ann", email="ann@example.com"))

    with pytest.raises(DuplicateKeyError):
        cached_shop.do(ctx.flush())
    ctx.clear_flush()
    assert [] == cached_shop.sql("SELECT name FROM UserEntity")


def test_a_transaction_goes_on(cached_shop: Shop) -> None:
    """A handler that fails on BEGIN, SAVEPOINT or ROLLBACK leaves the transaction what it is."""
    ctx = cached_shop.context()
    ctx.register_query_logger(full_disk)

    with block(cached_shop, ctx):
        cached_shop.do(cached_shop.users.new(ctx, name="Ann", email="ann@example.com"))
        cached_shop.do(ctx.flush())
        with block(cached_shop, ctx):
            cached_shop.do(cached_shop.users.new(ctx, name="Bob", email="bob@example.com"))
            cached_shop.do(ctx.flush())
            raise Undo

    assert [("Ann",)] == cached_shop.sql("SELECT name FROM UserEntity")


def test_merged_look_ups_answer_everybody(cached_shop: Shop) -> None:
    """One request's handler must not fail the requests whose rows are read with its own."""
    contexts = [cached_shop.context() for _ in range(3)]
    contexts[0].register_query_logger(full_disk)

    found = cached_shop.shell.together([cached_shop.users.get_by_id(ctx, 1) for ctx in contexts])

    assert [None, None, None] == found


def test_metrics_that_raise_change_nothing(
    valkey: RedisServer, shell: Shell, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken label or a full registry is the dashboard's problem."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_redis(valkey.host_port, 0, options=fx.RedisOptions(namespace=valkey.namespace))
    registry.register_entity(*entities.ENTITIES)
    registry.enable_metrics(CollectorRegistry())
    engine = registry.validate()
    users: Any = engine.provider(entities.UserEntity)

    def broken(*_: Any) -> None:
        raise ValueError("Incorrect label count")

    monkeypatch.setattr(core(engine).metrics[0], "_redis_seconds", None)
    monkeypatch.setattr(core(engine).metrics[0]._db_seconds, "labels", broken)
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    ctxs = [shell.context(engine) for _ in range(2)]
    for number, ctx in enumerate(ctxs):
        shell.do(users.new(ctx, name="Ann", email=f"{number}@example.com"))
        shell.do(ctx.flush())
    count = shell.do(users.count(ctxs[0], fx.Query()))
    shell.close(engine)

    assert 2 == count
    assert sorted(set(reports(caplog))) == sorted(reports(caplog))
    assert 2 == sum("QueryMetrics.observe" in report for report in reports(caplog))


def test_a_log_that_fails_as_well_is_no_reason_to_fail(
    plain_shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Logging goes through handlers of the user's own too."""

    def refused(*_: Any, **__: Any) -> None:
        raise OSError("no space for the log either")

    monkeypatch.setattr(logging.getLogger("fluxaorm.observe"), "error", refused)
    ctx = plain_shop.context()
    ctx.register_query_logger(full_disk)

    assert plain_shop.do(plain_shop.counters.get_by_id(ctx, 1)) is None


def test_a_coroutine_function_is_no_query_logger(plain_shop: Shop) -> None:
    """Nobody would await it."""

    async def later(ctx: Any, entry: fx.QueryLogEntry) -> None:
        raise AssertionError("never started")

    with pytest.raises(ContextMisuseError, match="plain"):
        plain_shop.context().register_query_logger(later)
