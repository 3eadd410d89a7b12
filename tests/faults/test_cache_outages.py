"""A Redis that is full, away, or lost at the worst moment: what reads and writes do, and that caches recover."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx
from devstack.proxy import Direction, Proxy, Verdict
from devstack.wire import redis_command
from fluxaorm.errors import CacheUnavailableError, PostCommitError
from tests.support.cached import Cached, SeatEntity
from tests.support.insides import core
from tests.support.network import MakeProxy
from tests.support.private_servers import StartServer
from tests.support.redis_servers import RedisServer
from tests.support.shells import Shell
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault


def opened(path: Path, redis: str, server: Any, shell: Shell, **options: Any) -> Cached:
    """Seats in a SQLite file, cached in a Redis of the test's."""
    registry = fx.Registry()
    registry.register_mysql(f"sqlite:///{path}/app.db")
    registry.register_redis(redis, 0, options=fx.RedisOptions(connect_timeout=0.5, read_timeout=0.5, **options))
    registry.register_entity(SeatEntity)
    engine = registry.validate()
    with engine.new_context() as ctx:
        for alter in fx.get_alters(ctx):
            alter.exec(ctx)
    cached = Cached(engine, shell, engine.provider(SeatEntity), server)
    cached.do(cached.provider.invalidate(cached.context(), 1))
    return cached


def read(cached: Cached, id: int) -> int:
    return int(cached.do(cached.provider.must_get_by_id(cached.context(), id)).taken_by)


@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_a_full_redis_still_takes_intents_and_serves_what_it_has(
    private_server: StartServer, tmp_path: Path, shell: Shell, kind: str
) -> None:
    """Nothing can be added, so reads fall back to looking and to the database; no change may be missed."""
    server = private_server(kind)
    cached = opened(tmp_path, f"{server.host}:{server.port}", server, shell)
    core(cached.engine).binding(cached.provider).local = None
    id, other = cached.add(row="A"), cached.add(row="B")
    read(cached, id)
    counts: Any = core(cached.engine).binding(cached.provider).counts
    redis_command(server.host, server.port, "CONFIG", "SET", "maxmemory", "1")
    hits = counts.redis_hit

    seen = [read(cached, id), read(cached, other)]
    hits = counts.redis_hit - hits
    cached.change(id, taken_by=5)
    seen += [read(cached, id), read(cached, id)]
    redis_command(server.host, server.port, "CONFIG", "SET", "maxmemory", "0")
    read(cached, id)
    before = counts.redis_hit
    seen.append(read(cached, id))

    assert [0, 0, 5, 5, 5] == seen
    assert (1, before + 1) == (hits, counts.redis_hit)
    shell.close(cached.engine)


@pytest.fixture
def severed(valkey: RedisServer, proxy_factory: MakeProxy) -> Proxy:
    """A way to Valkey that may be cut."""
    return proxy_factory(valkey.address)


def test_a_release_that_redis_missed_is_made_up_for_when_it_is_back(
    tmp_path: Path, valkey: RedisServer, severed: Proxy, shell: Shell
) -> None:
    """The rows are committed and the caller is told; readers need not wait for the intents' deadline."""
    cached = opened(tmp_path, f"{severed.host}:{severed.port}", valkey, shell, namespace=valkey.namespace)
    id = cached.add(row="A")
    key = f"{core(cached.engine).binding(cached.provider).key_prefix}{id}"
    ctx = cached.context()
    cached.do(cached.provider.must_get_by_id(ctx, id)).taken_by = 3
    severed.intercept = _cut_at(b"fx_release")

    with pytest.raises(PostCommitError):
        cached.do(ctx.flush())
    held = valkey.command("GET", key)
    severed.intercept = None
    wait_until(lambda: valkey.command("EXISTS", key) == 0)

    assert str(held).startswith("W")
    assert 3 == read(cached, id)
    shell.close(cached.engine)


def _cut_at(word: bytes) -> Callable[[Direction, bytes], Verdict]:
    def intercept(way: Direction, chunk: bytes) -> Verdict:
        return Verdict.CUT if way is Direction.REQUEST and word in chunk else Verdict.FORWARD

    return intercept


def test_while_redis_is_away_reads_go_on_and_writes_fail_clean(
    tmp_path: Path, valkey: RedisServer, severed: Proxy, shell: Shell
) -> None:
    """Writing without telling would leave old rows in caches for their whole TTL."""
    cached = opened(tmp_path, f"{severed.host}:{severed.port}", valkey, shell, namespace=valkey.namespace)
    id = cached.add(row="A")
    severed.refuse()
    ctx = cached.context()
    seat = cached.do(cached.provider.must_get_by_id(ctx, id))

    seat.taken_by = 4
    with pytest.raises(CacheUnavailableError):
        cached.do(ctx.flush())
    unchanged = read(cached, id)
    severed.accept()
    cached.do(ctx.flush())

    assert (0, 4) == (unchanged, read(cached, id))
    shell.close(cached.engine)


def test_with_proceed_writes_go_on_too(tmp_path: Path, valkey: RedisServer, severed: Proxy, shell: Shell) -> None:
    """Whoever chose it prefers old rows for a while to no writes."""
    options = {"namespace": valkey.namespace, "on_write_failure": "proceed"}
    cached = opened(tmp_path, f"{severed.host}:{severed.port}", valkey, shell, **options)
    id = cached.add(row="A")
    severed.refuse()

    cached.change(id, taken_by=4)

    assert 4 == read(cached, id)
    shell.close(cached.engine)
