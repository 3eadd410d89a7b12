"""Data directories of SQL servers: initialised once into the cache, copied for each server that starts.

What it decides: that a directory with data is kept, and one without is copied from the template.
What it never does: know how a directory is initialised; `mysql` and `mariadb` do.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from devstack.cache import cached
from devstack.errors import ServerFailedError


def prepare(data: Path, template: str, initialise: Callable[[Path], None]) -> None:
    """Makes `data` a data directory; `initialise(directory)` fills the template when the cache has none."""
    if (data / "mysql").is_dir():
        return
    source = cached(template, lambda target: initialise(target / "data")) / "data"
    data.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(source, data, symlinks=True)


def run(server: str, command: list[str], log: Path, sql: bytes = b"") -> None:
    """Runs an initialising command to its end; raises ServerFailedError with its output."""
    with log.open("wb") as output:
        result = subprocess.run(command, input=sql, stdout=output, stderr=subprocess.STDOUT, check=False)
    if result.returncode != 0:
        raise ServerFailedError(server, f"could not initialise its data (exit {result.returncode})", log)
