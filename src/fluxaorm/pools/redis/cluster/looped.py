"""The lean path to a Redis Cluster on asyncio: one connection to each node for all tasks of a loop.

What goes where ``plans`` decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from fluxaorm.errors import RedisConnectionError
from fluxaorm.plans.effects import RedisCommand, RedisReplies
from fluxaorm.pools.base.ports import PoolStats, total
from fluxaorm.pools.redis.cluster.plans import Answers, ClusterPlan, Wave, trip_plan, undone_by
from fluxaorm.pools.redis.cluster.routes import sole_slot
from fluxaorm.pools.redis.cluster.slots import Node, SlotMap
from fluxaorm.pools.redis.looped import LoopRedis

T = TypeVar("T")


class LoopCluster:
    """The links of one pool on one event loop."""

    def __init__(self, code: str, timeout: float, slots: SlotMap, connect: Callable[[Node], Awaitable[Any]]) -> None:
        self._code = code
        self._timeout = timeout
        self._slots = slots
        self._connect = connect
        self._nodes: dict[Node, LoopRedis] = {}
        self._version = -1
        self._closed = False

    async def round_trip(self, commands: Sequence[RedisCommand]) -> RedisReplies:
        """See AsyncRedis."""
        undone = None
        if (slot := sole_slot(commands)) is not None and (node := self._slots.certain_owner(slot)) is not None:
            try:
                replies = await self._node(node).begin(commands)
            except RedisConnectionError:
                self._slots.doubt(node)
                raise
            if undone_by(commands[0], replies.values[0]) is None:
                return replies
            undone = node, replies.values[0]
        return await self._run(trip_plan(self._slots, self._code, commands, undone))

    async def _run(self, plan: ClusterPlan[T]) -> T:
        try:
            step = next(plan)
            while True:
                if isinstance(step, dict):
                    step = plan.send(await self._answers(step))
                else:
                    await asyncio.sleep(step)
                    step = plan.send(None)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            self._retire()

    async def _answers(self, wave: Wave) -> Answers:
        trips = [self._node(node).begin(commands) for node, commands in wave.items()]
        answers: dict[Node, RedisReplies | RedisConnectionError] = {}
        for node, answer in zip(wave, await asyncio.gather(*trips, return_exceptions=True), strict=True):
            if not isinstance(answer, (RedisReplies, RedisConnectionError)):
                raise answer
            answers[node] = answer
        return answers

    def _node(self, node: Node) -> LoopRedis:
        found = self._nodes.get(node)
        if found is None:
            if self._closed:
                raise RedisConnectionError("the pool is closed", pool=self._code)
            found = LoopRedis(self._code, self._timeout, lambda: self._connect(node))
            self._nodes[node] = found
        return found

    def _retire(self) -> None:
        """Close what leads to nodes that are no primaries any more: when they are again, they are another server."""
        if self._version == self._slots.version:
            return
        self._version = self._slots.version
        for node in set(self._nodes).difference(self._slots.members):
            self._nodes.pop(node).retire()

    def stats(self) -> PoolStats:
        """See AsyncRedis."""
        return total(link.stats() for link in list(self._nodes.values()))

    def refuse(self) -> None:
        """See AsyncRedis."""
        self._closed = True

    async def aclose(self) -> None:
        """See AsyncRedis."""
        self._closed = True
        for link in self._nodes.values():
            await link.aclose()
