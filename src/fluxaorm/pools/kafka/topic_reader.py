"""Reads a topic from its beginning to its end, past every consumer group. Blocks."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from fluxaorm.errors import KafkaUnavailableError
from fluxaorm.plans.streams.records import KafkaRecord
from fluxaorm.pools.kafka.clients import open_consumer
from fluxaorm.pools.kafka.errors import kafka_error, raised_error
from fluxaorm.pools.kafka.member import record_of

if TYPE_CHECKING:
    from fluxaorm.pools.kafka.pool import KafkaPool

_AT_ONCE = 500
_SLICE = 0.1
_END = "_PARTITION_EOF"


def read_topic(pool: KafkaPool, topic: str, seconds: float) -> list[KafkaRecord]:
    """All records that are committed there, each partition in order.

    KafkaUnavailableError when nothing comes for so many seconds, KafkaError for a topic that is not there.
    """
    settings: dict[str, Any] = {
        **pool.client_settings(),
        # nothing is committed: it needs one to be a consumer
        "group.id": "fluxaorm-reader",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
    client = open_consumer(pool.code, settings)
    try:
        told = client.list_topics(topic, timeout=seconds).topics[topic]
        if told.error is not None:
            raise kafka_error(pool.code, told.error, f"topic '{topic}'")
        unread = set(told.partitions)
        client.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in unread])
        return _read(pool, topic, client, unread, seconds)
    except KafkaException as error:
        raise raised_error(pool.code, error, f"topic '{topic}'") from None
    finally:
        client.close()


def _read(pool: KafkaPool, topic: str, client: Consumer, unread: set[int], seconds: float) -> list[KafkaRecord]:
    found: list[KafkaRecord] = []
    deadline = monotonic() + seconds
    while unread:
        messages = client.consume(_AT_ONCE, _SLICE)
        if messages:
            deadline = monotonic() + seconds
        elif monotonic() > deadline:
            raise KafkaUnavailableError(f"topic '{topic}': no broker answers", pool=pool.code)
        for message in messages:
            error = message.error()
            if error is None:
                found.append(record_of(message))
            elif error.name() == _END:
                unread.discard(message.partition() or 0)
            else:
                raise kafka_error(pool.code, error, f"topic '{topic}'")
    return found
