"""Sending records: all of them are looked at before the first is sent. No I/O."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from fluxaorm.errors import KafkaError, described
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.effects import DeliveryCallback, EnqueueRecord, ProduceRecords
from fluxaorm.plans.streams.records import KafkaRecord


def produce_plan(pool: str, records: Sequence[KafkaRecord]) -> Plan[list[KafkaRecord]]:
    """The records as they are stored. Raises the error of the first that failed, with its ``position``."""
    _check(pool, records)
    if not records:
        return []
    outcomes = yield from ProduceRecords(pool, records)
    stored: list[KafkaRecord] = []
    failure: KafkaError | None = None
    for position, outcome in enumerate(outcomes):
        if isinstance(outcome, KafkaRecord):
            stored.append(outcome)
        elif failure is None:
            failure = outcome
            failure.position = position
    if failure is None:
        return stored
    if len(records) > 1:
        failure.add_note(f"record {failure.position} of 0 to {len(records) - 1}; {len(stored)} of them are stored")
    raise failure


def enqueue_plan(pool: str, record: KafkaRecord, callback: DeliveryCallback | None) -> Plan[None]:
    """Take a record to be sent later."""
    _check(pool, (record,))
    if callback is not None and not callable(callback):
        raise KafkaError(
            f"produce(): a callback is a function of (record, error), not {described(callback)}", pool=pool
        )
    if inspect.iscoroutinefunction(callback):
        reason = f"produce(): the callback {callback!r} is a coroutine function, which nobody would await"
        raise KafkaError(f"{reason}: it must be a plain one", pool=pool)
    yield from EnqueueRecord(pool, record, callback)


def _check(pool: str, records: Sequence[object]) -> None:
    for record in records:
        if not isinstance(record, KafkaRecord):
            raise KafkaError(f"expected KafkaRecord, got {described(record)}", pool=pool)
