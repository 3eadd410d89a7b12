"""Who hears that records are stored: the outcomes of those that were sent together, and callbacks. Imports no driver.

Delivery reports come in a thread of the producer's. Nothing here may raise there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from fluxaorm.errors import FluxaError, KafkaError
from fluxaorm.plans.streams.effects import DeliveryCallback, Outcome
from fluxaorm.plans.streams.records import KafkaRecord
from fluxaorm.pools.kafka.errors import kafka_error

logger: Final = logging.getLogger("fluxaorm.kafka")


def outcome_of(pool: str, record: KafkaRecord, error: Any, message: Any) -> Outcome:
    """What a delivery report means for the record it is about."""
    if error is not None:
        return kafka_error(pool, error, f"topic '{record.topic}'")
    offset = message.offset()
    kind, timestamp = message.timestamp()
    return KafkaRecord(
        record.topic,
        record.key,
        record.value,
        record.headers,
        message.partition(),
        # nobody was asked where
        None if offset is None or offset < 0 else offset,
        timestamp if kind and timestamp >= 0 else None,
    )


class Batch:
    """The outcomes of records that are sent together. ``done`` is called once, when all have one."""

    __slots__ = ("_done", "_left", "_lock", "_outcomes", "_pool", "_records")

    def __init__(self, pool: str, records: Sequence[KafkaRecord], done: Callable[[], object]) -> None:
        self._pool = pool
        self._records = records
        self._done = done
        self._outcomes: list[Outcome | None] = [None] * len(records)
        self._left = len(records)
        self._lock = threading.Lock()

    def report(self, position: int) -> Callable[[Any, Any], None]:
        """What hears of the record at this position."""
        return partial(self._deliver, position)

    def _deliver(self, position: int, error: Any, message: Any) -> None:
        self._outcomes[position] = outcome_of(self._pool, self._records[position], error, message)
        self._count(1)

    def _count(self, ended: int) -> None:
        with self._lock:
            self._left -= ended
            if self._left:
                return
        self._done()

    def stop(self, position: int, error: FluxaError) -> None:
        """The record at this position was not taken, and those after it were not tried."""
        code = error.code if isinstance(error, KafkaError) else ""
        reason = error.reason if isinstance(error, KafkaError) else str(error)
        self._outcomes[position] = error if isinstance(error, KafkaError) else KafkaError(reason, pool=self._pool)
        for later in range(position + 1, len(self._records)):
            text = f"it was not sent, since record {position} failed: {reason}"
            self._outcomes[later] = KafkaError(text, pool=self._pool, code=code)
        self._count(len(self._records) - position)

    def outcomes(self, unknown: str = "") -> list[Outcome]:
        """One for each record. ``unknown``: why nobody knows those that are missing."""
        return [
            KafkaError(f"topic '{record.topic}': it may be stored or not: {unknown}", pool=self._pool)
            if outcome is None
            else outcome
            for record, outcome in zip(self._records, self._outcomes, strict=True)
        ]


class Callback:
    """Tells a user's function how a record ended. What it raises is logged and goes no further.

    ``hand_over``: calls a function with arguments where callbacks of this context are called; it may raise RuntimeError
    when there is nobody left to do so.
    """

    __slots__ = ("_function", "_hand_over", "_pool", "_record")

    def __init__(
        self,
        pool: str,
        record: KafkaRecord,
        function: DeliveryCallback | None,
        hand_over: Callable[..., object] | None = None,
    ) -> None:
        self._pool, self._record, self._function, self._hand_over = pool, record, function, hand_over

    def __call__(self, error: Any, message: Any) -> None:
        """A delivery report."""
        outcome = outcome_of(self._pool, self._record, error, message)
        if self._function is None:
            if isinstance(outcome, KafkaError):
                logger.error("a record is not stored, and nobody asked to hear of it: %s", outcome)
            return
        if self._hand_over is None:
            self._tell(outcome)
            return
        try:
            _ = self._hand_over(self._tell, outcome)
        except RuntimeError:
            # the loop is closed
            if isinstance(outcome, KafkaError):
                logger.error("a record is not stored, and the event loop that would hear of it is closed: %s", outcome)

    def _tell(self, outcome: Outcome) -> None:
        assert self._function is not None
        failed = isinstance(outcome, KafkaError)
        try:
            if isinstance(outcome, KafkaError):
                _ = self._function(self._record, outcome)
            else:
                _ = self._function(outcome, None)
        except Exception:
            logger.exception("the callback of a record that is %sstored failed", "not " if failed else "")
