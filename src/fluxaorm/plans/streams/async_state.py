"""What an engine knows of asynchronous flushes: where they go, and what brokers and databases said once. No I/O.

Shared by all contexts and threads of the engine. What was asked is kept until somebody finds it wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fluxaorm.errors import KafkaError, NotSupportedError
from fluxaorm.plans.cache.identity import stored_identity_plan
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.async_changes import kafka_keys_of
from fluxaorm.plans.streams.names import async_flush_failed_topic, async_flush_group, async_flush_topic
from fluxaorm.plans.streams.row_coder import RowCoder
from fluxaorm.plans.streams.topic_effects import DescribeTopic, HighWatermarks, TopicInfo

if TYPE_CHECKING:
    from fluxaorm.options.kafka import AsyncFlushOptions
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.writes.order.foreign_keys import KnownForeignKeys

MISSING_TOPIC = frozenset({"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"})


class DatabasesPort(Protocol):
    """What is asked of an engine."""

    @property
    def mysql_pools(self) -> Mapping[str, Any]:
        """SQL pools by code, each with its ``dialect``."""
        ...


@dataclass(slots=True)
class FlushCounts:
    """What the consumers in this process have done, for metrics."""

    applied: int = 0
    """Records whose changes were written."""
    repeated: int = 0
    """Records that had been applied before, whose caches and handlers followed."""
    dead_letters: int = 0
    """Records that were put aside."""
    lag: dict[int, int] = field(default_factory=dict[int, int])
    """Partition -> records that wait there."""


class AsyncFlushState:
    """``kafka_pool``: its code; ``namespace``: of the names in Kafka."""

    def __init__(self, kafka_pool: str, options: AsyncFlushOptions, namespace: str = "") -> None:
        self.kafka_pool = kafka_pool
        self.options = options
        self.topic = async_flush_topic(namespace)
        self.failed_topic = async_flush_failed_topic(namespace)
        self.group = async_flush_group(namespace)
        self.marked: set[tuple[str, str, bytes]] = set()
        """(Redis pool, what its mark keys begin with, server) of the servers that are known to have their mark."""
        self.marks_tried: dict[tuple[str, str, bytes], float] = {}
        """The same of those that have none yet -> when a flush asked last, in monotonic seconds."""
        self.foreign_keys_asked: set[str] = set()
        """MySQL pools whose foreign keys are known, because they were asked for."""
        self.counts = FlushCounts()
        self._info: TopicInfo | None = None
        self.databases: dict[str, str] = {}
        self._coders: dict[BoundEntity, RowCoder] = {}
        self._kafka_keys: tuple[int, Mapping[str, bytes]] = (-1, {})
        """With the state of knowledge that they are of."""

    @property
    def pending_timeout(self) -> float:
        """Seconds that a write waits for what was published before it."""
        return self.options.pending_timeout

    def coder_of(self, binding: BoundEntity) -> RowCoder:
        """What makes records of an entity's rows."""
        coder = self._coders.get(binding)
        if coder is None:
            coder = self._coders[binding] = RowCoder(binding.schema.columns)
        return coder

    def kafka_keys(self, engine: DatabasesPort, known: KnownForeignKeys) -> Mapping[str, bytes]:
        """Entity -> the key of its table's records."""
        news = known.news
        kept, keys = self._kafka_keys
        if kept != news:
            joins = [key for pool in engine.mysql_pools for key in known.of(pool)]
            keys = kafka_keys_of(known.tables, joins)
            self._kafka_keys = (news, keys)
        return keys

    def topic_plan(self) -> Plan[TopicInfo]:
        """What the topic is. KafkaError: there is none, or no broker answers."""
        if self._info is None:
            self._info = yield from DescribeTopic(self.kafka_pool, self.topic)
        return self._info

    def topic_id_plan(self) -> Plan[str]:
        """The topic's id. The same errors."""
        return (yield from self.topic_plan()).topic_id

    def forget_topic(self) -> None:
        """Ask again the next time: the topic was made anew, or has more partitions."""
        self._info = None

    def high_watermarks_plan(self) -> Plan[Mapping[int, int]]:
        """Partition -> the offset after the last record there now; {} while there is no topic. KafkaError."""
        try:
            return (yield from HighWatermarks(self.kafka_pool, self.topic))
        except KafkaError as error:
            if error.code in MISSING_TOPIC:
                return {}
            raise

    def database_plan(self, engine: DatabasesPort, mysql_pool: str) -> Plan[str]:
        """The identity of a pool's database, which its records carry. NotSupportedError: it has none. MySQLError."""
        known = self.databases.get(mysql_pool)
        if known is not None:
            return known
        identity = yield from stored_identity_plan(engine.mysql_pools[mysql_pool].dialect, mysql_pool)
        if identity is None:
            raise NotSupportedError(f"MySQL pool '{mysql_pool}': `_fluxa_meta` has no identity; run get_alters")
        self.databases[mysql_pool] = identity
        return identity
