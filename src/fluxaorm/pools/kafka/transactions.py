"""Publishes of several records, whole or not at all: those under way in the process at once share a transaction.

A thread begins a transaction with all that waits, and ends it before it looks again (group commit). After an abort the
publish whose record was at fault has its error, and the others are published again without it. Until the commit is
sent, nothing can become visible whatever fails; a commit nobody answers is of unknown outcome.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError as DriverError
from confluent_kafka import KafkaException, Producer

from fluxaorm.errors import AsyncFlushUnknownError, KafkaError, KafkaUnavailableError
from fluxaorm.pools.kafka.clients import open_producer
from fluxaorm.pools.kafka.errors import kafka_error, raised_error
from fluxaorm.pools.kafka.gathering import Gathering
from fluxaorm.pools.kafka.replies import Reply
from fluxaorm.pools.kafka.settings import Settings

if TYPE_CHECKING:
    from fluxaorm.plans.streams.records import KafkaRecord

logger: Final = logging.getLogger("fluxaorm.kafka")

TRANSACTION_SECONDS: Final = 10.0
"""After which the broker itself aborts a transaction."""
_COMMIT_SECONDS: Final = 15.0
"""How long a commit is asked for: by then the broker has aborted one that it never heard of, and says so."""
_ABORT_SECONDS: Final = 5.0
_MOST_RECORDS: Final = 2_000
"""Of publishes that share a transaction."""

REFUSED: Final = frozenset(
    {"_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_PARTITION", "TOPIC_EXCEPTION", "TOPIC_AUTHORIZATION_FAILED"}
    | {"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD", "INVALID_MSG", "INVALID_MSG_SIZE"}
    | {"INVALID_TIMESTAMP", "POLICY_VIOLATION", "CLUSTER_AUTHORIZATION_FAILED", "_INVALID_ARG"}
)
"""Codes of what a broker, or the client, will not store: the record is at fault, or its topic."""
_ABORTED: Final = frozenset({"INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED", "_FENCED", "INVALID_TXN_STATE"})
"""What a commit is answered when the broker had aborted the transaction before."""


@dataclass(slots=True, eq=False)
class _Publish:
    """Records that belong together."""

    records: Sequence[KafkaRecord]
    reply: Reply
    places: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """By the record's position, as far as brokers have it."""
    failure: KafkaError | None = None
    """Why one of its records is not stored."""
    at_fault: bool = False
    """Whether that is its own fault."""

    def deliver(self, pool: str, position: int, error: Any, message: Any) -> None:
        """A delivery report of this attempt."""
        if error is None:
            self.places[position] = (message.partition(), message.offset())
        else:
            self.fail(kafka_error(pool, error, f"topic '{self.records[position].topic}'"), error.name() in REFUSED)

    def fail(self, error: KafkaError, at_fault: bool) -> None:
        """The first failure that says most counts."""
        if self.failure is None or (at_fault and not self.at_fault):
            self.failure, self.at_fault = error, at_fault

    def begin(self) -> None:
        """Another attempt."""
        self.places.clear()
        self.failure, self.at_fault = None, False


class _NothingStored(Exception):  # noqa: N818 - told to nobody outside
    """The transaction is, or will be, aborted. ``error``: why."""

    def __init__(self, error: KafkaError) -> None:
        self.error = error


class _OutcomeUnknown(Exception):  # noqa: N818 - told to nobody outside
    """Nobody has answered the commit."""

    def __init__(self, error: KafkaError) -> None:
        self.error = error


class Transactions:
    """Of one pool. ``settings``: of a producer that is idempotent; opened on first use."""

    def __init__(self, pool: str, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._producer: Producer | None = None
        self._gathering = Gathering(f"fluxaorm-kafka-{pool}-transactions", self._publish_all, self._serve)

    def publish(self, records: Sequence[KafkaRecord], tell: Callable[[Reply], object] | None = None) -> Reply:
        """Where the records are; fails as ``PublishRecords`` says. Does not block. ``tell``: as of ``Reply``."""
        publish = _Publish(records, Reply(tell))
        if not records:
            publish.reply.set_result([])
        elif not self._gathering.add(publish):
            publish.reply.set_exception(KafkaUnavailableError("the engine is closed", pool=self._pool))
        return publish.reply

    def close(self, seconds: float) -> None:
        """Finish what is under way, for so long at most."""
        self._gathering.close(seconds)

    # in the thread

    def _serve(self) -> None:
        if self._producer is not None:
            _ = self._producer.poll(0)

    def _publish_all(self, publishes: list[_Publish]) -> None:
        for together in _shares(publishes):
            try:
                self._publish_together(together)
            except BaseException as error:
                # a caller that waits must not wait for ever
                self._discard()
                for each in together:
                    if not each.reply.done:
                        reason = f"{type(error).__name__}: {error}"
                        each.reply.set_exception(AsyncFlushUnknownError(reason, pool=self._pool))
                raise

    def _publish_together(self, publishes: list[_Publish]) -> None:
        while publishes:
            try:
                self._transact(publishes)
            except _NothingStored as nothing:
                left = [each for each in publishes if not each.at_fault]
                for each in publishes:
                    if each.at_fault and each.failure is not None:
                        each.reply.set_exception(each.failure)
                if len(left) == len(publishes):
                    self._fail_all(left, nothing.error)
                    return
                publishes = left
            except _OutcomeUnknown as unknown:
                for each in publishes:
                    each.reply.set_exception(AsyncFlushUnknownError(unknown.error.reason, pool=self._pool))
                return
            else:
                for each in publishes:
                    each.reply.set_result([each.places[position] for position in range(len(each.records))])
                return

    def _fail_all(self, publishes: list[_Publish], error: KafkaError) -> None:
        for each in publishes:
            each.reply.set_exception(KafkaUnavailableError(error.reason, pool=self._pool, code=error.code))

    def _transact(self, publishes: list[_Publish]) -> None:
        """One transaction, committed. _NothingStored, _OutcomeUnknown."""
        for each in publishes:
            each.begin()
        producer = self._begun()
        deadline = monotonic() + TRANSACTION_SECONDS
        if not self._produced(producer, publishes, deadline):
            self._abort(producer)
            failure = next((each.failure for each in publishes if each.at_fault), None) or next(
                (each.failure for each in publishes if each.failure is not None), None
            )
            late = KafkaError(f"no broker has acknowledged it in {TRANSACTION_SECONDS:g} s", pool=self._pool)
            raise _NothingStored(failure or late)
        self._commit(producer)

    def _begun(self) -> Producer:
        try:
            if self._producer is None:
                producer = self._opened()
                producer.init_transactions(TRANSACTION_SECONDS)
                self._producer = producer
            self._producer.begin_transaction()
        except KafkaException as error:
            self._discard()
            raise _NothingStored(raised_error(self._pool, error)) from error
        return self._producer

    def _opened(self) -> Producer:
        settings = {
            **self._settings,
            # a random one: nobody fences anybody, and what was open is aborted by the broker
            "transactional.id": f"fluxaorm-{os.urandom(16).hex()}",
            "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000),
        }
        return open_producer(self._pool, settings)

    def _produced(self, producer: Producer, publishes: list[_Publish], deadline: float) -> bool:
        """Whether brokers have all records."""
        for publish in publishes:
            for position, record in enumerate(publish.records):
                try:
                    _put(producer, record, partial(publish.deliver, self._pool, position), deadline)
                except KafkaException as error:
                    found = raised_error(self._pool, error, f"topic '{record.topic}'")
                    publish.fail(found, found.code in REFUSED)
                    return False
        left = producer.flush(max(0.0, deadline - monotonic()))
        return not left and all(each.failure is None for each in publishes)

    def _abort(self, producer: Producer) -> None:
        try:
            producer.abort_transaction(_ABORT_SECONDS)
        except KafkaException as error:
            logger.info("Kafka pool '%s': a transaction is left to its time limit: %s", self._pool, error)
            self._discard()

    def _commit(self, producer: Producer) -> None:
        deadline = monotonic() + _COMMIT_SECONDS
        while True:
            try:
                producer.commit_transaction(max(0.1, deadline - monotonic()))
            except KafkaException as error:
                found, said = raised_error(self._pool, error), error.args[0]
                if said.txn_requires_abort():
                    self._abort(producer)
                    raise _NothingStored(found) from error
                if found.code in _ABORTED:
                    self._discard()
                    raise _NothingStored(found) from error
                if not said.retriable() or monotonic() >= deadline:
                    self._discard()
                    raise _OutcomeUnknown(found) from error
            else:
                return

    def _discard(self) -> None:
        """The next transaction has another producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge(blocking=False)


def _put(producer: Producer, record: KafkaRecord, report: Any, deadline: float) -> None:
    """KafkaException, also when there is no room for so long."""
    while True:
        try:
            producer.produce(
                record.topic,
                record.value,
                record.key,
                -1 if record.partition is None else record.partition,
                on_delivery=report,
                timestamp=record.timestamp or 0,
                headers=dict(record.headers) if record.headers else None,
            )
        except BufferError:
            if monotonic() >= deadline:
                raise KafkaException(DriverError(DriverError._QUEUE_FULL)) from None
            _ = producer.poll(0.05)
        else:
            return


def _shares(publishes: list[_Publish]) -> Iterator[list[_Publish]]:
    """Those that go into one transaction."""
    together: list[_Publish] = []
    records = 0
    for publish in publishes:
        if together and records + len(publish.records) > _MOST_RECORDS:
            yield together
            together, records = [], 0
        together.append(publish)
        records += len(publish.records)
    if together:
        yield together
