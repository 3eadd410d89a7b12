"""How the questions and changes of alters reach the brokers, in the calling thread. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from fluxaorm.errors import KafkaUnavailableError
from fluxaorm.plans.streams.admin_effects import ChangeKafka, CountRecords, DescribeKafka, DescribeMembers
from fluxaorm.plans.streams.effects import KafkaEffect

if TYPE_CHECKING:
    from fluxaorm.pools.kafka.admin import KafkaAdmin
    from fluxaorm.pools.kafka.pool import KafkaPool
    from fluxaorm.runners.time_limits import TimeLimit

ADMIN_SECONDS: Final = 30.0
"""Seconds that the brokers have for one of them."""
_ROUNDING: Final = 0.01
"""The client counts in whole milliseconds, and gives up a little before the seconds that it was given are over."""


def perform_admin(pool: KafkaPool, effect: KafkaEffect[Any], seconds: float) -> Any:
    """What an effect of ``admin_effects`` asks; the driver is imported here."""
    from fluxaorm.pools.kafka.admin import KafkaAdmin

    return ADMIN_PERFORMERS[type(effect)](KafkaAdmin(pool, seconds), effect)


def admin_seconds(limit: TimeLimit | None) -> float:
    """How long the brokers have within the time of a context. DeadlineExceededError when there is none."""
    return ADMIN_SECONDS if limit is None else min(ADMIN_SECONDS, limit.check())


@contextmanager
def within(limit: TimeLimit | None, effect: KafkaEffect[Any]) -> Generator[None]:
    """A question that the time of a context ended is told as that; a change may have been made, and is told as such."""
    try:
        yield
    except KafkaUnavailableError as error:
        if limit is None or limit.left > _ROUNDING or isinstance(effect, ChangeKafka):
            raise
        raise limit.exceeded() from error


def _describe(admin: KafkaAdmin, effect: DescribeKafka) -> Any:
    return admin.describe(effect.topics, effect.all_topics, effect.all_groups)


def _change(admin: KafkaAdmin, effect: ChangeKafka) -> None:
    admin.change(effect.change)


def _count(admin: KafkaAdmin, effect: CountRecords) -> int:
    return admin.count_records(effect.topic)


def _members(admin: KafkaAdmin, effect: DescribeMembers) -> list[str]:
    return admin.members(effect.group)


ADMIN_PERFORMERS: Final[dict[type[Any], Callable[[Any, Any], Any]]] = {
    DescribeKafka: _describe,
    ChangeKafka: _change,
    CountRecords: _count,
    DescribeMembers: _members,
}
