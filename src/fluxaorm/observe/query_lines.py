"""The query log in lines: to the logger ``fluxaorm.queries``, or to stderr while developing. Shows no arguments."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fluxaorm.observe.query_log import QueryLogEntry

logger = logging.getLogger("fluxaorm.queries")
_LONGEST: Final = 500
"""Characters of a query in a line."""


def line_of(entry: QueryLogEntry) -> str:
    """``mysql default 0.41 ms 3 rows: SELECT ...``."""
    rows = "" if entry.rows is None else f" {entry.rows} {_unit(entry)}{'' if entry.rows == 1 else 's'}"
    query = " ".join(entry.query.split())
    shown = query if len(query) <= _LONGEST else f"{query[: _LONGEST - 3]}..."
    failed = f" failed: {entry.error}" if entry.error else ""
    return f"{entry.store} {entry.pool} {entry.microseconds / 1000:.2f} ms{rows}: {shown}{failed}"


def _unit(entry: QueryLogEntry) -> str:
    return {"mysql": "row", "redis": "command", "kafka": "record"}[entry.store]


def log_query(ctx: Any, entry: QueryLogEntry) -> None:
    """A query logger: one record a query, its data as extras."""
    if logger.isEnabledFor(logging.INFO):
        extra = {"store": entry.store, "pool": entry.pool, "microseconds": entry.microseconds, "rows": entry.rows}
        logger.info("%s", line_of(entry), extra={**extra, "meta": entry.meta})


def echo_query(ctx: Any, entry: QueryLogEntry) -> None:
    """A query logger: one line a query on stderr."""
    _ = sys.stderr.write(f"{line_of(entry)}\n")
