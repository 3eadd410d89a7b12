"""The command line: `python -m devstack up|down|status|fetch|python VERSION|run -- COMMAND`.

What it decides: the words and the exit codes: 0 done, 1 not running or failed, the command's own for `run`.
What it never does: print after the command of `run` has ended well.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import FrameType

from devstack import private, python, stack
from devstack.components import NAMES
from devstack.errors import DevstackError
from devstack.state import StackState, default_directory, default_path, load


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command: list[str] = []
    if "--" in given:
        cut = given.index("--")
        given, command = given[:cut], given[cut + 1 :]
    options = _parser().parse_args(given)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        return _perform(options, command)
    except DevstackError as error:
        print(f"devstack: {error}", file=sys.stderr)
        return 1


def _perform(options: argparse.Namespace, command: list[str]) -> int:
    path: Path = options.state or default_path()
    match options.action:
        case "up" if options.owner is not None:
            _show(private.private_up(options.dir, options.owner, options.only))
        case "up":
            _show(stack.up(options.dir or default_directory(), path, options.only))
        case "down":
            print("stopped" if stack.down(path) else "was not running")
        case "status":
            return _status(path)
        case "fetch":
            stack.fetch(options.only)
        case "python" if options.version is not None:
            print(python.fetch(options.version))
        case "guard":
            private.guard(options.dir, options.owner)
        case "run" if command:
            return private.run(command, options.only)
        case _:
            print("devstack: run needs `-- COMMAND`, python needs a version", file=sys.stderr)
            return 2
    return 0


def _status(path: Path) -> int:
    state = load(path)
    if state is None:
        print(f"not running: there is no {path}")
        return 1
    _show(state)
    for name, alive in stack.status(state).items():
        if not alive:
            print(f"{name} has ended; see {state.directory}/logs/{name}.log")
    return 0 if stack.running(state) else 1


def _show(state: StackState) -> None:
    for field in fields(state):
        value = getattr(state, field.name)
        if field.name in NAMES and value is not None:
            several = getattr(value, "sentinels", None) or getattr(value, "nodes", None)
            places = several or [(value.host, value.port)]
            print(f"{field.name:10}{value.version:42}{' '.join(f'{host}:{port}' for host, port in places)}")
    for name, reason in state.missing.items():
        print(f"{name:10}missing: {reason.splitlines()[0]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devstack", description="Real servers on 127.0.0.1, without Docker."
    )
    parser.add_argument("action", choices=("up", "down", "status", "fetch", "python", "run", "guard"))
    parser.add_argument("version", nargs="?", help="of the Python to fetch, as 3.14; its path is printed")
    parser.add_argument(
        "--state", type=Path, help="the JSON file with the addresses (default: $FLUXA_DEVSTACK, devstack.json)"
    )
    parser.add_argument("--dir", type=Path, help="where data and logs go (default: .devstack)")
    parser.add_argument("--only", type=_names, default=NAMES, help=f"some of {','.join(NAMES)}")
    parser.add_argument("--owner", type=int, help="a process whose end ends the stack, which then is private to --dir")
    return parser


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = set(names) - set(NAMES)
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return names


def _leave(number: int, _: FrameType | None) -> None:
    # an exception, so that what was started halfway is taken down
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
