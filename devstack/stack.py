"""A stack of servers as one thing: up, down, status.

What it decides: that a stack which runs is found and not started twice, that its components start in parallel, that one
which fails takes the others down with it, and that an optional one (MySQL) that cannot be had is missed loudly.
What it never does: end a process that it has no record of.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from devstack.cache import locked
from devstack.components import COMPONENTS, NAMES, Component, Started
from devstack.errors import DevstackError
from devstack.process import stop
from devstack.server import forget, recorded
from devstack.state import StackState, load


def up(directory: Path, path: Path, names: Collection[str] = NAMES) -> StackState:
    """Brings up the components `names` below `directory` and writes their addresses to `path`.

    What already runs there is left as it is and only what it lacks is started; a stack that has lost a process is taken
    down and started anew. Raises DevstackError when a component that is needed fails, or when `path` describes a stack
    that runs elsewhere.
    """
    directory = directory.absolute()
    with locked(directory / "lock"):
        found = _found(path, directory)
        if found is None:
            _end_all(directory)
            found = StackState(str(directory))
        lacking = [c for c in COMPONENTS if c.name in names and not _has(found, c.name)]
        if lacking:
            path.unlink(missing_ok=True)
            found = _start_all(found, lacking)
            found.save(path)
        return found


def down(path: Path) -> bool:
    """Ends every process of the stack that `path` describes and removes the file; False when there was none."""
    state = load(path)
    if state is None:
        return False
    directory = Path(state.directory)
    if directory.exists():
        end(directory)
    path.unlink(missing_ok=True)
    return True


def end(directory: Path) -> None:
    """Ends every process that was started below `directory`, those of a half-started stack too."""
    with locked(directory / "lock"):
        _end_all(directory)


def status(state: StackState) -> dict[str, bool]:
    """For each process of a stack whether it lives."""
    return {name: process.alive for name, process in recorded(Path(state.directory)).items()}


def running(state: StackState) -> bool:
    """True when every process of the stack lives."""
    return Path(state.directory).exists() and all(status(state).values())


def fetch(names: Collection[str] = NAMES) -> None:
    """Fills the cache, so that a later start needs no network."""
    with ThreadPoolExecutor() as pool:
        jobs = {c: pool.submit(c.fetch) for c in COMPONENTS if c.name in names}
    for component, job in jobs.items():
        error = job.exception()
        if error is not None and not (component.optional and isinstance(error, DevstackError)):
            raise error
        if error is not None:
            _miss(component.name, str(error))


def _found(path: Path, directory: Path) -> StackState | None:
    state = load(path)
    if state is None or not running(state):
        return None
    if Path(state.directory) != directory:
        raise DevstackError(f"{path} describes a stack that runs in {state.directory}; take that one down first")
    return state


def _has(state: StackState, name: str) -> bool:
    return getattr(state, name) is not None or name in state.missing


def _start_all(state: StackState, components: list[Component]) -> StackState:
    directory = Path(state.directory)
    try:
        with ThreadPoolExecutor(max_workers=max(len(components), 1)) as pool:
            jobs = {component: pool.submit(component.start, directory) for component in components}
        return _collect(state, jobs)
    except BaseException:
        _end_all(directory)
        raise


def _collect(state: StackState, jobs: dict[Component, Future[Started]]) -> StackState:
    missing = dict(state.missing)
    for job in jobs.values():
        for server in () if job.exception() else job.result().servers:
            # from here on the record below `directory` is what ends it
            server.release()
    addresses: dict[str, Any] = {}
    for component, job in jobs.items():
        try:
            addresses[component.name] = job.result().address
        except DevstackError as error:
            if not component.optional:
                raise
            missing[component.name] = str(error)
            _miss(component.name, str(error))
    return replace(state, missing=missing, **addresses)


def _miss(name: str, reason: str) -> None:
    bar = "!" * 100
    print(f"{bar}\n{name} IS MISSING, the tests go on without it: {reason}\n{bar}", file=sys.stderr, flush=True)  # noqa: T201


def _end_all(directory: Path) -> None:
    processes = recorded(directory)
    stop(processes.values())
    for name in processes:
        forget(directory, name)
