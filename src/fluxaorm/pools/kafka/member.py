"""One member of a consumer group: what it was given, what it has handed out, and what others took over. Blocks.

It serves one thread or task at a time, and works in whatever thread calls it. What was polled for somebody who did not
wait for it is handed out by the next poll. Offsets are committed as far as records were handed out: by hand, or, with
an interval, of those before the last poll, since whoever polls again is done with the last ones.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from fluxaorm.errors import ContextMisuseError, KafkaPartitionsLostError, KafkaUnavailableError
from fluxaorm.plans.streams.records import FailedPartition, Fetches, KafkaRecord
from fluxaorm.pools.kafka.clients import open_consumer, taken_settings
from fluxaorm.pools.kafka.errors import UNREACHABLE, kafka_error, raised_error
from fluxaorm.pools.kafka.settings import Settings

if TYPE_CHECKING:
    from fluxaorm.options import KafkaConsumerGroup

logger: Final = logging.getLogger("fluxaorm.kafka")

_SLICE: Final = 0.1
"""Seconds after which a poll looks whether anybody waits for it still."""
_LEAVE_SECONDS: Final = 5.0
"""How long the group is told that a member leaves; it finds out by itself otherwise."""
_LOST: Final = frozenset({"ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID", "_ASSIGNMENT_LOST"})

Place = tuple[str, int]


class KafkaMember:
    """``client``: librdkafka's consumer, subscribed to the group's topics."""

    def __init__(self, pool: str, group: KafkaConsumerGroup, settings: Settings) -> None:
        self.pool = pool
        self.group = group.name
        self.left = False
        """Whether it has left its group."""
        self._keeps_by_itself = group.auto_commit_interval_ms > 0
        self._handed_out: dict[Place, int] = {}
        """The offset after the last record handed out and not committed."""
        self._lost: dict[Place, None] = {}
        """Partitions that went to others before they were committed."""
        self._kept: list[KafkaRecord] = []
        """Records nobody has waited for."""
        self._errors: list[FailedPartition] = []
        self._answers: list[tuple[Any, Sequence[TopicPartition]]] = []
        """To commits."""
        self._unwanted = threading.Event()
        self._turn = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        callbacks = {"error_cb": self._note_error, "on_commit": self._note_commit}
        self.client: Consumer = open_consumer(pool, {**settings, **callbacks})
        with taken_settings(pool):
            self.client.subscribe(
                list(group.topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )

    def __repr__(self) -> str:
        return f"<KafkaMember of '{self.group}' in pool '{self.pool}'{' left' if self.left else ''}>"

    # what librdkafka tells, while it is polled

    def _note_error(self, error: Any) -> None:
        if error.name() in UNREACHABLE - {"_TRANSPORT"} or error.fatal():
            self._errors.append(FailedPartition("", -1, kafka_error(self.pool, error)))

    def _assigned(self, _: Any, partitions: Sequence[TopicPartition]) -> None:
        logger.debug("consumer group '%s' gives %s", self.group, _listed(partitions))

    def _revoked(self, _: Any, partitions: Sequence[TopicPartition]) -> None:
        logger.debug("consumer group '%s' takes %s", self.group, _listed(partitions))
        gone = {(each.topic, each.partition) for each in partitions}
        for place in gone:
            if self._handed_out.pop(place, None) is not None and not self._keeps_by_itself:
                self._lost[place] = None
        self._kept = [each for each in self._kept if (each.topic, each.partition) not in gone]

    # polling

    @contextmanager
    def _alone(self, what: str) -> Generator[None, None, None]:
        if self.left:
            raise ContextMisuseError(f"{what}: this member has left consumer group '{self.group}': its block has ended")
        if not self._turn.acquire(blocking=False):
            raise ContextMisuseError(
                f"{what}: consumer group '{self.group}' is polled or committed elsewhere at this moment; "
                "give each thread or task a member of its own"
            )
        try:
            yield
        finally:
            self._turn.release()

    def poll(self, max_records: int, seconds: float) -> Fetches:
        """Up to so many records, as soon as there is one, after so many seconds at most. ContextMisuseError."""
        fetches = self._fetch(max_records, seconds)
        self.hand_out(fetches)
        return fetches

    def submit_poll(self, max_records: int, seconds: float) -> Future[Fetches]:
        """The same in the member's own thread; whoever has waited for it calls ``hand_out``, else ``give_back``."""
        return self._own_thread().submit(self._fetch, max_records, seconds)

    def _own_thread(self) -> ThreadPoolExecutor:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"fluxaorm-kafka-{self.group}")
        return self._thread

    def _fetch(self, max_records: int, seconds: float) -> Fetches:
        with self._alone("poll_fetches()"):
            self._store_offsets()
            self._unwanted.clear()
            self._take(max_records, seconds)
            records, self._kept = self._kept[:max_records], self._kept[max_records:]
            errors, self._errors = self._errors, []
            return Fetches(records, errors)

    def _take(self, max_records: int, seconds: float) -> None:
        """Add to what is kept, until there is something, or time is over."""
        deadline = monotonic() + seconds
        while True:
            # with something at hand already it only serves what the group has to tell
            left = 0.0 if self._kept else max(0.0, min(_SLICE, deadline - monotonic()))
            message = self.client.poll(left)
            # a record without a value is falsy
            if message is not None:
                self._keep(message)
                for each in self.client.consume(max(1, max_records - len(self._kept)), 0):
                    self._keep(each)
            if self._kept or self._errors or self._unwanted.is_set() or monotonic() >= deadline:
                return

    def _keep(self, message: Any) -> None:
        error = message.error()
        if error is None:
            self._kept.append(record_of(message))
        else:
            place = (message.topic() or "", -1 if message.partition() is None else message.partition())
            self._errors.append(FailedPartition(*place, kafka_error(self.pool, error)))

    def hand_out(self, fetches: Fetches) -> None:
        """Records are with the user from now on."""
        for record in fetches:
            assert record.partition is not None
            assert record.offset is not None
            self._handed_out[record.topic, record.partition] = record.offset + 1

    def give_back(self, poll: Future[Fetches]) -> None:
        """Nobody waits for a poll any more: what it brings is for the next one."""
        self._unwanted.set()
        poll.add_done_callback(self._take_back)

    def _take_back(self, poll: Future[Fetches]) -> None:
        if not poll.cancelled() and poll.exception() is None:
            fetches = poll.result()
            self._kept = [*fetches, *self._kept]
            self._errors = [*fetches.errors, *self._errors]

    # committing

    def _store_offsets(self) -> None:
        """What was handed out is done with: librdkafka commits it when the interval is over."""
        if not self._keeps_by_itself or not self._handed_out:
            return
        try:
            self.client.store_offsets(offsets=_offsets(self._handed_out))
        except KafkaException as error:
            # they went to others meanwhile, which get the records again
            logger.warning("%s", raised_error(self.pool, error, f"consumer group '{self.group}'"))
        self._handed_out.clear()

    def _note_commit(self, error: Any, partitions: Sequence[TopicPartition]) -> None:
        self._answers.append((error, partitions))

    def commit(self, seconds: float) -> None:
        """Commit what was handed out. KafkaPartitionsLostError, KafkaUnavailableError after so long, KafkaError."""
        with self._alone("commit()"):
            deadline = monotonic() + seconds
            while self._handed_out and not self._committed(deadline):
                self._serve(0.05)
            lost, self._lost = list(self._lost), {}
            if lost:
                raise KafkaPartitionsLostError(self.group, sorted(lost), pool=self.pool)

    def _committed(self, deadline: float) -> bool:
        """False: the group hands partitions out anew just now."""
        asked = dict(self._handed_out)
        error, partitions = self._answer(asked, deadline)
        code = "" if error is None else error.name()
        if code == "REBALANCE_IN_PROGRESS" and monotonic() < deadline:
            return False
        if code in _LOST:
            self._lost |= dict.fromkeys(asked)
        else:
            failure = error or next((each.error for each in partitions if each.error is not None), None)
            if failure is not None:
                raise kafka_error(self.pool, failure, f"consumer group '{self.group}'")
            # those that were taken away while the broker took the commit are not lost
            self._lost = {place: None for place in self._lost if place not in asked}
        self._handed_out = {}
        return True

    def _answer(self, asked: dict[Place, int], deadline: float) -> tuple[Any, Sequence[TopicPartition]]:
        """What the broker says to a commit: librdkafka's own wait for it has no end."""
        self._answers.clear()
        try:
            self.client.commit(offsets=_offsets(asked), asynchronous=True)
        except KafkaException as refused:
            return refused.args[0], ()
        pause = 0.001
        while True:
            for error, partitions in self._answers:
                if {(each.topic, each.partition): each.offset for each in partitions} == asked:
                    return error, partitions
            if monotonic() >= deadline:
                reason = f"consumer group '{self.group}': no broker has answered the commit; commit again"
                raise KafkaUnavailableError(reason, pool=self.pool, code="_TIMED_OUT")
            self._serve(pause)
            pause = min(pause * 1.5, 0.05)

    def _serve(self, seconds: float) -> None:
        """Let librdkafka tell what it has to; a record that comes is kept."""
        message = self.client.poll(seconds)
        if message is not None:
            self._keep(message)

    def submit_commit(self, seconds: float) -> Future[None]:
        """``commit`` in the member's own thread."""
        return self._own_thread().submit(self.commit, seconds)

    # the end

    def leave(self, *, done: bool = False) -> None:
        """Leave the group; never raises. ``done``: what was handed out last is done with, and may be committed."""
        if self.left:
            return
        self._unwanted.set()
        with self._turn:
            self.left = True
            if done:
                self._store_offsets()
            # librdkafka's own wait for the broker has no end
            closing = threading.Thread(target=self._close, name=f"fluxaorm-kafka-{self.group}-close", daemon=True)
            closing.start()
            closing.join(_LEAVE_SECONDS)
            if closing.is_alive():
                logger.warning("consumer group '%s' is left without a word: no broker answers", self.group)
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def _close(self) -> None:
        try:
            self.client.close()
        except (KafkaException, RuntimeError) as error:
            logger.warning("consumer group '%s' could not be left: %s", self.group, error)

    def abandon(self) -> None:
        """In a child process: nothing of it is here."""
        self.left = True


def _offsets(places: dict[Place, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition, offset) for (topic, partition), offset in places.items()]


def _listed(partitions: Sequence[TopicPartition]) -> str:
    return ", ".join(f"{each.topic}[{each.partition}]" for each in partitions) or "nothing"


def record_of(message: Any, kind: type[KafkaRecord] = KafkaRecord) -> KafkaRecord:
    """A message of librdkafka's as a record of this kind."""
    source, timestamp = message.timestamp()
    headers = message.headers()
    return kind(
        message.topic(),
        message.key(),
        message.value(),
        dict(headers) if headers else {},
        message.partition(),
        message.offset(),
        timestamp if source and timestamp >= 0 else None,
    )
