"""One partition of the topic of async flushes, as its consumer works through it, in order. Decides; no I/O.

What can be applied is applied together. When a statement fails, the records go one by one, and what fails for good is
put aside as a dead letter; what passes is tried again by the caller, and nothing overtakes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from fluxaorm.errors import AsyncFlushStoppedError
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.applying import Account, Applier, StatementFailedError
from fluxaorm.plans.streams.arrivals import Arrival
from fluxaorm.plans.streams.failed_records import dead_letter, number_of, store_plan, told, verdict_of

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect

IDLE_SECONDS: Final = 60.0
"""How long a MySQL pool without records of its own may stay behind, and goes unasked."""


def first_offset(accounts: Iterable[Account], committed: int | None) -> int:
    """Where a partition is begun: at the smallest of the group's offset and all that is applied.

    What lies before the group's offset and is not applied was undone by a database that lost it; what is applied and
    lies behind may not have been told to the caches.
    """
    applied = [account.applied for account in accounts]
    return min(applied if committed is None else [*applied, committed])


class NamesMissingError(Exception):
    """A record says something that nobody here knows: a newer version of the application may."""


@dataclass(slots=True)
class AppliedCounts:
    """What was done."""

    applied: int = 0
    """Records whose changes were written."""
    repeated: int = 0
    """Records that had been applied before: only their caches and handlers followed."""
    dead_letters: int = 0
    """Records that were put aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Where dead letters go, and when."""

    kafka_pool: str
    topic: str
    unknown_grace: float
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]


class PartitionWork:
    """Records of one partition that were read and not yet done."""

    def __init__(
        self,
        applier: Applier,
        accounts: Mapping[str, Account],
        start: int,
        dialects: Mapping[str, Dialect],
        aside: Aside,
        counts: AppliedCounts,
    ) -> None:
        self.applier, self.accounts, self._dialects, self._aside = applier, accounts, dialects, aside
        self.waiting: list[Arrival] = []
        self.end: int | None = None
        """The partition's end, once everything before it was read."""
        self.retry_at = 0.0
        self.attempts = 0
        """Tries in a row that something passing has ended."""
        self._counts = counts
        self._done_to = start
        self._advanced_at = self._checked_at = aside.monotonic()
        self._met: dict[int, float] = {}
        """Offset -> when a record with unknown names was first met."""

    @property
    def position(self) -> int:
        """The offset of the first record that is not done."""
        return self.waiting[0].offset if self.waiting else self._done_to

    def add(self, arrival: Arrival) -> None:
        """One more record."""
        self.waiting.append(arrival)

    def work_plan(self) -> Plan[None]:
        """Do all that was read.

        What passes is raised, with the records before it done: NamesMissingError, TryAgainError and other FluxaErrors;
        also LostPartitionError, CommitUnknownError, AsyncFlushStoppedError.
        """
        while self.waiting:
            if plain := self._plain():
                yield from self._batch_plan(plain)
            else:
                yield from self._odd_plan(self.waiting[0])
            self.attempts = 0
        yield from self._advance_plan()
        yield from self._check_plan()

    # together

    def _plain(self) -> list[Arrival]:
        """What can be applied together, from the first one on."""
        plain: list[Arrival] = []
        for arrival in takewhile(_is_plain, self.waiting):
            plain.append(arrival)
            if self.applier.ends_batch(arrival):
                break
        return plain

    def _batch_plan(self, arrivals: Sequence[Arrival]) -> Plan[None]:
        upto = arrivals[-1].offset + 1
        if len(arrivals) == len(self.waiting) and self.end is not None:
            upto = max(upto, self.end)
        for pool in dict.fromkeys([arrival.pool for arrival in arrivals]):
            account = self.accounts[pool]
            own = [arrival for arrival in arrivals if arrival.pool == pool]
            before = [arrival for arrival in own if arrival.offset < account.applied]
            if before:
                yield from self.applier.replay_plan(pool, account, before)
                self._counts.repeated += len(before)
                self._done(before)
            if after := own[len(before) :]:
                yield from self._apply_plan(pool, account, after, upto)
        self._done_to = max(self._done_to, upto)

    def _apply_plan(self, pool: str, account: Account, arrivals: Sequence[Arrival], upto: int) -> Plan[None]:
        try:
            yield from self.applier.apply_plan(pool, account, arrivals, upto)
        except StatementFailedError as failure:
            if verdict_of(failure.__cause__, self._dialects[pool]) == "transient":
                raise failure.__cause__ or failure from None
            if len(arrivals) == 1:
                yield from self._failed_plan(arrivals[0], failure)
                return
        else:
            self._counts.applied += len(arrivals)
            self._done(arrivals)
            return
        for arrival in arrivals:
            yield from self._apply_plan(pool, account, [arrival], arrival.offset + 1)

    def _done(self, arrivals: Sequence[Arrival]) -> None:
        done = {arrival.offset for arrival in arrivals}
        self._done_to = max(self._done_to, arrivals[-1].offset + 1)
        self.waiting = [arrival for arrival in self.waiting if arrival.offset not in done]
        for offset in done & self._met.keys():
            del self._met[offset]

    # what cannot be applied

    def _odd_plan(self, arrival: Arrival) -> Plan[None]:
        if arrival.newer is not None:
            place = self.applier.place
            raise AsyncFlushStoppedError(
                place.topic, place.partition, arrival.offset, arrival.newer.version
            ) from arrival.newer
        if arrival.offset < self.accounts[arrival.pool].applied:
            # it was put aside before
            self._done([arrival])
        elif arrival.flaw:
            yield from self._put_aside_plan(arrival, arrival.flaw)
        else:
            yield from self._unknown_plan(arrival, f"nobody here knows {arrival.unknown}")

    def _failed_plan(self, arrival: Arrival, failure: StatementFailedError) -> Plan[None]:
        cause = failure.__cause__ or failure
        if verdict_of(cause, self._dialects[arrival.pool]) == "unknown":
            yield from self._unknown_plan(arrival, told(cause), number_of(cause))
        else:
            yield from self._put_aside_plan(arrival, told(cause), number_of(cause))

    def _unknown_plan(self, arrival: Arrival, reason: str, code: int = 0) -> Plan[None]:
        since = self._met.setdefault(arrival.offset, self._aside.monotonic())
        if self._aside.monotonic() - since < self._aside.unknown_grace:
            raise NamesMissingError(f"{self.applier.place}@{arrival.offset}: {reason}")
        yield from self._put_aside_plan(arrival, reason, code)

    def _put_aside_plan(self, arrival: Arrival, error: str, code: int = 0) -> Plan[None]:
        record = dead_letter(
            arrival.source,
            self._aside.topic,
            self.applier.place,
            error,
            code=code,
            attempts=self.attempts + 1,
            at_ms=int(self._aside.clock().timestamp() * 1000),
        )
        yield from store_plan(self._aside.kafka_pool, record)
        yield from self.applier.pass_over_plan(self.accounts[arrival.pool], arrival)
        self._counts.dead_letters += 1
        self._done([arrival])

    # pools without records

    def _advance_plan(self) -> Plan[None]:
        """Bring all pools to the partition's end, or, while there is always more, to where it is each minute."""
        now = self._aside.monotonic()
        if self.end is not None:
            self._done_to = max(self._done_to, self.end)
            self.end = None
        elif now - self._advanced_at < IDLE_SECONDS:
            return
        self._advanced_at = now
        for pool, account in self.accounts.items():
            if account.applied < self._done_to:
                yield from self.applier.advance_plan(pool, account, self._done_to)

    def _check_plan(self) -> Plan[None]:
        """Each minute, see whether the databases still say what is expected of them.

        One that has lost its last transaction would have nobody who noticed before the next record.
        """
        now = self._aside.monotonic()
        if now - self._checked_at < IDLE_SECONDS:
            return
        self._checked_at = now
        for pool, account in self.accounts.items():
            yield from self.applier.check_plan(pool, account)


def _is_plain(arrival: Arrival) -> bool:
    return arrival.is_plain
