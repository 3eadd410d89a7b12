"""What an engine leaves behind when it is closed, forgotten, or its process ends: nothing, in a bounded time."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.engine import Engine
from fluxaorm.errors import ContextClosedError, FluxaError
from tests.support.insides import core
from tests.support.redis_servers import RedisServer
from tests.support.resource_worker import PebbleEntity, open_pebbles, run_worker
from tests.support.shells import Shell
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

BOUND = 60.0


@pytest.fixture
def engine(mysql_database: Database, valkey: RedisServer) -> Iterator[Engine]:
    """An engine whose tables are made."""
    with open_pebbles(mysql_database.url, valkey.host_port, valkey.namespace) as made:
        with made.new_context() as ctx:
            for alter in fx.get_alters(ctx):
                alter.exec(ctx)
        yield made


@pytest.fixture
def counted(engine: Engine, mysql_database: Database, valkey: RedisServer) -> Any:
    """Runs a scenario in a process of its own; what it counted."""

    def run(scenario: str) -> Any:
        done = run_worker(scenario, mysql_database.url, valkey.host_port, valkey.namespace)
        assert 0 == done.returncode, done.stderr
        assert "" == done.stderr
        return json.loads(done.stdout)

    return run


def test_closed_engines_leave_no_thread_and_no_descriptor(counted: Any) -> None:
    """A process that makes an engine for each job would end with "too many open files"."""
    after_one, after_five = counted("closed")

    assert after_one == after_five
    assert [] == after_five[1]


def test_loops_that_end_without_aclose_leave_nothing(counted: Any) -> None:
    """``asyncio.run`` again and again on one engine is how scripts and workers use it."""
    before, after = counted("ended_loops")

    assert before == after


def test_a_forgotten_engine_is_closed_with_a_warning(counted: Any) -> None:
    """It holds connections that others need; the warning says what to call, once an engine."""
    before, after, told = counted("forgotten")

    assert before == after
    assert 3 == len(told)
    assert all(each.startswith("ResourceWarning: <Engine ") and "call engine.close()" in each for each in told)


def test_threads_that_end_leave_their_connections_to_others(counted: Any) -> None:
    """A server that starts a thread a request would hold one for each that there ever was."""
    assert [1, 1] == counted("ended_threads")


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("end", ["closed", "left_open"])
def test_a_process_ends_while_a_server_hangs(end: str, silent: str) -> None:
    """A deployment waits for the old process; its log says what was left to time."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.support.resource_worker", f"hanging_{end}", "sqlite://:memory:", silent, "n"],
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )

    assert 0 == process.returncode, process.stderr
    assert "the engine ends with 1 step in the background unfinished" in process.stderr


def test_importing_does_nothing() -> None:
    """Whoever imports it for its types pays for no thread, no descriptor, no driver, and keeps their signals."""
    script = """
import os, signal, sys, threading
def state(): return len(os.listdir("/proc/self/fd")), threading.active_count(), *map(signal.getsignal, (2, 15))
before = state()
import fluxaorm
assert before == state(), (before, state())
print([name for name in ("pymysql", "MySQLdb", "asyncmy", "redis", "jinja2", "yaml") if name in sys.modules])
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=BOUND, check=False)

    assert ("[]\n", "") == (done.stdout, done.stderr)


def test_a_context_forgotten_in_a_transaction_gives_its_connection_up(engine: Engine, shell: Shell) -> None:
    """Its connection would be nobody's for ever, and the pool one smaller; its locks would stay."""
    pool = core(engine).mysql_pool()
    pebbles: Any = engine.provider(PebbleEntity)

    def forget() -> None:
        ctx = (engine.new_context if shell.name == "sync" else engine.new_async_context)()
        block: Any = ctx.transaction()
        shell.do(block.__enter__() if shell.name == "sync" else block.__aenter__())
        shell.do(pebbles.new(ctx, name="never stored"))
        shell.do(ctx.flush())

    forget()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
    reader = shell.context(engine)

    # on asyncio the loop gives it up, in its next turn
    wait_until(lambda: shell.do(pebbles.get_all(reader)) == [] and pool.stats().open <= 2, "the connection is let go")
    assert ["a context was forgotten in an open transaction"] == [str(each.message).split(",")[0] for each in caught]
    shell.close(engine)
    assert 0 == pool.stats().open


def test_closing_beside_a_query_lets_it_end(engine: Engine) -> None:
    """Shutting down must not tear what a thread is at, and its connection goes with its answer."""
    answers: list[Any] = []
    pool = core(engine).mysql_pool()

    def ask() -> None:
        answers.append(engine.mysql().query_row("SELECT 7 + SLEEP(0.5)"))

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: pool.stats().open > pool.stats().idle, "the query runs")
    engine.close()
    thread.join(BOUND)

    assert [(7,)] == answers
    assert 0 == pool.stats().open


def test_an_interruption_in_the_middle_of_closing_leaves_nothing_open(
    engine: Engine, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes when it likes; it is raised, and the rest was closed all the same."""
    pebbles: Any = engine.provider(PebbleEntity)
    shell.do(pebbles.get_by_id(shell.context(engine), 1))
    stop = core(engine).resources.background.close

    def interrupted(seconds: float) -> None:
        stop(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(core(engine).resources.background, "close", interrupted)

    with pytest.raises(KeyboardInterrupt):
        engine.close()
    monkeypatch.undo()
    shell.close(engine)
    shell.close(engine)

    assert 0 == core(engine).mysql_pool().stats().open + core(engine).redis_pool().stats().open
    with pytest.raises(ContextClosedError):
        engine.new_context()


def test_a_closed_engine_refuses_with_an_error_of_ours(engine: Engine, shell: Shell) -> None:
    """Whoever still holds a context is told, and no connection is opened behind a close."""
    pebbles: Any = engine.provider(PebbleEntity)
    ctx = shell.context(engine)
    shell.close(engine)

    with pytest.raises(FluxaError):
        shell.do(pebbles.get_by_id(ctx, 1))
    with closing(engine):
        assert 0 == core(engine).mysql_pool().stats().open
