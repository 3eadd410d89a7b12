"""A stack that ends with whoever uses it: `run -- COMMAND`, and the stack of one pytest session.

What it decides: that a private stack lives in a temporary directory and is taken down whatever happens to its owner:
the owner does it, and when the owner was killed, a guard process that waits for the owner's end does.
The logs of a run that failed are kept beside those of the shared stack.
What it never does: take down a stack that it found running.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from types import FrameType

from devstack.components import NAMES
from devstack.stack import end, running, up
from devstack.state import ENVIRONMENT, REPOSITORY, StackState, default_directory, load


def new_directory() -> Path:
    """An empty directory for a private stack."""
    return Path(tempfile.mkdtemp(prefix="fluxaorm-devstack-"))


def private_up(directory: Path, owner: int, names: Collection[str] = NAMES) -> StackState:
    """A stack below `directory` that ends with the process `owner` at the latest; `devstack.json` is in there."""
    ensure_guarded(directory, owner)
    return up(directory, directory / "devstack.json", names)


def ensure_guarded(directory: Path, owner: int) -> None:
    """Lets a guard wait for the end of `owner`, unless one does so already; it ends what runs below `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        # several processes may ask for the same stack; the first starts the guard
        (directory / "guarded").touch(exist_ok=False)
        _start_guard(directory, owner)


def private_down(directory: Path) -> None:
    """Ends what was started below `directory` and removes it."""
    if directory.exists():
        end(directory)
        shutil.rmtree(directory, ignore_errors=True)


def guard(directory: Path, owner: int) -> None:
    """Waits until the process `owner` has ended, then takes the private stack down if the owner did not."""
    try:
        descriptor = os.pidfd_open(owner)
    except ProcessLookupError:
        pass
    else:
        select.select([descriptor], [], [])
        os.close(descriptor)
    private_down(directory)


def run(command: Sequence[str], names: Collection[str] = NAMES) -> int:
    """Runs a command with a stack and returns its exit code; 128 and the signal's number when a signal ended it.

    A stack that `FLUXA_DEVSTACK` names and that runs is used as it is; otherwise a private one is.
    """
    found = load(Path(os.environ[ENVIRONMENT])) if ENVIRONMENT in os.environ else None
    if found is not None and running(found):
        return _run(command, os.environ[ENVIRONMENT])
    directory = new_directory()
    failed = True
    try:
        private_up(directory, os.getpid(), names)
        code = _run(command, str(directory / "devstack.json"))
        failed = code != 0
        return code
    finally:
        if failed:
            _keep_logs(directory)
        private_down(directory)


def _run(command: Sequence[str], path: str) -> int:
    child = subprocess.Popen(command, env={**os.environ, ENVIRONMENT: path})

    def forward(number: int, _: FrameType | None) -> None:
        # a Ctrl-C at the terminal has reached the child already
        if number != signal.SIGINT or not (sys.stdin and sys.stdin.isatty()):
            child.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _start_guard(directory: Path, owner: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "devstack", "guard", "--dir", str(directory), "--owner", str(owner)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # it outlives this object on purpose; Popen would complain
    child.returncode = 0


def _keep_logs(directory: Path) -> None:
    kept = default_directory() / "failed-run-logs"
    shutil.rmtree(kept, ignore_errors=True)
    if (directory / "logs").exists():
        shutil.copytree(directory / "logs", kept)
