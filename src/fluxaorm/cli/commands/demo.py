"""``fluxaorm demo``: chooses the servers it runs on, then runs it."""

from __future__ import annotations

import sys
from pathlib import Path

from fluxaorm.cli.demo.program import DemoWishes
from fluxaorm.cli.demo.program import run as run_demo
from fluxaorm.cli.demo.project import ProjectError
from fluxaorm.cli.demo.servers import StackError, run_with_private_stack
from fluxaorm.cli.exits import UsageError


def run(directory: Path, *, json: bool, stack: bool, keep: bool, flights: int | None) -> None:
    """Run the demo here, or in a process with a devstack of its own. UsageError when it cannot start."""
    if keep and not stack:
        raise UsageError("--keep goes with --stack: without it the rows are kept anyway")
    try:
        if stack:
            code = run_with_private_stack(sys.argv[1:])
            if code is not None:
                sys.exit(code)
        run_demo(DemoWishes(directory, json=json, stack=stack, keep=keep, flights=flights))
    except (ProjectError, StackError) as error:
        raise UsageError(str(error)) from error
