"""Which node of a Redis Cluster owns which slot, as far as is known. No I/O; shared by threads and loops.

What it decides: the slot of a key, when what is known is in doubt, and whom to ask next.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final, TypeAlias

Node: TypeAlias = "tuple[str, int]"
"""Host and port, as the cluster announces them."""

SLOTS: Final = 16_384
PAUSE: Final = 0.2
"""Seconds between two questions of who owns what, however much is in doubt."""


def slot_of(key: bytes | str | int) -> int:
    """The slot of a key: of what is in its first braces, if anything, else of all of it."""
    name = key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogateescape")
    opening = name.find(b"{")
    if opening >= 0:
        closing = name.find(b"}", opening + 1)
        if closing > opening + 1:
            name = name[opening + 1 : closing]
    return crc_hqx(name, 0) & (SLOTS - 1)


class SlotMap:
    """What one pool knows. ``seeds``: nodes to ask before any other is known."""

    def __init__(self, seeds: Sequence[Node]) -> None:
        self._seeds = tuple(seeds)
        self._owners: list[Node | None] = [None] * SLOTS
        self._doubted = True
        self._asked = float("-inf")
        self._suspect: Node | None = None
        self.primaries: tuple[Node, ...] = ()
        """Those that own slots, in order."""
        self._newcomers: set[Node] = set()
        self.version = 0
        """Grows with every change that is learned of."""
        self.is_whole = False
        """Whether every slot has an owner."""

    def certain_owner(self, slot: int) -> Node | None:
        """The same, but None too while anything is in doubt: then ask first."""
        return None if self._doubted else self._owners[slot]

    def owner(self, slot: int) -> Node | None:
        """The node that owns a slot; None: nobody is known to."""
        return self._owners[slot]

    def moved(self, slot: int, node: Node) -> None:
        """A node said that another one owns the slot."""
        self._owners[slot] = node
        self._note_owners()
        self._doubted = True

    def met(self, node: Node) -> None:
        """A node takes over slots, and may own none yet."""
        if node not in self.members:
            self._newcomers.add(node)
        self.version += 1

    @property
    def members(self) -> tuple[Node, ...]:
        """Whoever answers for keys: primaries, and nodes that are about to own their first slots."""
        return (*self.primaries, *self._newcomers)

    def doubt(self, node: Node | None = None) -> None:
        """What is known may be wrong; ``node`` could not be reached and is asked last."""
        self._doubted = True
        self._suspect = node

    def take_turn(self) -> bool:
        """Whether the caller should ask now who owns what."""
        now = monotonic()
        if self.primaries and not (self._doubted and now - self._asked >= PAUSE):
            return False
        self._asked = now
        return True

    def sources(self) -> list[Node]:
        """Whom to ask, in this order."""
        nodes = dict.fromkeys((*self.primaries, *self._seeds))
        return sorted(nodes, key=lambda node: node == self._suspect)

    def learn(self, reply: Any, asked: Node) -> None:
        """Take over what ``asked`` replied to CLUSTER SLOTS."""
        owners = _owners(reply, asked)
        self._doubted = None in owners
        if owners != self._owners:
            self._owners = owners
            self._note_owners()

    def agrees(self, reply: Any, asked: Node) -> bool:
        """Whether that reply says what is known already."""
        return _owners(reply, asked) == self._owners

    def _note_owners(self) -> None:
        self.is_whole = None not in self._owners
        self.primaries = tuple(sorted({node for node in self._owners if node is not None}))
        self._newcomers.difference_update(self.primaries)
        self.version += 1


def _owners(reply: Any, asked: Node) -> list[Node | None]:
    owners: list[Node | None] = [None] * SLOTS
    for first, last, primary, *_ in reply:
        node = _node(primary[0], primary[1], asked)
        owners[first : last + 1] = [node] * (last - first + 1)
    return owners


def node_from(text: str, asked: Node) -> Node:
    """``host:port`` as a redirection has it; without a host it is the one that was ``asked``."""
    host, _, port = text.rpartition(":")
    return _node(host.encode(), int(port), asked)


def _node(host: bytes | None, port: int, asked: Node) -> Node:
    name = (host or b"").decode()
    return (asked[0] if name in ("", "?") else name, port)
