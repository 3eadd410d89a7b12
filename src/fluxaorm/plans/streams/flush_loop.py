"""What a consumer of async flushes does again and again: read, apply, tell the group. Decides; no I/O.

A partition begins where its databases say: at the smallest of the group's offset and all that is applied. One that has
to wait, since a server is down or names are missing, is paused and tried again after a growing pause; the others go on,
and the member polls all the while, so that it keeps its partitions.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from fluxaorm.errors import AsyncFlushStoppedError, CommitUnknownError, FluxaError, KafkaError
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.applying import Applier, LostPartitionError, TopicPartition, accounts_plan
from fluxaorm.plans.streams.arrivals import Destinations
from fluxaorm.plans.streams.flush_effects import (
    CommitPositions,
    FetchCommitted,
    FlushMemberPort,
    FlushPoll,
    PausePartitions,
    PollFlushes,
    ReadWatermarks,
    ResumePartitions,
    StartPartitions,
)
from fluxaorm.plans.streams.partition_work import AppliedCounts, Aside, NamesMissingError, PartitionWork, first_offset

if TYPE_CHECKING:
    from fluxaorm.entity.schema import EntitySchema
    from fluxaorm.options import AsyncFlushOptions
    from fluxaorm.plans.state.engine_port import EnginePort
    from fluxaorm.plans.state.unit_of_work import UnitOfWork

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0
_TOLD_AGAIN: Final = 10.0
"""Seconds after which the log is told again of what goes on failing."""
_LOST_RECORDS: Final = "_AUTO_OFFSET_RESET"

logger = logging.getLogger("fluxaorm.async_flush")


class FlushState(Protocol):
    """What an engine knows of async flush."""

    @property
    def kafka_pool(self) -> str:
        """The Kafka pool's code."""
        ...

    @property
    def options(self) -> AsyncFlushOptions:
        """As registered."""
        ...

    @property
    def topic(self) -> str:
        """Where records come from."""
        ...

    @property
    def failed_topic(self) -> str:
        """Where dead letters go."""
        ...

    def forget_topic(self) -> None:
        """Ask for the topic's id again."""
        ...

    def topic_id_plan(self) -> Plan[str]:
        """The topic's id. KafkaError."""
        ...

    def database_plan(self, engine: Any, mysql_pool: str) -> Plan[str]:
        """The identity of a pool's database. MySQLError."""
        ...


class LoopEngine(Protocol):
    """What is asked of an engine besides what plans ask."""

    @property
    def schemas(self) -> Mapping[str, EntitySchema]:
        """Entities by name."""
        ...

    @property
    def redis_pools(self) -> Mapping[str, Any]:
        """Redis pools by code."""
        ...


@dataclass(frozen=True, slots=True)
class Consumed:
    """What one call of ``consume`` has done."""

    applied: int = 0
    """Records whose changes were written."""
    repeated: int = 0
    """Records that had been applied before, whose caches and after-handlers followed."""
    dead_letters: int = 0
    """Records that were put aside."""
    waiting: int = 0
    """Records that were read and wait, since something that passes is in their way."""

    def __bool__(self) -> bool:
        return bool(self.applied or self.repeated or self.dead_letters)


class FlushLoop:
    """``unit_of_work``: a context for after-handlers; ``member``: of the group."""

    def __init__(
        self, engine: EnginePort, state: FlushState, member: FlushMemberPort, unit_of_work: UnitOfWork
    ) -> None:
        self._engine, self._state, self.member, self._unit_of_work = engine, state, member, unit_of_work
        self._works: dict[int, PartitionWork] = {}
        self._to_start: dict[int, float] = {}
        """Partitions that are to be read -> when to try it."""
        self._attempts: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._counts = AppliedCounts()
        self._destinations: Destinations | None = None
        self._told: dict[str, float] = {}
        self.lag: dict[int, int] = {}
        """Partition -> records behind its end, as far as is known."""

    def consume_plan(self, max_records: int, block_seconds: float) -> Plan[Consumed]:
        """One round. AsyncFlushStoppedError for a record of a newer format; KafkaError when records are lost."""
        now = self._engine.monotonic()
        polled = yield from PollFlushes(self.member, max_records, self._wait(now, block_seconds))
        self._take(polled)
        yield from self._start_plan()
        stopped = yield from self._work_plan()
        yield from self._commit_plan()
        consumed = self._consumed()
        if self._works:
            ends = yield from ReadWatermarks(self.member, list(self._works))
            self.lag = {each: max(0, end - self._works[each].position) for each, end in ends.items()}
        else:
            self.lag = {}
        if stopped is not None:
            raise stopped
        return consumed

    def finish_plan(self) -> Plan[None]:
        """Tell the group how far it is, for certain."""
        yield from self._commit_plan(wait=True)

    # reading

    def _wait(self, now: float, block_seconds: float) -> float:
        due = [work.retry_at for work in self._works.values() if work.waiting] + list(self._to_start.values())
        return max(0.0, min([block_seconds, *[at - now for at in due]]))

    def _take(self, polled: FlushPoll) -> None:
        for partition in polled.taken:
            self._forget(partition)
            _ = self._to_start.pop(partition, None)
        for partition in polled.given:
            self._to_start[partition] = 0.0
        for error in polled.errors:
            if error.code == _LOST_RECORDS:
                raise KafkaError(
                    f"{self._state.topic}: records that are not applied yet are gone from the topic: {error.reason}",
                    pool=self._state.kafka_pool,
                    code=error.code,
                ) from error
            self._tell(str(error))
        for record in polled.records:
            if (work := self._works.get(record.partition or 0)) is not None and self._destinations is not None:
                work.add(self._destinations.arrival(record))
        for partition, offset in polled.committed.items():
            # whoever takes the partition over begins there, and has to know the dead letters from there on
            if (work := self._works.get(partition)) is not None:
                work.applier.kept_from = max(work.applier.kept_from, offset)
        for partition, end in polled.ends.items():
            if (work := self._works.get(partition)) is not None:
                work.end = end

    def _forget(self, partition: int) -> None:
        _ = self._works.pop(partition, None)
        _ = self._committed.pop(partition, None)
        _ = self._attempts.pop(partition, None)

    # beginning

    def _start_plan(self) -> Plan[None]:
        now = self._engine.monotonic()
        due = [partition for partition, at in self._to_start.items() if at <= now]
        if not due:
            return
        try:
            if self._destinations is None:
                self._destinations = yield from self._destinations_plan()
            # a topic may have been made anew since somebody asked
            self._state.forget_topic()
            topic_id = yield from self._state.topic_id_plan()
            committed = yield from FetchCommitted(self.member, due)
            for partition in due:
                yield from self._begin_plan(
                    TopicPartition(self._state.topic, topic_id, partition), committed.get(partition)
                )
        except FluxaError as error:
            self._tell(f"{self._state.topic}: partitions cannot be begun: {error}")
            for partition in self._to_start.keys() & set(due):
                self._to_start[partition] = now + self._pause(partition)

    def _destinations_plan(self) -> Plan[Destinations]:
        engine: Any = self._engine
        known: LoopEngine = engine
        options = self._state.options
        pools = sorted({schema.mysql_pool for schema in known.schemas.values()})
        identities: dict[str, str] = {}
        for pool in pools:
            identities[pool] = yield from self._state.database_plan(self._engine, pool)
        keys = (options.signing_key, *options.accepted_keys) if options.signing_key else tuple(options.accepted_keys)
        return Destinations(known.schemas.values(), self._engine.mysql_pools, known.redis_pools, identities, keys)

    def _begin_plan(self, place: TopicPartition, committed: int | None) -> Plan[None]:
        assert self._destinations is not None
        accounts = yield from accounts_plan(self._engine, self._destinations.pools, place)
        start = first_offset(accounts.values(), committed)
        if committed is None:
            # who dies before the first commit leaves caches and handlers behind: the next one begins here, too
            yield from CommitPositions(self.member, {place.partition: start}, wait=True)
        applier = Applier(self._engine, self._unit_of_work, place)
        applier.kept_from = start
        dialects = {pool: self._engine.mysql_pools[pool].dialect for pool in accounts}
        aside = Aside(
            kafka_pool=self._state.kafka_pool,
            topic=self._state.failed_topic,
            unknown_grace=self._state.options.unknown_grace,
            clock=self._engine.clock,
            monotonic=self._engine.monotonic,
        )
        yield from StartPartitions(self.member, {place.partition: start})
        self._forget(place.partition)
        self._works[place.partition] = PartitionWork(applier, accounts, start, dialects, aside, self._counts)
        self._committed[place.partition] = start
        _ = self._to_start.pop(place.partition, None)

    # applying

    def _work_plan(self) -> Plan[AsyncFlushStoppedError | None]:
        """The first error that stops the consumer, after all partitions had their turn."""
        stopped: AsyncFlushStoppedError | None = None
        for partition, work in list(self._works.items()):
            if work.retry_at > self._engine.monotonic():
                continue
            try:
                yield from work.work_plan()
            except AsyncFlushStoppedError as error:
                stopped = stopped or error
            except (LostPartitionError, CommitUnknownError) as error:
                # what is applied is asked anew; what was read is read again from there
                self._tell(f"{self._state.topic}[{partition}] is begun anew: {error}")
                del self._works[partition]
                self._to_start[partition] = self._engine.monotonic() + self._pause(partition)
            except (FluxaError, NamesMissingError) as error:
                yield from self._back_off_plan(partition, work, error)
            else:
                _ = self._attempts.pop(partition, None)
                if work.retry_at:
                    work.retry_at = 0.0
                    yield from ResumePartitions(self.member, (partition,))
        return stopped

    def _back_off_plan(self, partition: int, work: PartitionWork, error: Exception) -> Plan[None]:
        self._tell(f"{self._state.topic}[{partition}] waits at offset {work.position}: {error}")
        work.attempts += 1
        if not work.retry_at:
            yield from PausePartitions(self.member, (partition,))
        work.retry_at = self._engine.monotonic() + self._pause(partition)

    def _pause(self, partition: int) -> float:
        attempts = self._attempts[partition] = self._attempts.get(partition, 0) + 1
        return random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, FIRST_PAUSE * float(2 ** min(attempts, 10)))

    def _tell(self, sentence: str) -> None:
        """Log what fails, and again only after a while."""
        now = self._engine.monotonic()
        if now - self._told.get(sentence, -_TOLD_AGAIN) < _TOLD_AGAIN:
            return
        self._told = {each: at for each, at in self._told.items() if now - at < _TOLD_AGAIN}
        self._told[sentence] = now
        logger.warning("%s", sentence)

    # the end of a round

    def _commit_plan(self, wait: bool = False) -> Plan[None]:
        positions = {
            partition: work.position
            for partition, work in self._works.items()
            if wait or work.position != self._committed.get(partition)
        }
        if not positions:
            return
        yield from CommitPositions(self.member, positions, wait)
        self._committed |= positions

    def _consumed(self) -> Consumed:
        counts, waiting = self._counts, sum(len(work.waiting) for work in self._works.values())
        found = Consumed(counts.applied, counts.repeated, counts.dead_letters, waiting)
        counts.applied = counts.repeated = counts.dead_letters = 0
        return found
