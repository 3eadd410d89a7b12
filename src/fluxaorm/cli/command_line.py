"""The commands of ``fluxaorm``: their words, options and help. What they do is in the modules beside this one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fluxaorm.cli.exits import UsageError, errors_as_exits

_EPILOG = (
    "Exit codes: 0 done, 1 found something (with --check) or failed, 2 wrong usage, 3 a server could not be reached."
)
_APP_HELP = (
    "APP: module:attribute, naming a Registry, an Engine or a function that returns one. "
    "When left out: [tool.fluxaorm] app of pyproject.toml."
)


class Store(StrEnum):
    """What alters can be asked of."""

    MYSQL = "mysql"
    KAFKA = "kafka"


FEWEST_FLIGHTS = 10_000
"""The demo's steps need some to work on."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="FluxaORM: typed entities for MySQL and Redis.",
    epilog=_EPILOG,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from fluxaorm.cli.commands import small as small_commands

        small_commands.print_version(json=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Answer what is no command."""


cache = typer.Typer(no_args_is_help=True, help="What is in Redis.", epilog=_EPILOG)
app.add_typer(cache, name="cache")


AppArgument = Annotated[str | None, typer.Argument(metavar="APP", help=_APP_HELP, show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command(epilog=_EPILOG)
def demo(
    directory: Annotated[Path, typer.Option(help="Where the demo's files and data go; made when missing.")] = Path(
        "fluxaorm-demo"
    ),
    flights: Annotated[
        int | None, typer.Option(min=FEWEST_FLIGHTS, help="Load only so many flights.", show_default="all")
    ] = None,
    json: JsonOption = False,
    stack: Annotated[
        bool, typer.Option("--stack", help="On MySQL and Valkey of the devstack; in a checkout only.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="With --stack: keep the database.")] = False,
) -> None:
    """Show the main job on real data; needs no server.

    Loads the 336,776 flights that left New York in 2013, reads them through the caches, searches and updates them,
    and leaves a directory to go on from.
    """
    from fluxaorm.cli.commands import demo as demo_command

    with errors_as_exits():
        demo_command.run(directory, json=json, stack=stack, keep=keep, flights=flights)


@app.command(epilog=_EPILOG)
def inspect(
    dsn: Annotated[
        str,
        typer.Argument(
            metavar="DSN", help="The database's address: mysql://user:password@host:port/db, sqlite:///file"
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file for the module.", show_default="stdout")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option("--table", metavar="PATTERN", help="Only tables called so, as 'shop_*'; repeat.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make entity definitions of an existing database.

    Prints a Python module; says on stderr what cannot be declared, and which alters would follow from using it. Changes
    nothing in the database.
    """
    from fluxaorm.cli.commands import inspect as inspect_command

    with errors_as_exits():
        inspect_command.run(dsn, output=output, json=json, tables=table or [])


@app.command(epilog=_EPILOG)
def generate(
    places: Annotated[list[str], typer.Argument(metavar="[APP] DIR", help=f"The package's directory. {_APP_HELP}")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; print a diff and exit 1 when out of date.")
    ] = False,
) -> None:
    """Write the typed package of the entities.

    Needs no server. Only files that were generated are ever replaced or removed.
    """
    from fluxaorm.cli.commands import generate as generate_command

    with errors_as_exits():
        if len(places) > 2:
            raise UsageError(f"generate takes an application and a directory, not {len(places)} words")
        *names, directory = places
        if not names and ":" in directory and not Path(directory).exists():
            raise UsageError(f"generate takes a directory, too: fluxaorm generate {directory} DIR")
        generate_command.run(names[0] if names else None, Path(directory), check=check)


@app.command(epilog=_EPILOG)
def check(
    name: AppArgument = None,
    connect: Annotated[bool, typer.Option(help="Connect to the servers, too.")] = True,
    servers: Annotated[
        bool, typer.Option("--servers", help="Look at tables, columns and the user's rights there, too.")
    ] = False,
    generated: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Look whether the generated package is up to date.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Validate and print every problem, one a line.

    Exits 1 when there is one. With --servers it tells before a deployment what would not work after it.
    """
    from fluxaorm.cli.commands import check as check_command

    with errors_as_exits():
        check_command.run(name, connect=connect, servers=servers, generated=generated, json=json)


@app.command(epilog=_EPILOG)
def alters(
    name: AppArgument = None,
    store: Annotated[Store | None, typer.Option(help="Only this kind of store.", show_default="all")] = None,
    pool: Annotated[str | None, typer.Option(metavar="CODE", help="Only this pool.", show_default="all")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Run the safe ones.")] = False,
    allow_destructive: Annotated[
        bool, typer.Option("--allow-destructive", help="With --apply or --sql: those that may lose data, too.")
    ] = False,
    sql: Annotated[
        Path | None, typer.Option("--sql", metavar="FILE", help="Write a new migration file of MySQL for review.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 when any is pending (after --apply: when any is left).")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Bring the tables in line with the entities, and Kafka's topics with those that are registered.

    Prints what is pending, as SQL where it is, and what it would lose; runs nothing without --apply, and nothing that
    may lose data without --allow-destructive.
    """
    from fluxaorm.cli.commands import alters as alters_command

    with errors_as_exits():
        wishes = alters_command.AlterWishes(
            store=None if store is None else store.value,
            pool=pool,
            apply=apply,
            allow_destructive=allow_destructive,
            sql=sql,
            check=check,
            json=json,
        )
        alters_command.run(name, wishes)


@cache.command(epilog=_EPILOG)
def reset(name: AppArgument = None, json: JsonOption = False) -> None:
    """Empty the application's namespaces of Redis and take them over.

    For a database that was made anew, whose predecessor's rows and ids are still in Redis. While programs are running
    on it, do not: they would lose what keeps their caches true. APP must name a Registry, since an Engine could not be
    made.
    """
    from fluxaorm.cli.commands import cache as cache_commands

    with errors_as_exits():
        cache_commands.reset(name, json=json)


@app.command("consume-async-flush", epilog=_EPILOG)
def consume_async_flush(
    name: AppArgument = None,
    max_records: Annotated[int, typer.Option(min=1, help="Records in one round, and so in one transaction.")] = 500,
    json: JsonOption = False,
) -> None:
    """Apply asynchronous flushes until SIGTERM or Ctrl-C.

    Run as many as their topic has partitions. Prints what was done and how much waits; what cannot be applied becomes a
    dead letter.
    """
    from fluxaorm.cli.commands import async_flush as async_flush_command

    with errors_as_exits():
        async_flush_command.run(name, max_records=max_records, json=json)


dead_letters = typer.Typer(no_args_is_help=True, help="Asynchronous flushes that could not be applied.", epilog=_EPILOG)
app.add_typer(dead_letters, name="dead-letters")

IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[APP] [ID]...", help=f"As dead-letters list prints them. {_APP_HELP}")
]
AllOption = Annotated[bool, typer.Option("--all", help="All that wait for a decision.")]


@dead_letters.command("list", epilog=_EPILOG)
def list_dead_letters(name: AppArgument = None, json: JsonOption = False) -> None:
    """Print those that wait for a decision, the oldest first."""
    from fluxaorm.cli.commands import dead_letters as commands

    with errors_as_exits():
        commands.list_all([name] if name else [], json=json)


@dead_letters.command(epilog=_EPILOG)
def show(words: IdsArgument = None, json: JsonOption = False) -> None:
    """Print all that is known of one, without the values."""
    from fluxaorm.cli.commands import dead_letters as commands

    with errors_as_exits():
        commands.show(words or [], json=json)


@dead_letters.command(epilog=_EPILOG)
def retry(words: IdsArgument = None, every: AllOption = False, json: JsonOption = False) -> None:
    """Publish them again: they are applied after all that waits now."""
    from fluxaorm.cli.commands import dead_letters as commands

    with errors_as_exits():
        commands.resolve(words or [], "retried", every=every, json=json)


@dead_letters.command(epilog=_EPILOG)
def drop(words: IdsArgument = None, every: AllOption = False, json: JsonOption = False) -> None:
    """Give them up: their changes are never made."""
    from fluxaorm.cli.commands import dead_letters as commands

    with errors_as_exits():
        commands.resolve(words or [], "dropped", every=every, json=json)


@app.command("config-schema", epilog=_EPILOG)
def config_schema() -> None:
    """Print the JSON Schema of the YAML configuration."""
    from fluxaorm.cli.commands import small as small_commands

    small_commands.print_config_schema()


@app.command(epilog=_EPILOG)
def version(json: JsonOption = False) -> None:
    """Print the version."""
    from fluxaorm.cli.commands import small as small_commands

    small_commands.print_version(json=json)
