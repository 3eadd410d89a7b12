"""``kill -9`` of the database server at every step of a flush over three tables: all or nothing, for good."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import fluxaorm as fx
from devstack.server import Server
from tests.support.blocks import flush
from tests.support.effects import AtEffect
from tests.support.insides import core
from tests.support.measured import Measured
from tests.support.private_servers import StartServer
from tests.support.redis_servers import RedisServer
from tests.support.shells import open_shell
from tests.support.shop_engines import Shop, open_engine
from tests.support.sql_servers import Database, SqlServer
from tests.support.three_tables import ALL, ALLOWED, NOTHING, Written, end_of_flush, pend, written
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow]
SERVER_KILLS = {"mysql": 15, "mariadb": 30}
"""45 in all; MariaDB is back sooner. Both write their log at each commit, as the devstack starts them."""
MOMENTS = ("before", "during", "after")


class Victim:
    """A server of the test's own, and an engine on it in each shell."""

    def __init__(self, server: Server, shops: list[Shop], database: Database) -> None:
        self.server, self.shops, self.database = server, shops, database


@contextmanager
def opened(kind: str, server: Server, valkey: RedisServer) -> Iterator[Victim]:
    """With a database and tables."""
    sql = SqlServer(kind, server.host, server.port, "root", "", server.version)
    database = sql.create_database()
    with open_shell("sync") as sync, open_shell("asyncio") as aio:
        shops = [
            Shop(open_engine(database.url, valkey.host_port, valkey.namespace), shell, database.url)
            for shell in (sync, aio)
        ]
        yield Victim(server, shops, database)
        for shop in shops:
            shop.shell.close(shop.engine)


@pytest.mark.parametrize(("kind", "first"), [("mysql", 0), ("mariadb", 1)])
def test_a_killed_server_kept_all_or_nothing(
    private_server: StartServer, valkey: RedisServer, measured: Measured, kind: str, first: int
) -> None:
    """A flush that returned outlives the server; one that failed left nothing, and the same objects flush again."""
    server, kills = private_server(kind), SERVER_KILLS[kind]
    ends: Counter[str] = Counter()
    expected: list[list[Written]] = []
    started = time.monotonic()

    with opened(kind, server, valkey) as victim:
        effects = counted_effects(victim)
        for kill in range(kills):
            # every shell sees every step on one of the servers; blocks and lone flushes take turns
            shop, explicit = victim.shops[(kill + first) % 2], bool(kill // 2 % 2)
            number, moment = kill // len(MOMENTS) % effects, MOMENTS[kill % len(MOMENTS)]
            end = killed_at(victim, shop, explicit, number, moment, f"k{kill}")
            ends[end] += 1
            # what a block may have written is not written again, a lone flush is
            expected.append(ALLOWED[end] if explicit and end == "unknown" else [ALL])
        kept = [written(victim.database, f"k{kill}") for kill in range(kills)]

    measured(f"{kind} kills", f"{ends.total()} in {time.monotonic() - started:.0f} s: {dict(ends)}")
    assert kills == ends.total() >= effects * len(MOMENTS)
    assert [] == [(there, allowed) for there, allowed in zip(kept, expected, strict=True) if there not in allowed]
    assert {"returned", "failed"} <= ends.keys()


def counted_effects(victim: Victim) -> int:
    """How many effects a flush has; also leaves both engines with compiled code and connections."""
    effects: set[int] = set()
    for at, shop in enumerate(victim.shops):
        ctx = shop.context()
        pend(shop, ctx, f"warm{at}")
        counted = AtEffect(ctx, -1, lambda: None)
        flush(shop, ctx, False)
        effects.add(counted.seen)
    (number,) = effects
    return number


def killed_at(victim: Victim, shop: Shop, explicit: bool, number: int, moment: str, name: str) -> str:
    """Flush, kill the server meanwhile and start it again: how the flush ended."""
    ctx = shop.context()
    made = pend(shop, ctx, name)
    killer = threading.Timer(0.0005, victim.server.kill)
    at = AtEffect(ctx, number, killer.start if moment == "during" else victim.server.kill, moment == "after")

    end = end_of_flush(shop, ctx, explicit)
    if moment == "during":
        killer.join()
    victim.server.start()
    there = written(victim.database, name)

    where = f"{moment} effect {number} of a {'block' if explicit else 'flush'}: {end}"
    assert at.happened, where
    assert there in ALLOWED[end], where
    if explicit and end == "unknown":
        # the entities of a block may be in the table: nothing waits to be written twice
        assert [False, False] == [made[0].is_new, made[1].is_dirty], where
    elif there == NOTHING:
        assert [True, True] == [made[0].is_new, made[1].is_dirty], where
        assert fx.FlushResult(inserted=1, updated=1, deleted=1) == shop.do(ctx.flush()), where
    ctx.clear_flush()
    wait_until(lambda: core(shop.engine).resources.background.unfinished == 0, "the keys to be released")
    return end
