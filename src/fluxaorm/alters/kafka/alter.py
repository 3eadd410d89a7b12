"""An alter of a Kafka pool, and what it changes: a value that ``plans`` hands to whoever talks to the brokers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from fluxaorm.alters.alter import Alter, Store


@dataclass(frozen=True, slots=True)
class TopicCreation:
    """Make a topic. What is 0 or missing is the broker's default."""

    topic: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartitionGrowth:
    """Give a topic more partitions. ``partitions``: how many it has then."""

    topic: str
    partitions: int


@dataclass(frozen=True, slots=True)
class TopicChange:
    """Change settings of a topic; the others stay as they are."""

    topic: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicDeletion:
    """Delete a topic with its records."""

    topic: str


@dataclass(frozen=True, slots=True)
class GroupDeletion:
    """Delete a consumer group with its offsets."""

    group: str


KafkaChange: TypeAlias = TopicCreation | PartitionGrowth | TopicChange | TopicDeletion | GroupDeletion


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAlter(Alter):
    """What to change in a Kafka pool; has no SQL, and no table. ``exec`` returns when the cluster shows the change."""

    topic: str = ""
    """Name of the topic; "" when it is about a consumer group."""
    group: str = ""
    """Name of the consumer group; "" when it is about a topic."""
    change: KafkaChange | None = None
    """What is asked of the brokers; None: nothing, it is manual."""

    @property
    def store(self) -> Store:
        """``kafka``."""
        return "kafka"

    @property
    def target(self) -> str:
        """The name of the topic or of the consumer group."""
        return self.topic or self.group
