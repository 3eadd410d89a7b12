"""A primary that was replaced, and led again with what its successor had, is another server to connections it kept.

Its clients are told nothing: it is the same process, and their sockets stay open. No fail-over here leaves time for a
look at the clock; where a connection is to have asked who the server is, it asks each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fluxaorm as fx
from devstack.server import Server
from fluxaorm import Entity, UInt64
from fluxaorm.pools.redis import blocking as redis_blocking
from fluxaorm.pools.redis import looped as redis_looped
from tests.support.primaries import command, wait_until_following
from tests.support.private_servers import StartServer
from tests.support.shells import Shell

pytestmark = pytest.mark.fault
NEVER = float("inf")


class PriceEntity(Entity, redis_cache=True, table="price"):
    """A row that is read through the cache."""

    id: UInt64
    amount: int = 0


class Prices:
    """An engine on a primary, and the replica that will lead for a while."""

    def __init__(self, url: str, primary: Server, replica: Server, shell: Shell) -> None:
        self.primary, self.replica = primary, replica
        self.shell = shell
        self.engine = self.opened(url)
        self.prices: Any = self.engine.provider(PriceEntity)
        with self.engine.new_context() as ctx:
            for alter in fx.get_alters(ctx):
                alter.exec(ctx)

    def opened(self, url: str) -> fx.Engine:
        """An engine with connections of its own."""
        registry = fx.Registry()
        registry.register_mysql(url)
        options = fx.RedisOptions(namespace="prices")
        registry.register_redis(f"{self.primary.host}:{self.primary.port}", 0, options=options)
        registry.register_entity(PriceEntity)
        return registry.validate()

    def add(self, *ids: int) -> None:
        """Rows of amount 1."""
        ctx = self.shell.context(self.engine)
        for id in ids:
            self.shell.do(self.prices.new_with_id(ctx, id, amount=1))
        self.shell.do(ctx.flush())

    def read(self, id: int) -> int:
        """The amount."""
        return int(self.shell.do(self.prices.must_get_by_id(self.shell.context(self.engine), id)).amount)

    def write(self, id: int, amount: int) -> None:
        """Change the amount."""
        ctx = self.shell.context(self.engine)
        self.shell.do(self.prices.must_get_by_id(ctx, id)).amount = amount
        self.shell.do(ctx.flush())

    def take_ids(self, count: int) -> list[int]:
        """Ids that nobody else gets."""
        ctx = self.shell.context(self.engine)
        taken = [price.id for price in self.shell.do(self.prices.new_many(ctx, count))]
        ctx.clear_flush()
        return taken

    def content(self, id: int) -> object:
        """What lies under a row's key on the primary."""
        return command(self.primary, "GET", f"fx:prices:price:{id}")

    def replace(self) -> None:
        """The replica leads from here on with what it has; the primary does not know yet."""
        wait_until_following(self.replica, self.primary)
        command(self.replica, "REPLICAOF", "NO", "ONE")

    def bring_back(self) -> None:
        """The primary follows the other until it has all that that has, and leads again."""
        command(self.primary, "REPLICAOF", self.replica.host, str(self.replica.port))
        wait_until_following(self.primary, self.replica)
        command(self.primary, "REPLICAOF", "NO", "ONE")


@pytest.fixture
def prices(private_server: StartServer, tmp_path: Path, shell: Shell) -> Iterator[Prices]:
    """Rows 1 and 2, of which the first is cached."""
    primary = private_server("redis", "--repl-diskless-sync-delay", "0")
    replica = private_server("redis", "--repl-diskless-sync-delay", "0", "--replicaof", primary.host, str(primary.port))
    made = Prices(f"sqlite:///{tmp_path}/app.db", primary, replica, shell)
    made.add(1, 2)
    made.read(1)
    made.read(1)
    yield made
    shell.close(made.engine)


def ask_after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let connections ask the server who it is when they last did so long ago."""
    for module in (redis_blocking, redis_looped):
        monkeypatch.setattr(module, "CONFIRM_AFTER", seconds)


def test_what_the_successor_had_does_not_count_on_a_connection_that_slept(
    prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush that returned while the successor led already is lost there, so its row is old."""
    ask_after(monkeypatch, -1)
    prices.replace()
    prices.write(1, 7)

    prices.bring_back()

    assert 7 == prices.read(1)
    assert 7 == prices.read(1)


def test_a_row_is_stored_only_on_the_server_that_gave_the_lease(
    prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function looks for itself, whatever the connection believes: other connections may know better."""
    ask_after(monkeypatch, NEVER)
    prices.replace()
    prices.bring_back()

    amount = prices.read(2)

    content = prices.content(2)
    assert 1 == amount
    assert isinstance(content, str)
    assert content.startswith("L")


def test_ids_are_not_handed_out_twice_by_a_server_that_forgot_it(
    prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block came back as the successor had it, and whoever takes from it gets what others got."""
    ask_after(monkeypatch, NEVER)
    prices.take_ids(1)
    prices.replace()
    before = prices.take_ids(5)

    prices.bring_back()
    after = prices.take_ids(5)

    assert set() == {*before} & {*after}


def test_a_connection_asks_again_in_the_same_round_trip(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Being sure costs no time of its own; and one that asked a moment ago does not ask."""
    asked = SimpleNamespace(before=0)

    def questions() -> int:
        stats = str(command(prices.primary, "INFO", "commandstats"))
        found = [line for line in stats.splitlines() if line.startswith("cmdstat_info:")]
        return int(found[0].split("calls=")[1].split(",")[0])

    ask_after(monkeypatch, NEVER)
    asked.before = questions()
    prices.read(1)
    quiet = questions() - asked.before
    ask_after(monkeypatch, -1)
    asked.before = questions()
    prices.read(1)
    sure = questions() - asked.before

    # each look at the statistics is a question too
    assert (1, 2) == (quiet, sure)
