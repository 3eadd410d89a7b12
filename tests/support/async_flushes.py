"""Asynchronous flushes without brokers: what an engine knows of them, and entries as a flush leaves them in Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fluxaorm.dialects.async_offsets import ADVANCE
from fluxaorm.plans.cache.functions import ANNOUNCE, CONFIRM, RELEASE, function_call, library_source
from fluxaorm.plans.cache.pending_rows import change_payload, ids_payload
from fluxaorm.plans.effects import Plan
from fluxaorm.pools.redis.wire import IDENTITY_COMMANDS, identity_from
from tests.support.cached import Cached
from tests.support.insides import core

TOPIC, TOPIC_ID = "_fluxa_async_sql", "topic1"


class KnownFlushes:
    """As an engine's ``async_flush``; ``watermarks``: partition -> the offset after the topic's last record."""

    topic = TOPIC

    def __init__(self, watermarks: Mapping[int, int] | None = None, pending_timeout: float = 5.0) -> None:
        self.watermarks = dict(watermarks or {})
        self.pending_timeout = pending_timeout
        self.marked: set[tuple[str, str, bytes]] = set()
        self.asked = 0
        """How often the watermarks were asked for."""

    def topic_id_plan(self) -> Plan[str]:
        """Known."""
        yield from ()
        return TOPIC_ID

    def high_watermarks_plan(self) -> Plan[Mapping[int, int]]:
        """As they are set."""
        yield from ()
        self.asked += 1
        return dict(self.watermarks)


class Published:
    """Writes entries, and how far they are applied, for the entities of an engine."""

    def __init__(self, cached: Cached, flushes: KnownFlushes | None = None) -> None:
        self.cached = cached
        self.flushes = flushes or KnownFlushes()
        known: Any = self.flushes
        core(cached.engine).async_flush = known
        self.pool = core(cached.engine).redis_pools["default"].sync
        self._send(("FUNCTION", "LOAD", "REPLACE", library_source()))
        self.server = identity_from(self.pool.round_trip(IDENTITY_COMMANDS).values)
        dialect = self._binding.dialect
        cached.sql(dialect.async_offsets_table_ddl())
        self._tokens = iter(range(1, 1_000))

    @property
    def _binding(self) -> Any:
        return core(self.cached.engine).binding(self.cached.provider)

    def _send(self, *commands: Any) -> Any:
        return self.pool.round_trip(commands).values[0]

    def key(self, id: int) -> str:
        """Of a row."""
        return str(self._binding.row_key(id))

    def content(self, key: str) -> bytes:
        """What a key holds."""
        return self._send(("GET", key)) or b""

    def announce(self, key: str, ms: int = 30_000) -> str:
        """A marker; its token."""
        token = f"{next(self._tokens):024x}"
        self._send(function_call(ANNOUNCE, key, token, ms))
        return token

    def confirm(self, key: str, token: str, offset: int, payload: bytes = b"", partition: int = 0) -> None:
        """The marker becomes an entry."""
        assert 1 == self._send(function_call(CONFIRM, key, token, self.server, partition, offset, payload))

    def withdraw(self, key: str, token: str) -> None:
        """As a consumer or a flush that failed."""
        self._send(function_call(RELEASE, key, token))

    def change(self, id: int, offset: int, operation: str, **values: Any) -> str:
        """The entry of a row's change; its token."""
        token = self.announce(self.key(id))
        self.confirm(self.key(id), token, offset, change_payload(operation, values))
        return token

    def names(self, key: str, offset: int, *ids: int) -> str:
        """The entry of another key, by which these rows may be found."""
        token = self.announce(key)
        self.confirm(key, token, offset, ids_payload(ids))
        return token

    def apply(self, upto: int, partition: int = 0) -> None:
        """What the consumer notes with its SQL."""
        place = (TOPIC, TOPIC_ID, partition)
        self.cached.sql(self._binding.dialect.async_offsets_first_row(), *place)
        self.cached.sql(ADVANCE, upto, "", *place)
