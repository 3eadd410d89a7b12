"""What a Kafka cluster has, as far as alters look at it. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

NO_SETTINGS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic that is there."""

    partitions: int
    replicas: int
    """Of the partition that has the fewest."""
    settings: Mapping[str, str] = field(default_factory=lambda: NO_SETTINGS)
    """What holds for it, by Kafka's names, the broker's defaults too; empty for a topic that nobody declared."""
    led: bool = True
    """Whether each partition has a leader: records can be written and read."""


@dataclass(frozen=True, slots=True)
class KafkaState:
    """What alters of one pool are made from."""

    brokers: int
    """How many are there now."""
    topics: Mapping[str, TopicState]
    """By name: the declared ones, and all others when they were asked for."""
    groups: Mapping[str, bool] = field(default_factory=dict[str, bool])
    """Consumer groups by name when they were asked for: whether it has members now."""
