"""What librdkafka is told of a pool: where the brokers are, who asks, how records are sent and read. Imports no driver.

What is said here and not by the user:

- ``partitioner``: the one of Kafka's Java client, so that records of one key meet in one partition whoever sends them.
- ``allow.auto.create.topics``: a misspelt topic is an error, and not a new topic.
- ``partition.assignment.strategy``: cooperative, so that a member that comes or goes stops only the partitions that
  change hands. All members of a group must say the same; members that are eager cannot join them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.errors import ConfigError
from fluxaorm.options.base import tls_options
from fluxaorm.options.masking import MASK

if TYPE_CHECKING:
    from fluxaorm.addresses import KafkaAddress
    from fluxaorm.options import KafkaConsumerGroup, KafkaPoolOptions, TLSOptions

Settings = dict[str, Any]

DEFAULT_CLIENT_ID: Final = "fluxaorm"
TOPIC_WAIT_MS: Final = 2_000
"""How long a topic nobody knows is taken for one that was just made."""
_SECRETS: Final = frozenset({"sasl.password", "ssl.key.password"})
_HEARTBEAT_MS: Final = 3_000
_LARGEST_RESPONSE: Final = 2**31 - 1


def client_settings(address: KafkaAddress, options: KafkaPoolOptions) -> Settings:
    """What every client of a pool has in common. Holds the password."""
    tls = tls_options(options.tls)
    settings: Settings = {
        "bootstrap.servers": ",".join(map(str, address.brokers)),
        "client.id": options.client_id or DEFAULT_CLIENT_ID,
        "security.protocol": _protocol(sasl=bool(options.sasl_mechanism), tls=tls is not None),
        "allow.auto.create.topics": False,
        "socket.keepalive.enable": True,
        "log.connection.close": False,
    }
    if options.sasl_mechanism:
        settings["sasl.mechanisms"] = options.sasl_mechanism
        settings["sasl.username"] = options.sasl_user
        settings["sasl.password"] = options.sasl_password
    if tls is not None:
        settings.update(_tls_settings(tls))
    return settings


def _protocol(*, sasl: bool, tls: bool) -> str:
    return ("SASL_" if sasl else "") + ("SSL" if tls else "PLAINTEXT")


def _tls_settings(tls: TLSOptions) -> Settings:
    settings: Settings = {
        "enable.ssl.certificate.verification": tls.verify,
        "ssl.endpoint.identification.algorithm": "https" if tls.verify and tls.check_hostname else "none",
    }
    if tls.ca_file:
        settings["ssl.ca.location"] = tls.ca_file
    if tls.cert_file:
        settings["ssl.certificate.location"] = tls.cert_file
        # one file may hold both
        settings["ssl.key.location"] = tls.key_file or tls.cert_file
    return settings


def producer_settings(options: KafkaPoolOptions, largest_record: int) -> Settings:
    """How a pool's producer sends. ``largest_record``: bytes, 0: librdkafka's default."""
    idempotent = options.required_acks == -1
    settings: Settings = {
        "acks": options.required_acks,
        "enable.idempotence": idempotent,
        "partitioner": "murmur2_random",
        **_time_limits(options.delivery_timeout),
    }
    if options.producer_linger_ms:
        settings["linger.ms"] = options.producer_linger_ms
    if options.max_buffered_records:
        settings["queue.buffering.max.messages"] = options.max_buffered_records
    if largest_record:
        settings["message.max.bytes"] = largest_record
    return settings


def _time_limits(seconds: float) -> Settings:
    """A topic that is not there is told as that, and not as a record that was late."""
    milliseconds = int(seconds * 1000)
    return {
        "delivery.timeout.ms": milliseconds,
        "topic.metadata.propagation.max.ms": min(TOPIC_WAIT_MS, milliseconds // 2),
    }


def publisher_settings(largest_record: int, seconds: float) -> Settings:
    """How what must be stored for certain is sent: at once, and given up after ``seconds``."""
    settings: Settings = {
        "acks": -1,
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": 0,
        **_time_limits(seconds),
    }
    if largest_record:
        settings["message.max.bytes"] = largest_record
    return settings


def consumer_settings(group: KafkaConsumerGroup) -> Settings:
    """How a member of a group reads. A new group begins with the earliest record."""
    settings: Settings = {
        "group.id": group.name,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": group.auto_commit_interval_ms > 0,
        # what was not handed out yet must not be committed
        "enable.auto.offset.store": False,
        "enable.partition.eof": False,
    }
    if group.auto_commit_interval_ms:
        settings["auto.commit.interval.ms"] = group.auto_commit_interval_ms
    settings |= _session_settings(group.session_timeout_ms)
    if group.rebalance_timeout_ms:
        settings["max.poll.interval.ms"] = group.rebalance_timeout_ms
    if group.fetch_max_bytes:
        settings["fetch.max.bytes"] = group.fetch_max_bytes
        settings["receive.message.max.bytes"] = min(_LARGEST_RESPONSE, max(100_000_000, group.fetch_max_bytes + 512))
    return settings


def _session_settings(timeout_ms: int) -> Settings:
    if not timeout_ms:
        return {}
    return {
        "session.timeout.ms": timeout_ms,
        "heartbeat.interval.ms": max(1, min(_HEARTBEAT_MS, timeout_ms // 3)),
    }


def flush_member_settings(group: str, session_timeout_ms: int = 0) -> Settings:
    """How records of async flushes are read: what is committed only, up to the end, from offsets that are given."""
    return {
        "group.id": group,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        # the broker answers as soon as there is something
        "fetch.wait.max.ms": 100,
        **_session_settings(session_timeout_ms),
    }


def masked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same without secrets."""
    return {name: MASK if name in _SECRETS and value else value for name, value in settings.items()}


def check_files(code: str, options: KafkaPoolOptions) -> None:
    """ConfigError for a file of the TLS options that cannot be read: librdkafka says less of it."""
    tls = tls_options(options.tls)
    for name in () if tls is None else (tls.ca_file, tls.cert_file, tls.key_file):
        if name:
            try:
                with open(name, "rb"):
                    pass
            except OSError as error:
                raise ConfigError(f"Kafka pool '{code}': a certificate or key cannot be read: {error}") from error
