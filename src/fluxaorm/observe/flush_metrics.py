"""Prometheus metrics of the consumers of asynchronous flushes, read from their own counts when Prometheus asks."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fluxaorm.observe.watched_engine import WatchedEngine

if TYPE_CHECKING:
    from fluxaorm.plans.streams.async_state import FlushCounts


class AsyncFlushConsumers(Collector):
    """``fluxaorm_async_flush_lag{partition}``, ``fluxaorm_async_flush_records_total{result}``.

    Of the consumers in this process; results are "applied", "repeated" and "dead_letter". An engine that is gone still
    counts: a counter never goes back.
    """

    def __init__(self) -> None:
        self._watched: tuple[FlushCounts, ...] = ()
        self._lock = threading.Lock()

    def watch(self, engine: WatchedEngine) -> None:
        """Read this engine's consumers too."""
        state = engine.async_flush
        if state is not None:
            with self._lock:
                self._watched = (*self._watched, state.counts)

    def describe(self) -> list[Metric]:
        """The metrics without samples: their names are taken from the start."""
        return [
            GaugeMetricFamily(
                "fluxaorm_async_flush_lag",
                "Records of asynchronous flushes that wait in the partitions of this process",
                labels=("partition",),
            ),
            CounterMetricFamily(
                "fluxaorm_async_flush_records",
                "Records of asynchronous flushes, by what became of them here",
                labels=("result",),
            ),
        ]

    def collect(self) -> list[Metric]:
        """The consumers at this moment."""
        lags, records = self.describe()
        waiting: Counter[int] = Counter()
        done: Counter[str] = Counter()
        for counts in self._watched:
            waiting.update(counts.lag)
            done.update(applied=counts.applied, repeated=counts.repeated, dead_letter=counts.dead_letters)
        for partition in sorted(waiting):
            lags.add_sample(lags.name, {"partition": str(partition)}, waiting[partition])
        for result, count in done.items():
            records.add_sample("fluxaorm_async_flush_records_total", {"result": result}, count)
        return [lags, records]
