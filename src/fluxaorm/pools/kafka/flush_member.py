"""A member of the group that applies async flushes: partitions begin where their databases say, not the group. Blocks.

Partitions that the group gives are not read before ``start`` says where to begin. What was read and not asked for yet
is dropped when its partition goes, or is started anew. It serves one thread or task at a time, in whatever thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any, Final, TypeVar

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition

from fluxaorm.errors import KafkaError
from fluxaorm.plans.streams.flush_effects import FlushPoll
from fluxaorm.plans.streams.records import TrustedRecord
from fluxaorm.pools.kafka.clients import open_consumer
from fluxaorm.pools.kafka.errors import UNREACHABLE, kafka_error, raised_error
from fluxaorm.pools.kafka.member import record_of
from fluxaorm.pools.kafka.settings import Settings

T = TypeVar("T")
_SLICE: Final = 0.1
"""Seconds after which a poll looks whether anybody waits for it still."""
_ASKED_SECONDS: Final = 10.0
_END: Final = "_PARTITION_EOF"

logger: Final = logging.getLogger("fluxaorm.kafka")


class FlushMember:
    """``settings``: librdkafka's, whole."""

    def __init__(self, pool: str, topic: str, settings: Settings) -> None:
        self.pool, self.topic = pool, topic
        self.group: str = settings["group.id"]
        self.left = False
        """Whether it has left its group."""
        self._mine: set[int] = set()
        """Partitions that are read."""
        self._next = FlushPoll()
        self._unwanted = threading.Event()
        self._thread: ThreadPoolExecutor | None = None
        callbacks = {"error_cb": self._note_error, "on_commit": self._note_committed}
        self.client: Consumer = open_consumer(pool, {**settings, **callbacks})
        self.client.subscribe([topic], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)

    def __repr__(self) -> str:
        return f"<FlushMember of '{self.group}' in pool '{self.pool}'{' left' if self.left else ''}>"

    # what librdkafka tells, while it is polled

    def _note_error(self, error: Any) -> None:
        if error.name() in UNREACHABLE - {"_TRANSPORT"} or error.fatal():
            self._next.errors.append(kafka_error(self.pool, error))

    def _note_committed(self, error: Any, partitions: Sequence[TopicPartition]) -> None:
        if error is None:
            self._next.committed |= {each.partition: each.offset for each in partitions if each.error is None}

    def _given(self, client: Any, partitions: Sequence[TopicPartition]) -> None:
        for each in partitions:
            self._next.taken.pop(each.partition, None)
            self._next.given[each.partition] = None
        # the group has its answer; they are read from where ``start`` says
        client.incremental_assign([])

    def _taken(self, client: Any, partitions: Sequence[TopicPartition]) -> None:
        gone = {each.partition for each in partitions}
        client.incremental_unassign([self._place(each) for each in sorted(gone & self._mine)])
        self._mine -= gone
        self._next.drop(gone)
        for each in gone:
            self._next.given.pop(each, None)
            self._next.taken[each] = None

    def _place(self, partition: int, offset: int = OFFSET_INVALID) -> TopicPartition:
        return TopicPartition(self.topic, partition, offset)

    # what is asked of it

    def poll(self, max_records: int, seconds: float) -> FlushPoll:
        """What there is, as soon as there is something, after so many seconds at most."""
        self._unwanted.clear()
        deadline = monotonic() + seconds
        while True:
            wait = 0.0 if self._next else max(0.0, min(_SLICE, deadline - monotonic()))
            for message in self.client.consume(max(1, max_records - len(self._next.records)), wait):
                self._keep(message)
            if self._next or self._unwanted.is_set() or monotonic() >= deadline:
                found, self._next = self._next, FlushPoll()
                return found

    def _keep(self, message: Any) -> None:
        error = message.error()
        if error is None:
            self._next.records.append(record_of(message, TrustedRecord))
        elif error.name() == _END:
            self._next.ends[message.partition()] = message.offset()
        else:
            place = f"{self.topic}[{message.partition()}]" if message.topic() else f"consumer group '{self.group}'"
            self._next.errors.append(kafka_error(self.pool, error, place))

    def start(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions from there on, also those that were read already."""
        self._next.drop(offsets)
        self.client.incremental_unassign([self._place(each) for each in sorted(self._mine & offsets.keys())])
        places = [self._place(partition, offset) for partition, offset in offsets.items()]
        self.client.incremental_assign(places)
        self._mine |= offsets.keys()
        # a partition that was paused stays so, whatever it is read from
        self.client.resume(places)

    def pause(self, partitions: Iterable[int]) -> None:
        """Read no more of these for now."""
        self.client.pause([self._place(each) for each in partitions if each in self._mine])

    def resume(self, partitions: Iterable[int]) -> None:
        """Read them again."""
        self.client.resume([self._place(each) for each in partitions if each in self._mine])

    def committed(self, partitions: Iterable[int]) -> dict[int, int]:
        """The group's offsets of those that have one."""
        places = self.client.committed([self._place(each) for each in partitions], _ASKED_SECONDS)
        for each in places:
            if each.error is not None:
                raise kafka_error(self.pool, each.error, f"consumer group '{self.group}'")
        return {each.partition: each.offset for each in places if each.offset >= 0}

    def commit(self, offsets: Mapping[int, int], wait: bool) -> None:
        """Tell the group how far it is. Another member has what cannot be committed."""
        places = [self._place(partition, offset) for partition, offset in offsets.items()]
        try:
            if wait:
                self.client.commit(offsets=places, asynchronous=False)
            else:
                self.client.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            logger.info("%s", raised_error(self.pool, error, f"consumer group '{self.group}'"))

    def high_watermarks(self, partitions: Iterable[int]) -> dict[int, int]:
        """The ends of partitions as the last fetch has told them; those that nobody has fetched yet are left out."""
        ends = {each: self.client.get_watermark_offsets(self._place(each), cached=True) for each in partitions}
        return {partition: end[1] for partition, end in ends.items() if end[1] >= 0}

    # how it is called

    def asked(self, act: Callable[[], T]) -> T:
        """What it answers, its errors as ours."""
        try:
            return act()
        except KafkaException as error:
            raise raised_error(self.pool, error, f"consumer group '{self.group}'") from None
        except RuntimeError as error:
            raise KafkaError(f"consumer group '{self.group}': {error}", pool=self.pool) from None

    def submit(self, act: Callable[[], T]) -> Future[T]:
        """The same in the member's own thread."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"fluxaorm-kafka-{self.group}")
        return self._thread.submit(self.asked, act)

    def give_back(self, future: Future[Any]) -> None:
        """Nobody waits for an answer any more: what a poll brings is for the next one."""
        self._unwanted.set()
        future.add_done_callback(self._take_back)

    def _take_back(self, future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None and isinstance(found := future.result(), FlushPoll):
            self._next.put_before(found)

    def leave(self) -> None:
        """Leave the group; never raises."""
        if self.left:
            return
        self.left = True
        self._unwanted.set()
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        try:
            self.client.close()
        except (KafkaException, RuntimeError) as error:
            logger.warning("consumer group '%s' could not be left: %s", self.group, error)

    def abandon(self) -> None:
        """In a child process: nothing of it is here."""
        self.left = True
