"""``fluxaorm check``: every problem of an application, one a line."""

from __future__ import annotations

import json as json_module
import sys

from fluxaorm.cli.application import open_engine
from fluxaorm.cli.exits import DONE, FOUND
from fluxaorm.cli.terminal import lines
from fluxaorm.errors import RegistryError


def run(name: str | None, *, connect: bool, json: bool) -> None:
    """Print the problems and exit 1, or say that there is none. PoolConnectError when a server does not answer."""
    entities = 0
    problems: tuple[str, ...] = ()
    try:
        with open_engine(name, connect=connect) as engine:
            entities = len(engine.schemas)
    except RegistryError as error:
        problems = error.problems
    if json:
        print(json_module.dumps({"problems": list(problems), "entities": entities}, indent=2))
    elif problems:
        print(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}:")
        print("\n".join(f"- {lines(problem)}" for problem in problems))
    else:
        print(f"no problem found; entities: {entities}")
    sys.exit(FOUND if problems else DONE)
