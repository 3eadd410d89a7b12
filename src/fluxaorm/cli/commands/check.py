"""``fluxaorm check``: every problem of an application, one a line."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator
from pathlib import Path

from fluxaorm.cli.application import open_engine
from fluxaorm.cli.exits import DONE, FOUND, UsageError
from fluxaorm.cli.terminal import lines
from fluxaorm.codegen import generate
from fluxaorm.engine import Engine
from fluxaorm.errors import RegistryError


def run(name: str | None, *, connect: bool, servers: bool, generated: Path | None, json: bool) -> None:
    """Print the problems and exit 1, or say that there is none.

    ``servers``: also what is wrong with tables and rights there; ``generated``: the directory of the generated package,
    which has to be up to date. Raises PoolConnectError when a server does not answer, UsageError.
    """
    if servers and not connect:
        raise UsageError("--servers looks at the servers and --no-connect reaches none; choose one")
    entities = 0
    problems: tuple[str, ...] = ()
    try:
        with open_engine(name, connect=connect) as engine:
            entities = len(engine._core.schemas)
            problems = tuple(_found(engine, servers, generated))
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


def _found(engine: Engine, servers: bool, generated: Path | None) -> Iterator[str]:
    if generated is not None and not generate(engine, generated, check=True).up_to_date:
        yield f"the generated code in {generated} is out of date; run 'fluxaorm generate'"
    if servers:
        with engine.new_context() as ctx:
            yield from engine.check(ctx)
