"""Stores records whole or not at all, on all in-sync replicas, and says for certain whether it did, where anybody can.

One record: an idempotent produce. Several: a transaction of Kafka's, see ``transactions``. A record whose broker is
known to be away is not even taken, so that its failure means that nothing is stored; of one that was taken and is not
acknowledged nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaException

from fluxaorm.errors import AsyncFlushUnknownError, FluxaError, KafkaError, KafkaUnavailableError
from fluxaorm.pools.base.per_loop import PerLoop
from fluxaorm.pools.kafka.errors import kafka_error, raised_error
from fluxaorm.pools.kafka.gathering import Gathering
from fluxaorm.pools.kafka.producer import PoolProducer
from fluxaorm.pools.kafka.replies import LoopPublishes, Reply
from fluxaorm.pools.kafka.settings import Settings
from fluxaorm.pools.kafka.transactions import REFUSED, Transactions

if TYPE_CHECKING:
    from fluxaorm.plans.streams.records import KafkaRecord

_PROBE_SECONDS: Final = 2.0
"""How long a broker that was away is asked whether it is back."""
_PENDING_SECONDS: Final = 1.0


class _Single(Reply):
    """A record that is published by itself; called with its delivery report."""

    __slots__ = ("_deliver", "producer", "record")

    def __init__(
        self,
        record: KafkaRecord,
        producer: PoolProducer,
        deliver: Callable[[_Single, Any], None],
        tell: Callable[[Reply], object] | None = None,
    ) -> None:
        """``deliver``: hears of a failure."""
        super().__init__(tell)
        self.record, self.producer, self._deliver = record, producer, deliver

    def __call__(self, error: Any, message: Any) -> None:
        if error is None:
            self.set_result([(message.partition(), message.offset())])
        else:
            self._deliver(self, error)


class Publisher:
    """``open_producer``: makes the producer of single records. ``room_seconds``: how long one waits for room."""

    def __init__(
        self,
        pool: str,
        open_producer: Callable[[], PoolProducer],
        transaction_settings: Settings,
        room_seconds: float,
    ) -> None:
        self._pool = pool
        self._open_producer = open_producer
        self._room_seconds = room_seconds
        self._producer = open_producer()
        self._reached = False
        self._in_loops = PerLoop(LoopPublishes)
        self._transactions = Transactions(pool, transaction_settings)
        self._asking = Gathering(f"fluxaorm-kafka-{pool}-publish", self._take_after_asking)

    def publish(self, records: Sequence[KafkaRecord]) -> Reply:
        """Where the records are; fails as ``PublishRecords`` says. Does not block."""
        if len(records) != 1:
            return self._transactions.publish(records)
        single = _Single(records[0], self._producer, self._failed)
        self._send(single)
        return single

    async def publish_in_loop(self, records: Sequence[KafkaRecord]) -> tuple[Reply, bool]:
        """The same when it has ended; and whether the task was cancelled meanwhile, which takes nothing back."""
        publishes = self._in_loops.get()
        if len(records) != 1:
            reply = self._transactions.publish(records, publishes.tell)
        else:
            reply = single = _Single(records[0], self._producer, self._failed, publishes.tell)
            publishes.send_soon(single, partial(self._send, single))
        return reply, await publishes.wait(reply)

    def _send(self, single: _Single) -> None:
        producer = single.producer = self._producer
        ready = self._reached and producer.unreachable is None
        if not (ready and self._taken(single)) and not self._asking.add(single):
            single.set_exception(KafkaUnavailableError("the engine is closed", pool=self._pool))

    def _taken(self, single: _Single) -> bool:
        try:
            return single.producer.take(single.record, single)
        except FluxaError as error:
            single.set_exception(error)
            return True

    def _take_after_asking(self, singles: list[_Single]) -> None:
        """In a thread: whether a broker is there, once for all; then whether there is room."""
        failure = self._asked() if not self._reached or self._producer.unreachable is not None else None
        for single in singles:
            if failure is not None:
                single.set_exception(_own(failure))
                continue
            single.producer = self._producer
            try:
                single.producer.send(single.record, single, self._room_seconds)
            except FluxaError as error:
                single.set_exception(error)

    def _asked(self) -> KafkaError | None:
        try:
            _ = self._producer.client.list_topics(timeout=_PROBE_SECONDS)
        except KafkaException as error:
            known = self._producer.unreachable
            return _unavailable(self._pool, raised_error(self._pool, error) if known is None else known)
        self._reached = True
        self._producer.note_reached()
        return None

    def _failed(self, single: _Single, error: Any) -> None:
        """A delivery report that is none."""
        found = kafka_error(self._pool, error, f"topic '{single.record.topic}'")
        if error.name() in REFUSED:
            single.set_exception(found)
            return
        if error.name() == "_FATAL" or error.fatal():
            self._replace(single.producer)
        single.set_exception(AsyncFlushUnknownError(found.reason, pool=self._pool))

    def _replace(self, fatal: PoolProducer) -> None:
        """A producer that has seen a fatal error takes nothing any more; each of its records reports that."""
        if self._producer is fatal:
            self._producer = self._open_producer()
            self._reached = False
            fatal.retire()

    def close(self, seconds: float) -> None:
        """Finish what is under way, for so long at most."""
        self._asking.close(_PENDING_SECONDS)
        self._transactions.close(seconds)
        self._producer.close(seconds)

    def abandon(self) -> None:
        """In a child process."""
        self._producer.abandon()


def _unavailable(pool: str, error: KafkaError) -> KafkaUnavailableError:
    return KafkaUnavailableError(error.reason, pool=pool, code=error.code)


def _own(error: KafkaError) -> KafkaError:
    """An object for each of those that it happened to."""
    return type(error)(error.reason, pool=error.pool, code=error.code)
