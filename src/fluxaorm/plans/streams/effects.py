"""Effects on Kafka: what a plan asks a runner to do there. Plain values; nothing here performs I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from fluxaorm.errors import KafkaError
from fluxaorm.plans.effects import Effect
from fluxaorm.plans.streams.records import Fetches, KafkaRecord

T_co = TypeVar("T_co", covariant=True)

Outcome: TypeAlias = "KafkaRecord | KafkaError"
"""A record as it is stored, or why it is not."""
DeliveryCallback: TypeAlias = "Callable[[KafkaRecord, KafkaError | None], object]"
"""Called with a record as it is stored, or with why it is not."""


class GroupMember(Protocol):
    """One member of a consumer group; runners know what is inside."""

    @property
    def pool(self) -> str:
        """The Kafka pool's code."""
        ...

    @property
    def group(self) -> str:
        """The group's name."""
        ...


class KafkaEffect(Effect[T_co]):
    """Base of all of them: each knows its pool, and how it is shown in query logs."""

    __slots__ = ("pool",)

    pool: str
    operation: ClassVar[str] = "ASK"
    """In a word."""

    @property
    def subject(self) -> str:
        """What it is about; no keys and no values."""
        return ""


class ProduceRecords(KafkaEffect[list[Outcome]]):
    """Send records and wait until each is stored or has failed; the reply has one outcome for each, in order.

    Raises when none was taken: KafkaBackpressureError, KafkaError for what cannot be sent.
    """

    __slots__ = ("records",)
    operation = "PRODUCE"

    def __init__(self, pool: str, records: Sequence[KafkaRecord]) -> None:
        self.pool, self.records = pool, records

    @property
    def subject(self) -> str:
        """Topics, and how much."""
        return _subject_of(self.records)


class EnqueueRecord(KafkaEffect[None]):
    """Take a record to be sent and go on; ``callback`` hears how it ended, None: the log does when it failed.

    KafkaBackpressureError when there is no room for it in time.
    """

    __slots__ = ("callback", "record")
    operation = "ENQUEUE"

    def __init__(self, pool: str, record: KafkaRecord, callback: DeliveryCallback | None) -> None:
        self.pool, self.record, self.callback = pool, record, callback

    @property
    def subject(self) -> str:
        """The topic, and how much."""
        return _subject_of((self.record,))


class PublishRecords(KafkaEffect[list[tuple[int, int]]]):
    """Store records whole or not at all, on all in-sync replicas; the reply is (partition, offset) of each, in order.

    ``token``: names the publish in errors and logs. Raises KafkaUnavailableError when certainly nothing is stored,
    AsyncFlushUnknownError when nobody knows, KafkaError for what cannot be stored, before anything of it is visible.
    """

    __slots__ = ("records", "token")
    operation = "PUBLISH"

    def __init__(self, pool: str, records: Sequence[KafkaRecord], token: Any) -> None:
        self.pool, self.records, self.token = pool, records, token

    @property
    def subject(self) -> str:
        """Topics, and how much."""
        return _subject_of(self.records)


class PollRecords(KafkaEffect[Fetches]):
    """Up to ``max_records`` more records of a group's partitions, after ``timeout`` seconds at most."""

    __slots__ = ("max_records", "member", "timeout")
    operation = "POLL"

    def __init__(self, member: GroupMember, max_records: int, timeout: float) -> None:
        self.pool, self.member, self.max_records, self.timeout = member.pool, member, max_records, timeout

    @property
    def subject(self) -> str:
        """The group."""
        return self.member.group


class CommitOffsets(KafkaEffect[None]):
    """Commit what was polled. KafkaPartitionsLostError when others have some of it meanwhile, KafkaUnavailableError."""

    __slots__ = ("member",)
    operation = "COMMIT"

    def __init__(self, member: GroupMember) -> None:
        self.pool, self.member = member.pool, member

    @property
    def subject(self) -> str:
        """The group."""
        return self.member.group


def _subject_of(records: Sequence[KafkaRecord]) -> str:
    """``orders: 2 records, 20 bytes; audit: 1 record, 7 bytes``."""
    sizes: dict[str, list[int]] = {}
    for record in records:
        sizes.setdefault(record.topic, []).append(record.size)
    return "; ".join(
        f"{topic}: {len(each)} record{'' if len(each) == 1 else 's'}, {sum(each)} bytes"
        for topic, each in sizes.items()
    )
