"""``engine.kafka(code)``: a Kafka pool, what is sent through it, and the members of its consumer groups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from fluxaorm.engine.pool_view import PoolView
from fluxaorm.entity.values.not_copied import NotCopied
from fluxaorm.errors import ContextMisuseError, KafkaError, no_context
from fluxaorm.options.shapes import did_you_mean
from fluxaorm.plans.streams.consuming import commit_plan, poll_plan
from fluxaorm.plans.streams.effects import DeliveryCallback
from fluxaorm.plans.streams.producing import enqueue_plan, produce_plan
from fluxaorm.plans.streams.records import Fetches, KafkaRecord
from fluxaorm.pools.kafka.pool import KafkaPool
from fluxaorm.runtime.sync_or_async import AnyContext, run_plan, sync_or_async

if TYPE_CHECKING:
    from fluxaorm.options import KafkaConsumerGroup
    from fluxaorm.pools.kafka.member import KafkaMember


class EngineKafka(PoolView[KafkaPool]):
    """A Kafka pool. Its calls block with a ``Context``, and are awaited with an ``AsyncContext``."""

    def __init__(self, pool: KafkaPool, groups: Mapping[str, KafkaConsumerGroup]) -> None:
        super().__init__(pool)
        self._groups = dict(groups)

    @property
    def brokers(self) -> tuple[str, ...]:
        """``host:port`` of those that were registered."""
        return self._pool.brokers

    @property
    def group_names(self) -> tuple[str, ...]:
        """The registered consumer groups."""
        return tuple(self._groups)

    @property
    def settings(self) -> dict[str, Any]:
        """What librdkafka is told of the pool, by its names; passwords hidden."""
        return self._pool.settings

    @property
    def producer(self) -> Any:
        """Librdkafka's producer, a ``confluent_kafka.Producer``, opened on first use; do not poll or close it.

        MissingExtraError without ``fluxaorm[kafka]``, ContextClosedError when the engine is closed.
        """
        return self._pool.producer.client

    @sync_or_async
    def produce_sync(self, ctx: AnyContext, *records: KafkaRecord) -> list[KafkaRecord]:
        """Send records and wait until all are stored; gives them in order, with partition, offset and timestamp.

        Raises the error of the first that failed, with its ``position``; a note says how many are stored. KafkaError
        for what the broker refuses or nobody acknowledges in ``delivery_timeout``: it says whether the record may be
        stored. KafkaBackpressureError when there is no room in ``produce_timeout``, MissingExtraError.
        A cancelled call leaves what was taken on its way.
        """
        return run_plan(_checked("produce_sync()", ctx), produce_plan(self.code, records))

    @sync_or_async
    def produce(self, ctx: AnyContext, record: KafkaRecord, callback: DeliveryCallback | None = None) -> None:
        """Take a record to be sent, and go on: waits for room only.

        ``callback(record, error)`` hears how it ended, once: the record as it is stored and None, or the record as it
        was given and a KafkaError. With a Context it is called in a thread of the pool's, with an AsyncContext in its
        event loop; it must not block, and what it raises is logged. Without a callback failures are logged.
        Raises KafkaBackpressureError when there is no room in ``produce_timeout``, KafkaError for what cannot be sent.
        """
        return run_plan(_checked("produce()", ctx), enqueue_plan(self.code, record, callback))

    def consumer_group(self, name: str) -> ConsumerGroup:
        """A new member of a registered consumer group, for ``with`` or ``async with``: the block's end leaves it.

        KafkaError, which lists the known ones, for another name.
        """
        group = self._groups.get(str(name))
        if group is None:
            known = ", ".join(map(repr, self._groups)) or "none is registered"
            hint = did_you_mean(str(name), self._groups)
            reason = f"no consumer group {name!r} is registered (register_kafka_consumer_group); known: {known}{hint}"
            raise KafkaError(reason, pool=self.code)
        return ConsumerGroup(name, lambda: self._pool.member(group))


class ConsumerGroup(NotCopied):
    """A member of a consumer group, between the beginning and the end of its block. For one thread or task.

    Records of a partition come in order. What was polled and not committed is read again by whoever has the partition
    next: after a crash, a rebalance or an exception in the block. A new group begins with the earliest records.
    """

    def __init__(self, name: str, join: Callable[[], KafkaMember]) -> None:
        """``join``: makes the member."""
        self.name = name
        """The group's name."""
        self._join = join
        self._member: KafkaMember | None = None

    def __repr__(self) -> str:
        state = "not entered" if self._member is None else "left" if self._member.left else "open"
        return f"<ConsumerGroup '{self.name}' {state}>"

    def _instead(self) -> str:
        return f"{self!r} is one member of its group, and is neither copied nor pickled; make another"

    def _opened(self) -> KafkaMember:
        if self._member is None:
            raise ContextMisuseError(
                f"consumer group '{self.name}' is used outside its block: with kafka.consumer_group(...) as group:"
            )
        return self._member

    @property
    def client(self) -> Any:
        """Librdkafka's consumer, a ``confluent_kafka.Consumer``. ContextMisuseError outside the block."""
        return self._opened().client

    @sync_or_async
    def poll_fetches(self, ctx: AnyContext, max_records: int = 500, timeout: float = 1.0) -> Fetches:
        """Up to ``max_records`` records, as soon as there is one; none after ``timeout`` seconds.

        ``fetches.errors``: partitions that could not be read. A cancelled call loses nothing: the next one gets what
        it would have given. Raises KafkaError for wrong numbers, ContextMisuseError outside the block and beside
        another call on the same member.
        """
        return run_plan(_checked("poll_fetches()", ctx), poll_plan(self._opened(), max_records, timeout))

    @sync_or_async
    def commit(self, ctx: AnyContext) -> None:
        """Commit all that was polled, and wait until the broker has it. Nothing to commit: does nothing.

        Raises KafkaPartitionsLostError when partitions went to others before: what was kept of them is read again
        there, and the others are committed. KafkaUnavailableError, KafkaError, ContextMisuseError.
        """
        return run_plan(_checked("commit()", ctx), commit_plan(self._opened()))

    def _enter(self) -> None:
        if self._member is not None:
            raise ContextMisuseError(f"consumer group '{self.name}' was entered before: make another for each block")
        self._member = self._join()

    def __enter__(self) -> Self:
        self._enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened().leave(done=kind is None)

    async def __aenter__(self) -> Self:
        self._enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._opened().leave, done=kind is None)


def _checked(where: str, ctx: Any) -> Any:
    """A context. ContextMisuseError."""
    if not hasattr(ctx, "_run"):
        raise no_context(where, ctx)
    return ctx
