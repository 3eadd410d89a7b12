"""A deployment as it is meant: the safe alters, the new version beside the old one, then the rest of the alters."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import fluxaorm as fx
from tests.support import rolling_worker
from tests.support.redis_servers import RedisServer
from tests.support.sql_servers import Database
from tests.support.waiting import wait_until

OLD = """
from typing import Literal
from fluxaorm import Entity, Field, UInt16, UInt32

class CounterEntity(Entity, redis_cache=True):
    id: UInt32
    hits: UInt16 = 0
    label: str = Field(default="", length=20)
    mode: Literal["a", "b"] = "a"
    old_note: str | None = None
    version: UInt32 = Field(version=True)
"""
NEW = """
from typing import Literal
from fluxaorm import Entity, Field, Index, UInt16, UInt32, UniqueIndex

class CounterEntity(Entity, redis_cache=True):
    id: UInt32
    hits: UInt32 = 0
    label: str = Field(default="", length=100)
    mode: Literal["a", "b", "c"] = "a"
    note: str | None = None
    size: UInt16 = 7
    version: UInt32 = Field(version=True)
    indexes = (Index("size", "mode"), UniqueIndex("id", "mode"))
"""


@dataclass
class Process:
    """A running worker and what it said: increments by phase and counter, errors by phase."""

    version: str
    child: subprocess.Popen[str]
    done: Counter[tuple[str, int]] = field(default_factory=lambda: Counter[tuple[str, int]]())
    errors: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def listen(self) -> None:
        """Read until the process ends."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            phase, what, *error = line.split(maxsplit=2)
            if what == "!":
                self.errors.append((phase, " ".join(error).strip()))
            else:
                self.done[phase, int(what)] += 1

    def count(self, phase: str) -> int:
        """Increments that were acknowledged in a phase."""
        return sum(times for (when, _), times in list(self.done.items()) if when == phase)


@dataclass
class Deployment:
    """The processes of both versions, which share the tables and Redis."""

    directory: Path
    processes: list[Process]
    listeners: list[threading.Thread]

    def enter(self, phase: str) -> None:
        """What starts from now on belongs to this phase."""
        new = self.directory / "phase.new"
        new.write_text(phase)
        new.replace(self.directory / "phase")

    def wait(self, phase: str, *versions: str) -> None:
        """Until each process of these versions has incremented 20 times in the phase."""
        busy = [process for process in self.processes if process.version in versions]
        wait_until(lambda: all(process.count(phase) >= 20 for process in busy), f"increments in phase {phase}")

    def stop(self) -> list[int]:
        """The exit codes, when all is read that the processes said."""
        self.enter("stop")
        codes = [process.child.wait(60) for process in self.processes]
        for listener in self.listeners:
            listener.join(60)
        return codes

    def errors(self, version: str, *phases: str) -> list[tuple[str, str]]:
        """What processes of a version failed with in these phases."""
        return [
            error
            for process in self.processes
            if process.version == version
            for error in process.errors
            if error[0] in phases
        ]


@pytest.fixture
def deploy(tmp_path: Path, mysql_database: Database, valkey: RedisServer, monkeypatch: Any) -> Iterator[Any]:
    """Writes both versions, makes the tables of the old one, and starts two processes of each."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "phase").write_text("before")
    started: list[Process] = []

    def engine_of(version: str, source: str) -> fx.Engine:
        (tmp_path / f"{version}_models.py").write_text(source)
        monkeypatch.delitem(sys.modules, f"{version}_models", raising=False)
        registry = fx.Registry()
        registry.register_mysql(mysql_database.url)
        registry.register_redis(valkey.host_port, 0, options=fx.RedisOptions(namespace=valkey.namespace))
        registry.register_entity(importlib.import_module(f"{version}_models").CounterEntity)
        engine = registry.validate()
        fx.generate(engine, tmp_path / f"{version}_generated")
        return engine

    def start(version: str) -> Process:
        words = [version, str(tmp_path), mysql_database.url, valkey.host_port, valkey.namespace]
        command = [sys.executable, rolling_worker.__file__, *words]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(Process(version, child))
        return started[-1]

    def deployed() -> tuple[Deployment, fx.Engine]:
        with engine_of("old", OLD) as old:
            ctx = old.new_context()
            for alter in fx.get_alters(ctx):
                alter.exec(ctx)
            for number in range(1, rolling_worker.COUNTERS + 1):
                mysql_database.execute("INSERT INTO `CounterEntity` (`id`, `version`) VALUES (%s, 1)", number)
        new = engine_of("new", NEW)
        processes = [start(version) for version in ("old", "old", "new", "new")]
        listeners = [threading.Thread(target=process.listen) for process in processes]
        for listener in listeners:
            listener.start()
        return Deployment(tmp_path, processes, listeners), new

    yield deployed
    for process in started:
        process.child.kill()
        process.child.wait()
        if process.child.stdout is not None:
            process.child.stdout.close()


@pytest.mark.slow
def test_a_rolling_change_loses_no_increment(deploy: Any, mysql_database: Database) -> None:
    """What an application was told is stored stays so while the tables change under it and under its next version."""
    deployment, new_engine = deploy()

    with new_engine:
        ctx = new_engine.new_context()
        safe, rest = fx.split_alters(fx.get_alters(ctx))
        deployment.wait("before", "old")
        deployment.enter("safe")
        for alter in safe:
            alter.exec(ctx)
        deployment.enter("both")
        deployment.wait("both", "old", "new")
        deployment.enter("rest")
        # An increment that an old process began in the phase before may still be on its way.
        deployment.wait("rest", "old")
        for alter in rest:
            alter.exec(ctx, allow_destructive=True)
        deployment.enter("after")
        deployment.wait("after", "new")
        codes = deployment.stop()
        left = fx.get_alters(ctx)

    assert [0, 0, 0, 0] == codes
    assert [] == deployment.errors("old", "before", "safe", "both")
    assert [] == deployment.errors("new", "both", "rest", "after")
    assert (["change_column", "add_column", "add_index"], ["add_unique_index", "drop_column"]) == (
        list(dict.fromkeys(kind for alter in safe for kind in alter.kinds)),
        list(dict.fromkeys(kind for alter in rest for kind in alter.kinds)),
    )
    acknowledged: Counter[int] = Counter()
    for process in deployment.processes:
        for (_, number), times in process.done.items():
            acknowledged[number] += times
    assert dict(acknowledged) == dict(mysql_database.execute("SELECT `id`, `hits` FROM `CounterEntity`"))
    assert [] == left
