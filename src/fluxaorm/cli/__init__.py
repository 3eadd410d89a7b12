"""The ``fluxaorm`` command. This module only finds out whether the command line's libraries are there."""

from __future__ import annotations

import sys

_MODULES = ("rich", "typer")


def main() -> None:
    """Run the command line and exit: 0 done, 1 found something or failed, 2 wrong usage, 3 a server did not answer."""
    try:
        from fluxaorm.cli.command_line import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _MODULES:
            raise
        message = f"fluxaorm: the command line needs the module '{error.name}': run pip install 'fluxaorm[cli]'"
        print(message, file=sys.stderr)
        sys.exit(2)
    app(prog_name="fluxaorm")
