"""Another process with a local cache, told what to do line by line: ``python -m tests.support.local_cache_peer``.

The test's side is ``Peer``; both speak JSON, one request and one answer a line. What the process never does is change
a row.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fluxaorm as fx
from fluxaorm.engine import Engine
from tests.support.cached import SeatEntity
from tests.support.insides import core
from tests.support.local_caches import wait_until_open
from tests.support.shells import Shell, open_shell

PATIENCE = 20.0


class Peer:
    """The other process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, what: str, *args: Any) -> Any:
        """One request and its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([what, *args]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, f"the other process ended: {self._process.wait(5)}"
        return json.loads(answer)

    def read(self, id: int) -> tuple[int, bool]:
        """Who has a seat, and whether the local cache said so."""
        taken_by, local = self.ask("read", id)
        return taken_by, local

    def wait_until_open(self, is_open: bool) -> None:
        """Return when its local cache is open, or shut."""
        assert self.ask("open", is_open)

    def see(self, id: int, taken_by: int) -> float:
        """The monotonic time when it first saw a value, looking all the time."""
        return float(self.ask("see", id, taken_by))


@contextmanager
def peer_process(url: str, redis: str, namespace: str, shell: str) -> Iterator[Peer]:
    """Start it, and end it afterwards."""
    command = [sys.executable, "-m", "tests.support.local_cache_peer", url, redis, namespace, shell]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Peer(process)
        finally:
            process.kill()


class _Server:
    def __init__(self, engine: Engine, shell: Shell) -> None:
        self._engine, self._shell = engine, shell
        self._seats: Any = engine.provider(SeatEntity)

    def answer(self, what: str, *args: Any) -> Any:
        questions: dict[str, Callable[..., Any]] = {"read": self._read, "open": self._open, "see": self._see}
        return questions[what](*args)

    def _read(self, id: int) -> tuple[int, bool]:
        counts = core(self._engine).binding(self._seats).counts
        before = counts.local_hit
        seat = self._shell.do(self._seats.must_get_by_id(self._shell.context(self._engine), id))
        return int(seat.taken_by), counts.local_hit > before

    def _open(self, is_open: bool) -> bool:
        wait_until_open(self._engine, is_open=is_open, seconds=PATIENCE)
        return True

    def _see(self, id: int, taken_by: int) -> float:
        deadline = time.monotonic() + PATIENCE
        while self._read(id)[0] != taken_by:
            assert time.monotonic() < deadline, f"{taken_by} was not seen"
        return time.monotonic()


def _serve(url: str, redis: str, namespace: str, shell_name: str) -> None:
    registry = fx.Registry()
    registry.register_mysql(url)
    # a server that does not answer is given up quickly, so that reads go on from MySQL
    options = fx.RedisOptions(namespace=namespace, read_timeout=0.5, connect_timeout=0.5)
    registry.register_redis(redis, 0, options=options)
    registry.register_entity(SeatEntity)
    with registry.validate() as engine, open_shell(shell_name) as shell:
        server = _Server(engine, shell)
        _ = shell.context(engine)
        for line in sys.stdin:
            sys.stdout.write(f"{json.dumps(server.answer(*json.loads(line)))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _serve(*sys.argv[1:5])
