"""What was registered, as plain values: addresses parsed, options checked, nothing connected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import msgspec

from fluxaorm.addresses import (
    ClickhouseAddress,
    ConnectAddress,
    KafkaAddress,
    MySQLAddress,
    RedisAddress,
    SQLiteAddress,
)
from fluxaorm.errors import ConfigError
from fluxaorm.options import (
    AsyncFlushOptions,
    ClickhouseOptions,
    ClickhouseTable,
    DebeziumOptions,
    KafkaConsumerGroup,
    KafkaPoolOptions,
    KafkaTopic,
    MySQLOptions,
    RedisOptions,
)
from fluxaorm.options.shapes import did_you_mean

if TYPE_CHECKING:
    from fluxaorm.observe.metrics import QueryMetrics

DEFAULT_POOL_CODE: Final = "default"
"""The code of a pool that nobody named."""

_CODE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)


class MySQLRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A MySQL pool, or the SQLite database that stands in for one."""

    code: str
    address: MySQLAddress | SQLiteAddress
    options: MySQLOptions


class RedisRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A Redis or Valkey pool."""

    code: str
    address: RedisAddress
    options: RedisOptions


class LocalCacheRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A cache in the process. ``limit``: entries it holds at most, 0: no limit."""

    code: str
    limit: int


class ClickhouseRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A ClickHouse pool."""

    code: str
    address: ClickhouseAddress
    options: ClickhouseOptions


class KafkaRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A Kafka pool."""

    code: str
    address: KafkaAddress
    options: KafkaPoolOptions


class ConnectRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """The Kafka Connect that serves a Kafka pool."""

    kafka_pool: str
    address: ConnectAddress
    options: DebeziumOptions


class AsyncFlushRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """Async flush through a Kafka pool."""

    kafka_pool: str
    options: AsyncFlushOptions


PoolRegistration: TypeAlias = (
    "MySQLRegistration | RedisRegistration | LocalCacheRegistration | ClickhouseRegistration | KafkaRegistration"
)
P = TypeVar("P", bound=PoolRegistration)


class Registrations(msgspec.Struct, kw_only=True):
    """Everything registered so far, in order, duplicates too: ``validate()`` finds them."""

    mysql: list[MySQLRegistration] = []
    redis: list[RedisRegistration] = []
    local_caches: list[LocalCacheRegistration] = []
    clickhouse: list[ClickhouseRegistration] = []
    kafka: list[KafkaRegistration] = []
    consumer_groups: list[KafkaConsumerGroup] = []
    topics: list[KafkaTopic] = []
    clickhouse_tables: list[ClickhouseTable] = []
    connects: list[ConnectRegistration] = []
    async_flushes: list[AsyncFlushRegistration] = []
    entities: list[type[Any]] = []
    metrics: list[QueryMetrics] = []
    settings: dict[str, Any] = {}
    """What ``set_option`` took."""

    def copy(self) -> Registrations:
        """A copy that later registrations do not change."""
        return Registrations(**{name: getattr(self, name).copy() for name in self.__struct_fields__})

    def extend(self, other: Registrations) -> None:
        """Add everything of ``other``."""
        for name in self.__struct_fields__:
            mine: Any = getattr(self, name)
            add = mine.update if name == "settings" else mine.extend
            add(getattr(other, name))

    def by_kind(self) -> Iterator[tuple[str, str, Iterable[PoolRegistration]]]:
        """(kind, the method that registers one, registrations) of each kind of pool."""
        yield "MySQL", "register_mysql", self.mysql
        yield "Redis", "register_redis", self.redis
        yield "local cache", "register_local_cache", self.local_caches
        yield "ClickHouse", "register_clickhouse", self.clickhouse
        yield "Kafka", "register_kafka", self.kafka


def by_code(registrations: Iterable[P]) -> dict[str, P]:
    """Pools by their code; of duplicates the first."""
    found: dict[str, P] = {}
    for registration in registrations:
        found.setdefault(registration.code, registration)
    return found


def unknown_pool(kind: str, code: str, registered: Registrations) -> str:
    """The problem of a code that no pool of this kind has, and the fix; empty when there is such a pool."""
    method, codes = next(
        (method, sorted({pool.code for pool in pools})) for each, method, pools in registered.by_kind() if each == kind
    )
    if code in codes:
        return ""
    known = ", ".join(repr(each) for each in codes) or "none is registered"
    return f"no {kind} pool '{code}' is registered ({method}); known: {known}{did_you_mean(code, codes)}"


def checked_code(kind: str, code: object) -> str:
    """A pool's code, which becomes part of keys, topics and metrics. Raises ConfigError."""
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        shown = repr(code) if isinstance(code, str) else type(code).__name__
        raise ConfigError(
            f"{kind} pool: {shown} is not a pool code; "
            "use up to 64 letters, digits, '_', '-' and '.', not first '-' or '.'"
        )
    return code
