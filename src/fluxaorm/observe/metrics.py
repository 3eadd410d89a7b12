"""Prometheus metrics of queries and pools, one set for each Prometheus registry. Sees everything, changes nothing.

Labels take few values, so that no query text or key makes a time series of its own. ``source`` is the context's
metadata ``METRICS_META_KEY``, else "default". Only this module imports prometheus-client.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fluxaorm.errors import ConfigError
from fluxaorm.observe.cache_metrics import CacheRequests
from fluxaorm.observe.flush_metrics import AsyncFlushConsumers
from fluxaorm.observe.query_log import METRICS_META_KEY, QueryLogEntry
from fluxaorm.observe.redis_commands import adds_data, kind_of
from fluxaorm.observe.watched_engine import WatchedEngine

if TYPE_CHECKING:
    from fluxaorm.pools.base.ports import PoolStats

BUCKETS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Seconds: from a round trip to a Redis nearby to a query that nobody waits for."""
DEFAULT_SOURCE: Final = "default"

_TRANSACTION: Final = frozenset({"BEGIN", "COMMIT", "ROLLBACK"})
_FLAGS: Final = ("0", "1")


class QueryMetrics:
    """The metrics in one Prometheus registry, shared by all engines and contexts that report there."""

    def __init__(self, prometheus_registry: CollectorRegistry) -> None:
        """Use ``metrics_in``: a Prometheus registry takes each name once."""
        common = ("operation", "pool", "source")
        redis = ("operation", "pool", "set", "miss", "pipeline", "source")
        self._db_seconds = Histogram(
            "fluxaorm_db_queries_seconds", "Time of database queries", common, buckets=BUCKETS, registry=None
        )
        self._db_errors = Counter("fluxaorm_db_queries_errors", "Database queries that failed", common, registry=None)
        self._redis_seconds = Histogram(
            "fluxaorm_redis_queries_seconds", "Time of Redis round trips", redis, buckets=BUCKETS, registry=None
        )
        self._redis_errors = Counter(
            "fluxaorm_redis_queries_errors", "Redis round trips that failed", common, registry=None
        )
        self._kafka_seconds = Histogram(
            "fluxaorm_kafka_queries_seconds",
            "Time of exchanges with Kafka; of polls, with the wait for records",
            common,
            buckets=BUCKETS,
            registry=None,
        )
        self._kafka_errors = Counter(
            "fluxaorm_kafka_queries_errors", "Exchanges with Kafka that failed", common, registry=None
        )
        self._connections, self._caches = PoolConnections(), CacheRequests()
        self._flush_consumers = AsyncFlushConsumers()
        counted = (self._db_seconds, self._db_errors, self._redis_seconds, self._redis_errors)
        collected = (self._connections, self._caches, self._flush_consumers)
        for each in (*counted, self._kafka_seconds, self._kafka_errors, *collected):
            prometheus_registry.register(each)

    def watch(self, engine: WatchedEngine) -> None:
        """Report the connections of an engine's pools for as long as the engine lives, and what its caches do.

        Also how far its consumers of asynchronous flushes are.
        """
        self._connections.watch(engine)
        self._caches.watch(engine)
        self._flush_consumers.watch(engine)

    def observe(self, ctx: object, entry: QueryLogEntry) -> None:
        """A handler of the query log: count one statement, Redis round trip, exchange with Kafka."""
        source = entry.meta.get(METRICS_META_KEY, DEFAULT_SOURCE)
        if entry.store == "mysql":
            labels = (_db_operation(entry.operations), entry.pool, source)
            seconds, errors = self._db_seconds.labels(*labels), self._db_errors
        elif entry.store == "kafka":
            labels = (entry.operation.lower(), entry.pool, source)
            seconds, errors = self._kafka_seconds.labels(*labels), self._kafka_errors
        else:
            labels = (_redis_operation(entry.operations), entry.pool, source)
            seconds, errors = self._redis_seconds.labels(*_redis_labels(entry, *labels)), self._redis_errors
        seconds.observe(entry.microseconds / 1e6)
        if entry.error is not None:
            errors.labels(*labels).inc()


def _db_operation(verbs: Iterable[str]) -> str:
    kinds = {"select" if verb == "SELECT" else "transaction" if verb in _TRANSACTION else "exec" for verb in verbs}
    return kinds.pop() if len(kinds) == 1 else "exec"


def _redis_operation(commands: Iterable[str]) -> str:
    kinds = {kind_of(command) for command in commands}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _redis_labels(entry: QueryLogEntry, operation: str, pool: str, source: str) -> tuple[str, ...]:
    return operation, pool, _FLAGS[_adds(entry)], _FLAGS[entry.miss], _FLAGS[len(entry.operations) > 1], source


def _adds(entry: QueryLogEntry) -> bool:
    # a look-up with a lease is SET NX GET, which sets nothing where it finds a value
    sets = entry.operations.count("SET") > entry.hits
    return sets or any(adds_data(command) for command in entry.operations if command != "SET")


class PoolConnections(Collector):
    """``fluxaorm_pool_connections``, read from the pools when Prometheus asks. Keeps no engine alive.

    ``state``: "idle", "used", and "waiting" for the callers that wait for one. Pools of the same store and code in
    several engines are added up. Connections of event loops are not in it.
    """

    def __init__(self) -> None:
        self._engines: tuple[weakref.ref[WatchedEngine], ...] = ()
        self._lock = threading.Lock()

    def watch(self, engine: WatchedEngine) -> None:
        """Read the pools of this engine too."""
        # a SQL pool makes its connections' home on first use: now, and not while another thread does
        for _ in _stats_of(engine):
            pass
        with self._lock:
            alive = (each for each in self._engines if each() is not None)
            self._engines = (*alive, weakref.ref(engine))

    def describe(self) -> list[GaugeMetricFamily]:
        """The metric without samples: its name is taken from the start."""
        return [
            GaugeMetricFamily(
                "fluxaorm_pool_connections",
                "Connections, and callers that wait for one",
                labels=("store", "pool", "state"),
            )
        ]

    def collect(self) -> list[GaugeMetricFamily]:
        """The pools at this moment."""
        (family,) = self.describe()
        for labels, count in self._counts().items():
            family.add_metric(labels, count)
        return [family]

    def _counts(self) -> dict[tuple[str, str, str], int]:
        counts: dict[tuple[str, str, str], int] = {}
        for reference in self._engines:
            engine = reference()
            for store, pool, stats in _stats_of(engine) if engine is not None else ():
                states = {"idle": stats.idle, "used": max(0, stats.open - stats.idle), "waiting": stats.waiting}
                for state, count in states.items():
                    counts[store, pool, state] = counts.get((store, pool, state), 0) + count
        return counts


def _stats_of(engine: WatchedEngine) -> Iterator[tuple[str, str, PoolStats]]:
    for code, sql in engine.mysql_pools.items():
        yield "mysql", code, sql.stats()
    for code, redis in engine.redis_pools.items():
        yield "redis", code, redis.stats()


_lock = threading.Lock()
_by_registry: WeakKeyDictionary[CollectorRegistry, QueryMetrics] = WeakKeyDictionary()
"""A Prometheus registry, itself often the process's only one, refuses a name twice and does not tell who has it."""


def metrics_in(prometheus_registry: Any = None) -> QueryMetrics:
    """The metrics of a Prometheus registry, None: the default one; made when it has none yet.

    Raises ConfigError when it is no ``prometheus_client.CollectorRegistry``, ValueError when somebody else's metric
    has one of the names.
    """
    chosen = REGISTRY if prometheus_registry is None else prometheus_registry
    if not isinstance(chosen, CollectorRegistry):
        raise ConfigError(f"enable_metrics: expected CollectorRegistry, got {type(chosen).__name__}")
    with _lock:
        found = _by_registry.get(chosen)
        if found is None:
            found = _by_registry[chosen] = QueryMetrics(chosen)
        return found
