"""What cannot be applied: whether it will be later, and the dead letter that it becomes. Decides; no I/O."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from fluxaorm.errors import FluxaError, KafkaError, MySQLError, TryAgainError
from fluxaorm.plans.effects import Plan
from fluxaorm.plans.streams.effects import ProduceRecords
from fluxaorm.plans.streams.records import KafkaRecord

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect
    from fluxaorm.plans.streams.applying import TopicPartition

Verdict: TypeAlias = Literal["transient", "unknown", "permanent"]
"""Of a failure: it passes; names are missing that a newer version may bring; it will never be otherwise."""

ERROR_HEADER: Final = "fluxa-error"
"""Why, in words."""
CODE_HEADER: Final = "fluxa-error-code"
"""The server's number; empty without one."""
TOPIC_HEADER: Final = "fluxa-origin-topic"
PARTITION_HEADER: Final = "fluxa-origin-partition"
OFFSET_HEADER: Final = "fluxa-origin-offset"
TIME_HEADER: Final = "fluxa-failed-at"
"""Milliseconds since 1970, in UTC."""
ATTEMPTS_HEADER: Final = "fluxa-attempts"
ID_HEADER: Final = "fluxa-dead-letter-id"
"""The same of each copy: a consumer that dies right after it has stored one stores another."""
LONGEST_ERROR: Final = 2_000


def verdict_of(error: BaseException | None, dialect: Dialect) -> Verdict:
    """What a refused statement means for its record."""
    if isinstance(error, TryAgainError):
        return "transient"
    if not isinstance(error, MySQLError):
        return "permanent"
    if dialect.is_missing_table(error) or dialect.is_missing_column(error):
        return "unknown"
    return "transient" if dialect.is_transient(error) else "permanent"


def dead_letter(
    source: KafkaRecord, failed_topic: str, place: TopicPartition, error: str, *, code: int, attempts: int, at_ms: int
) -> KafkaRecord:
    """A record as it goes to the topic of those that failed: what it was, and why."""
    headers: dict[str, bytes | None] = {
        **source.headers,
        ERROR_HEADER: error[:LONGEST_ERROR].encode(errors="replace"),
        CODE_HEADER: str(code or "").encode(),
        TOPIC_HEADER: place.topic.encode(),
        PARTITION_HEADER: str(place.partition).encode(),
        OFFSET_HEADER: str(source.offset).encode(),
        TIME_HEADER: str(at_ms).encode(),
        ATTEMPTS_HEADER: str(attempts).encode(),
        ID_HEADER: f"{place.topic_id}/{place.partition}/{source.offset}".encode(),
    }
    return KafkaRecord(failed_topic, source.key, source.value, headers)


def store_plan(pool: str, record: KafkaRecord) -> Plan[None]:
    """Store a dead letter, and wait until it is. KafkaError."""
    [outcome] = yield from ProduceRecords(pool, [record])
    if isinstance(outcome, KafkaError):
        raise outcome


def told(error: BaseException) -> str:
    """An error in a line."""
    if isinstance(error, FluxaError):
        return str(error)
    return "".join(traceback.format_exception_only(error)).strip()


def number_of(error: Any) -> int:
    """The server's number of an error; 0 without one."""
    return error.errno if isinstance(error, MySQLError) else 0
