"""Disks that a test can fill below a server of its own.

What it decides: a tmpfs where this process may mount one; elsewhere a limit on the size of the server's files, another
error of the system (EFBIG) on the same way through the server. A warning at the end of the session says so.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from devstack.server import Server

MEBIBYTES: Final = 400
"""Of a tmpfs; a server with fresh data needs a third of it."""
CHUNK: Final = b"x" * (1 << 16)
_SURVIVE: Final = ("sh", "-c", 'trap "" XFSZ; exec "$@"', "sh")
"""A process that passes the limit is killed, unless it asks for the error."""
_NO_TMPFS: Final = pytest.StashKey[str]()


class Disk(Protocol):
    """Below one server, which goes on running. ``whole``: all of its files run out of room, not only large ones."""

    whole: bool

    def fill(self, spare: int) -> None:
        """Leave so many bytes for the server's files, about."""
        ...

    def free(self) -> None:
        """Give all the room back."""
        ...


class _Tmpfs:
    whole = True

    def __init__(self, data: Path) -> None:
        self._data = data
        self._filler = data / "filler"

    def fill(self, spare: int) -> None:
        # others write meanwhile
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while (left := shutil.disk_usage(self._data).free - spare) > 0:
                file.write(CHUNK[:left])

    def free(self) -> None:
        self._filler.unlink()


class _Limit:
    whole = False

    def __init__(self, server: Server, data: Path) -> None:
        self._server, self._data = server, data

    def fill(self, spare: int) -> None:
        # a limit below a file that is there would keep the server from writing its logs in place
        largest = max(path.stat().st_size for path in self._data.rglob("*") if path.is_file())
        self._set(largest + spare)

    def free(self) -> None:
        self._set(resource.RLIM_INFINITY)

    def _set(self, soft: int) -> None:
        resource.prlimit(self._server.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


@pytest.fixture
def small_disk(request: pytest.FixtureRequest) -> Iterator[Callable[[Server], Disk]]:
    """Puts the data of a private server, which is restarted for it, on a small disk."""
    taken: list[tuple[Server, Path]] = []

    def make(server: Server) -> Disk:
        server.kill()
        data = server.directory / "data" / server.name
        refused = _moved_to_tmpfs(data)
        if refused:
            request.config.stash[_NO_TMPFS] = refused
            server.command = [*_SURVIVE, *server.command]
        else:
            taken.append((server, data))
        server.start()
        return _Limit(server, data) if refused else _Tmpfs(data)

    yield make
    for server, data in taken:
        server.kill()
        _unmount(data)


def _moved_to_tmpfs(data: Path) -> str:
    """Mount one in the directory's place, with what was in it; why not, if it may not be."""
    if "FLUXA_NO_TMPFS" in os.environ:
        return "FLUXA_NO_TMPFS is set"
    kept = data.with_name(f"{data.name}.kept")
    data.rename(kept)
    data.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "tmpfs", str(data)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        reason = str(error)
    else:
        reason = "" if mounted.returncode == 0 else mounted.stderr.strip() or "mount failed"
    if reason:
        data.rmdir()
        kept.rename(data)
        return reason
    try:
        # the sockets of a killed server are left behind
        shutil.copytree(kept, data, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock*"))
    except BaseException:
        _unmount(data)
        raise
    shutil.rmtree(kept)
    return ""


def _unmount(data: Path) -> None:
    subprocess.run(["umount", "-l", str(data)], check=True)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Says which means a session did without."""
    if _NO_TMPFS in config.stash:
        terminalreporter.section("NO TMPFS COULD BE MOUNTED, full disks were limits on the size of files", red=True)
        terminalreporter.line(config.stash[_NO_TMPFS])
