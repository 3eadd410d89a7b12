"""What brings a Kafka pool in line with what is declared, in the order in which to do it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fluxaorm.alters.alter import AlterPlans, Kind, Safety
from fluxaorm.alters.kafka.alter import GroupDeletion, KafkaAlter, TopicDeletion
from fluxaorm.alters.kafka.nobodys import nobodys_groups, nobodys_topics
from fluxaorm.alters.kafka.state import KafkaState
from fluxaorm.alters.kafka.topic_diff import TopicDiff
from fluxaorm.alters.kafka.wanted import WantedKafka
from fluxaorm.alters.sql.safety import DESTRUCTIVE, SAFE

_ORDER: Final[tuple[Kind, ...]] = (
    "create_topic",
    "change_topic",
    "add_partitions",
    "delete_consumer_group",
    "delete_topic",
)


@dataclass(frozen=True, slots=True)
class KafkaDiff:
    """Compares one pool. ``plans``: how the alters are run."""

    pool: str
    plans: AlterPlans

    def alters(self, wanted: WantedKafka, actual: KafkaState) -> list[KafkaAlter]:
        """None when all is as declared; what is new first, what goes last, the safe ones before the others."""
        topics = TopicDiff(self.pool, self.plans)
        found = [alter for topic in wanted.all_topics for alter in topics.alters(topic, actual)]
        found += [self._delete_group(name, actual.groups[name]) for name in nobodys_groups(wanted, actual)]
        found += [self._delete_topic(name) for name in nobodys_topics(wanted, actual)]
        return sorted(found, key=_rank)

    def _delete_topic(self, name: str) -> KafkaAlter:
        reason = "nobody registered this topic; keep it with ignored_topics"
        return KafkaAlter(
            f"delete topic `{name}`", reason, self.pool, None, "", "delete_topic", DESTRUCTIVE, (), ("delete_topic",),
            _plans=self.plans, topic=name, change=TopicDeletion(name),
        )  # fmt: skip

    def _delete_group(self, name: str, has_members: bool) -> KafkaAlter:
        kind: Kind = "delete_consumer_group"
        reason = "nobody registered this group; keep it with ignored_consumer_groups"
        if has_members:
            reason += ". It has members now, and cannot be deleted before they leave"
        return KafkaAlter(
            f"delete consumer group `{name}`", reason, self.pool, None, "", kind, DESTRUCTIVE, (), (kind,),
            _plans=self.plans, group=name, change=GroupDeletion(name),
        )  # fmt: skip


_SAFETIES: Final[tuple[Safety, ...]] = (SAFE, DESTRUCTIVE, "manual")


def _rank(alter: KafkaAlter) -> tuple[int, int]:
    return _ORDER.index(alter.kind), _SAFETIES.index(alter.safety)
