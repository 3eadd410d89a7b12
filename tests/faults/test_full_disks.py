"""A database server whose disk is full: a flush ends with an error or at its deadline, and goes through later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devstack.server import Server
from fluxaorm.errors import CommitUnknownError, DeadlineExceededError, MySQLError
from tests.support.insides import core
from tests.support.private_servers import StartServer
from tests.support.shells import Shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.small_disks import Disk
from tests.support.sql_servers import SqlServer
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow]
TEXT = "x" * (1 << 20)
MOST_FLUSHES = 100
SECONDS = 2.5
GENEROUS = 60.0


class FullShop(Shop):
    """A shop on a server of its own with a small disk."""

    server: Server
    disk: Disk

    def limited(self) -> Any:
        """A context with little time."""
        make = self.engine.new_context if self.shell.name == "sync" else self.engine.new_async_context
        return make(timeout=SECONDS)


@pytest.fixture(params=["mysql", "mariadb"])
def full_shop(
    request: pytest.FixtureRequest, private_server: StartServer, small_disk: Callable[[Server], Disk], shell: Shell
) -> Iterator[FullShop]:
    """On each server, in both shells."""
    server = private_server(request.param)
    disk = small_disk(server)
    database = SqlServer(request.param, server.host, server.port, "root", "", server.version).create_database()
    shop = FullShop(open_engine(database.url, None), shell, database.url)
    shop.server, shop.disk = server, disk
    ctx = shop.context()
    for provider in (shop.counters, shop.notes):
        shop.do(provider.new_many(ctx, 2 * MOST_FLUSHES))
    ctx.clear_flush()
    yield shop
    shell.close(shop.engine)


def pend(shop: Shop, ctx: Any, label: str, text: str) -> None:
    shop.do(shop.counters.new(ctx, label=label))
    shop.do(shop.notes.new(ctx, text=text))


def refused(shop: FullShop, text: str) -> tuple[Any, MySQLError | DeadlineExceededError, int]:
    """Flush until a flush fails: its context, its error, and how many went through before."""
    for done in range(MOST_FLUSHES):
        ctx = shop.limited()
        pend(shop, ctx, f"c{done}", text)
        started = time.monotonic()
        try:
            shop.do(ctx.flush())
        except (MySQLError, DeadlineExceededError) as error:
            assert time.monotonic() - started < GENEROUS
            return ctx, error, done
    pytest.fail("the disk was never full")


def rows(shop: Shop) -> list[int]:
    return [int(shop.sql(f"SELECT COUNT(*) FROM {table}")[0][0]) for table in ("CounterEntity", "NoteEntity")]


def flush_again(shop: FullShop, ctx: Any) -> Any:
    """The same objects, without a deadline."""
    ctx._run_plan = shop.context()._run_plan
    return shop.do(ctx.flush())


def test_a_table_that_finds_no_room_is_told(full_shop: FullShop) -> None:
    """Nothing of the flush is written, and the same objects are once there is room."""
    full_shop.disk.fill(1 << 18)

    ctx, error, done = refused(full_shop, TEXT)
    left = rows(full_shop)
    full_shop.disk.free()
    result = flush_again(full_shop, ctx)

    assert isinstance(error, DeadlineExceededError) or "full" in str(error)
    assert [done, done] == left
    assert 2 == result.inserted
    assert [done + 1, done + 1] == rows(full_shop)


def test_a_log_that_finds_no_room_is_told(full_shop: FullShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server keeps a COMMIT waiting for room: nobody waits with it for ever, and nobody is told a lie."""
    if not full_shop.disk.whole:
        pytest.skip("a limit on the size of files is reached by tables long before logs: this wants a tmpfs")
    monkeypatch.setattr("fluxaorm.runners.time_limits.GRACE_SECONDS", 1.0)
    full_shop.disk.fill(0)

    ctx, error, done = refused(full_shop, "x")
    full_shop.disk.free()
    # MySQL would look for room once a minute
    full_shop.server.kill()
    full_shop.server.start()
    wait_until(lambda: core(full_shop.engine).resources.background.unfinished == 0, "the server to be done with it")
    left = rows(full_shop)

    known = not isinstance(error, CommitUnknownError)
    assert left in ([[done, done]] if known else [[done, done], [done + 1, done + 1]])
    if left == [done, done]:
        assert 2 == flush_again(full_shop, ctx).inserted
    ctx.clear_flush()
