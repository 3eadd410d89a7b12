"""What an asynchronous flush writes, as records: one a table, in the flush's own order, none too long. Pure.

Tables that foreign keys join to each other lie in one partition; of them each run of one table is a record of its own,
so that a row is there before what points to it. By row, each change is a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from fluxaorm.entity.schema import UNSET
from fluxaorm.errors import KafkaError
from fluxaorm.plans.cache.pending_rows import change_payload, ids_payload
from fluxaorm.plans.state.tracked import TrackedEntity
from fluxaorm.plans.streams.async_record import (
    SQL_VERSION,
    AsyncRecord,
    RowChange,
    SqlRecord,
    UsersStatement,
    encode,
    headers_of,
    raw_cell,
    raw_value,
    record_key,
    row_record_key,
)
from fluxaorm.plans.streams.records import KafkaRecord
from fluxaorm.plans.writes.changed_keys import add_write
from fluxaorm.plans.writes.row_statements import missing_values

if TYPE_CHECKING:
    from fluxaorm.plans.cache.intents import Intents
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.writes.entity_write import EntityWrite
    from fluxaorm.plans.writes.order.foreign_keys import ForeignKey

RECORD_BYTES: Final = 950_000
"""Bytes that a record may have; brokers take a little more than a million unless they are told otherwise."""
_OVERHEAD: Final = 1_000

_encode = msgspec.msgpack.Encoder().encode


class _Key(NamedTuple):
    pool: str
    key: str
    is_row: bool


class Item(NamedTuple):
    """A change of one row, or a statement, and the cache keys it touches."""

    change: RowChange | UsersStatement
    keys: Sequence[_Key]


@dataclass(slots=True)
class Draft:
    """What goes into one record, or several when it is long: changes, then statements."""

    binding: BoundEntity
    kafka_key: bytes
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record as it is published."""

    binding: BoundEntity
    token: str
    kafka: KafkaRecord
    payloads: Mapping[tuple[str, str], bytes]
    """(Redis pool, key) -> what its entry carries."""


@dataclass(frozen=True, slots=True)
class RecordTerms:
    """What all records of a flush have in common. ``databases``: MySQL pool -> the identity of its database."""

    topic: str
    databases: Mapping[str, str]
    at: int
    meta: Mapping[str, str]
    signing_key: str
    with_columns: bool
    """Whether readers are to see the changes before they are applied."""


class TouchedKeys:
    """Which keys one write touches; its rows are also remembered in ``told``, for the processes that keep some."""

    def __init__(self, told: Intents) -> None:
        self._told = told
        self.found: list[_Key] = []

    def add_row(self, binding: BoundEntity, id: int) -> None:
        """A row that is changed."""
        self._told.add_row(binding, id)
        if binding.redis_pool is not None:
            self.found.append(_Key(binding.redis_pool, binding.row_key(id), True))

    def add_all_ids(self, binding: BoundEntity) -> None:
        """Other rows live than before, or may."""
        if binding.intends_all_ids and binding.redis_pool is not None:
            self.add(binding.redis_pool, binding.all_ids_key)

    def add(self, pool: str, key: str) -> None:
        """A key that is changed."""
        self.found.append(_Key(pool, key, False))


def drafts_of(
    groups: Iterable[tuple[BoundEntity, int, Sequence[EntityWrite]]],
    kafka_keys: Mapping[str, bytes],
    told: Intents,
    *,
    by_row: bool,
) -> list[Draft]:
    """The writes, in the order in which they are arranged, by the records they belong to. MissingValueError.

    ``kafka_keys``: entity -> the key of its table's records.
    """
    drafts: list[Draft] = []
    open_drafts: dict[bytes, Draft] = {}
    for binding, _, writes in groups:
        kafka_key = kafka_keys[binding.schema.name]
        for write in writes:
            keys = TouchedKeys(told)
            add_write(keys, write)
            change = _change_of(write)
            item = Item(change, keys.found)
            if by_row:
                drafts.append(Draft(binding, row_record_key(binding.schema.table, change.id), [item]))
                continue
            draft = open_drafts.get(kafka_key)
            if draft is None or draft.binding is not binding:
                draft = open_drafts[kafka_key] = Draft(binding, kafka_key, [])
                drafts.append(draft)
            draft.items.append(item)
    return drafts


def _change_of(write: EntityWrite) -> RowChange:
    entity, columns = write.entity, write.binding.schema.columns
    row, old, id = entity._row, entity._old or {}, int(entity._row[0])
    if write.verb == "delete":
        before = {column.name: raw_cell(column, old.get(at, row[at])) for at, column in enumerate(columns)}
        return RowChange("d", id, {}, before)
    if write.verb == "insert":
        whole = row.copy()
        for position, value in write.values.items():
            whole[position] = value
        if UNSET in whole:
            raise missing_values(write.binding, whole)
        return RowChange("i", id, {column.name: raw_value(column, whole[at]) for at, column in enumerate(columns)})
    values = {columns[at].name: raw_value(columns[at], value) for at, value in write.values.items()}
    return RowChange("u", id, values, {columns[at].name: _before(entity, at) for at in write.values})


def _before(entity: TrackedEntity, position: int) -> Any:
    old = entity._old or {}
    cell = old[position] if position in old else entity._row[position]
    return raw_cell(entity._identity_map.schema.columns[position], cell)


def outgoing_records(drafts: Iterable[Draft], terms: RecordTerms, tokens: Iterator[str]) -> list[Outgoing]:
    """The records, split where they are too long. KafkaError when one change alone is."""
    return [outgoing for draft in drafts for outgoing in _outgoing(draft, draft.items, terms, tokens)]


def _outgoing(draft: Draft, items: Sequence[Item], terms: RecordTerms, tokens: Iterator[str]) -> Iterator[Outgoing]:
    made = _made(draft, items, terms, next(tokens))
    if made.kafka.size <= RECORD_BYTES:
        yield made
    elif len(items) == 1:
        change = items[0].change
        what = f" {change.id}: as a record this change" if isinstance(change, RowChange) else ": as a record its SQL"
        raise KafkaError(
            f"{draft.binding.schema.name}{what} has {made.kafka.size:,} bytes, and one may "
            f"have {RECORD_BYTES:,}; nothing was published: write it with ctx.flush()",
            code="MSG_SIZE_TOO_LARGE",
        )
    else:
        for part in _parts(items, made.kafka.size - sum(map(_size, items))):
            yield from _outgoing(draft, part, terms, tokens)


def _parts(items: Sequence[Item], common: int) -> Iterator[Sequence[Item]]:
    """At least two parts, each of as many items as a record holds. ``common``: bytes that each record has besides."""
    most = RECORD_BYTES - max(common, 0) - _OVERHEAD
    start = size = 0
    for end, item in enumerate(items):
        length = _size(item)
        if end > start and (size + length > most or (end == len(items) - 1 and start == 0)):
            yield items[start:end]
            start, size = end, 0
        size += length
    yield items[start:]


def _size(item: Item) -> int:
    return len(_encode(item.change)) + sum(len(key.key) + 3 for key in item.keys)


def _made(draft: Draft, items: Sequence[Item], terms: RecordTerms, token: str) -> Outgoing:
    schema, pool = draft.binding.schema, draft.binding.mysql_pool
    payloads = _payloads(items) if terms.with_columns else {key[:2]: b"" for item in items for key in item.keys}
    keys: dict[str, list[str]] = {}
    for redis_pool, key in payloads:
        keys.setdefault(redis_pool, []).append(key)
    content: dict[str, Any] = {
        "database": terms.databases[pool],
        "pool": pool,
        "table": schema.table,
        "token": token,
        "at": terms.at,
        "changes": [item.change for item in items if isinstance(item.change, RowChange)],
        "keys": keys,
        "meta": dict(terms.meta),
    }
    statements = [item.change for item in items if isinstance(item.change, UsersStatement)]
    if statements:
        record: AsyncRecord = SqlRecord(version=SQL_VERSION, statements=statements, **content)
    else:
        record = AsyncRecord(**content)
    value = encode(record)
    headers = headers_of(record, value, terms.signing_key)
    return Outgoing(draft.binding, token, KafkaRecord(terms.topic, draft.kafka_key, value, headers), payloads)


def _payloads(items: Sequence[Item]) -> dict[tuple[str, str], bytes]:
    """Of a row's key its change, of others the ids of the rows that may be found by it now.

    Of rows that SQL changes too there is nothing to be seen before it is applied.
    """
    rows: dict[tuple[str, str], RowChange] = {}
    ids: dict[tuple[str, str], list[int]] = {}
    unseen: dict[tuple[str, str], bytes] = {}
    for change, keys in items:
        for key in keys:
            if isinstance(change, UsersStatement):
                if key.is_row:
                    unseen[key[:2]] = b""
                else:
                    _ = ids.setdefault(key[:2], [])
            elif key.is_row:
                rows[key[:2]] = change
            else:
                ids.setdefault(key[:2], []).append(change.id)
    found = {key: change_payload(change.operation, change.values) for key, change in rows.items()}
    return found | {key: ids_payload(list(dict.fromkeys(each))) for key, each in ids.items()} | unseen


def kafka_keys_of(tables: Mapping[str, str], known: Iterable[ForeignKey]) -> dict[str, bytes]:
    """Entity -> the Kafka key of its records: the same for all that foreign keys join. ``tables``: entity -> table."""
    joined: dict[str, set[str]] = {name: {name} for name in tables}
    for key in known:
        if key.child in joined and key.parent in joined and joined[key.child] is not joined[key.parent]:
            both = joined[key.child] | joined[key.parent]
            joined.update(dict.fromkeys(both, both))
    return {name: record_key([tables[each] for each in names]) for name, names in joined.items()}
