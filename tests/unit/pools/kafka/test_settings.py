"""What librdkafka is told of a pool and of a group, and what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.addresses import parse_kafka
from fluxaorm.pools.kafka.settings import (
    client_settings,
    consumer_settings,
    masked_settings,
    producer_settings,
    publisher_settings,
)
from tests.support.passwords import new_password

BROKERS = parse_kafka("events", ["a:1", "b"])


@pytest.mark.parametrize(
    ("options", "protocol"),
    [
        (fx.KafkaPoolOptions(), "PLAINTEXT"),
        (fx.KafkaPoolOptions(tls=True), "SSL"),
        (fx.KafkaPoolOptions(sasl_mechanism="PLAIN"), "SASL_PLAINTEXT"),
        (fx.KafkaPoolOptions(sasl_mechanism="SCRAM-SHA-256", tls=fx.TLSOptions()), "SASL_SSL"),
    ],
)
def test_the_protocol_is_what_options_ask_for(options: fx.KafkaPoolOptions, protocol: str) -> None:
    """A password must not go in clear where TLS was asked for."""
    settings = client_settings(BROKERS, options)

    assert ("a:1,b:9092", protocol) == (settings["bootstrap.servers"], settings["security.protocol"])
    assert settings["allow.auto.create.topics"] is False


def test_secrets_are_masked() -> None:
    """Settings are there to be looked at."""
    password = new_password()
    options = fx.KafkaPoolOptions(sasl_mechanism="PLAIN", sasl_user="app", sasl_password=password)

    shown = masked_settings(client_settings(BROKERS, options))

    assert ("app", "***") == (shown["sasl.username"], shown["sasl.password"])
    assert password not in str(shown)


def test_a_certificate_without_a_key_file_holds_its_key() -> None:
    """As it does for the other stores."""
    tls = fx.TLSOptions(ca_file="ca.pem", cert_file="both.pem", check_hostname=False)

    settings = client_settings(BROKERS, fx.KafkaPoolOptions(tls=tls))

    assert ("ca.pem", "both.pem", "both.pem") == (
        settings["ssl.ca.location"],
        settings["ssl.certificate.location"],
        settings["ssl.key.location"],
    )
    assert "none" == settings["ssl.endpoint.identification.algorithm"]


@pytest.mark.parametrize(("acks", "idempotent"), [(-1, True), (1, False), (0, False)])
def test_what_counts_as_stored_is_the_users_choice(acks: Any, idempotent: bool) -> None:
    """But for what must be stored for certain."""
    options = fx.KafkaPoolOptions(required_acks=acks, producer_linger_ms=7, max_buffered_records=9, delivery_timeout=2)

    settings = producer_settings(options, 3_000_000)
    publishing = publisher_settings(0, 10)

    assert (acks, idempotent) == (settings["acks"], settings["enable.idempotence"])
    assert (7, 9, 2000, 3_000_000) == (
        settings["linger.ms"],
        settings["queue.buffering.max.messages"],
        settings["delivery.timeout.ms"],
        settings["message.max.bytes"],
    )
    assert (-1, True, 0) == (publishing["acks"], publishing["enable.idempotence"], publishing["linger.ms"])


def test_a_group_commits_by_hand_unless_it_says_how_often() -> None:
    """And never what was not handed out."""
    by_hand = consumer_settings(fx.KafkaConsumerGroup("g", "events", topics=["t"]))
    by_itself = consumer_settings(
        fx.KafkaConsumerGroup(
            "g",
            "events",
            topics=["t"],
            auto_commit_interval_ms=5,
            session_timeout_ms=6_000,
            rebalance_timeout_ms=60_000,
            fetch_max_bytes=200_000_000,
        )
    )

    assert (False, False) == (by_hand["enable.auto.commit"], by_hand["enable.auto.offset.store"])
    assert (True, False) == (by_itself["enable.auto.commit"], by_itself["enable.auto.offset.store"])
    assert (5, 6_000, 2_000, 60_000) == (
        by_itself["auto.commit.interval.ms"],
        by_itself["session.timeout.ms"],
        by_itself["heartbeat.interval.ms"],
        by_itself["max.poll.interval.ms"],
    )
    assert 200_000_512 == by_itself["receive.message.max.bytes"]
