"""A producer of librdkafka's, and the thread that hears what became of its records. For many threads and loops."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, Final

from confluent_kafka import KafkaException, Producer

from fluxaorm.errors import ContextClosedError, KafkaBackpressureError, KafkaError
from fluxaorm.plans.streams.records import KafkaRecord
from fluxaorm.pools.base.threads import wait_for_end
from fluxaorm.pools.kafka.clients import open_producer
from fluxaorm.pools.kafka.errors import UNREACHABLE, kafka_error, raised_error
from fluxaorm.pools.kafka.settings import Settings

logger: Final = logging.getLogger("fluxaorm.kafka")

_POLL_SECONDS: Final = 0.1
"""How often the thread looks whether it is wanted still."""
_LOOK_AGAIN: Final = 0.05
"""Whoever waits for room looks by itself now and then."""
_PURGE_SECONDS: Final = 1.0

Report = Callable[[Any, Any], None]


class PoolProducer:
    """``client``: librdkafka's. Opened at once, which connects to nothing by itself."""

    def __init__(self, pool: str, settings: Settings) -> None:
        self._pool = pool
        self.unreachable: KafkaError | None = None
        """Why no broker could be reached when one was last tried; None: as far as is known, one can."""
        self.client: Producer = open_producer(pool, {**settings, "error_cb": self._note_error})
        self._closed = False
        self._retired = False
        self._room = _Room()
        self._thread = threading.Thread(target=self._serve, name=f"fluxaorm-kafka-{pool}", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closed and not (self._retired and not len(self.client)):
            try:
                if self.client.poll(_POLL_SECONDS):
                    self._room.tell()
            except Exception:
                logger.exception("Kafka pool '%s': a delivery report could not be taken", self._pool)

    def _note_error(self, error: Any) -> None:
        # of one broker among several it is no news
        if error.name() in UNREACHABLE and (error.name() != "_TRANSPORT" or self.unreachable is not None):
            self.unreachable = kafka_error(self._pool, error)

    def note_reached(self) -> None:
        """A broker has answered."""
        self.unreachable = None

    # taking records

    def take(self, record: KafkaRecord, report: Report) -> bool:
        """Let a record be sent; False: there is no room. KafkaError for one that cannot be sent."""
        if self._closed:
            raise ContextClosedError("the engine is closed; make another with registry.validate()")
        try:
            self.client.produce(
                record.topic,
                record.value,
                record.key,
                -1 if record.partition is None else record.partition,
                on_delivery=report,
                timestamp=record.timestamp or 0,
                headers=dict(record.headers) if record.headers else None,
            )
        except BufferError:
            return False
        except KafkaException as error:
            raise raised_error(self._pool, error, f"topic '{record.topic}'") from None
        return True

    def send(self, record: KafkaRecord, report: Report, seconds: float) -> None:
        """The same; waits so long for room. KafkaBackpressureError."""
        if self.take(record, report):
            return
        deadline = monotonic() + seconds
        while (left := deadline - monotonic()) > 0:
            freed = threading.Event()
            self._room.wake(freed.set)
            if self.take(record, report):
                return
            _ = freed.wait(min(left, _LOOK_AGAIN))
        raise self._full(seconds)

    async def send_async(self, record: KafkaRecord, report: Report, seconds: float) -> None:
        """The same, awaited."""
        if self.take(record, report):
            return
        loop = asyncio.get_running_loop()
        deadline = monotonic() + seconds
        while (left := deadline - monotonic()) > 0:
            freed = asyncio.Event()
            self._room.wake(partial(loop.call_soon_threadsafe, freed.set))
            if self.take(record, report):
                return
            try:
                async with asyncio.timeout(min(left, _LOOK_AGAIN)):
                    _ = await freed.wait()
            except TimeoutError:
                continue
        raise self._full(seconds)

    def _full(self, seconds: float) -> KafkaBackpressureError:
        why = "" if self.unreachable is None else f" ({self.unreachable.reason})"
        reason = f"{len(self.client):,} records wait to be sent{why}, and no room came free in {max(seconds, 0):g} s"
        return KafkaBackpressureError(reason, pool=self._pool, code="_QUEUE_FULL")

    # the end

    def close(self, seconds: float) -> None:
        """Send what waits, for so long at most; what is left is given up, and told in the log. Safe to call twice."""
        if self._closed:
            return
        left = self.client.flush(max(0.0, seconds))
        if left:
            why = "" if self.unreachable is None else f": {self.unreachable.reason}"
            logger.error(
                "Kafka pool '%s': %d record%s could not be delivered before the engine was closed%s",
                self._pool, left, "" if left == 1 else "s", why,
            )  # fmt: skip
            self.client.purge()
            _ = self.client.flush(_PURGE_SECONDS)
        self._closed = True
        wait_for_end(self._thread, 2 * _POLL_SECONDS)
        self._room.tell()

    def flush(self, seconds: float) -> int:
        """Wait so long at most until nothing waits to be sent; how much is left."""
        return 0 if self._closed else self.client.flush(max(0.0, seconds))

    def retire(self) -> None:
        """It is given nothing more, and ends with its last report; may be called by one."""
        self._retired = True

    def abandon(self) -> None:
        """In a child process: the thread is not here, and what librdkafka holds is the parent's."""
        self._closed = True


class _Room:
    """Who waits for records to leave the queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], object]] = []

    def wake(self, waker: Callable[[], object]) -> None:
        """Call it once, when records have left."""
        with self._lock:
            self._wakers.append(waker)

    def tell(self) -> None:
        """Records have left."""
        if not self._wakers:
            return
        with self._lock:
            wakers, self._wakers = self._wakers, []
        for waker in wakers:
            try:
                _ = waker()
            except RuntimeError:
                # its event loop is closed
                continue
