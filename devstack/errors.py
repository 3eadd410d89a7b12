"""What can go wrong here: three errors that say which server, why, and where to look. Decides nothing."""

from __future__ import annotations

from pathlib import Path


class DevstackError(Exception):
    """Base of every error the devstack raises on purpose."""


class UnobtainableError(DevstackError):
    """A server's program cannot be fetched or run on this machine; `reason` is one line."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(f"{server} cannot be obtained: {reason}")
        self.server = server
        self.reason = reason


class ServerFailedError(DevstackError):
    """A server ended, or did not answer in time; the message ends with the last lines of its log."""

    def __init__(self, server: str, problem: str, log: Path) -> None:
        super().__init__(f"{server} {problem}; log: {log}\n{last_lines(log)}")
        self.server = server
        self.log = log


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a text file, or nothing when there is none."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])
