"""The demo from its first to its last line: the order of the steps, and what is shown after each."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import fluxaorm as fx
from fluxaorm.cli.demo import report
from fluxaorm.cli.demo.load import load_all
from fluxaorm.cli.demo.project import Project
from fluxaorm.cli.demo.servers import EmbeddedServers, Servers, Stack, redis_commands
from fluxaorm.cli.demo.source import FlightSource, data_directory, sources
from fluxaorm.cli.demo.tally import Tally
from fluxaorm.cli.demo.tour import Findings, Tour
from fluxaorm.engine import Engine

_WIDTH: Final = 120


@dataclass(frozen=True, slots=True)
class DemoWishes:
    """What the user asked for."""

    directory: Path
    json: bool = False
    stack: bool = False
    keep: bool = False
    flights: int | None = None
    """Load only so many."""


def run(wishes: DemoWishes) -> None:
    """Run the demo. Raises ProjectError, StackError, MissingExtraError before anything is written."""
    started = time.perf_counter()
    console = _console(quiet=wishes.json)
    data_directory()
    project = Project(wishes.directory)
    servers: Servers = Stack(keep=wishes.keep) if wishes.stack else EmbeddedServers()
    project.write()
    with servers:
        result = _run_on(project, servers, wishes.flights, console)
    result["seconds"] = round(time.perf_counter() - started, 3)
    if wishes.json:
        json.dump({"fluxaorm": fx.__version__, "servers_used": servers.name, **result}, sys.stdout, indent=2)
        print()
    _show_end(console, wishes, project, servers, result["seconds"])


def _console(*, quiet: bool) -> Console:
    console = Console(quiet=quiet)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        # a file or a pipe has no width of its own
        console.width = _WIDTH
    return console


def _run_on(project: Project, servers: Servers, flights: int | None, console: Console) -> dict[str, Any]:
    app = project.load("app")
    console.print(f"[bold]FluxaORM {fx.__version__}[/bold]: the flights that left New York in 2013")
    with app.registry().validate() as engine:
        _describe(console, engine)
        tally = Tally()
        statements, commands = servers.statements(), redis_commands(engine)
        entities = _prepare(project, engine, tally, console)
        if not (servers.lasting and project.loaded):
            _load(engine, entities, sources(flights), tally, console)
            project.loaded = servers.lasting and flights is None
        findings = Tour(engine, app.registry().validate, entities, tally).walk()
        statements_after, commands_after = servers.statements(), redis_commands(engine)
        counted = None if statements is None or statements_after is None else statements_after - statements
        commands = commands_after - commands
        _show(console, tally, findings, counted, commands)
        return report.as_json(tally, counted, commands, findings.rows)


def _describe(console: Console, engine: Engine) -> None:
    pool = engine._core.mysql_pools["default"]
    server = engine._core.redis_pools["default"].connect()
    cache = f"{server.product} {'.'.join(map(str, server.version))}"
    console.print(f"SQL: {pool.dialect.name} at {pool.address}; cache: {cache}\n", highlight=False)


def _prepare(project: Project, engine: Engine, tally: Tally, console: Console) -> Any:
    """Generate the package and bring the tables in line; the generated package."""
    fx.generate(engine, project.entities_directory)
    console.print(f"generated {project.entities_directory.name}/ from models.py", highlight=False)
    with engine.new_context() as ctx:
        tally.watch(ctx)
        safe, _ = fx.split_alters(fx.get_alters(ctx))
        for alter in safe:
            alter.exec(ctx)
            console.print(f"{alter.kind} {alter.table}", highlight=False)
    return project.load("entities")


def _load(engine: Engine, entities: Any, wanted: Sequence[FlightSource], tally: Tally, console: Console) -> None:
    bar = Progress(
        TextColumn("{task.description:8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    with bar:
        tasks = {source.entity: bar.add_task(_label(source.entity), total=source.rows) for source in wanted}
        load_all(engine, entities, wanted, tally, lambda entity, rows: bar.update(tasks[entity], completed=rows))


def _label(entity: str) -> str:
    return entity.removesuffix("Entity").lower()


def _show(
    console: Console, tally: Tally, findings: Findings, statements: Counter[str] | None, commands: Counter[str]
) -> None:
    loads = [step for step in tally.steps if step.name.startswith("load ")]
    if loads:
        report.show_load(console, loads)
    report.show_steps(console, tally.steps[len(loads) :])
    report.show_findings(console, findings)
    report.show_log(console, findings.log)
    report.show_totals(console, tally, statements, commands)


def _show_end(console: Console, wishes: DemoWishes, project: Project, servers: Servers, seconds: float) -> None:
    console.print(f"\nDone in {seconds:.1f} s. Go on in [bold]{project.directory}[/bold]:", highlight=False)
    console.print("  models.py    what is stored", highlight=False)
    console.print("  app.py       where", highlight=False)
    console.print("  entities/    the generated, typed package", highlight=False)
    console.print("  main.py      a program that uses it: python main.py", highlight=False)
    if isinstance(servers, Stack):
        console.print(_end_of_stack(wishes, servers), highlight=False)


def _end_of_stack(wishes: DemoWishes, servers: Stack) -> str:
    if not wishes.keep:
        return "The database was dropped; --keep keeps it."
    return f"FLIGHTS_MYSQL={servers.mysql_url} FLIGHTS_REDIS={servers.redis_address} is where the rows are."
