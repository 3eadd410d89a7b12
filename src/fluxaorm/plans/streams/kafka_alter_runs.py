"""Run one alter of a Kafka pool, say what it would lose, and what is wrong when the brokers refuse. No I/O.

A cluster answers before all of it knows: an alter has ended when a broker shows what it did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final

from fluxaorm.alters import Alter, Finding, KafkaAlter, refuse
from fluxaorm.alters.kafka.alter import (
    GroupDeletion,
    KafkaChange,
    PartitionGrowth,
    TopicChange,
    TopicCreation,
    TopicDeletion,
)
from fluxaorm.alters.kafka.setting_values import is_same
from fluxaorm.alters.kafka.state import TopicState
from fluxaorm.errors import AlterError, FluxaError, KafkaError, KafkaUnavailableError
from fluxaorm.plans.effects import Plan, Sleep
from fluxaorm.plans.streams.admin_effects import ChangeKafka, CountRecords, DescribeKafka, DescribeMembers

RIGHTS: Final = (
    "alters need Describe, DescribeConfigs, Create, Alter, AlterConfigs and Delete on topics, Describe on the cluster, "
    "and Describe and Delete on consumer groups that are to go"
)
SHOWN_WITHIN: Final = 30.0
"""Seconds in which a cluster shows what it was told to do; usually it takes milliseconds."""


@dataclass(frozen=True, slots=True)
class KafkaAlterPlans:
    """How the alters of Kafka pools run; see ``alters.alter.AlterPlans``."""

    def run(self, alter: Alter, *, allow_destructive: bool, lock_timeout: float) -> Plan[None]:
        """See ``run_kafka_alter_plan``. Nothing of a cluster is locked, so nothing waits for ``lock_timeout``."""
        return run_kafka_alter_plan(_of_kafka(alter), allow_destructive)

    def precheck(self, alter: Alter) -> Plan[list[Finding]]:
        """See ``kafka_precheck_plan``."""
        return kafka_precheck_plan(_of_kafka(alter))


def _of_kafka(alter: Alter) -> KafkaAlter:
    assert isinstance(alter, KafkaAlter)
    return alter


def run_kafka_alter_plan(alter: KafkaAlter, allow_destructive: bool) -> Plan[None]:
    """Ask for the change, and wait until the cluster shows it. See ``Alter.exec`` for what is raised."""
    refuse(alter, allow_destructive=allow_destructive)
    change = alter.change
    assert change is not None, "only manual alters have none"
    if isinstance(change, GroupDeletion):
        yield from _refuse_members_plan(alter)
    try:
        yield from ChangeKafka(alter.pool, change)
    except KafkaError as error:
        raise explained(f"{alter.pool}.{alter.target}", alter.description, error) from error
    yield from _shown_plan(alter, change)


def _refuse_members_plan(alter: KafkaAlter) -> Plan[None]:
    members = yield from DescribeMembers(alter.pool, alter.group)
    if members:
        raise AlterError(
            f"{alter.pool}.{alter.group}: a consumer group with members cannot be deleted; stop them first: "
            f"{', '.join(members)}"
        )


def _shown_plan(alter: KafkaAlter, change: KafkaChange) -> Plan[None]:
    if isinstance(change, GroupDeletion):
        return
    for pause in _pauses():
        state = yield from DescribeKafka(alter.pool, [change.topic])
        if is_shown(change, state.topics.get(change.topic)):
            return
        yield from Sleep(pause)
    raise KafkaError(
        f"the brokers took '{alter.description}' on, and have not shown it for {SHOWN_WITHIN:g} s; ask "
        "get_kafka_alters() again",
        pool=alter.pool,
    )


def _pauses() -> Iterator[float]:
    """Seconds, short ones first."""
    waited = 0.0
    for pause in chain((0.01, 0.02, 0.05, 0.1), repeat(0.2)):
        if waited > SHOWN_WITHIN:
            return
        waited += pause
        yield pause


def is_shown(change: KafkaChange, topic: TopicState | None) -> bool:
    """Whether a topic, None when it is not there, is as a change makes it."""
    if topic is None:
        return isinstance(change, TopicDeletion)
    match change:
        case TopicCreation():
            return topic.led
        case PartitionGrowth():
            return topic.led and topic.partitions >= change.partitions
        case TopicChange():
            return all(is_same(name, topic.settings.get(name, ""), value) for name, value in change.settings.items())
        case TopicDeletion() | GroupDeletion():
            return False


def explained(where: str, what: str, error: KafkaError) -> FluxaError:
    """The error to raise in the place of Kafka's. ``what``: the description of what was asked."""
    if isinstance(error, KafkaUnavailableError):
        # no TryAgainError: it may have been done
        unknown = f"{where}: it is not known whether '{what}' was done ({error.reason})"
        return KafkaError(f"{unknown}; ask get_kafka_alters() again", pool=error.pool, code=error.code)
    if is_missing_right(error):
        return AlterError(f"{where}: the pool's user may not do '{what}': {error.reason}; {RIGHTS}")
    return AlterError(f"{where}: Kafka refuses '{what}': {error.reason} ({error.code})")


def is_missing_right(error: KafkaError) -> bool:
    """Whether the user of the pool may not do that."""
    return error.code.endswith("_AUTHORIZATION_FAILED")


def kafka_precheck_plan(alter: KafkaAlter) -> Plan[list[Finding]]:
    """What an alter would lose, and what is in its way; see ``Alter.precheck``."""
    if isinstance(alter.change, GroupDeletion):
        members = yield from DescribeMembers(alter.pool, alter.group)
        return [Finding(f"{member} is in the group, and has to leave it first", 0, (), True) for member in members]
    if isinstance(alter.change, TopicDeletion):
        records = yield from CountRecords(alter.pool, alter.topic)
        return [Finding("the topic's records", records, (), unit="record")] if records else []
    return []
