"""Performs effects on Kafka in the calling thread. Decides nothing.

A time limit ends the wait for room, and a poll. What was taken by then is on its way: it has the grace that a COMMIT
has, and is of unknown outcome afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from fluxaorm.errors import FluxaError, UnknownPoolError
from fluxaorm.plans.streams.effects import (
    CommitOffsets,
    EnqueueRecord,
    KafkaEffect,
    Outcome,
    PollRecords,
    ProduceRecords,
    PublishRecords,
)
from fluxaorm.plans.streams.flush_effects import FLUSH_MEMBER_EFFECTS, FlushMemberEffect
from fluxaorm.plans.streams.records import Fetches
from fluxaorm.plans.streams.topic_effects import DescribeTopic, HighWatermarks, ReadTopic, TopicInfo
from fluxaorm.pools.kafka.deliveries import Batch, Callback
from fluxaorm.runners.kafka_admin import ADMIN_PERFORMERS, admin_seconds, perform_admin, within

if TYPE_CHECKING:
    from fluxaorm.plans.streams.records import KafkaRecord
    from fluxaorm.pools.kafka.flush_member import FlushMember
    from fluxaorm.pools.kafka.member import KafkaMember
    from fluxaorm.pools.kafka.pool import KafkaPool
    from fluxaorm.pools.kafka.producer import PoolProducer, Report
    from fluxaorm.runners.time_limits import TimeLimit

LONGEST_QUESTION = 10.0
"""Seconds that brokers have to answer a question about a topic."""
COMMIT_SECONDS = 10.0
"""How long a commit is waited for."""
NOT_ACKNOWLEDGED = "the context's time was over before a broker had acknowledged it"


class SyncKafka:
    """``limit``: the time of a context; None: there is none."""

    def __init__(self, pools: Mapping[str, KafkaPool], limit: TimeLimit | None = None) -> None:
        self._pools = pools
        self._limit = limit

    def performers(self) -> dict[type[Any], Callable[[Any], Any]]:
        """What performs each kind of effect."""
        return {
            ProduceRecords: self._produce,
            EnqueueRecord: self._enqueue,
            PollRecords: self._poll,
            CommitOffsets: self._commit,
            PublishRecords: self._publish,
            DescribeTopic: lambda effect: self._ask(topic_info_of, effect),
            HighWatermarks: lambda effect: self._ask(high_watermarks_of, effect),
            ReadTopic: lambda effect: self._ask(records_in, effect),
            **dict.fromkeys(FLUSH_MEMBER_EFFECTS, self._ask_member),
            **dict.fromkeys(ADMIN_PERFORMERS, self._administer),
        }

    def _pool(self, code: str) -> KafkaPool:
        return kafka_pool_of(self._pools, code)

    def _produce(self, effect: ProduceRecords) -> list[Outcome]:
        pool = self._pool(effect.pool)
        ended = threading.Lock()
        _ = ended.acquire()
        batch = Batch(effect.pool, effect.records, ended.release)
        for position, record in enumerate(effect.records):
            try:
                self._send(pool, pool.producer, record, batch.report(position))
            except FluxaError as error:
                if not position:
                    raise
                batch.stop(position, error)
                break
        _ = ended.acquire(timeout=-1 if self._limit is None else max(0.0, self._limit.grace - monotonic()))
        return batch.outcomes(NOT_ACKNOWLEDGED)

    def _send(self, pool: KafkaPool, producer: PoolProducer, record: KafkaRecord, report: Report) -> None:
        limit, seconds = self._limit, pool.options.produce_timeout
        if limit is None:
            producer.send(record, report, seconds)
            return
        left = limit.check()
        try:
            producer.send(record, report, min(seconds, left))
        except FluxaError as error:
            if limit.left <= 0:
                raise limit.exceeded() from error
            raise

    def _enqueue(self, effect: EnqueueRecord) -> None:
        pool = self._pool(effect.pool)
        report = Callback(effect.pool, effect.record, effect.callback)
        self._send(pool, pool.producer, effect.record, report)

    def _publish(self, effect: PublishRecords) -> list[tuple[int, int]]:
        """Begun in time it goes on to its end, which is near."""
        if self._limit is not None:
            _ = self._limit.check()
        return self._pool(effect.pool).publisher.publish(effect.records).result()

    def _poll(self, effect: PollRecords) -> Fetches:
        member: KafkaMember = member_of(effect)
        if self._limit is None:
            return member.poll(effect.max_records, effect.timeout)
        fetches = member.poll(effect.max_records, min(effect.timeout, self._limit.check()))
        if not fetches and not fetches.errors:
            _ = self._limit.check()
        return fetches

    def _ask(
        self, ask: Callable[[KafkaPool, str, float], Any], effect: DescribeTopic | HighWatermarks | ReadTopic
    ) -> Any:
        seconds = pool_timeout(self._limit)
        return ask(self._pool(effect.pool), effect.topic, seconds)

    def _administer(self, effect: KafkaEffect[Any]) -> Any:
        seconds = admin_seconds(self._limit)
        with within(self._limit, effect):
            return perform_admin(self._pool(effect.pool), effect, seconds)

    def _commit(self, effect: CommitOffsets) -> None:
        member = member_of(effect)
        if self._limit is None:
            member.commit(COMMIT_SECONDS)
        else:
            member.commit(min(COMMIT_SECONDS, self._limit.check()))

    def _ask_member(self, effect: FlushMemberEffect[Any]) -> Any:
        return flush_member_of(effect).asked(effect.act)


def flush_member_of(effect: FlushMemberEffect[Any]) -> FlushMember:
    """What a pool has made."""
    member: Any = effect.member
    found: FlushMember = member
    return found


def kafka_pool_of(pools: Mapping[str, KafkaPool], code: str) -> KafkaPool:
    """UnknownPoolError."""
    pool = pools.get(code)
    if pool is None:
        raise UnknownPoolError("Kafka", code, list(pools))
    return pool


def topic_info_of(pool: KafkaPool, topic: str, seconds: float) -> TopicInfo:
    """What the pool's brokers say; the driver is imported here."""
    from fluxaorm.pools.kafka.topic_facts import topic_info

    return topic_info(pool, topic, seconds)


def high_watermarks_of(pool: KafkaPool, topic: str, seconds: float) -> Mapping[int, int]:
    """The same of the ends of its partitions."""
    from fluxaorm.pools.kafka.topic_facts import high_watermarks

    return high_watermarks(pool, topic, seconds)


def records_in(pool: KafkaPool, topic: str, seconds: float) -> Sequence[KafkaRecord]:
    """The same of all that is in it."""
    from fluxaorm.pools.kafka.topic_reader import read_topic

    return read_topic(pool, topic, seconds)


def pool_timeout(limit: TimeLimit | None) -> float:
    """Seconds that a question to the brokers may take. DeadlineExceededError."""
    return LONGEST_QUESTION if limit is None else min(LONGEST_QUESTION, limit.check())


def member_of(effect: PollRecords | CommitOffsets) -> KafkaMember:
    """What a pool has made."""
    member: Any = effect.member
    found: KafkaMember = member
    return found
