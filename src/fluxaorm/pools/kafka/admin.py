"""Looks at topics and consumer groups, and changes them. Done rarely: a client is opened for each question.

Blocks the calling thread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import ConsumerGroupState, KafkaException, TopicCollection, TopicPartition, admin

from fluxaorm.alters.kafka.alter import (
    GroupDeletion,
    KafkaChange,
    PartitionGrowth,
    TopicChange,
    TopicCreation,
    TopicDeletion,
)
from fluxaorm.alters.kafka.state import KafkaState, TopicState
from fluxaorm.errors import KafkaError, KafkaUnavailableError
from fluxaorm.pools.kafka.clients import open_admin
from fluxaorm.pools.kafka.errors import raised_error

if TYPE_CHECKING:
    from fluxaorm.pools.kafka.pool import KafkaPool

# its types leave names out
_driver: Final[Any] = admin
_BROKERS_DEFAULT: Final = -1
_MEMBERLESS: Final = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)


class KafkaAdmin:
    """One conversation with the brokers of a pool. ``seconds``: how long it may take."""

    def __init__(self, pool: KafkaPool, seconds: float) -> None:
        pool.refuse_closed()
        _ = pool.driver()
        self._pool = pool.code
        self._deadline = monotonic() + seconds
        settings = {**pool.client_settings(), "socket.timeout.ms": max(100, int(seconds * 1000))}
        self._client: Any = open_admin(pool.code, settings)

    def describe(self, topics: Collection[str], all_topics: bool, all_groups: bool) -> KafkaState:
        """See ``DescribeKafka``."""
        cluster = self._answer(self._client.describe_cluster(request_timeout=self._left()), "")
        found = self._described(topics)
        if all_topics:
            found = {**self._all_topics(), **found}
        return KafkaState(len(cluster.nodes), found, self._groups() if all_groups else {})

    def _described(self, topics: Collection[str]) -> dict[str, TopicState]:
        if not topics:
            return {}
        answers = self._client.describe_topics(TopicCollection(list(topics)), request_timeout=self._left())
        there: dict[str, Any] = {}
        for name, answer in answers.items():
            try:
                there[name] = self._answer(answer, f"topic '{name}'")
            except KafkaError as error:
                if error.code != "UNKNOWN_TOPIC_OR_PART":
                    raise
        settings = self._settings(there)
        return {
            name: TopicState(
                len(topic.partitions),
                min((len(each.replicas) for each in topic.partitions), default=0),
                settings[name],
                all(each.leader is not None and each.leader.id >= 0 for each in topic.partitions),
            )
            for name, topic in there.items()
            if name in settings
        }

    def _settings(self, topics: Collection[str]) -> dict[str, dict[str, str]]:
        """What holds for each topic that is still there."""
        if not topics:
            return {}
        wanted = [_driver.ConfigResource(_driver.ConfigResource.Type.TOPIC, name) for name in topics]
        answers = self._client.describe_configs(wanted, request_timeout=self._left())
        found: dict[str, dict[str, str]] = {}
        for resource, answer in answers.items():
            try:
                entries = self._answer(answer, f"settings of topic '{resource.name}'")
            except KafkaError as error:
                if error.code != "UNKNOWN_TOPIC_OR_PART":
                    raise
            else:
                found[resource.name] = {name: entry.value or "" for name, entry in entries.items()}
        return found

    def _all_topics(self) -> dict[str, TopicState]:
        try:
            metadata = self._client.list_topics(timeout=self._left())
        except KafkaException as error:
            raise raised_error(self._pool, error, "topics") from None
        return {
            name: TopicState(
                len(topic.partitions), min((len(p.replicas) for p in topic.partitions.values()), default=0)
            )
            for name, topic in metadata.topics.items()
        }

    def _groups(self) -> dict[str, bool]:
        answer = self._answer(self._client.list_consumer_groups(request_timeout=self._left()), "consumer groups")
        for error in answer.errors:
            raise raised_error(self._pool, error, "consumer groups")
        return {group.group_id: group.state not in _MEMBERLESS for group in answer.valid}

    def change(self, change: KafkaChange) -> None:
        """See ``ChangeKafka``."""
        for answer in self._asked_for(change, self._left()).values():
            _ = self._answer(answer, "")

    def _asked_for(self, change: KafkaChange, seconds: float) -> Mapping[Any, Future[Any]]:
        client = self._client
        found: Mapping[Any, Future[Any]]
        match change:
            case TopicCreation():
                found = client.create_topics([_new_topic(change)], request_timeout=seconds)
            case PartitionGrowth():
                more = [_driver.NewPartitions(change.topic, change.partitions)]
                found = client.create_partitions(more, request_timeout=seconds)
            case TopicChange():
                found = client.incremental_alter_configs([_changed(change)], request_timeout=seconds)
            case TopicDeletion():
                found = client.delete_topics([change.topic], request_timeout=seconds)
            case GroupDeletion():
                found = client.delete_consumer_groups([change.group], request_timeout=seconds)
        return found

    def count_records(self, topic: str) -> int:
        """See ``CountRecords``; 0 when the topic is gone."""
        state = self._described([topic]).get(topic)
        if state is None:
            return 0
        specification = _driver.OffsetSpec
        ends = self._offsets(topic, state.partitions, specification.latest())
        return ends - self._offsets(topic, state.partitions, specification.earliest())

    def _offsets(self, topic: str, partitions: int, which: Any) -> int:
        wanted = {TopicPartition(topic, partition): which for partition in range(partitions)}
        answers = self._client.list_offsets(wanted, request_timeout=self._left())
        return sum(self._answer(answer, f"topic '{topic}'").offset for answer in answers.values())

    def members(self, group: str) -> list[str]:
        """See ``DescribeMembers``."""
        answers = self._client.describe_consumer_groups([group], request_timeout=self._left())
        try:
            (found,) = [self._answer(answer, f"consumer group '{group}'") for answer in answers.values()]
        except KafkaError as error:
            if error.code == "GROUP_ID_NOT_FOUND":
                return []
            raise
        return sorted(f"client '{member.client_id}' on {member.host}" for member in found.members)

    def _left(self) -> float:
        return max(0.1, self._deadline - monotonic())

    def _answer(self, answer: Future[Any], about: str) -> Any:
        try:
            # the client itself ends what takes longer
            return answer.result(timeout=self._left() + 1)
        except KafkaException as error:
            raise raised_error(self._pool, error, about) from None
        except TimeoutError:
            where = f"{about}: " if about else ""
            raise KafkaUnavailableError(f"{where}no broker has answered in time", pool=self._pool) from None


def _new_topic(change: TopicCreation) -> Any:
    return _driver.NewTopic(
        change.topic,
        num_partitions=change.partitions or _BROKERS_DEFAULT,
        replication_factor=change.replicas or _BROKERS_DEFAULT,
        config=dict(change.settings),
    )


def _changed(change: TopicChange) -> Any:
    entry, operation = _driver.ConfigEntry, _driver.AlterConfigOpType
    entries = [entry(name, value, incremental_operation=operation.SET) for name, value in change.settings.items()]
    return _driver.ConfigResource(_driver.ConfigResource.Type.TOPIC, change.topic, incremental_configs=entries)
