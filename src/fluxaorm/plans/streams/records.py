"""Records of Kafka as plain values. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import msgspec

from fluxaorm.errors import KafkaError, described
from fluxaorm.options.shapes import is_mapping


class KafkaRecord(msgspec.Struct, frozen=True):
    """A record, to be sent or read. Raises KafkaError for a field of another type.

    What is sent gets its partition from its key when it names none: records of one key are in order.
    """

    topic: str
    key: bytes | None = None
    value: bytes | None = None
    """None: a tombstone, which a compacted topic takes for "this key is gone"."""
    headers: Mapping[str, bytes | None] = {}
    """Of several headers of one name, the last."""
    partition: int | None = None
    offset: int | None = None
    """Where it is stored, in its partition; None: it is not, or nobody was asked. Not looked at when it is sent."""
    timestamp: int | None = None
    """Milliseconds since 1970, in UTC; None: now, when it is sent."""

    def __post_init__(self) -> None:
        if type(self.topic) is not str or not self.topic:
            raise _wrong("topic", "the name of a topic", self.topic)
        if not _is_payload(self.key):
            raise _wrong("key", "bytes or None", self.key)
        if not _is_payload(self.value):
            raise _wrong("value", "bytes or None", self.value)
        if self.headers or type(self.headers) is not dict:
            _check_headers(self.headers)
        if self.partition is not None:
            _check_number("partition", self.partition, 2**31 - 1)
        if self.timestamp is not None:
            _check_number("timestamp", self.timestamp, 2**63 - 1)

    def __repr__(self) -> str:
        where = "" if self.partition is None else f"[{self.partition}]"
        at = "" if self.offset is None else f"@{self.offset}"
        return f"<KafkaRecord {self.topic}{where}{at} key={_size(self.key)} value={_size(self.value)}>"

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers.items()) if self.headers else 0
        return len(self.key or b"") + len(self.value or b"") + headers


class TrustedRecord(KafkaRecord, frozen=True):
    """One that needs no checks: a broker gave it, or a flush made it. It equals no other: for the library's own use."""

    def __post_init__(self) -> None:
        """Check nothing."""

    __repr__ = KafkaRecord.__repr__


def _size(payload: bytes | None) -> str:
    return "None" if payload is None else f"<{len(payload)} bytes>"


def _is_payload(value: object) -> TypeGuard[bytes | None]:
    return value is None or type(value) is bytes


def _check_headers(headers: object) -> None:
    if not is_mapping(headers):
        raise _wrong("headers", "a mapping of names to bytes", headers)
    for name, value in headers.items():
        if not isinstance(name, str):
            raise _wrong("headers", "names that are str", name)
        if not _is_payload(value):
            raise _wrong(f"headers[{name!r}]", "bytes or None", value)


def _check_number(field: str, value: object, most: int) -> None:
    if type(value) is not int or not 0 <= value <= most:
        raise _wrong(field, f"an int from 0 to {most:,}, or None", value)


def _wrong(field: str, wanted: str, value: object) -> KafkaError:
    hint = "; encode it" if isinstance(value, str) and "bytes" in wanted else ""
    # no value in it: it may be a secret
    got = described(value) if not isinstance(value, str | int | bytes) else type(value).__name__
    return KafkaError(f"KafkaRecord.{field}: expected {wanted}, got {got}{hint}")


class FailedPartition(msgspec.Struct, frozen=True):
    """A partition that could not be read, or all of them: then ``topic`` is empty and ``partition`` is -1."""

    topic: str
    partition: int
    error: KafkaError


class Fetches(Sequence[KafkaRecord]):
    """What one poll has brought: its records, in order within a partition, and what failed."""

    __slots__ = ("_records", "errors")

    def __init__(self, records: Sequence[KafkaRecord] = (), errors: Sequence[FailedPartition] = ()) -> None:
        self._records = records
        self.errors = tuple(errors)
        """Partitions that could not be read; the others' records are here."""

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: Any) -> Any:
        """A record, or those of a slice."""
        records: Any = self._records
        return records[index]

    def __iter__(self) -> Iterator[KafkaRecord]:
        return iter(self._records)

    def __repr__(self) -> str:
        failed = f" errors={len(self.errors)}" if self.errors else ""
        return f"<Fetches records={len(self._records)}{failed}>"
