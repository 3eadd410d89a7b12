"""The YAML of pools: what each key becomes, variables, sources, and that no text breaks the reader."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from fluxaorm.config import (
    Config,
    ConfigAsyncFlush,
    ConfigClickhouse,
    ConfigDebeziumConnect,
    ConfigKafka,
    ConfigKafkaConsumerGroup,
    ConfigKafkaTopic,
    ConfigLocalCache,
    ConfigMySQL,
    ConfigRedis,
    ConfigRedisSentinel,
    ConfigTLS,
    config_from_yaml,
)
from fluxaorm.errors import ConfigError

EVERYTHING = """
default:
  mysql:
    uri: root:root@tcp(localhost:3306)/app
    maxOpenConnections: 50
    maxIdleConnections: 5
    connMaxLifetime: 60
    defaultEncoding: utf8mb4
    defaultCollate: 0900_ai_ci
    ignoredTables: [legacy, other]
    driver: pymysql
  redis: localhost:6379:1?user=me&password=secret
  local_cache: 1000
cluster:
  sentinel:
    mymaster:2?user=me&password=secret: [":26379", "10.0.0.2:26379"]
plain:
  sentinel:
    mymaster: [":26379"]
socket:
  redis: /run/redis.sock:3
analytics:
  clickhouse: {uri: "clickhouse://localhost:9000/d", maxOpenConnections: 5, maxIdleConnections: 4, connMaxLifetime: 3}
events:
  kafka:
    brokers: [a:9092, b:9092]
    clientID: me
    requiredAcks: 1
    producerLingerMs: 5
    maxBufferedRecords: 100
    produceTimeout: 2.5
    deliveryTimeout: 30
    tls: {verify: true, checkHostname: false, caFile: /ca.pem, certFile: /me.pem, keyFile: /me.key}
    saslMechanism: PLAIN
    saslUser: me
    saslPassword: secret
    consumerGroups:
      - {name: g, topics: [orders], sessionTimeoutMs: 1, rebalanceTimeoutMs: 2, fetchMaxBytes: 3,
         autoCommitIntervalMs: 4}
    ignoredTopics: [legacy-topic]
    ignoredConsumerGroups: [legacy-group]
    unknownTopics: drop
    unknownConsumerGroups: drop
    namespace: shop
    topics:
      - {name: orders, partitions: 6, replicationFactor: 3, configs: {segment.ms: "5"}, retentionMs: -1,
         retentionBytes: 6, maxMessageBytes: 7, minInsyncReplicas: 2, compressionType: lz4, cleanupPolicy: compact}
asyncFlush: {kafkaPool: events, topicPartitions: 6, orderBy: row, signingKey: new, acceptedKeys: [old],
             pendingTimeout: 1.5, unknownGrace: 60}
debeziumConnect: {events: "http://localhost:8083"}
"""


def test_every_key_of_the_yaml_has_its_place_in_the_config() -> None:
    """The YAML is the original's format; each of its keys must reach the registry."""
    expected = Config(
        mysql_pools=[
            ConfigMySQL(
                code="default",
                uri="root:root@tcp(localhost:3306)/app",
                max_open_connections=50,
                max_idle_connections=5,
                conn_max_lifetime=60,
                default_encoding="utf8mb4",
                default_collate="0900_ai_ci",
                ignored_tables=["legacy", "other"],
                driver="pymysql",
            )
        ],
        redis_pools=[
            ConfigRedis(code="default", uri="localhost:6379", database=1, user="me", password="secret"),
            ConfigRedis(code="socket", uri="/run/redis.sock", database=3),
        ],
        redis_sentinel_pools=[
            ConfigRedisSentinel(
                code="cluster",
                master_name="mymaster",
                database=2,
                sentinels=[":26379", "10.0.0.2:26379"],
                user="me",
                password="secret",
            ),
            ConfigRedisSentinel(code="plain", master_name="mymaster", sentinels=[":26379"]),
        ],
        local_cache_pools=[ConfigLocalCache(code="default", limit=1000)],
        clickhouse_pools=[
            ConfigClickhouse(
                code="analytics",
                uri="clickhouse://localhost:9000/d",
                max_open_connections=5,
                max_idle_connections=4,
                conn_max_lifetime=3,
            )
        ],
        kafka_pools=[
            ConfigKafka(
                code="events",
                brokers=["a:9092", "b:9092"],
                client_id="me",
                required_acks=1,
                producer_linger_ms=5,
                max_buffered_records=100,
                produce_timeout=2.5,
                delivery_timeout=30,
                tls=ConfigTLS(check_hostname=False, ca_file="/ca.pem", cert_file="/me.pem", key_file="/me.key"),
                sasl_mechanism="PLAIN",
                sasl_user="me",
                sasl_password="secret",
                consumer_groups=[
                    ConfigKafkaConsumerGroup(
                        name="g",
                        topics=["orders"],
                        session_timeout_ms=1,
                        rebalance_timeout_ms=2,
                        fetch_max_bytes=3,
                        auto_commit_interval_ms=4,
                    )
                ],
                ignored_topics=["legacy-topic"],
                ignored_consumer_groups=["legacy-group"],
                unknown_topics="drop",
                unknown_consumer_groups="drop",
                namespace="shop",
                topics=[
                    ConfigKafkaTopic(
                        name="orders",
                        partitions=6,
                        replication_factor=3,
                        configs={"segment.ms": "5"},
                        retention_ms=-1,
                        retention_bytes=6,
                        max_message_bytes=7,
                        min_insync_replicas=2,
                        compression_type="lz4",
                        cleanup_policy="compact",
                    )
                ],
            )
        ],
        async_flush=ConfigAsyncFlush(
            kafka_pool="events",
            topic_partitions=6,
            order_by="row",
            signing_key="new",
            accepted_keys=["old"],
            pending_timeout=1.5,
            unknown_grace=60.0,
        ),
        debezium_connect=[ConfigDebeziumConnect(kafka_pool="events", url="http://localhost:8083")],
    )

    assert expected == config_from_yaml(EVERYTHING, {})


def test_text_path_and_mapping_give_the_same(tmp_path: Path) -> None:
    """Whoever parsed the YAML already, as the original wants it, hands over the mapping."""
    file = tmp_path / "pools"
    file.write_text(EVERYTHING, encoding="utf-8")
    expected = config_from_yaml(EVERYTHING, {})

    assert expected == config_from_yaml(file, {})
    assert expected == config_from_yaml(str(file), {})
    assert expected == config_from_yaml(yaml.safe_load(EVERYTHING), {})


def test_a_problem_in_a_file_names_the_file(tmp_path: Path) -> None:
    """An application may read several."""
    file = tmp_path / "pools.yaml"
    file.write_text("default: {mysql: {}}", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        config_from_yaml(file, {})

    assert f"{file}: default.mysql.uri: is required" == str(caught.value)


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("root:${PW}@tcp(h)/d", {"PW": "s:e@c"}, "root:s:e@c@tcp(h)/d"),
        ("${A}${B}", {"A": "x", "B": "y"}, "xy"),
        ("${A:-d}", {}, "d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A:-}", {}, ""),
        ("${A}", {"A": ""}, ""),
        ("${A:-x:-y}", {}, "x:-y"),
        ("$A $ {A} $", {"A": "x"}, "$A $ {A} $"),
        ("$${A}", {"A": "x"}, "${A}"),
        ("${A}", {"A": "${B}", "B": "x"}, "${B}"),
    ],
)
def test_variables_are_replaced_in_strings(text: str, variables: Mapping[str, str], expected: str) -> None:
    """Passwords come from the environment; what they hold is never looked at again."""
    config = config_from_yaml({"default": {"mysql": {"uri": text}}}, variables)

    assert expected == config.mysql_pools[0].uri


def test_variables_stand_for_numbers_too() -> None:
    """Limits differ between staging and production as addresses do."""
    text = """
    default:
      mysql: {uri: root@/app, maxOpenConnections: "${OPEN:-50}"}
      local_cache: ${LIMIT}
    cluster:
      sentinel: {"${MASTER}:0": ["${SENTINEL}"]}
    events:
      kafka: {brokers: ["a:1"], requiredAcks: "${ACKS}", saslPassword: "${PASSWORD}"}
    """
    variables = {"LIMIT": "7", "MASTER": "m", "SENTINEL": "s:1", "ACKS": "-1", "PASSWORD": "12345"}

    config = config_from_yaml(text, variables)

    assert 50 == config.mysql_pools[0].max_open_connections
    assert 7 == config.local_cache_pools[0].limit
    assert ("m", ["s:1"]) == (config.redis_sentinel_pools[0].master_name, config.redis_sentinel_pools[0].sentinels)
    assert (-1, "12345") == (config.kafka_pools[0].required_acks, config.kafka_pools[0].sasl_password)


def test_plain_words_stay_words() -> None:
    """YAML 1.1 takes `no` for false, 10:30 for 630 and 012 for 10, so that pools and passwords change unseen."""
    text = "no: {redis: 'h:1:0'}\non: {kafka: {brokers: [1:2], saslUser: yes, saslPassword: 012, clientID: 2024-01-01}}"

    config = config_from_yaml(text, {})

    assert "no" == config.redis_pools[0].code
    kafka = config.kafka_pools[0]
    assert ("on", ["1:2"], "yes", "012", "2024-01-01") == (
        kafka.code,
        kafka.brokers,
        kafka.sasl_user,
        kafka.sasl_password,
        kafka.client_id,
    )


def test_anchors_and_merges_spare_repetition() -> None:
    """Pools differ in a few keys only; a merged key gives way to one that is written out."""
    text = """
    default: {mysql: &base {uri: root@/app, maxOpenConnections: 5, connMaxLifetime: 9}}
    logs: {mysql: {<<: *base, uri: root@/logs}}
    """

    pools = config_from_yaml(text, {}).mysql_pools

    assert [("root@/app", 5, 9), ("root@/logs", 5, 9)] == [
        (pool.uri, pool.max_open_connections, pool.conn_max_lifetime) for pool in pools
    ]


def test_a_pool_may_be_called_streams() -> None:
    """Only the stores of other versions are refused, not a word."""
    config = config_from_yaml("streams: {kafka: {brokers: ['a:1']}}", {})

    assert "streams" == config.kafka_pools[0].code


def _problem(source: Any) -> str | None:
    """The text of the ConfigError, None when the source loads."""
    try:
        config_from_yaml(source, {})
    except ConfigError as error:
        return str(error)
    return None


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5)
KEYS = st.sampled_from(
    [
        "mysql",
        "redis",
        "sentinel",
        "local_cache",
        "clickhouse",
        "kafka",
        "asyncFlush",
        "debeziumConnect",
        "uri",
        "brokers",
        "topics",
        "consumerGroups",
        "name",
        "partitions",
        "configs",
        "m:0",
        "streams",
        "kafkaPool",
    ]
)
VALUES: Any = st.recursive(
    SCALARS | st.sampled_from(["${A}", "${A:-1}", "${", "h:1:0", "root@/app"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | SCALARS, inner, max_size=4),
    max_leaves=15,
)


@given(document=st.dictionaries(KEYS | st.text(max_size=5) | st.integers(), VALUES, max_size=4))
@example(document={"a": {"local_cache": 10**5000}})
@example(document={"a": {"mysql": {"uri": "x", "connMaxLifetime": float("nan")}}})
def test_no_mapping_makes_the_reader_raise_anything_but_config_error(document: Any) -> None:
    """A mapping from anywhere, of any types: the user gets our error, with paths."""
    assert _problem(document) != ""


@given(text=st.text() | st.text("-?:,[]{}#&*!|>'\"%@` \n\tabc0123<~", max_size=60))
@example(text="a: !!float x")
@example(text="a: !!timestamp 2024-99-99")
@example(text="a: !!binary ä")
@example(text="a: !!int _")
@example(text="a: !!omap x")
@example(text="? <<\n: x")
@example(text="{<<: [1]}")
@example(text="\ud800")
@example(text="\0")
@example(text="[" * 700)
@example(text="a: 1" + "0" * 5000)
@example(text="%YAML 3.0\n---\na: b")
@example(text="{? {a: b} : c}")
@example(text="{? &a [*a] : c}")
def test_no_text_makes_the_reader_raise_anything_but_config_error(text: str) -> None:
    """A broken file must end in a message, not in a traceback of the YAML library."""
    assert _problem(text) != ""


@given(content=st.binary(max_size=40))
def test_no_file_makes_the_reader_raise_anything_but_config_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file may hold another encoding, or be no text at all."""
    file = tmp_path_factory.mktemp("yaml") / "config.yaml"
    file.write_bytes(content)

    assert str(file) in (_problem(file) or str(file))
