"""Local caches of two processes: changes are followed, and a process that may have missed one serves nothing cached."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devstack.proxy import Proxy
from devstack.state import StackState
from fluxaorm.engine import Engine
from tests.support.cached import SeatEntity
from tests.support.local_cache_peer import PATIENCE, Peer, peer_process
from tests.support.measured import Measured
from tests.support.network import MakeProxy
from tests.support.redis_servers import RedisServer
from tests.support.shop_engines import open_engine
from tests.support.sql_servers import SqlServer

pytestmark = pytest.mark.fault
CHANGES = 15


@dataclass(slots=True)
class TwoProcesses:
    """This one, which writes, and another one behind a proxy, which reads."""

    engine: Engine
    peer: Peer
    proxy: Proxy
    id: int

    def take(self, taken_by: int) -> float:
        """Change the row; the monotonic time at which the flush had returned."""
        seats: Any = self.engine.provider(SeatEntity)
        with self.engine.new_context() as ctx:
            seats.must_get_by_id(ctx, self.id).taken_by = taken_by
            ctx.flush()
        return time.monotonic()

    def wait_until_served_locally(self, taken_by: int) -> None:
        """Read until the other process keeps the row; a read that was given up may have left a lease for 3 seconds."""
        deadline = time.monotonic() + PATIENCE
        while True:
            seen, local = self.peer.read(self.id)
            assert taken_by == seen
            if local:
                return
            assert time.monotonic() < deadline, "the other process keeps nothing"


@pytest.fixture
def processes(
    stack: StackState, redis_server: RedisServer, proxy_factory: MakeProxy, shell: Any
) -> Iterator[TwoProcesses]:
    """Both on one row of a fresh database."""
    if stack.mysql is None:
        pytest.skip("mysql is missing")
    database = SqlServer.at(stack.mysql).create_database()
    proxy = proxy_factory(redis_server.address)
    engine = open_engine(database.url, redis_server.host_port, redis_server.namespace, (SeatEntity,))
    with engine.new_context() as ctx:
        seats: Any = engine.provider(SeatEntity)
        id = seats.new(ctx, row="A").id
        ctx.flush()
    with peer_process(database.url, f"{proxy.host}:{proxy.port}", redis_server.namespace, shell.name) as peer:
        peer.wait_until_open(True)
        yield TwoProcesses(engine, peer, proxy, id)
    engine.close()
    database.drop()


def test_a_change_is_followed_by_the_other_process(processes: TwoProcesses, measured: Measured) -> None:
    """A row that is kept in a process must not outlive a change made by another one."""
    delays: list[float] = []

    for number in range(1, CHANGES + 1):
        processes.wait_until_served_locally(number - 1)
        returned = processes.take(number)
        delays.append(max(0.0, processes.peer.see(processes.id, number) - returned))

    measured("median delay until the other process followed", f"{statistics.median(delays) * 1e3:.2f} ms")
    assert 5.0 > max(delays)


def test_a_process_whose_listener_is_stalled_serves_nothing_cached(processes: TwoProcesses) -> None:
    """Sockets that stay open and say nothing look like a quiet day; only the missing heartbeat tells."""
    processes.wait_until_served_locally(0)

    processes.proxy.stall()
    processes.take(7)
    processes.peer.wait_until_open(False)
    stalled = [processes.peer.read(processes.id) for _ in range(2)]
    processes.proxy.resume()
    processes.peer.wait_until_open(True)

    assert [(7, False), (7, False)] == stalled
    processes.wait_until_served_locally(7)
    processes.take(8)
    processes.peer.see(processes.id, 8)


def test_a_process_whose_listener_is_cut_off_serves_nothing_cached_until_it_is_back(processes: TwoProcesses) -> None:
    """What was published meanwhile is lost, so nothing from before may be served afterwards either."""
    processes.wait_until_served_locally(0)

    processes.proxy.refuse()
    processes.peer.wait_until_open(False)
    processes.take(7)
    cut_off = [processes.peer.read(processes.id) for _ in range(2)]
    processes.proxy.accept()
    processes.peer.wait_until_open(True)
    first = processes.peer.read(processes.id)

    assert [(7, False), (7, False)] == cut_off
    assert (7, False) == first
    processes.wait_until_served_locally(7)
    processes.take(8)
    processes.peer.see(processes.id, 8)
