"""Listens to the nodes of a cluster that own its channels, as one subscription. For one thread.

A heartbeat is answered when every node has answered it. When a channel's slot moves, or a node is lost, all of it is
lost: whoever listens begins anew.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence

from fluxaorm.errors import RedisConnectionError
from fluxaorm.pools.base.forks import run_each
from fluxaorm.pools.base.redis_ports import PONG
from fluxaorm.pools.redis.cluster.slots import Node
from fluxaorm.pools.redis.subscription import RedisSubscription


class ClusterSubscription:
    """Opens nothing before it has channels."""

    def __init__(
        self,
        pool: str,
        owner: Callable[[str], Node | None],
        listening: Callable[[Node], RedisSubscription],
        doubt: Callable[[Node | None], None],
    ) -> None:
        """``owner``: of a channel; ``listening``: opens a connection to a node; ``doubt``: told when it was lost."""
        self._pool = pool
        self._owner = owner
        self._listening = listening
        self._doubt = doubt
        self._parts: dict[int, tuple[Node, RedisSubscription]] = {}
        self._ready = select.poll()
        self._unanswered = 0
        self._interrupted = False

    def subscribe(self, channels: Sequence[str]) -> None:
        """See Subscription."""
        by_node: dict[Node, list[str]] = {}
        for channel in channels:
            node = self._owner(channel)
            if node is None:
                self._doubt(None)
                raise RedisConnectionError(f"no node of the cluster owns the slot of {channel}", pool=self._pool)
            by_node.setdefault(node, []).append(channel)
        for node, own in by_node.items():
            try:
                part = self._listening(node)
            except RedisConnectionError:
                self._doubt(node)
                raise
            self._parts[part.fileno()] = node, part
            self._ready.register(part.fileno(), select.POLLIN)
            if self._interrupted:
                part.interrupt()
            part.subscribe(own)

    def ping(self) -> None:
        """See Subscription."""
        self._unanswered = len(self._parts)
        for _, part in self._parts.values():
            part.ping()

    def read(self, seconds: float) -> tuple[bytes, ...] | None:
        """See Subscription."""
        deadline = time.monotonic() + seconds
        while True:
            if (said := self._said()) is not None:
                return said
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            for descriptor, _ in self._ready.poll(left * 1e3):
                node, part = self._parts[descriptor]
                try:
                    part.receive(0.001)
                except RedisConnectionError:
                    self._doubt(node)
                    raise

    def _said(self) -> tuple[bytes, ...] | None:
        for node, part in self._parts.values():
            try:
                said = part.read(0)
            except RedisConnectionError:
                self._doubt(node)
                raise
            if said is None:
                continue
            if said[0] == PONG:
                self._unanswered -= 1
                if self._unanswered:
                    continue
            return said
        return None

    def interrupt(self) -> None:
        """See Subscription."""
        self._interrupted = True
        for _, part in list(self._parts.values()):
            part.interrupt()

    def close(self) -> None:
        """See Subscription."""
        for _, part in self._parts.values():
            part.close()

    def disown(self) -> None:
        """See Subscription."""
        run_each([part.disown for _, part in self._parts.values()])
