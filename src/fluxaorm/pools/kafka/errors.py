"""What librdkafka says, as errors of ours. Imports no driver: its errors are told by their names."""

from __future__ import annotations

from typing import Any, Final

from fluxaorm.errors import KafkaError, KafkaUnavailableError

UNREACHABLE: Final = frozenset({"_TRANSPORT", "_ALL_BROKERS_DOWN", "_RESOLVE", "_TIMED_OUT", "_SSL", "_AUTHENTICATION"})
"""Codes of what could not be asked."""

_EXPLAINED: Final = {
    "_UNKNOWN_TOPIC": "the topic is not there: make it, or run the alters",
    "UNKNOWN_TOPIC_OR_PART": "the topic is not there: make it, or run the alters",
    "_UNKNOWN_PARTITION": "the topic has no such partition",
    "MSG_SIZE_TOO_LARGE": "the record is larger than the broker, or its topic's max.message.bytes, allows",
    "RECORD_LIST_TOO_LARGE": "the records are larger together than the topic's segments may be",
    "_MSG_TIMED_OUT": "no broker has acknowledged it in time; it may be stored",
    "_PURGE_QUEUE": "the engine was closed before it was sent",
    "_PURGE_INFLIGHT": "the engine was closed before a broker had acknowledged it; it may be stored",
    "NOT_ENOUGH_REPLICAS": "fewer replicas are in sync than min.insync.replicas asks for",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": "fewer replicas than min.insync.replicas have it; it may be stored",
    "TOPIC_AUTHORIZATION_FAILED": "the pool's user may not use this topic",
    "GROUP_AUTHORIZATION_FAILED": "the pool's user may not use this consumer group",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "the pool's user may not use transactions",
    "CLUSTER_AUTHORIZATION_FAILED": "the pool's user may not do that on the cluster",
    "_ALL_BROKERS_DOWN": "no broker can be reached",
    "_MAX_POLL_EXCEEDED": "the member did not poll for longer than rebalance_timeout_ms, and has left its group",
}


def kafka_error(pool: str, found: Any, about: str = "") -> KafkaError:
    """The error for one of librdkafka's. ``about``: what it was about, as ``topic 'orders'``."""
    code, said = found.name(), str(found.str())
    explained = _EXPLAINED.get(code)
    reason = (
        f"{explained}: {said}"
        if explained and said and not said.startswith(("Local:", "Broker:"))
        else (explained or said)
    )
    where = f"{about}: " if about else ""
    kind = KafkaUnavailableError if code in UNREACHABLE else KafkaError
    return kind(f"{where}{reason}", pool=pool, code=code)


def raised_error(pool: str, raised: Any, about: str = "") -> KafkaError:
    """The same for a ``KafkaException``, which holds one."""
    return kafka_error(pool, raised.args[0], about)
