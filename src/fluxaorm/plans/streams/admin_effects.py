"""Effects that look at a Kafka cluster and change it. Plain values; nothing here performs I/O."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from fluxaorm.alters.kafka.state import KafkaState
from fluxaorm.plans.streams.effects import KafkaEffect

if TYPE_CHECKING:
    from fluxaorm.alters.kafka.alter import KafkaChange


class DescribeKafka(KafkaEffect[KafkaState]):
    """What the cluster has of these topics; ``all_topics``, ``all_groups``: and of everybody's, without settings.

    Raises KafkaUnavailableError when no broker answers, KafkaError for what the user may not see.
    """

    __slots__ = ("all_groups", "all_topics", "topics")

    def __init__(
        self, pool: str, topics: Collection[str], *, all_topics: bool = False, all_groups: bool = False
    ) -> None:
        self.pool, self.topics, self.all_topics, self.all_groups = pool, topics, all_topics, all_groups


class ChangeKafka(KafkaEffect[None]):
    """Make, change or delete a topic or a consumer group: the brokers have taken it on, and may show it later.

    Raises KafkaUnavailableError when no broker answers, KafkaError when it is refused.
    """

    __slots__ = ("change",)

    def __init__(self, pool: str, change: KafkaChange) -> None:
        self.pool, self.change = pool, change


class CountRecords(KafkaEffect[int]):
    """How many offsets a topic holds: its records, or more where some were compacted away. KafkaError."""

    __slots__ = ("topic",)

    def __init__(self, pool: str, topic: str) -> None:
        self.pool, self.topic = pool, topic


class DescribeMembers(KafkaEffect[list[str]]):
    """Who is in a consumer group now, a text each: ``client 'billing-1' on /10.0.0.7``. KafkaError."""

    __slots__ = ("group",)

    def __init__(self, pool: str, group: str) -> None:
        self.pool, self.group = pool, group
