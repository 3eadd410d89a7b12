"""What a key holds of asynchronous flushes: intents, markers and entries side by side, read back from their text. Pure.

``P`` and then items, each ``<kind><token>:<a>:<b>:<server>:<length>;`` and a payload of that many bytes. The functions
of the server write them (``functions``); readers and writers only look.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_ITEM: Final = re.compile(rb"([wme])([0-9a-f]+):(\d+):(\d+):([0-9a-f]+):(\d+);")
_FIRST: Final = b"P"


class PendingItem(NamedTuple):
    """A marker (``m``), an entry (``e``) or an intent (``w``) of a key."""

    kind: str
    token: str
    first: int
    """Of an entry its partition, else the deadline in milliseconds."""
    offset: int
    server: str
    """Of an entry where it was confirmed, as ``short_identity`` has it; else ``0``."""
    payload: bytes


def is_pending(content: object) -> bool:
    """Whether a key's content is of this form."""
    return isinstance(content, bytes) and content[:1] == _FIRST


def items_of(content: bytes) -> list[PendingItem]:
    """The items of a key's content, in the order in which they were put there; of anything else none.

    Those past their deadline are among them until the next function writes.
    """
    items: list[PendingItem] = []
    at = len(_FIRST)
    while content[:1] == _FIRST and (found := _ITEM.match(content, at)) is not None:
        kind, token, first, offset, server, length = found.groups()
        at = found.end() + int(length)
        payload = content[found.end() : at]
        items.append(PendingItem(kind.decode(), token.decode(), int(first), int(offset), server.decode(), payload))
    return items


def short_identity(server: bytes) -> str:
    """What items keep of ``<run_id> <master_replid>``: the first 16 digits of the one and the first 8 of the other."""
    run, _, replication = server.partition(b" ")
    return (run[:16] + replication[:8]).decode("latin-1")
