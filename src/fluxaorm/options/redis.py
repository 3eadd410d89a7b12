"""Options of a Redis or Valkey pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fluxaorm.options.base import TLS, Options, Positive, Seconds


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
    """The addresses are those of nodes of a Redis or Valkey Cluster, as ``redis+cluster://`` says too."""
    tls: TLS = False
    max_connections: Positive = 100
    """At most this many connections a process; of a cluster to each of its primaries."""
    pool_timeout: Seconds = 30.0
    """Seconds to wait for a free connection."""
    connect_timeout: Seconds = 5.0
    """Seconds to wait for a new connection."""
    read_timeout: Seconds = 5.0
    """Seconds to wait for an answer."""
    namespace: str = ""
    """Part of every key; empty: the database's name, on pools other than the default ``<pool>.<database>``."""
    required_at_start: bool = True
    """False: when the server does not answer, ``validate()`` only logs it, and reads are served from MySQL until it is
    there. What it lacks is then not found at the start; ``fluxaorm check`` tells."""
    on_write_failure: Literal["fail", "proceed"] = "fail"
    """What a flush does when Redis cannot be told of its changes: fail before COMMIT, or write anyway and accept that
    caches may serve old rows up to their TTL."""
