"""The servers of a test session: the running devstack, or one that this session starts for itself and takes down.

What it decides: a stack is used when `devstack.json` (or `FLUXA_DEVSTACK`) describes one whose processes all live;
otherwise the first test that needs a server starts one, and all xdist workers share it.
What it never does: start anything for a test that asks for no server, or leave anything running.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack.private import new_directory, private_down
from devstack.stack import running
from devstack.state import REPOSITORY, StackState, default_path, load

_DIRECTORY = pytest.StashKey[Path]()
_OWNER = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """The controller names a directory and itself as the owner; xdist's workers are told both."""
    told: dict[str, Any] = getattr(config, "workerinput", {})
    config.stash[_DIRECTORY] = Path(told["devstack_directory"]) if told else new_directory()
    config.stash[_OWNER] = told["devstack_owner"] if told else os.getpid()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by xdist in the controller for each worker."""
    node.workerinput["devstack_directory"] = str(node.config.stash[_DIRECTORY])
    node.workerinput["devstack_owner"] = node.config.stash[_OWNER]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Says loudly which server the session went without."""
    state = load(config.stash[_DIRECTORY] / "devstack.json") or load(default_path())
    for name, reason in state.missing.items() if state else ():
        terminalreporter.section(f"{name} WAS MISSING, nothing was tested on it", red=True)
        terminalreporter.line(reason)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Takes down what the session started."""
    if _DIRECTORY in config.stash and not hasattr(config, "workerinput"):
        private_down(session_directory(config) / "own")
        private_down(session_directory(config))


def session_directory(config: pytest.Config) -> Path:
    """Where this session may put servers of its own; shared by its workers and removed at its end."""
    return config.stash[_DIRECTORY]


def session_owner(config: pytest.Config) -> int:
    """The process whose end ends everything the session started: pytest itself, or xdist's controller."""
    return config.stash[_OWNER]


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> StackState:
    """The addresses of the servers."""
    shared = load(default_path())
    if shared is not None and running(shared):
        return shared
    return _own_stack(session_directory(pytestconfig), session_owner(pytestconfig))


def _own_stack(directory: Path, owner: int) -> StackState:
    # another process starts the servers: as children of this one they would be reaped by nobody
    command = [sys.executable, "-m", "devstack", "up", "--dir", str(directory), "--owner", str(owner)]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    state = load(directory / "devstack.json")
    if result.returncode != 0 or state is None:
        raise RuntimeError(f"the servers do not start:\n{result.stderr}")
    return state
