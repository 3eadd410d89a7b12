"""The parent of an embedded Valkey server: a program of its own, which ends with the last process that uses the server.

Users hold a shared lock on the file ``users.lock``; whoever gets the exclusive one knows that no user is left, however
they ended. ``server.lock`` is held as long as there is a server. Started by ``embedded_valkey`` as ``python
valkey_supervisor.py USERS_LOCK SERVER_LOCK COMMAND...``; imports nothing of the library.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from types import FrameType

STOP_SECONDS = 10
_PR_SET_PDEATHSIG = 1


class _ServerEndedError(Exception):
    """The server stopped by itself, or the supervisor was told to."""


def _on_signal(number: int, frame: FrameType | None) -> None:
    raise _ServerEndedError


def _die_with_parent() -> None:
    """On Linux the server does not outlive a supervisor that was killed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def supervise(users_lock: str, server_lock: str, command: list[str]) -> None:
    """Run the server until nobody uses it."""
    users = os.open(users_lock, os.O_RDWR)
    fcntl.flock(os.open(server_lock, os.O_RDWR), fcntl.LOCK_EX)
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGCHLD, _on_signal)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)
    try:
        fcntl.flock(users, fcntl.LOCK_EX)
    except _ServerEndedError:
        pass
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _stop(server)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    supervise(sys.argv[1], sys.argv[2], sys.argv[3:])
