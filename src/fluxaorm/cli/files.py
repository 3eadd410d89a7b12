"""Files that commands write for people, who may have changed them since: none is ever replaced."""

from __future__ import annotations

from pathlib import Path

from fluxaorm.cli.exits import UsageError


def refuse_existing(path: Path) -> None:
    """UsageError when the file is there: best asked before any work is done."""
    if path.exists():
        raise UsageError(f"{path} is there already; choose another name, or remove it")


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. UsageError when it is, or when it cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            _ = file.write(text)
    except FileExistsError:
        refuse_existing(path)
        raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
