"""What a record that came from the topic of async flushes is: something to apply, or why it is not. Pure.

Nothing is guessed. What cannot be a record of this application's is a dead letter at once; names that nobody here knows
are waited for, since a newer version of the application may be on its way; a newer format stops the consumer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from fluxaorm.errors import BrokenRecordError, NewerRecordError
from fluxaorm.plans.streams.applied_sql import flaw_of
from fluxaorm.plans.streams.async_record import SIGNATURE_HEADER, AsyncRecord, decode, is_signed
from fluxaorm.plans.streams.rendering import RenderedTable

if TYPE_CHECKING:
    from fluxaorm.entity.schema import EntitySchema
    from fluxaorm.plans.streams.records import KafkaRecord


@dataclass(frozen=True, slots=True)
class Destination:
    """A table that records may be written to."""

    schema: EntitySchema
    table: RenderedTable
    key_part: str
    """What cache keys call the table, between colons."""


class Arrival(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One record of a partition, looked at."""

    source: KafkaRecord
    offset: int
    pool: str
    """The MySQL pool that keeps account of it: its own, or the first one where it has none."""
    record: AsyncRecord | None = None
    destination: Destination | None = None
    lane: bytes | str = b""
    """What keeps its order: records of other lanes may be written before it."""
    flaw: str = ""
    """Why it is a dead letter; empty when it is none."""
    unknown: str = ""
    """The table, column or pool that nobody here knows, in words."""
    newer: NewerRecordError | None = None
    """Its format is a newer version's."""

    @property
    def is_plain(self) -> bool:
        """Whether it can be applied."""
        return not (self.flaw or self.unknown or self.newer)


class Destinations:
    """All that records may be written to in one engine."""

    def __init__(
        self,
        schemas: Iterable[EntitySchema],
        mysql_pools: Mapping[str, Any],
        redis_pools: Iterable[str],
        identities: Mapping[str, str],
        signing_keys: Sequence[str] = (),
    ) -> None:
        """``identities``: MySQL pool -> its database's; ``signing_keys``: one of them must have signed, if any."""
        self._redis_pools = frozenset(redis_pools)
        self._identities = identities
        self._signing_keys = signing_keys
        self._tables: dict[tuple[str, str], Destination] = {}
        for schema in schemas:
            dialect = mysql_pools[schema.mysql_pool].dialect
            found = Destination(schema, RenderedTable(schema, dialect), f":{dialect.recorded_name(schema.table)}:")
            self._tables[schema.mysql_pool, schema.table] = found
        self.pools = tuple(sorted({pool for pool, _ in self._tables}))
        """MySQL pools that keep account of what is applied."""

    def arrival(self, source: KafkaRecord) -> Arrival:
        """What a record is; raises nothing for whatever bytes it has."""
        offset = source.offset or 0
        if self._signing_keys and not is_signed(
            source.value or b"", source.headers.get(SIGNATURE_HEADER), self._signing_keys
        ):
            flaw = "it is not signed with a key that is accepted here"
            return Arrival(source=source, offset=offset, pool=self.pools[0], flaw=flaw)
        try:
            record = decode(source.value)
        except NewerRecordError as error:
            return Arrival(source=source, offset=offset, pool=self.pools[0], newer=error)
        except BrokenRecordError as error:
            return Arrival(source=source, offset=offset, pool=self.pools[0], flaw=str(error))
        destination = self._tables.get((record.pool, record.table))
        flaw, unknown = flaw_of(record, is_signed=bool(self._signing_keys)), ""
        if not flaw:
            flaw, unknown = self._problem(record, destination)
        return Arrival(
            source=source,
            offset=offset,
            pool=record.pool if record.pool in self.pools else self.pools[0],
            record=record,
            destination=None if flaw or unknown else destination,
            lane=record.table if _is_row_key(source.key, record) else source.key or b"",
            flaw=flaw,
            unknown=unknown,
        )

    def _problem(self, record: AsyncRecord, destination: Destination | None) -> tuple[str, str]:
        """Why a record is a dead letter, or what in it nobody here knows; two empty texts when it can be applied."""
        if record.pool not in self.pools:
            return "", f"the MySQL pool '{record.pool}' of an entity"
        if record.database != self._identities[record.pool]:
            return f"it is of another database than that of MySQL pool '{record.pool}'", ""
        if destination is None:
            return "", f"the table '{record.table}' of MySQL pool '{record.pool}'"
        if (column := destination.table.unknown_column(record.changes)) is not None:
            return "", f"the column '{column}' of the table '{record.table}'"
        if not self._redis_pools.issuperset(record.keys):
            return "", f"the Redis pool '{min(record.keys.keys() - self._redis_pools)}'"
        if foreign := _foreign_key(record, destination.key_part):
            return f"its cache key {foreign!r} is not one of the table '{record.table}'", ""
        return "", ""


def _foreign_key(record: AsyncRecord, part: str) -> str | None:
    """A key that no writer of this table touches: whoever can write to the topic must not empty other keys."""
    for keys in record.keys.values():
        for key in keys:
            if not key.startswith("fx:") or part not in key:
                return key
    return None


def _is_row_key(key: bytes | None, record: AsyncRecord) -> bool:
    """Whether rows keep their order each by itself: then any rows of the table may be written together."""
    name, _, id = (key or b"").rpartition(b":")
    return name == record.table.encode() and id.removeprefix(b"-").isdigit()
