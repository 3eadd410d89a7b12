"""What a cache key of a row holds: keys, stamps, and the value's two forms.

Pure; see the coherence protocol in the docs.

A key holds nothing, a value (MessagePack ``[stamp, column, ..., seal]``), a lease ``L<token>`` or write intents
``W<token>:<deadline>;...``. A row that does not exist is cached as ``[stamp, seal]``. The first byte tells them apart,
since a MessagePack array never starts with these letters.

The seal is the CRC-32 of all that is before it. Cells are decoded when somebody asks for them, which is too late to
find that one is nonsense and to read the row from the database: so a value counts as it was stored, or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import time, timedelta
from typing import Any, Final
from zlib import crc32

import msgspec

LEASE_MS: Final = 3_000
INTENT_MS: Final = 30_000
PUBLISH: Final = "SPUBLISH"
"""Changes are published on sharded channels: on a cluster the owner of the channel's slot tells its listeners alone."""

SEALED: Final = 0x2144DF1C
"""The CRC-32 of whatever ends in its own CRC-32, its lowest byte first."""
_OPEN: Final = bytes(4)

_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


class Absent:
    """The type of ``ABSENT``."""

    __slots__ = ()


ABSENT: Final = Absent()
"""A cached value that says: there is no such row."""


def lease_command(key: str, lease: str) -> tuple[str | int, ...]:
    """Look and, when there is nothing, lease: one command; the reply is what was there."""
    return ("SET", key, lease, "NX", "GET", "PX", LEASE_MS)


def stamp_for(fingerprint: str, server: bytes) -> bytes:
    """What a value must start with to count: the schema and the Redis primary's identity, hashed to 8 bytes."""
    return hashlib.blake2b(fingerprint.encode() + b"|sealed|" + server, digest_size=8).digest()


def encode_row(stamp: bytes, row: Sequence[Any] | None) -> bytes:
    """The value of a row in raw form, its id a number whatever the driver made of it; or of a missing row (None)."""
    return _sealed((stamp,) if row is None else (stamp, int(row[0]), *map(_portable, row[1:])))


def _sealed(cells: Sequence[Any]) -> bytes:
    content = _encode((*cells, _OPEN))[: -len(_OPEN)]
    return content + crc32(content).to_bytes(len(_OPEN), "little")


def _portable(value: Any) -> Any:
    """Text for the one raw form that MessagePack would spell differently than the databases do."""
    return duration_text(value) if type(value) is timedelta or type(value) is time else value


def duration_text(value: timedelta | time) -> str:
    """``[-]HH:MM:SS[.ffffff]`` as MySQL's TIME."""
    if isinstance(value, time):
        return value.isoformat()
    sign = "-" if value < timedelta(0) else ""
    seconds, micros = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    fraction = f".{micros:06d}" if micros else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def decode_row(value: bytes, stamp: bytes, width: int) -> list[Any] | Absent | None:
    """The row of a value, ABSENT, or None when it is not a value of this stamp (foreign, poisoned, truncated)."""
    cells = _contents(value, stamp)
    if cells is None:
        return None
    if not cells:
        return ABSENT
    return cells if len(cells) == width else None


def _contents(value: bytes, stamp: bytes) -> list[Any] | None:
    """What is between stamp and seal, or None when it is not as it was stored."""
    if crc32(value) != SEALED:
        return None
    cells = _cells(value)
    if not cells or cells[0] != stamp or len(cells) == 1:
        return None
    del cells[0], cells[-1]
    return cells


def row_start(stamp: bytes, width: int) -> bytes:
    """What the value of a row of ``width`` columns begins with, up to its first column."""
    behind = width + 1
    return _encode((stamp, *[None] * behind))[:-behind]


def plain_row(value: Any, start: bytes, id: int) -> list[Any] | None:
    """The row of an id whose value counts beyond doubt; None: ``decode_row`` says more of it, if it is a value."""
    if type(value) is not bytes or not value.startswith(start) or crc32(value) != SEALED:
        return None
    try:
        cells = _decode(value)
    except (ValueError, RecursionError):
        return None
    del cells[0], cells[-1]
    return cells if cells[0] == id else None


def plain_rows(looked: Iterable[tuple[int, Any]], start: bytes) -> tuple[dict[int, list[Any]], list[tuple[int, Any]]]:
    """The same of many: what ``plain_row`` gives by id, and the ids and values for which it gives nothing."""
    rows: dict[int, list[Any]] = {}
    doubtful: list[tuple[int, Any]] = []
    decode = _decode
    for id, value in looked:
        # as plain_row, without a call for each
        if type(value) is bytes and value.startswith(start) and crc32(value) == SEALED:
            try:
                cells = decode(value)
            except (ValueError, RecursionError):
                doubtful.append((id, value))
                continue
            del cells[0], cells[-1]
            if cells[0] == id:
                rows[id] = cells
                continue
        doubtful.append((id, value))
    return rows, doubtful


def _cells(value: bytes) -> list[Any] | None:
    """What MessagePack makes of it; whatever lies under a key, this raises nothing."""
    try:
        return _decode(value)
    except (ValueError, RecursionError):
        return None


def _are_ids(cells: list[Any]) -> bool:
    return not cells or set(map(type, cells)) == {int}


def is_row_of(row: Sequence[Any], id: int) -> bool:
    """Whether a row in raw form is that of an id: another one's, or nonsense, may lie under any key."""
    try:
        return int(row[0]) == id
    except (TypeError, ValueError):
        return False


def is_foreign(value: bytes, stamp: bytes) -> bool:
    """Whether a value that does not count is whole and only of another schema or another server."""
    cells = _cells(value)
    if not cells:
        return False
    return type(cells[0]) is bytes and len(cells[0]) == len(stamp) and cells[0] != stamp


def encode_list(stamp: bytes, items: Sequence[Any]) -> bytes:
    """The value of a key that is no row: an id, or many."""
    return _sealed((stamp, *items))


def decode_ids(value: bytes, stamp: bytes) -> list[int] | None:
    """The ids of such a value, or None when it is not one of this stamp."""
    cells = _contents(value, stamp)
    return cells if cells is not None and _are_ids(cells) else None


def is_value(reply: bytes) -> bool:
    """Whether a key's content is neither a lease nor intents nor a pending value."""
    return reply[:1] not in (b"L", b"W", b"P")


def look_up_name(index: str, params: Sequence[Any]) -> str:
    """The rest of the key, after the prefix, of a look-up by a unique index; ``params``: as handed to a driver."""
    digest = hashlib.blake2b(_encode(params), digest_size=16).hexdigest()
    return f"u:{index}:{digest}"


def channel_of(prefix: str) -> str:
    """Where changes of the rows whose keys begin so are published."""
    return f"{prefix}changes"


def changes_message(sender: str, ids: Sequence[int]) -> bytes:
    """What is published when rows change; no id: all rows of the entity may have changed.

    ``sender``: the process that changes them, which has evicted them by itself.
    """
    return _encode((sender, *ids))


def read_changes(message: bytes) -> tuple[str, list[int]]:
    """Sender and ids of such a message; of one that cannot be read none, which stands for all rows."""
    cells = _cells(message)
    if not cells or type(cells[0]) is not str or not _are_ids(cells[1:]):
        return "", []
    return cells[0], cells[1:]


def key_prefix(namespace: str, table: str) -> str:
    """``fx:<namespace>:<table>:``, to which ids and other names are appended; see ``Dialect.recorded_name``."""
    return f"fx:{namespace}:{table}:"
