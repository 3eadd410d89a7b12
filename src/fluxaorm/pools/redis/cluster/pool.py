"""A registered pool on a Redis or Valkey Cluster: the lean paths over its nodes, and what its servers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxaorm.errors import PoolConnectError, RedisError
from fluxaorm.pools.base.redis_ports import AsyncRedis, RedisServer, Subscription
from fluxaorm.pools.base.sql_ports import PoolLimits
from fluxaorm.pools.redis.cluster.blocking import BlockingCluster
from fluxaorm.pools.redis.cluster.looped import LoopCluster
from fluxaorm.pools.redis.cluster.plans import each_primary_plan, up_to_date_plan
from fluxaorm.pools.redis.cluster.slots import Node, SlotMap, slot_of
from fluxaorm.pools.redis.cluster.subscription import ClusterSubscription
from fluxaorm.pools.redis.pool import RedisServerPool
from fluxaorm.pools.redis.subscription import RedisSubscription
from fluxaorm.pools.redis.wire import SERVER_COMMANDS, server_from

if TYPE_CHECKING:
    from fluxaorm.addresses import RedisAddress
    from fluxaorm.options import RedisOptions


class ClusterRedisPool(RedisServerPool):
    """As RedisServerPool; what is known of the slots is shared by its threads and loops."""

    def __init__(self, code: str, address: RedisAddress, options: RedisOptions) -> None:
        self._slots = SlotMap([(host.host, host.port) for host in address.hosts])
        super().__init__(code, address, options)

    def _make_blocking(self, limits: PoolLimits) -> BlockingCluster:
        self._blocking = BlockingCluster(self.code, limits, self._slots, lambda node: self._settings().connection(node))
        return self._blocking

    def _make_looped(self) -> AsyncRedis:
        return LoopCluster(
            self.code, self.options.read_timeout, self._slots, lambda node: self._settings().connected_async(node)
        )

    def connect(self) -> RedisServer:
        """See RedisPool: what all primaries have in common. PoolConnectError too while slots have no owner."""
        try:
            answers = self._blocking.run(each_primary_plan(self._slots, self.code, SERVER_COMMANDS))
            servers = [server_from(answer.values) for answer in answers.values()]
        except RedisError as error:
            raise PoolConnectError(self.code, self.address, self._explained(error.reason)) from error
        if not self._slots.is_whole:
            raise PoolConnectError(self.code, self.address, "the cluster has slots that no node owns")
        oldest = min(servers, key=lambda server: server.version)
        evicting = [each.maxmemory_policy for each in servers if each.maxmemory_policy not in ("", "noeviction")]
        return RedisServer(
            product=oldest.product,
            version=oldest.version,
            modules=frozenset(
                module for module in oldest.modules if all(module in server.modules for server in servers)
            ),
            maxmemory_policy=evicting[0] if evicting else oldest.maxmemory_policy,
            cluster=True,
        )

    def subscription(self) -> Subscription:
        """See RedisPool."""
        self._blocking.run(up_to_date_plan(self._slots, self.code))
        return ClusterSubscription(self.code, self._owner, self._listening, self._slots.doubt)

    def _owner(self, channel: str) -> Node | None:
        return self._slots.owner(slot_of(channel))

    def _listening(self, node: Node) -> RedisSubscription:
        return RedisSubscription(self._settings().connection(node), self.code)
