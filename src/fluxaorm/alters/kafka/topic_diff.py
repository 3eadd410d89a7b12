"""What brings one topic in line with its declaration. Pure.

What a declaration leaves out is the broker's default when the topic is made, and no difference afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from fluxaorm.alters.alter import AlterPlans, Kind, Safety
from fluxaorm.alters.kafka.alter import KafkaAlter, KafkaChange, PartitionGrowth, TopicChange, TopicCreation
from fluxaorm.alters.kafka.setting_safety import why_unsafe
from fluxaorm.alters.kafka.setting_values import is_same, number_of
from fluxaorm.alters.kafka.state import KafkaState, TopicState
from fluxaorm.alters.kafka.wanted import WantedTopic
from fluxaorm.alters.sql.safety import DESTRUCTIVE, MANUAL, SAFE

_MIN_INSYNC: Final = "min.insync.replicas"


@dataclass(frozen=True, slots=True)
class TopicDiff:
    """Compares the topics of one pool. ``plans``: how the alters are run."""

    pool: str
    plans: AlterPlans

    def alters(self, wanted: WantedTopic, state: KafkaState) -> Iterator[KafkaAlter]:
        """What has to be done for one topic."""
        actual = state.topics.get(wanted.name)
        if wanted.feature:
            wanted = _possible(wanted, state.brokers, actual)
        if actual is None:
            yield self._create(wanted, state)
            return
        yield from self._partitions(wanted, actual)
        yield from self._replicas(wanted, actual)
        yield from self._settings(wanted, actual)

    def _create(self, wanted: WantedTopic, state: KafkaState) -> KafkaAlter:
        said = [*_counts(wanted), *(f"{name}={value}" for name, value in sorted(wanted.settings.items()))]
        description = f"create topic `{wanted.name}`" + (f" with {', '.join(said)}" if said else "")
        if wanted.replicas > state.brokers:
            needs = f"{wanted.replicas} replicas need as many brokers, and the cluster has {state.brokers}"
            reason = f"{needs}: start more of them, or declare a smaller replication_factor"
            return self._alter(wanted, description, reason, "create_topic", MANUAL, None)
        reason = f"{wanted.feature} needs it" if wanted.feature else "there is no such topic yet"
        change = TopicCreation(wanted.name, wanted.partitions, wanted.replicas, dict(wanted.settings))
        return self._alter(wanted, description, reason, "create_topic", SAFE, change)

    def _partitions(self, wanted: WantedTopic, actual: TopicState) -> Iterator[KafkaAlter]:
        if not wanted.partitions or wanted.partitions == actual.partitions:
            return
        description = f"change topic `{wanted.name}`: {actual.partitions} -> {wanted.partitions} partitions"
        if wanted.partitions < actual.partitions:
            reason = f"Kafka takes no partitions away: {_MOVE}, or declare {actual.partitions}"
            yield self._alter(wanted, description, reason, "add_partitions", MANUAL, None)
        elif wanted.feature:
            yield self._alter(wanted, description, _drain_first(wanted), "add_partitions", MANUAL, None)
        else:
            reason = "keys move to other partitions, so records of a key written before and after it have no order"
            change = PartitionGrowth(wanted.name, wanted.partitions)
            yield self._alter(wanted, description, reason, "add_partitions", DESTRUCTIVE, change)

    def _replicas(self, wanted: WantedTopic, actual: TopicState) -> Iterator[KafkaAlter]:
        enough = actual.replicas >= wanted.replicas if wanted.feature else actual.replicas == wanted.replicas
        if wanted.replicas and not enough:
            description = f"change topic `{wanted.name}`: {actual.replicas} -> {wanted.replicas} replicas"
            reason = f"move its partitions with kafka-reassign-partitions.sh, or declare {actual.replicas}"
            yield self._alter(wanted, description, reason, "change_topic", MANUAL, None)

    def _settings(self, wanted: WantedTopic, actual: TopicState) -> Iterator[KafkaAlter]:
        """One alter for what is safe, one for what is not, one for what cannot be."""
        by_safety: dict[Safety, dict[str, str]] = {}
        reasons: dict[Safety, list[str]] = {SAFE: [], DESTRUCTIVE: [], MANUAL: []}
        for name, value in sorted(wanted.settings.items()):
            if name in actual.settings and is_same(name, actual.settings[name], value):
                continue
            safety, reason = _judged(name, value, actual)
            by_safety.setdefault(safety, {})[name] = value
            reasons[safety] += [reason] if reason else []
        for safety, settings in by_safety.items():
            reason = "; ".join(reasons[safety]) or "it is declared otherwise"
            change = None if safety == MANUAL else TopicChange(wanted.name, settings)
            description = f"change topic `{wanted.name}`: {_changed(settings, actual)}"
            yield self._alter(wanted, description, reason, "change_topic", safety, change)

    def _alter(
        self, wanted: WantedTopic, description: str, reason: str, kind: Kind, safety: Safety, change: KafkaChange | None
    ) -> KafkaAlter:
        return KafkaAlter(
            description, reason, self.pool, None, "", kind, safety, (), (kind,), _plans=self.plans,
            topic=wanted.name, change=change,
        )  # fmt: skip


_MOVE: Final = "make another topic and move the records"


def _drain_first(wanted: WantedTopic) -> str:
    return (
        f"keys would move to other partitions while older records of theirs wait, and {wanted.feature} rests on their "
        "order: stop all who write, let the consumers reach the end of the topic, then give it the partitions with "
        f"kafka-topics.sh --alter --topic {wanted.name} --partitions {wanted.partitions}"
    )


def _possible(wanted: WantedTopic, brokers: int, actual: TopicState | None) -> WantedTopic:
    """A topic of the library's on the brokers there are: with as many replicas as they can hold, and writable."""
    replicas = min(wanted.replicas, brokers)
    held = replicas if actual is None else actual.replicas
    needed = number_of(wanted.settings.get(_MIN_INSYNC, "")) or 1
    writable = str(min(needed, max(1, held - 1)))
    settings = {name: writable if name == _MIN_INSYNC else value for name, value in wanted.settings.items()}
    return replace(wanted, replicas=replicas, settings=settings)


def _counts(wanted: WantedTopic) -> Iterator[str]:
    for count, what in ((wanted.partitions, "partition"), (wanted.replicas, "replica")):
        if count:
            yield f"{count} {what}{'' if count == 1 else 's'}"


def _changed(settings: Mapping[str, str], actual: TopicState) -> str:
    return ", ".join(f"{name} {actual.settings.get(name, '?')} -> {value}" for name, value in settings.items())


def _judged(name: str, value: str, actual: TopicState) -> tuple[Safety, str]:
    if name not in actual.settings:
        near = get_close_matches(name, actual.settings, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return MANUAL, f"the brokers know no setting '{name}' of a topic{hint}"
    if name == _MIN_INSYNC and (number_of(value) or 0) > actual.replicas:
        plural = "" if actual.replicas == 1 else "s"
        return MANUAL, f"the topic has {actual.replicas} replica{plural}, and nothing could be written: {_FEWER}"
    lost = why_unsafe(name, actual.settings[name], value, actual.replicas)
    return (DESTRUCTIVE if lost else SAFE), lost


_FEWER: Final = "give it more with kafka-reassign-partitions.sh, or declare smaller min_insync_replicas"
