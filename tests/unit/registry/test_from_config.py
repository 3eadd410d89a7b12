"""What a Config says reaches the option objects of the Registry, every field of it."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock, call

import pytest

from fluxaorm.config import (
    ConfigAsyncFlush,
    ConfigKafka,
    ConfigKafkaConsumerGroup,
    ConfigKafkaTopic,
    ConfigTLS,
    config_from_yaml,
)
from fluxaorm.options import AsyncFlushOptions, KafkaConsumerGroup, KafkaPoolOptions, KafkaTopic, Options, TLSOptions
from fluxaorm.registry.from_config import register_config
from tests.unit.config.test_yaml import EVERYTHING


@pytest.mark.parametrize(
    ("options", "config", "only_in_code"),
    [
        (KafkaPoolOptions, ConfigKafka, set[str]()),
        (TLSOptions, ConfigTLS, set[str]()),
        (KafkaTopic, ConfigKafkaTopic, {"pool"}),
        # entities are classes; dead letters of groups are told by validate() to do nothing yet
        (KafkaConsumerGroup, ConfigKafkaConsumerGroup, {"pool", "debezium", "dead_letter"}),
        (AsyncFlushOptions, ConfigAsyncFlush, set[str]()),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_code_may_say_a_config_may_say(
    options: type[Options], config: type[Options], only_in_code: set[str]
) -> None:
    """An option that only code can set is missed on the day the YAML is all one can change."""
    assert only_in_code == set(options.__struct_fields__) - set(config.__struct_fields__)


def test_every_option_of_kafka_and_async_flush_is_handed_on() -> None:
    """A time-out that is read and dropped looks as if it worked."""
    registry: Any = Mock()

    register_config(registry, config_from_yaml(EVERYTHING, {}))

    tls = TLSOptions(check_hostname=False, ca_file="/ca.pem", cert_file="/me.pem", key_file="/me.key")
    pool = KafkaPoolOptions(
        client_id="me",
        required_acks=1,
        producer_linger_ms=5,
        max_buffered_records=100,
        produce_timeout=2.5,
        delivery_timeout=30,
        sasl_mechanism="PLAIN",
        sasl_user="me",
        sasl_password="secret",
        namespace="shop",
        ignored_topics=("legacy-topic",),
        ignored_consumer_groups=("legacy-group",),
        unknown_topics="drop",
        unknown_consumer_groups="drop",
        tls=tls,
    )
    group = KafkaConsumerGroup(
        "g",
        "events",
        topics=("orders",),
        session_timeout_ms=1,
        rebalance_timeout_ms=2,
        fetch_max_bytes=3,
        auto_commit_interval_ms=4,
    )
    topic = KafkaTopic(
        "orders",
        "events",
        partitions=6,
        replication_factor=3,
        retention_ms=-1,
        retention_bytes=6,
        max_message_bytes=7,
        min_insync_replicas=2,
        compression_type="lz4",
        cleanup_policy="compact",
        configs={"segment.ms": "5"},
    )
    flush = AsyncFlushOptions(
        topic_partitions=6,
        order_by="row",
        signing_key="new",
        accepted_keys=("old",),
        pending_timeout=1.5,
        unknown_grace=60,
    )
    assert [call(["a:9092", "b:9092"], "events", pool)] == registry.register_kafka.call_args_list
    assert [call(group)] == registry.register_kafka_consumer_group.call_args_list
    assert [call(topic)] == registry.register_kafka_topic.call_args_list
    assert [call("events", flush)] == registry.register_async_flush.call_args_list
