"""Effects that ask the brokers about one topic. Plain values; nothing here performs I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fluxaorm.plans.streams.effects import KafkaEffect
from fluxaorm.plans.streams.records import KafkaRecord


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """What a topic is. ``topic_id``: another one for each topic that is made, also under the same name; 22 letters."""

    topic_id: str
    partitions: int


class DescribeTopic(KafkaEffect[TopicInfo]):
    """What a topic is. KafkaUnavailableError when no broker answers, KafkaError: there is none, or it is not shown."""

    __slots__ = ("topic",)
    operation = "DESCRIBE"

    def __init__(self, pool: str, topic: str) -> None:
        self.pool, self.topic = pool, topic

    @property
    def subject(self) -> str:
        """The topic."""
        return self.topic


class HighWatermarks(KafkaEffect[Mapping[int, int]]):
    """Partition -> the offset after the last record there at this moment, of all partitions. Raises the same."""

    __slots__ = ("topic",)
    operation = "WATERMARKS"

    def __init__(self, pool: str, topic: str) -> None:
        self.pool, self.topic = pool, topic

    @property
    def subject(self) -> str:
        """The topic."""
        return self.topic


class ReadTopic(KafkaEffect[Sequence[KafkaRecord]]):
    """All records of a topic, each partition in order: for topics that hold few. Raises the same."""

    __slots__ = ("topic",)

    def __init__(self, pool: str, topic: str) -> None:
        self.pool, self.topic = pool, topic
