"""The cache of downloaded and unpacked servers, outside the repository and shared by every checkout.

What it decides: where the cache is (`FLUXA_DEVSTACK_CACHE`, else the user's cache directory), and that an entry is
either complete or absent: it is built aside under a file lock and renamed into place.
What it never does: change or delete a complete entry.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


def cache_directory() -> Path:
    """The root of the cache; created when missing."""
    chosen = os.environ.get("FLUXA_DEVSTACK_CACHE")
    if chosen:
        root = Path(chosen)
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fluxaorm-devstack"
    root.mkdir(parents=True, exist_ok=True)
    return root.resolve()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on a file, against other threads and other processes alike; waits for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """The cache entry `name`, built by `build(empty directory)` when there is none.

    Two processes that ask at once build it once; a build that fails or is killed leaves no entry.
    """
    root = cache_directory()
    entry = root / name
    if entry.exists():
        return entry
    with locked(root / f"{name}.lock"):
        if not entry.exists():
            _build(entry, build)
    return entry


def _build(entry: Path, build: Callable[[Path], None]) -> None:
    for left_over in entry.parent.glob(f"{entry.name}.new-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=f"{entry.name}.new-", dir=entry.parent))
    try:
        build(aside)
        aside.chmod(0o755)
        aside.rename(entry)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
