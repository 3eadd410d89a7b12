"""What an asynchronous flush writes, as records: one a table, in the flush's own order, none too long. Pure.

Tables that foreign keys join to each other lie in one partition; of them each run of one table is a record of its own,
so that a row is there before what points to it. By row, each change is a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

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
from fluxaorm.plans.streams.records import KafkaRecord, TrustedRecord
from fluxaorm.plans.writes.changed_keys import add_write
from fluxaorm.plans.writes.row_statements import inserted_row, missing_values

if TYPE_CHECKING:
    from fluxaorm.plans.cache.intents import Intents
    from fluxaorm.plans.state.bound_entity import BoundEntity
    from fluxaorm.plans.streams.row_coder import RowCoder
    from fluxaorm.plans.writes.entity_write import EntityWrite
    from fluxaorm.plans.writes.order.foreign_keys import ForeignKey

RECORD_BYTES: Final = 950_000
"""Bytes that a record may have; brokers take a little more than a million unless they are told otherwise."""
_OVERHEAD: Final = 1_000

_encode = msgspec.msgpack.Encoder().encode


_Place: TypeAlias = "tuple[str, str]"
"""Redis pool and key."""


class _Key(NamedTuple):
    place: _Place
    is_row: bool


class Item(NamedTuple):
    """A change of one row, or a statement, and the cache keys it touches."""

    change: RowChange | UsersStatement
    keys: Sequence[_Key]


class Draft(NamedTuple):
    """What goes into one record, or several when it is long: changes, then statements."""

    binding: BoundEntity
    kafka_key: bytes
    items: list[Item]


class Outgoing(NamedTuple):
    """A record as it is published."""

    binding: BoundEntity
    token: str
    kafka: KafkaRecord
    payloads: Mapping[_Place, bytes]
    """What the entry of each key carries."""


class RecordTerms(NamedTuple):
    """What all records of a flush have in common. ``databases``: MySQL pool -> the identity of its database."""

    topic: str
    databases: Mapping[str, str]
    at: int
    """When it is published, in milliseconds since the epoch."""
    meta: dict[str, str]
    signing_key: str
    with_columns: bool
    """Whether readers are to see the changes before they are applied."""
    take_token: Callable[[], str]
    """One for each record."""


class TouchedKeys:
    """Which keys one write touches; its rows are also remembered in ``told``, for the processes that keep some."""

    def __init__(self, told: Intents) -> None:
        self._told = told
        self.found: list[_Key] = []

    def of(self, write: EntityWrite) -> Sequence[_Key]:
        """Its keys."""
        if write.binding.redis_pool is None and write.binding.local is None:
            # nobody keeps any of it
            return ()
        self.found = []
        add_write(self, write)
        return self.found

    def add_row(self, binding: BoundEntity, id: int) -> None:
        """A row that is changed."""
        self._told.add_row(binding, id)
        if binding.redis_pool is not None:
            self.found.append(_Key((binding.redis_pool, binding.row_key(id)), True))

    def add_all_ids(self, binding: BoundEntity) -> None:
        """Other rows live than before, or may."""
        if binding.intends_all_ids and binding.redis_pool is not None:
            self.add(binding.redis_pool, binding.all_ids_key)

    def add(self, pool: str, key: str) -> None:
        """A key that is changed."""
        self.found.append(_Key((pool, key), False))


def drafts_of(
    groups: Iterable[tuple[BoundEntity, int, Sequence[EntityWrite]]],
    kafka_keys: Mapping[str, bytes],
    told: Intents,
    coder_of: Callable[[BoundEntity], RowCoder],
    *,
    by_row: bool,
) -> list[Draft]:
    """The writes, in the order in which they are arranged, by the records they belong to. MissingValueError.

    ``kafka_keys``: entity -> the key of its table's records.
    """
    drafts: list[Draft] = []
    open_drafts: dict[bytes, Draft] = {}
    keys = TouchedKeys(told)
    for binding, _, writes in groups:
        kafka_key, coder = kafka_keys[binding.schema.name], coder_of(binding)
        for write in writes:
            change = _change_of(write, coder)
            item = Item(change, keys.of(write))
            if by_row:
                drafts.append(Draft(binding, row_record_key(binding.schema.table, change.id), [item]))
                continue
            draft = open_drafts.get(kafka_key)
            if draft is None or draft.binding is not binding:
                draft = open_drafts[kafka_key] = Draft(binding, kafka_key, [])
                drafts.append(draft)
            draft.items.append(item)
    return drafts


def _change_of(write: EntityWrite, coder: RowCoder) -> RowChange:
    entity = write.entity
    row, id = entity._row, int(entity._row[0])
    if write.verb == "insert":
        whole = inserted_row(write)
        if UNSET in whole:
            raise missing_values(write.binding, whole)
        return RowChange("i", id, coder.values(whole))
    columns = write.binding.schema.columns
    if write.verb == "delete":
        old = entity._old or {}
        before = {column.name: raw_cell(column, old.get(at, row[at])) for at, column in enumerate(columns)}
        return RowChange("d", id, {}, before)
    values = {columns[at].name: raw_value(columns[at], value) for at, value in write.values.items()}
    return RowChange("u", id, values, {columns[at].name: _before(entity, at) for at in write.values})


def _before(entity: TrackedEntity, position: int) -> Any:
    old = entity._old or {}
    cell = old[position] if position in old else entity._row[position]
    return raw_cell(entity._identity_map.schema.columns[position], cell)


def outgoing_records(drafts: Iterable[Draft], terms: RecordTerms) -> list[Outgoing]:
    """The records, split where they are too long. KafkaError when one change alone is."""
    return [outgoing for draft in drafts for outgoing in _outgoing(draft, draft.items, terms)]


def _outgoing(draft: Draft, items: Sequence[Item], terms: RecordTerms) -> Iterator[Outgoing]:
    made = _made(draft, items, terms)
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
            yield from _outgoing(draft, part, terms)


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
    return len(_encode(item.change)) + sum(len(key) + 3 for (_, key), _ in item.keys)


def _made(draft: Draft, items: Sequence[Item], terms: RecordTerms) -> Outgoing:
    binding, kafka_key, _ = draft
    token = terms.take_token()
    payloads = _payloads(items, terms.with_columns)
    keys: dict[str, list[str]] = {}
    for redis_pool, key in payloads:
        keys.setdefault(redis_pool, []).append(key)
    content: dict[str, Any] = {
        "database": terms.databases[binding.mysql_pool],
        "pool": binding.mysql_pool,
        "table": binding.schema.table,
        "token": token,
        "at": terms.at,
        "changes": [item.change for item in items if isinstance(item.change, RowChange)],
        "keys": keys,
        "meta": terms.meta,
    }
    if len(content["changes"]) < len(items):
        statements = [item.change for item in items if isinstance(item.change, UsersStatement)]
        record: AsyncRecord = SqlRecord(version=SQL_VERSION, statements=statements, **content)
    else:
        record = AsyncRecord(**content)
    value = encode(record)
    headers = headers_of(record, value, terms.signing_key)
    return Outgoing(binding, token, TrustedRecord(terms.topic, kafka_key, value, headers), payloads)


def _payloads(items: Sequence[Item], with_columns: bool) -> dict[_Place, bytes]:
    """Of a row's key its change, of others the ids of the rows that may be found by it now.

    Of rows that SQL changes too there is nothing to be seen before it is applied.
    """
    if not with_columns:
        return {place: b"" for item in items for place, _ in item.keys}
    found: dict[_Place, bytes] = {}
    unseen: dict[_Place, bytes] = {}
    ids: dict[_Place, dict[int, None]] = {}
    for change, keys in items:
        for place, is_row in keys:
            if isinstance(change, RowChange):
                if is_row:
                    found[place] = change_payload(change.operation, change.values)
                else:
                    ids.setdefault(place, {})[change.id] = None
            elif is_row:
                unseen[place] = b""
            else:
                _ = ids.setdefault(place, {})
    for place, each in ids.items():
        found[place] = ids_payload(list(each))
    return found | unseen


def kafka_keys_of(tables: Mapping[str, str], known: Iterable[ForeignKey]) -> dict[str, bytes]:
    """Entity -> the Kafka key of its records: the same for all that foreign keys join. ``tables``: entity -> table."""
    joined: dict[str, set[str]] = {name: {name} for name in tables}
    for key in known:
        if key.child in joined and key.parent in joined and joined[key.child] is not joined[key.parent]:
            both = joined[key.child] | joined[key.parent]
            joined.update(dict.fromkeys(both, both))
    return {name: record_key([tables[each] for each in names]) for name, names in joined.items()}
