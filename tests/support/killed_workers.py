"""Readers and writers in processes of their own, killed at random moments: ``python -m tests.support.killed_workers``.

What it decides: who is killed when, and which row all work on at the moment: a row is left after some milliseconds,
since a killed writer's intents keep it out of the cache for half a minute. Where it is the servers that are killed, the
workers live, and come back to the same few rows again and again. Each worker writes what it does into a file of its
own, one record when it calls and one when it has its answer. ``histories`` reads them back, by row.
"""

from __future__ import annotations

import mmap
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any, Final, NoReturn

import fluxaorm as fx
from fluxaorm import Entity, UInt64
from fluxaorm.engine import Engine
from fluxaorm.errors import CacheUnavailableError, FluxaError
from tests.support.register_history import Operation
from tests.support.waiting import wait_until

RECORD: Final = struct.Struct("=ccQQd")
"""``c`` called, ``r`` returned or ``f`` failed without an effect; ``r`` read or ``w`` write; row; value; monotonic
seconds."""
ROWS: Final = 20_000
FEW_ROWS: Final = 60
"""That workers nobody kills come back to."""
WORKERS: Final = ("read", "read", "write", "write")
ROW_SECONDS: Final = 0.012
LIFE_SECONDS: Final = 0.6
"""How long a worker lives on average."""
LONGEST: Final = 240.0


class RegisterEntity(Entity, redis_cache=True):
    """A register: one value a row."""

    id: UInt64
    value: UInt64 = 0


def open_registers(url: str, redis: str, namespace: str) -> Engine:
    """An engine over registers. ``redis``: ``host:port``, or ``master@host:port,...`` with those of Sentinels."""
    registry = fx.Registry()
    registry.register_mysql(url)
    master, _, hosts = redis.rpartition("@")
    sentinels = hosts.split(",") if master else ()
    options = fx.RedisOptions(namespace=namespace, master=master, sentinels=sentinels)
    registry.register_redis("" if master else redis, 0, options=options)
    registry.register_entity(RegisterEntity)
    return registry.validate()


def run_killed(url: str, redis: str, namespace: str, directory: Path, kills: int, operations: int, seed: int) -> int:
    """Run workers until so many were killed and so many operations done; how many were killed."""
    command = _command(url, redis, namespace, directory, kills, operations, seed)
    result = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST + 30, check=False)
    assert result.returncode == 0, result.stderr
    return int(result.stdout)


@contextmanager
def running_workers(url: str, redis: str, namespace: str, directory: Path, seed: int) -> Iterator[None]:
    """Workers that nobody kills, at work on the first rows until the block ends. A read that fails ends them, and is
    told at the end.
    """
    command = _command(url, redis, namespace, directory, 0, 0, seed)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: any(directory.iterdir()) or process.poll() is not None, "workers")
        yield
    finally:
        _, said = process.communicate(timeout=LONGEST)
        # also when the block waited in vain for workers that have ended
        assert process.returncode == 0, said


def _command(
    url: str, redis: str, namespace: str, directory: Path, kills: int, operations: int, seed: int
) -> list[str]:
    arguments = [url, redis, namespace, str(directory), str(kills), str(operations), str(seed)]
    return [sys.executable, "-m", "tests.support.killed_workers", *arguments]


def histories(directory: Path) -> dict[int, list[Operation]]:
    """What was done to each row."""
    found: defaultdict[int, list[Operation]] = defaultdict(list)
    for path in directory.iterdir():
        for row, operation in _operations(path.read_bytes()):
            found[row].append(operation)
    return dict(found)


def _operations(log: bytes) -> Iterator[tuple[int, Operation]]:
    called: tuple[bytes, int, int, float] | None = None
    for phase, kind, row, value, moment in RECORD.iter_unpack(log[: len(log) - len(log) % RECORD.size]):
        if phase == b"r":
            assert called is not None
            yield row, Operation(_KINDS[kind], value, called[3], moment)
            called = None
        elif phase == b"f":
            # a reader that sees its value all the same is a reader that sees what nobody wrote
            called = None
        else:
            if called is not None:
                yield called[1], Operation(_KINDS[called[0]], called[2], called[3], inf)
            called = (kind, row, value, moment)
    if called is not None:
        yield called[1], Operation(_KINDS[called[0]], called[2], called[3], inf)


_KINDS: Final = {b"r": "read", b"w": "write"}


class _Worker:
    """``looks_around``: every other read is of any of the few rows, so that most of them stay cached."""

    def __init__(
        self, engine: Engine, directory: Path, shared: mmap.mmap, number: int, *, looks_around: bool = False
    ) -> None:
        self._engine = engine
        self._provider: Any = engine.provider(RegisterEntity)
        self._log = os.open(directory / f"{number}", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self._shared = shared
        self._values = iter(range((number + 1) << 24, (number + 2) << 24))
        self._chance = random.Random(number) if looks_around else None

    def work(self, kind: str) -> NoReturn:
        step = self._read if kind == "read" else self._write
        while True:
            step(int.from_bytes(self._shared[:8], "little"))
            if self._chance is not None and kind == "read":
                step(self._chance.randrange(1, FEW_ROWS + 1))

    def _note(self, phase: bytes, kind: bytes, row: int, value: int) -> None:
        os.write(self._log, RECORD.pack(phase, kind, row, value, time.monotonic()))

    def _read(self, row: int) -> None:
        self._note(b"c", b"r", row, 0)
        with self._engine.new_context() as ctx:
            if row % 2:
                found = self._provider.must_get_by_id(ctx, row)
            else:
                (found,) = self._provider.get_by_ids(ctx, row)
            self._note(b"r", b"r", row, found.value)

    def _write(self, row: int) -> None:
        value = next(self._values)
        with self._engine.new_context() as ctx:
            register = self._provider.must_get_by_id(ctx, row)
            register.value = value
            self._note(b"c", b"w", row, value)
            try:
                ctx.flush()
            except CacheUnavailableError:
                self._note(b"f", b"w", row, value)
            except FluxaError:
                # an unknown outcome is what a record without an end says
                pass
            else:
                self._note(b"r", b"w", row, value)
            ctx.clear_flush()


def _forked(
    engine: Engine, directory: Path, shared: mmap.mmap, number: int, kind: str, *, looks_around: bool = False
) -> int:
    child = os.fork()
    if child == 0:
        try:
            _Worker(engine, directory, shared, number, looks_around=looks_around).work(kind)
        except Exception:  # noqa: BLE001 - whatever it is, the process that waits for this one tells
            traceback.print_exc()
        finally:
            os._exit(1)
    return child


def _undisturbed(url: str, redis: str, namespace: str, directory: Path, seed: int) -> None:
    chance = random.Random(seed)
    engine = open_registers(url, redis, namespace)
    engine.provider(RegisterEntity)
    shared = mmap.mmap(-1, 8)
    shared[:8] = (1).to_bytes(8, "little")
    children = [
        _forked(engine, directory, shared, number, kind, looks_around=True) for number, kind in enumerate(WORKERS)
    ]
    try:
        # until whoever started this hangs up
        while not select.select([sys.stdin], [], [], chance.uniform(0.5, 1.5) * ROW_SECONDS)[0]:
            shared[:8] = chance.randrange(1, FEW_ROWS + 1).to_bytes(8, "little")
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if ended:
                children.remove(ended)
                raise SystemExit("a worker ended by itself")
    finally:
        for child in children:
            _kill(child)
        engine.close()


def _main(url: str, redis: str, namespace: str, directory: Path, kills: int, operations: int, seed: int) -> int:
    chance = random.Random(seed)
    engine = open_registers(url, redis, namespace)
    engine.provider(RegisterEntity)
    shared = mmap.mmap(-1, 8)
    shared[:8] = (1).to_bytes(8, "little")
    children = [_forked(engine, directory, shared, number, kind) for number, kind in enumerate(WORKERS)]
    number, killed, row = len(children), 0, 1
    deadline, next_kill = time.monotonic() + LONGEST, time.monotonic() + LIFE_SECONDS
    try:
        while killed < kills or operations_done(directory) < operations:
            assert time.monotonic() < deadline, (
                f"only {killed} kills and {operations_done(directory)} operations in time"
            )
            assert row < ROWS, "no rows are left"
            time.sleep(chance.uniform(0.5, 1.5) * ROW_SECONDS)
            row += 1
            shared[:8] = row.to_bytes(8, "little")
            if time.monotonic() < next_kill:
                continue
            next_kill = time.monotonic() + chance.uniform(0.5, 1.5) * LIFE_SECONDS / len(WORKERS)
            slot = chance.randrange(len(WORKERS))
            assert _kill(children[slot]), "a worker ended by itself"
            killed += 1
            children[slot] = _forked(engine, directory, shared, number, WORKERS[slot])
            number += 1
    finally:
        for child in children:
            _kill(child)
        engine.close()
    return killed


def operations_done(directory: Path) -> int:
    """How many so far, over all workers."""
    return sum(path.stat().st_size for path in directory.iterdir()) // (2 * RECORD.size)


def _kill(child: int) -> bool:
    """Whether it lived until then."""
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    url, redis, namespace, directory, kills, operations, seed = sys.argv[1:8]
    if int(kills):
        done = _main(url, redis, namespace, Path(directory), int(kills), int(operations), int(seed))
        sys.stdout.write(str(done))
    else:
        _undisturbed(url, redis, namespace, Path(directory), int(seed))
