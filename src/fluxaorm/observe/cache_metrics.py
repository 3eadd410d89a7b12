"""Prometheus metrics of the caches, read from the entities' own counts when Prometheus asks. Changes nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fluxaorm.observe.watched_engine import WatchedEngine

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity

_LABELS: Final = ("tier", "entity", "result")


class CacheRequests(Collector):
    """``fluxaorm_cache_requests_total{tier,entity,result}``, and rows and limit of each entity's local cache.

    Tiers and results are those of ``plans.cache_counts``. The same entity in several engines is added up, and an engine
    that is gone still counts: a counter never goes back.
    """

    def __init__(self) -> None:
        self._watched: tuple[Mapping[str, BoundEntity], ...] = ()
        self._lock = threading.Lock()

    def watch(self, engine: WatchedEngine) -> None:
        """Read this engine's entities too."""
        with self._lock:
            self._watched = (*self._watched, engine.used_entities)

    def describe(self) -> list[Metric]:
        """The metrics without samples: their names are taken from the start."""
        return [
            CounterMetricFamily(
                "fluxaorm_cache_requests",
                "Look-ups in a cache, by what they found",
                labels=_LABELS,
            ),
            GaugeMetricFamily("fluxaorm_local_cache_rows", "Rows kept in the process", labels=("entity",)),
            GaugeMetricFamily(
                "fluxaorm_local_cache_limit", "Rows that may be kept in the process, 0: any number", labels=("entity",)
            ),
        ]

    def collect(self) -> list[Metric]:
        """The caches at this moment."""
        requests, rows, limits = self.describe()
        counted: Counter[tuple[str, str, str]] = Counter()
        kept: Counter[str] = Counter()
        limited: Counter[str] = Counter()
        for binding in self._bindings():
            name = binding.schema.name
            for tier, result, count in binding.counts.samples():
                counted[tier, name, result] += count
            if binding.local is not None:
                kept[name] += len(binding.local)
                limited[name] += binding.local.limit
        for labels, count in counted.items():
            requests.add_sample("fluxaorm_cache_requests_total", dict(zip(_LABELS, labels, strict=True)), count)
        for family, figures in ((rows, kept), (limits, limited)):
            for name, figure in figures.items():
                family.add_sample(family.name, {"entity": name}, figure)
        return [requests, rows, limits]

    def _bindings(self) -> Iterator[BoundEntity]:
        for bindings in self._watched:
            yield from list(bindings.values())
