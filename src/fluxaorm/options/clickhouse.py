"""Option and builder objects of ClickHouse: of a pool, and the declaration of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import field

from fluxaorm.options.base import TLS, Count, Options, Seconds


class ClickhouseOptions(Options, frozen=True, kw_only=True):
    """Options of a ClickHouse pool. Raises ConfigError for a wrong type or a negative number."""

    max_open_connections: Count = 0
    """At most this many connections a process; 0: 100."""
    max_idle_connections: Count = 0
    """Connections kept open while unused; 0: as many as may be open."""
    conn_max_lifetime: Seconds = 0
    """Seconds after which a connection is replaced; 0: 300."""
    ignored_tables: Sequence[str] = ()
    """Tables that belong to somebody else: schema alters leave them alone."""
    tls: TLS = False


class _NamedColumn(Options, frozen=True):
    name: str
    type: str


class Column(_NamedColumn, frozen=True, kw_only=True):
    """A column of a ClickHouse table: ``Column("payload", "String", codec="ZSTD(1)")``.

    ``default``, ``materialized``, ``alias`` and ``ttl`` are ClickHouse expressions, at most one of the first three.
    """

    default: str = ""
    materialized: str = ""
    alias: str = ""
    codec: str = ""
    ttl: str = ""
    comment: str = ""


class _PooledTable(Options, frozen=True):
    name: str
    pool: str


class ClickhouseTable(_PooledTable, frozen=True, kw_only=True):
    """A ClickHouse table and the code of its pool. ``validate()`` reports what is missing."""

    columns: Sequence[Column] = ()
    engine: str = ""
    """``MergeTree``, ``ReplacingMergeTree(version)``, ..."""
    order_by: Sequence[str] = ()
    """Expressions; needed by every engine of the MergeTree family."""
    partition_by: str = ""
    primary_key: Sequence[str] = ()
    """A prefix of ``order_by``; empty: all of it."""
    ttl: str = ""
    settings: Mapping[str, str | int | float] = field(default_factory=dict[str, str | int | float])
    comment: str = ""
    cluster: str = ""
    """Runs the table's DDL ``ON CLUSTER``."""
