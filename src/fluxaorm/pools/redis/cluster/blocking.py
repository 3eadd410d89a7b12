"""The lean path to a Redis Cluster for threads: links to each node, one round trip to all that are needed.

Commands are written to every node before the first answer is read. What goes where ``plans`` decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from fluxaorm.errors import RedisConnectionError
from fluxaorm.plans.effects import RedisCommand, RedisReplies
from fluxaorm.pools.base.forks import run_each
from fluxaorm.pools.base.ports import PoolStats, total
from fluxaorm.pools.base.sql_ports import PoolLimits
from fluxaorm.pools.base.watching import Watch
from fluxaorm.pools.redis.blocking import BlockingLink, BlockingRedis
from fluxaorm.pools.redis.cluster.plans import Answers, ClusterPlan, Wave, trip_plan, undone_by
from fluxaorm.pools.redis.cluster.routes import sole_slot
from fluxaorm.pools.redis.cluster.slots import Node, SlotMap

T = TypeVar("T")


class BlockingCluster:
    """The links of one pool, shared by threads; ``limits`` are those of each node."""

    def __init__(self, code: str, limits: PoolLimits, slots: SlotMap, open_raw: Callable[[Node], Any]) -> None:
        self._code = code
        self._limits = limits
        self._slots = slots
        self._open_raw = open_raw
        self._nodes: dict[Node, BlockingRedis] = {}
        self._version = -1
        self._closed = False

    def round_trip(self, commands: Sequence[RedisCommand], watch: Watch | None = None) -> RedisReplies:
        """See SyncRedis."""
        undone = None
        if (slot := sole_slot(commands)) is not None and (node := self._slots.certain_owner(slot)) is not None:
            try:
                replies = self._node(node).round_trip(commands, watch)
            except RedisConnectionError:
                self._slots.doubt(node)
                raise
            if undone_by(commands[0], replies.values[0]) is None:
                return replies
            undone = node, replies.values[0]
        return self.run(trip_plan(self._slots, self._code, commands, undone), watch)

    def run(self, plan: ClusterPlan[T], watch: Watch | None = None) -> T:
        """Drive a plan to its end."""
        try:
            step = next(plan)
            while True:
                if isinstance(step, dict):
                    step = plan.send(self._answers(step, watch))
                else:
                    time.sleep(step)
                    step = plan.send(None)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            self._retire()

    def _answers(self, wave: Wave, watch: Watch | None) -> Answers:
        answers: dict[Node, RedisReplies | RedisConnectionError] = {}
        held: dict[Node, tuple[BlockingRedis, BlockingLink]] = {}
        try:
            # always in the same order, so that threads do not wait for each other's links in a circle
            for node in sorted(wave):
                links = self._node(node)
                try:
                    held[node] = links, links.take()
                except RedisConnectionError as error:
                    answers[node] = error
            if watch is not None:
                watch.enter(_Several([link for _, link in held.values()]))
            _exchange(wave, {node: link for node, (_, link) in held.items()}, answers)
            return answers
        finally:
            if watch is not None:
                watch.leave()
            for node, (links, link) in held.items():
                # one that was written to and not read from has answers that belong to nobody
                link.usable = link.usable and isinstance(answers.get(node), RedisReplies)
                links.give_back(link)

    def _node(self, node: Node) -> BlockingRedis:
        found = self._nodes.get(node)
        if found is None:
            if self._closed:
                raise RedisConnectionError("the pool is closed", pool=self._code)
            links = BlockingRedis(self._code, self._limits, lambda: self._open_raw(node))
            found = self._nodes.setdefault(node, links)
        return found

    def _retire(self) -> None:
        """Close what leads to nodes that are no primaries any more: when they are again, they are another server."""
        if self._version == self._slots.version:
            return
        self._version = self._slots.version
        for node in set(self._nodes).difference(self._slots.members):
            if links := self._nodes.pop(node, None):
                links.close()

    def stats(self) -> PoolStats:
        """See SyncRedis."""
        return total(links.stats() for links in list(self._nodes.values()))

    def close(self) -> None:
        """See SyncRedis."""
        self._closed = True
        for links in list(self._nodes.values()):
            links.close()

    def abandon(self) -> None:
        """In a child process: start anew."""
        run_each([links.abandon for links in self._nodes.values()])


def _exchange(
    wave: Wave, links: Mapping[Node, BlockingLink], answers: dict[Node, RedisReplies | RedisConnectionError]
) -> None:
    """Write to all, then read from all."""
    for node, link in links.items():
        try:
            link.send(wave[node])
        except RedisConnectionError as error:
            answers[node] = error
    for node, link in links.items():
        if node in answers:
            continue
        try:
            answers[node] = link.receive(len(wave[node]))
        except RedisConnectionError as error:
            answers[node] = error


class _Several:
    """Links that one thread waits on."""

    def __init__(self, links: Sequence[BlockingLink]) -> None:
        self._links = links

    def abort(self) -> None:
        for link in self._links:
            link.abort()
