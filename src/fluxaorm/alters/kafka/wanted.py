"""What an application declares of one Kafka pool, in the form that is compared. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic that has to be there. What is 0 or missing is the broker's affair."""

    name: str
    partitions: int = 0
    replicas: int = 0
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    """By Kafka's names."""
    feature: str = ""
    """The feature of the library that owns it; empty: somebody registered it. Of ``replicas`` it has as many as there
    are brokers for, and more are no difference."""


@dataclass(frozen=True, slots=True)
class WantedKafka:
    """Everything that is declared of a pool's topics and groups."""

    topics: tuple[WantedTopic, ...] = ()
    own_topics: tuple[WantedTopic, ...] = ()
    """Those of the library's features."""
    read_topics: frozenset[str] = frozenset()
    """Names, and regular expressions after ``^``, that registered consumer groups read."""
    groups: frozenset[str] = frozenset()
    drops_unknown_topics: bool = False
    drops_unknown_groups: bool = False
    ignored_topics: tuple[str, ...] = ()
    """Names and patterns of what is kept though nobody registered it."""
    ignored_groups: tuple[str, ...] = ()
    """The same."""

    @property
    def all_topics(self) -> tuple[WantedTopic, ...]:
        """All that have to be there, the library's first."""
        return self.own_topics + self.topics

    @property
    def looks_at_all_topics(self) -> bool:
        """Whether topics that nobody registered matter."""
        return self.drops_unknown_topics and bool(self.topics)

    @property
    def looks_at_all_groups(self) -> bool:
        """Whether consumer groups that nobody registered matter."""
        return self.drops_unknown_groups and bool(self.topics)
