"""Effects on the member of the group that applies async flushes. Plain values; nothing here performs I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from fluxaorm.errors import KafkaError
from fluxaorm.plans.streams.effects import KafkaEffect

if TYPE_CHECKING:
    from fluxaorm.plans.streams.records import KafkaRecord

T_co = TypeVar("T_co", covariant=True)


@dataclass(slots=True)
class FlushPoll:
    """What a poll has brought."""

    records: list[KafkaRecord] = field(default_factory=list["KafkaRecord"])
    """In order within a partition."""
    given: dict[int, None] = field(default_factory=dict[int, None])
    """Partitions that the member has from now on; nothing of them is read before they are started."""
    taken: dict[int, None] = field(default_factory=dict[int, None])
    """Partitions that it has no more. One that it lost and got again is in both."""
    ends: dict[int, int] = field(default_factory=dict[int, int])
    """Partition -> the offset at its end, when all before it was read."""
    committed: dict[int, int] = field(default_factory=dict[int, int])
    """Partition -> where the group goes on, as it has said since."""
    errors: list[KafkaError] = field(default_factory=list[KafkaError])
    """What could not be read, or asked."""

    def __bool__(self) -> bool:
        # nobody waits for what is committed
        return bool(self.records or self.given or self.taken or self.ends or self.errors)

    def drop(self, partitions: Collection[int]) -> None:
        """Forget what was read of these."""
        self.records = [record for record in self.records if record.partition not in partitions]
        self.ends = {partition: end for partition, end in self.ends.items() if partition not in partitions}

    def put_before(self, earlier: FlushPoll) -> None:
        """Add what came before it."""
        earlier.drop(self.taken)
        self.records = [*earlier.records, *self.records]
        self.given = {each: None for each in earlier.given if each not in self.taken} | self.given
        self.taken = earlier.taken | self.taken
        self.ends = earlier.ends | self.ends
        self.committed = earlier.committed | self.committed
        self.errors = [*earlier.errors, *self.errors]


class FlushMemberPort(Protocol):
    """What a member does; it blocks, so that runners decide in which thread."""

    @property
    def pool(self) -> str:
        """The Kafka pool's code."""
        ...

    def poll(self, max_records: int, seconds: float) -> FlushPoll:
        """What there is, after so many seconds at most."""
        ...

    def start(self, offsets: Mapping[int, int]) -> None:
        """Read partitions from these offsets on."""
        ...

    def pause(self, partitions: Collection[int]) -> None:
        """Read no more of them for now."""
        ...

    def resume(self, partitions: Collection[int]) -> None:
        """Read them again."""
        ...

    def committed(self, partitions: Collection[int]) -> dict[int, int]:
        """The group's offsets of those that have one."""
        ...

    def commit(self, offsets: Mapping[int, int], wait: bool) -> None:
        """Tell the group how far it is."""
        ...

    def high_watermarks(self, partitions: Collection[int]) -> dict[int, int]:
        """The ends of those that were fetched."""
        ...


class FlushMemberEffect(KafkaEffect[T_co]):
    """Base of all of them. Each raises KafkaError, and KafkaUnavailableError when no broker answers."""

    __slots__ = ("member",)

    def __init__(self, member: FlushMemberPort) -> None:
        self.pool, self.member = member.pool, member

    def act(self) -> T_co:
        """Ask the member; blocks."""
        raise NotImplementedError


class PollFlushes(FlushMemberEffect[FlushPoll]):
    """Up to so many records, and what became of the partitions, after ``seconds`` at most."""

    __slots__ = ("max_records", "seconds")

    def __init__(self, member: FlushMemberPort, max_records: int, seconds: float) -> None:
        super().__init__(member)
        self.max_records, self.seconds = max_records, seconds

    def act(self) -> FlushPoll:
        """Blocks for ``seconds`` at most."""
        return self.member.poll(self.max_records, self.seconds)


class StartPartitions(FlushMemberEffect[None]):
    """Read partitions from these offsets on; what was read of them and not polled is dropped."""

    __slots__ = ("offsets",)

    def __init__(self, member: FlushMemberPort, offsets: Mapping[int, int]) -> None:
        super().__init__(member)
        self.offsets = offsets

    def act(self) -> None:
        """Does not block."""
        self.member.start(self.offsets)


class PausePartitions(FlushMemberEffect[None]):
    """Read no more of these for now: the member polls all the same, so that it keeps them."""

    __slots__ = ("partitions",)

    def __init__(self, member: FlushMemberPort, partitions: Collection[int]) -> None:
        super().__init__(member)
        self.partitions = partitions

    def act(self) -> None:
        """Does not block."""
        self.member.pause(self.partitions)


class ResumePartitions(PausePartitions):
    """Read them again."""

    __slots__ = ()

    def act(self) -> None:
        """Does not block."""
        self.member.resume(self.partitions)


class FetchCommitted(FlushMemberEffect["dict[int, int]"]):
    """The group's offsets of those of these partitions that have one."""

    __slots__ = ("partitions",)

    def __init__(self, member: FlushMemberPort, partitions: Sequence[int]) -> None:
        super().__init__(member)
        self.partitions = partitions

    def act(self) -> dict[int, int]:
        """Asks a broker."""
        return self.member.committed(self.partitions)


class CommitPositions(FlushMemberEffect[None]):
    """Tell the group how far it is; ``FlushPoll.committed`` says when it has heard. ``wait``: for its answer."""

    __slots__ = ("offsets", "wait")

    def __init__(self, member: FlushMemberPort, offsets: Mapping[int, int], wait: bool = False) -> None:
        super().__init__(member)
        self.offsets, self.wait = offsets, wait

    def act(self) -> None:
        """Blocks only with ``wait``."""
        self.member.commit(self.offsets, self.wait)


class ReadWatermarks(FlushMemberEffect["dict[int, int]"]):
    """The ends of partitions, as the last fetch has told them."""

    __slots__ = ("partitions",)

    def __init__(self, member: FlushMemberPort, partitions: Collection[int]) -> None:
        super().__init__(member)
        self.partitions = partitions

    def act(self) -> dict[int, int]:
        """Does not block."""
        return self.member.high_watermarks(self.partitions)


FLUSH_MEMBER_EFFECTS = (
    PollFlushes,
    StartPartitions,
    PausePartitions,
    ResumePartitions,
    FetchCommitted,
    CommitPositions,
    ReadWatermarks,
)
"""All there are, for runners."""
