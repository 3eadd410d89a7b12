"""Which topics and consumer groups are nobody's, so that they may be deleted when that was asked for. Pure.

What Kafka, Kafka Connect and a schema registry keep for themselves is somebody's, and so is everything with a name of
the library's, of this application or another: a topic of writes or dead letters may hold their only copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from fluxaorm.alters.kafka.state import KafkaState
from fluxaorm.alters.kafka.wanted import WantedKafka

OUR_PREFIXES: Final = ("_fluxa_", "_dlq_", "_retry_", "_parked_")
"""What names of the library begin with; the rest of them is a feature, a group, a namespace."""
_KEPT_TOPICS: Final = (
    "__*",
    *(f"{prefix}*" for prefix in OUR_PREFIXES),
    "fluxa_*",
    # what Kafka Connect is usually told to call its topics: connect-configs, _connect-offsets, docker-connect-status
    "*connect[-_]config*",
    "*connect[-_]offset*",
    "*connect[-_]status*",
    "_schemas",
    "_confluent*",
)
_KEPT_GROUPS: Final = (*(f"{prefix}*" for prefix in OUR_PREFIXES), "fluxa_*", "connect-*", "_confluent*")


def nobodys_topics(wanted: WantedKafka, state: KafkaState) -> list[str]:
    """Topics to delete, in order of their names; none when that was not asked for."""
    if not wanted.looks_at_all_topics:
        return []
    known = {topic.name for topic in wanted.all_topics}
    kept = (*_KEPT_TOPICS, *wanted.ignored_topics)
    return sorted(
        name
        for name in state.topics
        if name not in known and not _matches(name, kept) and not _is_read(name, wanted.read_topics)
    )


def nobodys_groups(wanted: WantedKafka, state: KafkaState) -> list[str]:
    """The same for consumer groups."""
    if not wanted.looks_at_all_groups:
        return []
    kept = (*_KEPT_GROUPS, *wanted.ignored_groups)
    return sorted(name for name in state.groups if name not in wanted.groups and not _matches(name, kept))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_read(name: str, topics: Iterable[str]) -> bool:
    return any(re.match(topic, name) is not None if topic.startswith("^") else topic == name for topic in topics)
