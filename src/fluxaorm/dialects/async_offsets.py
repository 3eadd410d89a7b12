"""SQL of ``_fluxa_async_offsets``, where a database keeps how far the records of async flushes are applied. Pure.

One row for each partition of a topic: ``applied`` is the offset after the last record done; ``failed`` names those that
became dead letters, as decimal numbers parted by commas. A topic that is made anew has another id, and so rows of its
own. No row means that nothing was applied. What differs between databases is in the port.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from fluxaorm.dialects.port import ASYNC_OFFSETS_TABLE

if TYPE_CHECKING:
    from fluxaorm.dialects.port import Dialect

_ONE: Final = "`topic` = ? AND `topic_id` = ? AND `partition_no` = ?"

APPLIED: Final = f"SELECT `applied` FROM `{ASYNC_OFFSETS_TABLE}` WHERE {_ONE}"
"""One number. Args: (topic, topic id, partition)."""

ALL_APPLIED: Final = (
    f"SELECT `partition_no`, `applied`, `failed` FROM `{ASYNC_OFFSETS_TABLE}` WHERE `topic` = ? AND `topic_id` = ?"
)
"""(partition, applied, failed) a row. Args: (topic, topic id)."""

ADVANCE: Final = f"UPDATE `{ASYNC_OFFSETS_TABLE}` SET `applied` = ?, `failed` = ? WHERE {_ONE}"
"""Args: (applied, failed, topic, topic id, partition). Only after ``locked_offset_sql`` in the same transaction."""


def locked_offset_sql(dialect: Dialect) -> str:
    """(applied, failed), kept from others until the transaction ends. Args: (topic, topic id, partition).

    Where the server can, it does not wait for a consumer that has stopped with the row locked: other partitions go on.
    """
    sql = f"SELECT `applied`, `failed` FROM `{ASYNC_OFFSETS_TABLE}` WHERE {_ONE}"
    return f"{sql} {dialect.for_update_clause(nowait=dialect.capabilities.nowait)}".rstrip()


def failed_text(offsets: Iterable[int]) -> str:
    """What the column ``failed`` holds of these offsets.

    >>> failed_text([12, 7])
    '7,12'
    """
    return ",".join(map(str, sorted(offsets)))


def failed_offsets(cell: str | bytes) -> list[int]:
    """The other way round; what is no number is left out, so that a cell somebody wrote by hand stops nothing.

    >>> failed_offsets(b"7,12")
    [7, 12]
    """
    text = cell.decode("ascii", "replace") if isinstance(cell, bytes) else cell
    return [int(part) for part in text.split(",") if part.isascii() and part.isdigit()]
