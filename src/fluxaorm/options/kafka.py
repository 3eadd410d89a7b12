"""Option and builder objects of Kafka, async flush and Debezium."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, field

from fluxaorm.errors import ConfigError
from fluxaorm.options.base import TLS, Count, Options, Positive, Seconds

Acks: TypeAlias = Literal[-1, 0, 1]
SaslMechanism: TypeAlias = Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
Compression: TypeAlias = Literal["", "uncompressed", "producer", "gzip", "snappy", "lz4", "zstd"]
CleanupPolicy: TypeAlias = Literal["", "delete", "compact", "compact,delete", "delete,compact"]
Partitions: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
ReplicationFactor: TypeAlias = Annotated[int, Meta(ge=0, le=2**15 - 1)]
OrUnlimited: TypeAlias = Annotated[int, Meta(ge=-1)]

# Kafka takes '.' and '_' in names of topics for the same
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


class KafkaPoolOptions(Options, frozen=True, kw_only=True):
    """Options of a Kafka pool. Raises ConfigError for a wrong type or a negative number."""

    client_id: str = ""
    required_acks: Acks = -1
    """-1: a record counts once all in-sync replicas have it; 1: the leader; 0: nobody is asked."""
    producer_linger_ms: Count = 0
    """Milliseconds to wait for more records before sending; 0: librdkafka's default."""
    max_buffered_records: Count = 0
    """Records that may wait to be sent; 0: librdkafka's default."""
    produce_timeout: Seconds = 10.0
    """Seconds that a record waits for room among those that wait to be sent; then KafkaBackpressureError."""
    delivery_timeout: Annotated[float, Meta(ge=1, le=2_000_000)] = 60.0
    """Seconds that a record may take to be stored, repetitions included; then it has failed."""
    sasl_mechanism: SaslMechanism = ""
    sasl_user: str = ""
    sasl_password: str = ""
    namespace: str = ""
    """Ends every name of the library in Kafka, so that applications may share brokers: up to 64 letters, digits and
    '-', except "failed". With "shop" the topic of async flush is ``_fluxa_async_sql.shop``."""
    ignored_topics: Sequence[str] = ()
    """Topics that are kept with ``unknown_topics="drop"``: names, or patterns such as ``billing.*``."""
    ignored_consumer_groups: Sequence[str] = ()
    """The same for consumer groups."""
    unknown_topics: Literal["", "drop"] = ""
    """What alters do with topics that nobody registered; empty: leave them alone. ``drop``: delete them, which is
    destructive. Only in pools with a registered topic, and never those of Kafka, Kafka Connect or the library."""
    unknown_consumer_groups: Literal["", "drop"] = ""
    """The same for consumer groups."""
    tls: TLS = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.namespace and (not _NAMESPACE.fullmatch(self.namespace) or self.namespace == "failed"):
            raise ConfigError(
                f"KafkaPoolOptions.namespace: {self.namespace!r} is no namespace; use up to 64 letters, digits and '-' "
                "and not 'failed', which would be mistaken for the topic of failed writes"
            )


class DeadLetter(Options, frozen=True, kw_only=True):
    """What becomes of records a consumer group rejects."""

    max_attempts: Positive = 10
    """Attempts before a record is parked."""
    partitions: Positive = 1
    """Of the topic ``_dlq_<group>``."""


class _PooledName(Options, frozen=True):
    name: str
    pool: str


class KafkaConsumerGroup(_PooledName, frozen=True, kw_only=True):
    """A consumer group and the code of its Kafka pool. A number that is 0 means librdkafka's default."""

    topics: Sequence[str] = ()
    debezium: Sequence[Any] = ()
    """Entity definition classes whose changes the group reads."""
    session_timeout_ms: Count = 0
    rebalance_timeout_ms: Count = 0
    fetch_max_bytes: Count = 0
    auto_commit_interval_ms: Count = 0
    """0: offsets are committed by hand."""
    dead_letter: DeadLetter | None = None


class KafkaTopic(_PooledName, frozen=True, kw_only=True):
    """A topic and the code of its Kafka pool. What is left out is the broker's default."""

    partitions: Partitions = 0
    replication_factor: ReplicationFactor = 0
    retention_ms: OrUnlimited | None = None
    """-1: forever."""
    retention_bytes: OrUnlimited | None = None
    """-1: unlimited."""
    max_message_bytes: Count | None = None
    min_insync_replicas: Positive | None = None
    compression_type: Compression = ""
    cleanup_policy: CleanupPolicy = ""
    configs: Mapping[str, str] = field(default_factory=dict[str, str])
    """Any other setting of the topic, by Kafka's name: ``{"segment.ms": "3600000"}``."""

    @property
    def settings(self) -> dict[str, str]:
        """All settings that were given, by Kafka's names, as text."""
        return self.arguments | dict(self.configs)

    @property
    def arguments(self) -> dict[str, str]:
        """Those of them that have an argument of their own."""
        named = {
            "retention.ms": self.retention_ms,
            "retention.bytes": self.retention_bytes,
            "max.message.bytes": self.max_message_bytes,
            "min.insync.replicas": self.min_insync_replicas,
            "compression.type": self.compression_type or None,
            "cleanup.policy": self.cleanup_policy or None,
        }
        return {name: str(value) for name, value in named.items() if value is not None}


class AsyncFlushOptions(Options, frozen=True, kw_only=True):
    """Options of async flush."""

    topic_partitions: Partitions = 0
    """Partitions of ``_fluxa_async_sql``; 0: 1."""
    order_by: Literal["table", "row"] = "table"
    """What keeps its order: all writes of a table, or those of each row."""
    signing_key: str = ""
    """With one, records are signed (HMAC-SHA256), may hold SQL, and consumers take none that is not signed."""
    accepted_keys: Sequence[str] = ()
    """Other keys whose signatures consumers take: the one before, while keys are changed."""
    pending_timeout: Seconds = 5.0
    """Seconds that a write waits for asynchronous flushes of the same rows to be applied."""
    unknown_grace: Seconds = 600.0
    """Seconds that a consumer waits for a table or column that it does not know, before the record is put aside."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if "" in self.accepted_keys:
            raise ConfigError("AsyncFlushOptions.accepted_keys: one is empty, and with that anybody could sign")


class DebeziumOptions(Options, frozen=True, kw_only=True):
    """Addresses as Kafka Connect sees them, where they differ from ours."""

    mysql_host: str = ""
    mysql_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    kafka_brokers: Sequence[str] = ()
