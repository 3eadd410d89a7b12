"""Options of a MySQL pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from fluxaorm.errors import ConfigError
from fluxaorm.options.base import TLS, Count, Options, Seconds

Driver: TypeAlias = Literal["", "mysqlclient", "pymysql"]
DRIVERS: Final = ("mysqlclient", "pymysql")
REFUSED_DRIVERS: Final[dict[str, str]] = {
    "pyro": "pyro-mysql 0.2 is not offered: no other thread runs while it waits for the server, so neither a deadline"
    " nor the holder of a lock could end the wait; use mysqlclient or pymysql",
}
"""Names of drivers that this library does not use -> why, and what instead."""


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
    """Tables that are kept with ``unknown_tables="drop"``: names, or patterns such as ``django_*``."""
    unknown_tables: Literal["", "drop"] = ""
    """What schema alters do with tables that no entity has; empty: leave them alone. ``drop``: drop them, which is
    destructive."""
    driver: Driver = ""
    """Of threads (asyncio uses asyncmy); empty: mysqlclient when it is installed, else PyMySQL. One that is missing
    is a MissingExtraError when the pool connects."""
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

    def __post_init__(self) -> None:
        for name, reason in REFUSED_DRIVERS.items():
            if name == self.driver:
                raise ConfigError(f"MySQLOptions.driver: {reason}")
        super().__post_init__()
