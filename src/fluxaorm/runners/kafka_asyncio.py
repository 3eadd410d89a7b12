"""Performs effects on Kafka on asyncio. Decides nothing.

Delivery reports come to the loop once for all records that were sent together. A member of a group is polled in a
thread of its own; what a cancelled poll brings is for the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from fluxaorm.errors import FluxaError
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
from fluxaorm.plans.streams.records import Fetches, KafkaRecord
from fluxaorm.plans.streams.topic_effects import DescribeTopic, HighWatermarks, ReadTopic
from fluxaorm.pools.kafka.deliveries import Batch, Callback
from fluxaorm.runners.kafka_admin import ADMIN_PERFORMERS, admin_seconds, perform_admin, within
from fluxaorm.runners.kafka_sync import (
    COMMIT_SECONDS,
    NOT_ACKNOWLEDGED,
    flush_member_of,
    high_watermarks_of,
    kafka_pool_of,
    member_of,
    pool_timeout,
    records_in,
    topic_info_of,
)

if TYPE_CHECKING:
    from fluxaorm.pools.kafka.pool import KafkaPool
    from fluxaorm.pools.kafka.producer import PoolProducer, Report
    from fluxaorm.runners.shield import Shield
    from fluxaorm.runners.time_limits import TimeLimit

T = TypeVar("T")


class AsyncKafka:
    """``limit``: the time of a context; None: there is none."""

    def __init__(self, pools: Mapping[str, KafkaPool], limit: TimeLimit | None = None) -> None:
        self._pools = pools
        self._limit = limit

    def performers(self) -> dict[type[Any], Callable[[Any, Shield], Awaitable[Any]]]:
        """What performs each kind of effect."""
        return {
            ProduceRecords: self._produce,
            EnqueueRecord: self._enqueue,
            PollRecords: self._poll,
            CommitOffsets: self._commit,
            PublishRecords: self._publish,
            DescribeTopic: lambda effect, _shield: self._ask(topic_info_of, effect),
            HighWatermarks: lambda effect, _shield: self._ask(high_watermarks_of, effect),
            ReadTopic: lambda effect, _shield: self._ask(records_in, effect),
            **dict.fromkeys(FLUSH_MEMBER_EFFECTS, self._ask_member),
            **dict.fromkeys(ADMIN_PERFORMERS, self._administer),
        }

    def _pool(self, code: str) -> KafkaPool:
        return kafka_pool_of(self._pools, code)

    async def _produce(self, effect: ProduceRecords, _shield: Shield) -> list[Outcome]:
        pool = self._pool(effect.pool)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        batch = Batch(effect.pool, effect.records, lambda: tell(loop, ended))
        for position, record in enumerate(effect.records):
            try:
                await self._send(pool, pool.producer, record, batch.report(position))
            except FluxaError as error:
                if not position:
                    raise
                batch.stop(position, error)
                break
        if self._limit is None:
            await ended
        else:
            _ = await asyncio.wait((ended,), timeout=max(0.0, self._limit.grace - monotonic()))
        return batch.outcomes(NOT_ACKNOWLEDGED)

    async def _send(self, pool: KafkaPool, producer: PoolProducer, record: KafkaRecord, report: Report) -> None:
        limit, seconds = self._limit, pool.options.produce_timeout
        if limit is None:
            if not producer.take(record, report):
                await producer.send_async(record, report, seconds)
            return
        left = limit.check()
        try:
            await producer.send_async(record, report, min(seconds, left))
        except FluxaError as error:
            if limit.left <= 0:
                raise limit.exceeded() from error
            raise

    async def _enqueue(self, effect: EnqueueRecord, _shield: Shield) -> None:
        pool = self._pool(effect.pool)
        hand_over = asyncio.get_running_loop().call_soon_threadsafe
        report = Callback(effect.pool, effect.record, effect.callback, hand_over)
        await self._send(pool, pool.producer, effect.record, report)

    async def _publish(self, effect: PublishRecords, shield: Shield) -> list[tuple[int, int]]:
        """Begun in time it goes on to its end, which is near, although the task is cancelled."""
        if self._limit is not None:
            _ = self._limit.check()
        reply, cancelled = await self._pool(effect.pool).publisher.publish_in_loop(effect.records)
        if cancelled:
            shield.cancelled = True
        return reply.result()

    async def _poll(self, effect: PollRecords, _shield: Shield) -> Fetches:
        member = member_of(effect)
        seconds = effect.timeout if self._limit is None else min(effect.timeout, self._limit.check())
        poll: Future[Fetches] = member.submit_poll(effect.max_records, seconds)
        try:
            fetches = await asyncio.wrap_future(poll)
        except asyncio.CancelledError:
            member.give_back(poll)
            raise
        member.hand_out(fetches)
        if self._limit is not None and not fetches and not fetches.errors:
            _ = self._limit.check()
        return fetches

    async def _ask(
        self, ask: Callable[[KafkaPool, str, float], Any], effect: DescribeTopic | HighWatermarks | ReadTopic
    ) -> Any:
        return await asyncio.to_thread(ask, self._pool(effect.pool), effect.topic, pool_timeout(self._limit))

    async def _administer(self, effect: KafkaEffect[Any], _shield: Shield) -> Any:
        seconds = admin_seconds(self._limit)
        with within(self._limit, effect):
            return await asyncio.to_thread(perform_admin, self._pool(effect.pool), effect, seconds)

    async def _commit(self, effect: CommitOffsets, shield: Shield) -> None:
        seconds = COMMIT_SECONDS if self._limit is None else min(COMMIT_SECONDS, self._limit.check())
        await shield.run(_awaited(member_of(effect).submit_commit(seconds)))

    async def _ask_member(self, effect: FlushMemberEffect[Any], _shield: Shield) -> Any:
        member = flush_member_of(effect)
        answer: Future[Any] = member.submit(effect.act)
        try:
            return await asyncio.wrap_future(answer)
        except asyncio.CancelledError:
            member.give_back(answer)
            raise


async def _awaited(future: Future[T]) -> T:
    return await asyncio.wrap_future(future)


def tell(loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
    """From another thread: let a future of the loop's be done. Nobody waits for that of a closed loop."""
    try:
        _ = loop.call_soon_threadsafe(_set_done, ended)
    except RuntimeError:
        return


def _set_done(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
