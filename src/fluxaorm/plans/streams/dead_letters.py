"""The dead letters of async flushes: what is among them, and what becomes of one. Decides; no I/O.

Their topic is only added to: that one was published again, or given up, is another record there. To publish it again
and to say so is one transaction of Kafka's, so that a write never comes twice by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from fluxaorm.errors import BrokenRecordError, KafkaError, NewerRecordError
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.async_record import AsyncRecord, decode, statements_of
from fluxaorm.plans.streams.effects import PublishRecords
from fluxaorm.plans.streams.failed_records import (
    ATTEMPTS_HEADER,
    CODE_HEADER,
    ERROR_HEADER,
    ID_HEADER,
    OFFSET_HEADER,
    PARTITION_HEADER,
    TIME_HEADER,
    TOPIC_HEADER,
)
from fluxaorm.plans.streams.records import KafkaRecord
from fluxaorm.plans.streams.topic_effects import ReadTopic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

RESOLVES_HEADER: Final = "fluxa-resolves"
"""The id of a dead letter that was published again, or given up."""
RESOLUTION_HEADER: Final = "fluxa-resolution"
_OURS: Final = (
    ERROR_HEADER,
    CODE_HEADER,
    TOPIC_HEADER,
    PARTITION_HEADER,
    OFFSET_HEADER,
    TIME_HEADER,
    ATTEMPTS_HEADER,
    ID_HEADER,
)


class FailedTopic(Protocol):
    """What an engine knows of async flush."""

    @property
    def kafka_pool(self) -> str:
        """The Kafka pool's code."""
        ...

    @property
    def topic(self) -> str:
        """Where records go."""
        ...

    @property
    def failed_topic(self) -> str:
        """Where dead letters are."""
        ...


@dataclass(frozen=True, slots=True)
class FailedFlush:
    """A record that could not be applied."""

    id: str
    """Where it was: the topic's id, partition and offset."""
    error: str
    code: str
    """The server's number of the error; empty without one."""
    topic: str
    partition: int
    offset: int
    failed_at: int
    """Milliseconds since 1970, in UTC."""
    attempts: int
    record: AsyncRecord | None
    """What it says; None when it cannot be read."""
    source: KafkaRecord

    def as_json(self) -> dict[str, Any]:
        """For programs. Of the values only the columns' names: they may be secret."""
        record = self.record
        changes = [] if record is None else record.changes
        statements = () if record is None else statements_of(record)
        return {
            "id": self.id,
            "error": self.error,
            "code": self.code,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "failed_at": self.failed_at,
            "attempts": self.attempts,
            "pool": None if record is None else record.pool,
            "table": None if record is None else record.table,
            "token": None if record is None else record.token,
            "changes": [
                {"operation": change.operation, "id": change.id, "columns": sorted(change.values)} for change in changes
            ],
            "statements": [{"sql": each.sql, "rows": each.rows} for each in statements],
        }


def dead_letters_plan(state: FailedTopic) -> Plan[list[FailedFlush]]:
    """Those that wait for a decision, the oldest first. KafkaError."""
    records = yield from ReadTopic(state.kafka_pool, state.failed_topic)
    resolved = {_text(record, RESOLVES_HEADER) for record in records}
    found: dict[str, FailedFlush] = {}
    for record in records:
        id = _text(record, ID_HEADER)
        if id and id not in resolved and id not in found:
            found[id] = _letter(id, record)
    return sorted(found.values(), key=lambda letter: (letter.failed_at, letter.id))


def resolve_plan(
    state: FailedTopic,
    letters: Sequence[FailedFlush],
    resolution: Literal["retried", "dropped"],
    clock: Callable[[], datetime],
) -> Plan[None]:
    """Publish dead letters again, or give them up; all of them or none. KafkaError."""
    records: list[KafkaRecord] = []
    for letter in letters:
        if resolution == "retried":
            records.append(_again(state, letter))
        at = str(int(clock().timestamp() * 1000)).encode()
        headers = {
            RESOLVES_HEADER: letter.id.encode(),
            RESOLUTION_HEADER: resolution.encode(),
            TIME_HEADER: at,
        }
        records.append(KafkaRecord(state.failed_topic, letter.source.key, None, headers))
    if records:
        _ = yield from PublishRecords(state.kafka_pool, records, f"dead letters {resolution}")


def chosen(letters: Sequence[FailedFlush], ids: Sequence[str], pool: str) -> list[FailedFlush]:
    """Those of these ids. KafkaError for one that is not among them."""
    by_id = {letter.id: letter for letter in letters}
    unknown = [id for id in ids if id not in by_id]
    if unknown:
        raise KafkaError(f"there is no dead letter {unknown[0]!r} that waits for a decision", pool=pool)
    return [by_id[id] for id in dict.fromkeys(ids)]


def _again(state: FailedTopic, letter: FailedFlush) -> KafkaRecord:
    source = letter.source
    headers = {name: value for name, value in source.headers.items() if name not in _OURS}
    return KafkaRecord(state.topic, source.key, source.value, headers, letter.partition)


def _letter(id: str, source: KafkaRecord) -> FailedFlush:
    return FailedFlush(
        id=id,
        error=_text(source, ERROR_HEADER),
        code=_text(source, CODE_HEADER),
        topic=_text(source, TOPIC_HEADER),
        partition=_number(source, PARTITION_HEADER),
        offset=_number(source, OFFSET_HEADER),
        failed_at=_number(source, TIME_HEADER),
        attempts=_number(source, ATTEMPTS_HEADER),
        record=_readable(source),
        source=source,
    )


def _readable(source: KafkaRecord) -> AsyncRecord | None:
    try:
        return decode(source.value)
    except (BrokenRecordError, NewerRecordError):
        return None


def _text(record: KafkaRecord, header: str) -> str:
    return (record.headers.get(header) or b"").decode("utf-8", "replace")


def _number(record: KafkaRecord, header: str) -> int:
    text = _text(record, header)
    return int(text) if text.isascii() and text.isdigit() else 0
