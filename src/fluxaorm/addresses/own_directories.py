"""Directories for data on disk: made for their owner alone, and refused when they are somebody else's.

Embedded stores believe what they find there, locks and sockets too, and keep rows as they are.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fluxaorm.errors import ConfigError, described


def own_directory(directory: str | os.PathLike[str], what: str) -> Path:
    """The directory's absolute path; made when it is missing, open to its owner alone afterwards.

    ConfigError when it cannot be made, or belongs to another user. ``what``: who wants it, for the error.
    """
    try:
        root = Path(directory).absolute()
    except TypeError:
        raise ConfigError(f"{what}: a directory is wanted, not {described(directory)}") from None
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = root.stat()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{what}: the directory {root} cannot be made: {error}") from None
    if status.st_uid != os.geteuid():
        raise ConfigError(
            f"{what}: the directory {root} belongs to user {status.st_uid}, not to {os.geteuid()} who runs this: "
            "name another one"
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        root.chmod(stat.S_IMODE(status.st_mode) & ~(stat.S_IRWXG | stat.S_IRWXO))
    return root
