"""A process forks in the middle of its work: the child begins afresh, and the parent notices nothing.

The parent may be anywhere: in a statement of another thread, in a stream, in a transaction, behind an error that
somebody still holds. Whatever a driver says to that, the child keeps no socket and no id of its parent's.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Entity, UInt64
from fluxaorm.engine import Engine
from fluxaorm.errors import FluxaError
from fluxaorm.pools.base.forks import run_each
from tests.support.insides import core
from tests.support.local_caches import wait_until_open
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until


class BeadEntity(Entity, redis_cache=True, local_cache=100):
    """Has everything that a child must not share."""

    id: UInt64
    amount: int = 0


@pytest.fixture(params=["mysqlclient", "pymysql"])
def engine(request: pytest.FixtureRequest, mysql_database: Database, valkey: RedisServer) -> Iterator[Engine]:
    """An engine with ten beads, ids in hand, a listener and idle connections."""
    registry = fx.Registry()
    registry.register_mysql(mysql_database.url, options=fx.MySQLOptions(driver=request.param))
    registry.register_redis(valkey.host_port, options=fx.RedisOptions(namespace=valkey.namespace))
    registry.register_entity(BeadEntity)
    with registry.validate() as made:
        with made.new_context() as ctx:
            for alter in fx.get_alters(ctx):
                alter.exec(ctx)
            beads: Any = made.provider(BeadEntity)
            for number in range(10):
                beads.new(ctx, amount=number)
            ctx.flush()
        core(made).binding(beads).ids.add(1_000_001, 1_000_010)
        wait_until_open(made)
        yield made


def sockets() -> set[str]:
    """The sockets that this process has."""
    found: set[str] = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.add(os.readlink(f"/proc/self/fd/{name}"))
    return {link for link in found if link.startswith("socket:")}


def in_child(work: Callable[[], Any]) -> Any:
    """What ``work`` gives in a child process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            os.write(writer, json.dumps(work()).encode())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            os.write(writer, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said or b'"nothing"')


def use(engine: Engine) -> list[list[int]]:
    """Ids that are new, and the amounts of all beads past the local cache."""
    beads: Any = engine.provider(BeadEntity)
    with engine.new_context() as ctx:
        ids = [beads.new(ctx).id for _ in range(5)]
        ctx.clear_flush()
        amounts = [bead.amount for bead in beads.search_many(ctx, fx.Query())]
        assert beads.must_get_by_id(ctx, amounts and beads.search_one(ctx, fx.Query()).id) is not None
    return [ids, sorted(amounts)]


def check_both(engine: Engine, before: set[str]) -> None:
    """Child and parent work on, and share nothing. ``before``: sockets that were there without the engine."""
    shared = sockets() - before

    def work() -> Any:
        kept = sorted(sockets() & shared)
        return [*use(engine), kept]

    child_ids, child_amounts, kept = in_child(work)
    parent_ids, parent_amounts = use(engine)

    assert [] == kept
    assert (list(range(10)), list(range(10))) == (child_amounts, parent_amounts)
    assert not {*child_ids} & {*parent_ids, *range(1_000_001, 1_000_011)}


@pytest.fixture
def before() -> set[str]:
    """Sockets of this process that are not the engine's."""
    return sockets()


def test_idle(before: set[str], engine: Engine) -> None:
    """As a server does that forks its workers after it has warmed up."""
    check_both(engine, before)


def test_while_another_thread_waits_for_a_statement(before: set[str], engine: Engine) -> None:
    """A driver refuses to say anything of a connection that is in use; the child must not stop at that."""
    started = threading.Event()

    def sleep() -> None:
        started.set()
        engine.mysql().query("SELECT SLEEP(2), 'fork'")

    with closing(_Thread(sleep)):
        started.wait(10)
        wait_until(lambda: core(engine).mysql_pool().sync.stats().idle == 0, "the statement to run")
        check_both(engine, before)


def test_in_a_transaction_and_a_stream(before: set[str], engine: Engine) -> None:
    """The child does not end the parent's transaction, nor read from its stream."""
    beads: Any = engine.provider(BeadEntity)
    with ExitStack() as stack:
        ctx = stack.enter_context(engine.new_context())
        rows = beads.iterate(ctx, fx.Query())
        first = next(rows)
        writer = stack.enter_context(engine.new_context())
        transaction = writer.transaction()
        transaction.__enter__()
        last = beads.new(writer, amount=99)
        writer.flush()

        check_both(engine, before)

        assert 10 == len([first, *rows])
        transaction.__exit__(None, None, None)
    with engine.new_context() as ctx:
        assert 99 == beads.must_get_by_id(ctx, last.id).amount


def test_while_an_error_of_a_lost_connection_is_still_held(before: set[str], engine: Engine) -> None:
    """A connection that was closed may be alive in a traceback, and its number be another file's by then."""
    with pytest.raises(FluxaError) as held, engine.new_context() as ctx:
        ctx.mysql().exec("KILL CONNECTION_ID()")
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    names = [os.fstat(file).st_ino for file in files]

    kept = in_child(lambda: [os.fstat(file).st_ino for file in files])
    check_both(engine, before)

    assert names == kept
    assert held.value is not None
    for file in files:
        os.close(file)


def test_inside_an_event_loop(engine: Engine) -> None:
    """The child has a loop and connections of its own; those of the loop it came from go on in the parent."""
    beads: Any = engine.provider(BeadEntity)

    async def amounts() -> list[int]:
        async with engine.new_async_context() as ctx:
            return sorted([bead.amount for bead in await beads.search_many(ctx, fx.Query())])

    async def fork() -> list[Any]:
        found = [await amounts(), in_child(lambda: [*use(engine), asyncio.run(amounts())]), await amounts()]
        await engine.aclose()
        return found

    first, (ids, *of_child), last = asyncio.run(fork())

    assert [list(range(10))] * 4 == [first, *of_child, last]
    assert not {*ids} & {*range(1_000_001, 1_000_011)}


def test_a_step_that_fails_keeps_no_other_from_being_taken(caplog: pytest.LogCaptureFixture) -> None:
    """What a child cannot let go of must not be a reason to keep everything else."""
    taken: list[int] = []

    run_each([lambda: taken.append(1), lambda: 1 // 0, lambda: taken.append(2)])

    assert [1, 2] == taken
    assert "failed in the child" in caplog.text


class _Thread(threading.Thread):
    """One that is waited for."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(target=work, daemon=True)
        self.start()

    def close(self) -> None:
        """Wait for its end."""
        self.join(20)
