"""Metrics without servers: which labels an entry of the query log gets, and who shares the metrics of a registry."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from dataclasses import replace
from typing import Any, Literal

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

import fluxaorm as fx
from fluxaorm.errors import ConfigError, MissingExtraError, RedisError
from fluxaorm.observe.failing_handlers import FailingHandlers
from fluxaorm.observe.metrics import metrics_in
from fluxaorm.observe.query_log import QueryLogEntry, QueryLoggers
from fluxaorm.observe.secret_arguments import SecretArguments
from fluxaorm.plans.effects import RedisReplies, RedisRoundTrip
from tests.support.insides import core, observer_of


def entry(store: Literal["mysql", "redis"], *operations: str, miss: bool = False) -> QueryLogEntry:
    return QueryLogEntry(
        store, "main", "+".join(operations), "", (), 1500, 0.0, None, miss, None, operations=operations
    )


def label_sets(prometheus: CollectorRegistry, sample: str) -> list[dict[str, str]]:
    return [each.labels for metric in prometheus.collect() for each in metric.samples if each.name == sample]


def engine(prometheus: CollectorRegistry) -> fx.Engine:
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    registry.register_redis("localhost:1")
    registry.enable_metrics(prometheus)
    return registry.validate(connect=False)


@pytest.mark.parametrize(
    ("verbs", "operation"),
    [
        (["SELECT"], "select"),
        (["BEGIN"], "transaction"),
        (["COMMIT"], "transaction"),
        (["ROLLBACK"], "transaction"),
        (["INSERT", "UPDATE"], "exec"),
        (["SELECT", "UPDATE"], "exec"),
        (["/*request-8*/"], "exec"),
    ],
)
def test_a_statement_has_one_of_three_operations(verbs: list[str], operation: str) -> None:
    """Whatever SQL is sent, it adds no time series of its own."""
    prometheus = CollectorRegistry()

    metrics_in(prometheus).observe(None, entry("mysql", *verbs))

    labels = {"operation": operation, "pool": "main", "source": "default"}
    assert 0.0015 == prometheus.get_sample_value("fluxaorm_db_queries_seconds_sum", labels)
    assert [labels] == label_sets(prometheus, "fluxaorm_db_queries_seconds_count")


@pytest.mark.parametrize(
    ("commands", "miss", "expected"),
    [
        (["GET"], False, {"operation": "key", "set": "0", "miss": "0", "pipeline": "0"}),
        (["MGET"], True, {"operation": "key", "set": "0", "miss": "1", "pipeline": "0"}),
        (["SET", "SET"], False, {"operation": "key", "set": "1", "miss": "0", "pipeline": "1"}),
        (["DEL"], False, {"operation": "key", "set": "0", "miss": "0", "pipeline": "0"}),
        (["FCALL"], False, {"operation": "script", "set": "1", "miss": "0", "pipeline": "0"}),
        (["hset"], False, {"operation": "hash", "set": "1", "miss": "0", "pipeline": "0"}),
        (["FT.SEARCH"], False, {"operation": "search", "set": "0", "miss": "0", "pipeline": "0"}),
        (["SCAN"], False, {"operation": "other", "set": "0", "miss": "0", "pipeline": "0"}),
        (["MGET", "FCALL"], True, {"operation": "mixed", "set": "1", "miss": "1", "pipeline": "1"}),
    ],
)
def test_a_round_trip_tells_the_kind_of_its_commands(commands: list[str], miss: bool, expected: dict[str, str]) -> None:
    """Reads, writes, misses and pipelines are told apart; names of commands are not."""
    prometheus = CollectorRegistry()

    metrics_in(prometheus).observe(None, entry("redis", *commands, miss=miss))

    assert [{**expected, "pool": "main", "source": "default"}] == label_sets(
        prometheus, "fluxaorm_redis_queries_seconds_count"
    )


@pytest.mark.parametrize(("hits", "expected"), [(1, "0"), (0, "1")])
def test_a_look_up_that_finds_a_value_sets_nothing(hits: int, expected: str) -> None:
    """``SET NX GET`` leaves a lease only where nothing was: hits are reads on a dashboard."""
    prometheus = CollectorRegistry()

    metrics_in(prometheus).observe(None, replace(entry("redis", "SET", miss=not hits), hits=hits, misses=1 - hits))

    (labels,) = label_sets(prometheus, "fluxaorm_redis_queries_seconds_count")
    assert expected == labels["set"]


@pytest.mark.parametrize(("store", "name"), [("mysql", "db"), ("redis", "redis")])
def test_what_failed_is_counted_among_the_errors_too(store: Literal["mysql", "redis"], name: str) -> None:
    """A rate of errors is a share of the queries; a query that went well is none of them."""
    prometheus = CollectorRegistry()
    good = replace(entry(store, "FCALL"), meta={fx.METRICS_META_KEY: "checkout"})

    for each in (good, replace(good, error="gone")):
        metrics_in(prometheus).observe(None, each)

    (labels,) = label_sets(prometheus, f"fluxaorm_{name}_queries_errors_total")
    assert {"operation", "pool", "source"} == set(labels)
    assert "checkout" == labels["source"]
    assert 1.0 == prometheus.get_sample_value(f"fluxaorm_{name}_queries_errors_total", labels)
    (all_labels,) = label_sets(prometheus, f"fluxaorm_{name}_queries_seconds_count")
    assert 2.0 == prometheus.get_sample_value(f"fluxaorm_{name}_queries_seconds_count", all_labels)


def test_a_refused_redis_command_is_an_error_of_the_query_log() -> None:
    """Redis out of memory refuses writes with a reply, which raises nothing by itself."""
    seen: list[str | None] = []
    loggers = QueryLoggers(_NoMetadata(), FailingHandlers(), SecretArguments([]))
    loggers.add(lambda ctx, entry: seen.append(entry.error), mysql=False, redis=True)
    effect = RedisRoundTrip("default", (("SET", "a", "1"), ("GET", "a")))

    loggers(effect, RedisReplies([RedisError("OOM command not allowed"), None], b""), None, 1, 0.0)
    loggers(effect, RedisReplies([b"OK", b"1"], b""), None, 1, 0.0)

    assert [True, False] == ["OOM" in (error or "") for error in seen]


class _NoMetadata:
    meta_data: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


def test_engines_share_the_metrics_of_a_prometheus_registry() -> None:
    """A registry validated again, or a second one, would else be refused: each name is taken once."""
    prometheus = CollectorRegistry(auto_describe=True)
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    for _ in range(2):
        registry.enable_metrics(prometheus)

    engines = [registry.validate(connect=False), registry.validate(connect=False), engine(prometheus)]

    assert [1, 1, 1] == [len(core(each).metrics) for each in engines]
    assert 1 == len({core(each).metrics for each in engines})


def test_an_engine_may_report_to_two_prometheus_registries() -> None:
    """One for the process, one for a test that looks at its own."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    first, second = CollectorRegistry(), CollectorRegistry()

    registry.enable_metrics(first)
    registry.enable_metrics(second)

    assert (metrics_in(first), metrics_in(second)) == core(registry.validate(connect=False)).metrics


def test_without_an_argument_the_default_registry_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``prometheus_client.start_http_server`` serves."""
    default = CollectorRegistry()
    monkeypatch.setattr("fluxaorm.observe.metrics.REGISTRY", default)
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")

    registry.enable_metrics()

    assert b"fluxaorm_db_queries_seconds" in generate_latest(default)


def test_connections_of_engines_are_added_up_while_they_live() -> None:
    """Two samples with the same labels would make Prometheus refuse the whole page; a dropped engine is not kept."""
    prometheus = CollectorRegistry()
    engines = [engine(prometheus), engine(prometheus)]
    labels = {"store": "mysql", "pool": "default"}
    held = core(engines[0]).mysql_pool().sync.acquire()
    for each in engines:
        core(each).mysql_pool().sync.release(core(each).mysql_pool().sync.acquire())

    def connections(state: str) -> float | None:
        return prometheus.get_sample_value("fluxaorm_pool_connections", {**labels, "state": state})

    assert (2.0, 1.0, 0.0) == (connections("idle"), connections("used"), connections("waiting"))
    redis = {"store": "redis", "pool": "default", "state": "idle"}
    assert 0.0 == prometheus.get_sample_value("fluxaorm_pool_connections", redis)

    core(engines[0]).mysql_pool().sync.release(held)
    for each in engines:
        each.close()
    gone = weakref.ref(engines[0])
    engines.clear()
    del each, held
    gc.collect()
    assert gone() is None
    assert connections("idle") is None


def test_a_prometheus_registry_is_let_go_of() -> None:
    """One made for a test ends with it."""
    prometheus = CollectorRegistry()
    metrics_in(prometheus)
    gone = weakref.ref(prometheus)

    del prometheus
    gc.collect()

    assert gone() is None


def test_contexts_without_metrics_are_not_observed() -> None:
    """Who does not measure pays for nothing: the runner's fast path has no observer."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    plain = registry.validate(connect=False)

    assert (None, None) == (observer_of(plain.new_context()), observer_of(plain.new_async_context()))
    assert observer_of(engine(CollectorRegistry()).new_context()) is not None


def test_enabling_is_for_engines_made_afterwards() -> None:
    """Engines do not change."""
    registry = fx.Registry()
    registry.register_mysql("sqlite://:memory:")
    before = registry.validate(connect=False)

    registry.enable_metrics(CollectorRegistry())

    assert () == core(before).metrics


def test_a_name_of_ours_that_is_taken_is_an_error() -> None:
    """Two meanings under one name would be worse than none."""
    prometheus = CollectorRegistry()
    Counter("fluxaorm_redis_queries_errors", "Another's", registry=prometheus)

    with pytest.raises(ValueError, match="fluxaorm_redis_queries_errors"):
        fx.Registry().enable_metrics(prometheus)


def test_anything_but_a_prometheus_registry_is_refused() -> None:
    """At the call, and not when the first query is counted."""
    other: Any = {}

    with pytest.raises(ConfigError, match="expected CollectorRegistry, got dict"):
        fx.Registry().enable_metrics(other)


def test_the_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an ImportError from somewhere inside."""
    monkeypatch.delitem(sys.modules, "fluxaorm.observe.metrics")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'fluxaorm\[metrics\]'"):
        fx.Registry().enable_metrics()


def test_the_package_is_imported_without_prometheus() -> None:
    """Who enables no metrics neither needs it nor waits for it."""
    program = "import sys, fluxaorm; print('prometheus_client' in sys.modules)"

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "False" == printed.strip()
