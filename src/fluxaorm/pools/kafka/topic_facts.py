"""What the brokers say of one topic. Asked rarely: a client is opened for each question, and nothing is kept.

Blocks the calling thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from confluent_kafka import KafkaException, TopicCollection, TopicPartition, admin

from fluxaorm.errors import KafkaError
from fluxaorm.plans.streams.topic_effects import TopicInfo
from fluxaorm.pools.kafka.clients import open_admin
from fluxaorm.pools.kafka.errors import raised_error

if TYPE_CHECKING:
    from fluxaorm.pools.kafka.pool import KafkaPool

T = TypeVar("T")
LONGEST_SECONDS: Final = 10.0
"""How long the brokers have to answer."""
_CLIENT: Final = {"socket.timeout.ms": int(LONGEST_SECONDS * 1000)}


def topic_info(pool: KafkaPool, topic: str, seconds: float = LONGEST_SECONDS) -> TopicInfo:
    """See ``DescribeTopic``."""
    return _asked(pool, topic, seconds, _described)


def high_watermarks(pool: KafkaPool, topic: str, seconds: float = LONGEST_SECONDS) -> Mapping[int, int]:
    """See ``HighWatermarks``."""
    return _asked(pool, topic, seconds, _watermarks)


def _asked(pool: KafkaPool, topic: str, seconds: float, ask: Callable[[Any, str, float], T]) -> T:
    pool.refuse_closed()
    _ = pool.driver()
    client = open_admin(pool.code, {**pool.client_settings(), **_CLIENT})
    try:
        return ask(client, topic, max(0.1, min(seconds, LONGEST_SECONDS)))
    except KafkaException as error:
        raise raised_error(pool.code, error, f"topic '{topic}'") from None
    except TimeoutError:
        raise KafkaError(f"topic '{topic}': no broker has answered in time", pool=pool.code) from None


def _described(client: Any, topic: str, seconds: float) -> TopicInfo:
    (answer,) = client.describe_topics(TopicCollection([topic]), request_timeout=seconds).values()
    found = answer.result(timeout=LONGEST_SECONDS)
    return TopicInfo(str(found.topic_id), len(found.partitions))


def _watermarks(client: Any, topic: str, seconds: float) -> Mapping[int, int]:
    partitions = range(_described(client, topic, seconds).partitions)
    # its types leave this name out
    latest: Any = vars(admin)["OffsetSpec"].latest()
    wanted = {TopicPartition(topic, partition): latest for partition in partitions}
    answers = client.list_offsets(wanted, request_timeout=seconds)
    return {each.partition: answer.result(timeout=LONGEST_SECONDS).offset for each, answer in answers.items()}
