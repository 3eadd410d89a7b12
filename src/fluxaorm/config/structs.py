"""Config: every pool of an application in one value, for ``Registry.init_by_config``; what the YAML is read into.

Names are the seed's in snake_case. A number that is 0 and a text that is empty mean the default. The descriptions are
those of the YAML's JSON Schema, where the same keys are spelled in camelCase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, field

from fluxaorm.options import Options
from fluxaorm.options.base import Count, Positive
from fluxaorm.options.kafka import CleanupPolicy, Compression, OrUnlimited
from fluxaorm.options.mysql import Driver

_SPELLING = {"client_id": "clientID"}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return _SPELLING.get(name) or first + "".join(word.capitalize() for word in rest)


class ConfigStruct(Options, frozen=True, kw_only=True, rename=_camel):
    """Base of the Config structs: checks types and ranges (ConfigError), hides passwords in ``repr``."""


class ConfigTLS(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """How connections are encrypted; the server's certificate is checked unless ``verify`` is false."""

    verify: Annotated[bool, Meta(description="false: any certificate of any host is accepted")] = True
    check_hostname: bool = True
    ca_file: Annotated[str, Meta(description="PEM file of the authorities to trust; empty: the system's")] = ""
    cert_file: Annotated[str, Meta(description="PEM file of the client's certificate, where one is asked for")] = ""
    key_file: str = ""


class ConfigMySQL(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """A MySQL pool."""

    code: str
    uri: Annotated[
        str, Meta(description="user:password@tcp(host:port)/db, user:password@unix(/path.sock)/db or mysql://...")
    ]
    conn_max_lifetime: Annotated[int, Meta(ge=0, description="seconds after which a connection is replaced")] = 0
    max_open_connections: Annotated[int, Meta(ge=0, description="connections a process may have open")] = 0
    max_idle_connections: Annotated[int, Meta(ge=0, description="connections kept open while unused")] = 0
    default_encoding: Annotated[str, Meta(description="charset of tables we create, utf8mb4 by default")] = ""
    default_collate: Annotated[str, Meta(description="collation of tables we create")] = ""
    ignored_tables: Annotated[Sequence[str], Meta(description="tables that unknown_tables: drop keeps; patterns")] = ()
    unknown_tables: Annotated[
        Literal["", "drop"], Meta(description="what alters do with tables that no entity has; empty: leave them alone")
    ] = ""
    driver: Annotated[Driver, Meta(description="of threads, mysqlclient by default when it is installed")] = ""


class ConfigRedis(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """A Redis or Valkey pool: ``uri`` is ``host:port``, the path of a socket, or a ``redis://`` URL."""

    code: str
    uri: str
    database: Annotated[int, Meta(ge=0)] = 0
    user: str = ""
    password: str = ""


class ConfigRedisSentinel(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """A Redis pool found through Sentinels."""

    code: str
    master_name: str
    database: Annotated[int, Meta(ge=0)] = 0
    sentinels: Sequence[str]
    user: str = ""
    password: str = ""


class ConfigLocalCache(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """A cache in the process. ``limit``: entries it holds at most, 0: no limit."""

    code: str
    limit: Annotated[int, Meta(ge=0)]


class ConfigClickhouse(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """A ClickHouse pool."""

    code: str
    uri: Annotated[str, Meta(description="clickhouse://user:password@host:port/db, http(s)://... or chdb:///path")]
    conn_max_lifetime: Annotated[int, Meta(ge=0, description="seconds after which a connection is replaced")] = 0
    max_open_connections: Annotated[int, Meta(ge=0, description="connections a process may have open")] = 0
    max_idle_connections: Annotated[int, Meta(ge=0, description="connections kept open while unused")] = 0


class ConfigKafkaConsumerGroup(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """A consumer group."""

    name: str
    topics: Sequence[str] = ()
    session_timeout_ms: Annotated[int, Meta(ge=0)] = 0
    rebalance_timeout_ms: Annotated[int, Meta(ge=0)] = 0
    fetch_max_bytes: Annotated[int, Meta(ge=0)] = 0
    auto_commit_interval_ms: Annotated[int, Meta(ge=0, description="0: offsets are committed by hand")] = 0


class ConfigKafkaTopic(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """A topic."""

    name: str
    partitions: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    replication_factor: Annotated[int, Meta(ge=0, le=2**15 - 1)] = 0
    retention_ms: Annotated[OrUnlimited | None, Meta(description="-1: forever")] = None
    retention_bytes: Annotated[OrUnlimited | None, Meta(description="-1: unlimited")] = None
    max_message_bytes: Count | None = None
    min_insync_replicas: Positive | None = None
    compression_type: Compression = ""
    cleanup_policy: CleanupPolicy = ""
    configs: Annotated[Mapping[str, str], Meta(description="any setting of the topic, by Kafka's name")] = field(
        default_factory=dict[str, str]
    )


class ConfigKafka(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """A Kafka pool with its consumer groups and topics."""

    code: str
    brokers: Annotated[Sequence[str], Meta(description="host:port of brokers to ask for all the others")]
    client_id: str = ""
    required_acks: Annotated[
        Literal[-1, 0, 1], Meta(description="-1: all in-sync replicas, 1: the leader, 0: nobody")
    ] = -1
    producer_linger_ms: Annotated[int, Meta(ge=0)] = 0
    max_buffered_records: Annotated[int, Meta(ge=0)] = 0
    produce_timeout: Annotated[float, Meta(ge=0, description="seconds that a record waits for room to be sent")] = 10.0
    delivery_timeout: Annotated[
        float, Meta(ge=1, le=2_000_000, description="seconds that a record may take to be stored, then it has failed")
    ] = 60.0
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    sasl_user: str = ""
    sasl_password: str = ""
    consumer_groups: Sequence[ConfigKafkaConsumerGroup] = ()
    ignored_topics: Annotated[Sequence[str], Meta(description="topics that unknownTopics: drop keeps; patterns")] = ()
    ignored_consumer_groups: Annotated[
        Sequence[str], Meta(description="consumer groups that unknownConsumerGroups: drop keeps; patterns")
    ] = ()
    topics: Sequence[ConfigKafkaTopic] = ()
    namespace: Annotated[
        str, Meta(description="ends every name of the library in Kafka, so that applications may share brokers")
    ] = ""
    unknown_topics: Annotated[
        Literal["", "drop"], Meta(description="what alters do with topics nobody registered; empty: leave them alone")
    ] = ""
    unknown_consumer_groups: Annotated[
        Literal["", "drop"],
        Meta(description="what alters do with consumer groups nobody registered; empty: leave them alone"),
    ] = ""
    tls: Annotated[bool | ConfigTLS, Meta(description="true: encrypted, and the certificate is checked")] = False


class ConfigAsyncFlush(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """Async flush through a Kafka pool."""

    kafka_pool: Annotated[str, Meta(description="code of the Kafka pool")]
    topic_partitions: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    order_by: Annotated[
        Literal["table", "row"], Meta(description="what keeps its order: all writes of a table, or those of each row")
    ] = "table"
    signing_key: Annotated[str, Meta(description="records are signed with it, and others refused")] = ""
    accepted_keys: Annotated[Sequence[str], Meta(description="other keys whose signatures are accepted")] = ()
    pending_timeout: Annotated[
        float, Meta(ge=0, description="seconds that a write waits for asynchronous flushes of its rows")
    ] = 5.0
    unknown_grace: Annotated[
        float, Meta(ge=0, description="seconds that a consumer waits for a table or column it does not know")
    ] = 600.0


class ConfigDebeziumConnect(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """The REST API of Kafka Connect that serves a Kafka pool."""

    kafka_pool: str
    url: str


class Config(ConfigStruct, frozen=True, kw_only=True, rename=_camel):
    """Everything ``Registry.init_by_config`` registers. Raises ConfigError for wrong types and ranges."""

    mysql_pools: Sequence[ConfigMySQL] = ()
    redis_pools: Sequence[ConfigRedis] = ()
    redis_sentinel_pools: Sequence[ConfigRedisSentinel] = ()
    local_cache_pools: Sequence[ConfigLocalCache] = ()
    clickhouse_pools: Sequence[ConfigClickhouse] = ()
    kafka_pools: Sequence[ConfigKafka] = ()
    async_flush: ConfigAsyncFlush | None = None
    debezium_connect: Sequence[ConfigDebeziumConnect] = ()
