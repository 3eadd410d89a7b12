"""Option objects of the Registry: what all are (frozen structs that check their types and ranges), MySQL's, Redis's.

A count or lifetime that is 0 means the default given in its docstring, as in the original. No ``repr`` shows a
password. What needs other registrations to be judged (unknown pools, missing counterparts) is left to ``validate()``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from fluxaorm.errors import ConfigError
from fluxaorm.masked_struct import MaskedStruct
from fluxaorm.shapes import problems_of

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0)]
Positive: TypeAlias = Annotated[int, Meta(ge=1)]


class Options(MaskedStruct, frozen=True, kw_only=True):
    """Base of all option objects; raises ConfigError for a value of a wrong type or out of range."""

    def __post_init__(self) -> None:
        problems = problems_of(self)
        if problems:
            raise ConfigError("; ".join(problems))


class TLSOptions(Options, frozen=True, kw_only=True):
    """How a connection is encrypted. The server's certificate is checked unless ``verify=False``."""

    verify: bool = True
    """False: any certificate of any host is accepted."""
    check_hostname: bool = True
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: the system's."""
    cert_file: str = ""
    """PEM file of the client's certificate, for servers that ask for one."""
    key_file: str = ""


TLS: TypeAlias = "bool | TLSOptions"
"""``True`` means ``TLSOptions()``: encrypted and checked."""


class MySQLOptions(Options, frozen=True, kw_only=True):
    """Options of a MySQL pool. Raises ConfigError for a wrong type or a negative number."""

    max_open_connections: Count = 0
    """At most this many connections a process; 0: 100. Never more than the server's ``max_connections``."""
    max_idle_connections: Count = 0
    """Connections kept open while unused; 0: as many as may be open."""
    conn_max_lifetime: Seconds = 0
    """Seconds after which a connection is replaced; 0: 300. Never longer than the server's ``wait_timeout``."""
    default_encoding: str = ""
    """Charset of tables we create; empty: ``utf8mb4``."""
    default_collate: str = ""
    """Collation of tables we create, with or without its charset; empty: ``0900_ai_ci`` on MySQL, on MariaDB the one
    the server says is the charset's default."""
    ignored_tables: Sequence[str] = ()
    """Tables that belong to somebody else: schema alters leave them alone."""
    driver: Literal["", "mysqlclient", "pymysql"] = ""
    """Of the sync side; empty: mysqlclient when it is installed, else PyMySQL."""
    coalesce: bool = True
    """Merge id look-ups that AsyncContexts make in the same tick of the event loop."""
    pool_timeout: Seconds = 30.0
    """Seconds to wait for a free connection."""
    connect_timeout: Seconds = 10.0
    """Seconds to wait for a new connection."""
    read_timeout: Seconds = 0
    """Seconds to wait for the server's answer; 0: no limit."""
    write_timeout: Seconds = 0
    """Seconds to wait while sending; 0: no limit."""
    topology: Literal["", "group", "replicas"] = ""
    """What several hosts in the address are: members of a replication group, or a primary and its replicas."""
    failover_timeout: Seconds = 30.0
    """Seconds a write waits for a new primary."""
    max_replica_lag: Seconds = 10.0
    """Replicas that are more seconds behind serve no reads."""
    tls: TLS = False


class RedisOptions(Options, frozen=True, kw_only=True):
    """Options of a Redis or Valkey pool. Raises ConfigError for a wrong type or a negative number."""

    user: str = ""
    password: str = ""
    master: str = ""
    """Name of the master that the Sentinels watch."""
    sentinels: Sequence[str] = ()
    """``host:port`` of the Sentinels; ``:26379`` means localhost."""
    sentinel_user: str = ""
    sentinel_password: str = ""
    cluster: bool = False
    """The addresses are those of a Redis or Valkey Cluster."""
    tls: TLS = False
    max_connections: Positive = 100
    """At most this many connections a process."""
    pool_timeout: Seconds = 30.0
    """Seconds to wait for a free connection."""
    connect_timeout: Seconds = 5.0
    """Seconds to wait for a new connection."""
    read_timeout: Seconds = 5.0
    """Seconds to wait for an answer."""
    namespace: str = ""
    """Part of every key; empty: the database's name, on pools other than the default ``<pool>.<database>``."""
    on_write_failure: Literal["fail", "proceed"] = "fail"
    """What a flush does when Redis cannot be told of its changes: fail before COMMIT, or write anyway and accept that
    caches may serve old rows up to their TTL."""


def tls_options(choice: bool | TLSOptions) -> TLSOptions | None:
    """The TLS options that a ``tls=`` value stands for; None: not encrypted."""
    if isinstance(choice, TLSOptions):
        return choice
    return TLSOptions() if choice else None


def with_overrides(options: Any, overrides: Mapping[str, Any]) -> Any:
    """``options`` with ``overrides`` in the fields that the user left at their defaults."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(options)}
    given = {name: value for name, value in overrides.items() if getattr(options, name) == defaults[name]}
    return msgspec.structs.replace(options, **given) if given else options
