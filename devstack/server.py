"""One server process: started, health-checked, killed, started again, stopped.

What it decides: when a server is up (its own protocol answers, and the answer comes from this very process), and that
whatever it started is written down in `<directory>/run/` before anybody waits for it, so that nothing can leak.
What it never does: know which kind of server it is; that is the business of `mysql`, `mariadb`, `valkey`, `redis`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from devstack.errors import ServerFailedError, last_lines
from devstack.ports import HOST, free_port
from devstack.process import ProcessId, stop, wait_until

PORT_TAKEN = ("Address already in use", "port: Bind on")


@dataclass(slots=True)
class Server:
    """A server on 127.0.0.1 with its data, log and process record below `directory`.

    `answer(server)` speaks to it and returns its version, or raises OSError while it is not there.
    """

    name: str
    command: list[str]
    directory: Path
    port: int
    answer: Callable[[Server], str]
    host: str = HOST
    version: str = ""
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _identity: ProcessId | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        """What it printed, over all its starts."""
        return self.directory / "logs" / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Of the running process; raises LookupError when it never ran."""
        if self._identity is None:
            raise LookupError(f"{self.name} was not started")
        return self._identity.pid

    @property
    def running(self) -> bool:
        """True while its process lives."""
        return self._identity is not None and self._identity.alive

    def start(self, timeout: float = 60.0) -> Self:
        """Starts it and returns when it answers; a running one is left alone. Raises ServerFailedError."""
        if not self.running:
            self._spawn()
            try:
                self._wait(timeout)
            except BaseException:
                self.kill()
                raise
        return self

    def stop(self, timeout: float = 20.0) -> None:
        """Asks it to end, and waits until its process is gone and reaped."""
        if self._identity is not None:
            stop([self._identity], timeout)
        self._reap()

    def kill(self) -> None:
        """`kill -9`, and waits until its process is gone and reaped."""
        if self._child is not None:
            self._child.kill()
        self._reap()

    def pause(self) -> None:
        """SIGSTOP: it stays where it is, with its connections open, until `resume`."""
        if self._identity is not None:
            self._identity.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it goes on as if nothing had happened."""
        if self._identity is not None:
            self._identity.signal(signal.SIGCONT)

    def release(self) -> None:
        """Lets go of a running server: it outlives this object, and whoever reads its record ends it."""
        if self._child is not None:
            # Popen would complain when it is collected while its process runs
            self._child.returncode = 0
        self._child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _spawn(self) -> None:
        self._reap()
        for folder in ("logs", "run", f"data/{self.name}"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command,
                cwd=self.directory / "data" / self.name,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # its own session: a Ctrl-C at the terminal must not reach it before whoever uses it
                start_new_session=True,
            )
        self._identity = ProcessId.of(self._child.pid)
        record = _record(self.directory, self.name)
        record.with_suffix(".new").write_text(json.dumps(asdict(self._identity)))
        record.with_suffix(".new").replace(record)

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not wait_until(self._answers, 0.5):
            if not self.running:
                raise ServerFailedError(self.name, "ended while starting", self.log)
            if time.monotonic() > deadline:
                raise ServerFailedError(self.name, f"did not answer within {timeout:.0f} s", self.log)

    def _answers(self) -> bool:
        try:
            self.version = self.answer(self)
        except OSError:
            return False
        return self.running

    def _reap(self) -> None:
        if self._child is not None:
            self._child.wait()
            _record(self.directory, self.name).unlink(missing_ok=True)
        self._child = self._identity = None


def started(make: Callable[[int], Server], timeout: float = 60.0) -> Server:
    """`make(port)` on a free port, started; another port when a stranger took that one in between."""
    for attempt in range(3):
        server = make(free_port())
        try:
            return server.start(timeout)
        except ServerFailedError as error:
            if attempt == 2 or not any(sign in last_lines(error.log) for sign in PORT_TAKEN):
                raise
    raise AssertionError("unreachable")


def recorded(directory: Path) -> dict[str, ProcessId]:
    """The processes that were started below `directory` and not ended, by server name."""
    found = {}
    for file in sorted((directory / "run").glob("*.json")):
        found[file.stem] = ProcessId(**json.loads(file.read_text()))
    return found


def forget(directory: Path, name: str) -> None:
    """Removes the record of a process that has ended."""
    _record(directory, name).unlink(missing_ok=True)


def _record(directory: Path, name: str) -> Path:
    return directory / "run" / f"{name}.json"
