"""``fluxaorm generate``: writes the package, or says how it differs from the definitions."""

from __future__ import annotations

import sys
from pathlib import Path

import fluxaorm as fx
from fluxaorm.cli.application import open_engine
from fluxaorm.cli.exits import DONE, FOUND


def run(name: str | None, directory: Path, *, check: bool) -> None:
    """Write the package and say which files changed; with ``check`` print a diff and exit 1 when one would.

    Raises CodegenError when something is in the way, RegistryError for definitions that make no sense.
    """
    with open_engine(name, connect=False) as engine:
        changes = fx.generate(engine, directory, check=check)
    if check:
        sys.stdout.write(changes.diff)
        sys.exit(DONE if changes.up_to_date else FOUND)
    for file in changes.written:
        print(f"wrote {directory / file}")
    for file in changes.removed:
        print(f"removed {directory / file}")
    if changes.up_to_date:
        print(f"{directory} is up to date")
