"""Finds the application of a command: ``module:attribute``, given or from ``[tool.fluxaorm] app`` of pyproject.toml.

The attribute is a Registry, an Engine, or a function without arguments that returns one. Imports the user's module and
so runs its code; opens no connection by itself.
"""

from __future__ import annotations

import importlib
import inspect
import os
import stat
import sys
import tomllib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fluxaorm.cli.exits import UsageError
from fluxaorm.engine import Engine
from fluxaorm.registry import Registry

_FORM = "module:attribute, as in myapp.models:registry"


def find_application(name: str | None) -> Registry | Engine:
    """The application of this name, or of the pyproject.toml at or above the working directory. Raises UsageError.

    Such a file counts when it and its directory are the user's or root's and not everybody's to write.

    What the user's own function raises is passed on.
    """
    directory = Path.cwd()
    if name is None:
        directory, name = _configured(directory)
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    return _called(_attribute(name), name)


@contextmanager
def open_engine(name: str | None, *, connect: bool) -> Generator[Engine]:
    """The application's Engine; validated here when it is a Registry, closed afterwards in either case."""
    application = find_application(name)
    engine = application if isinstance(application, Engine) else application.validate(connect=connect)
    with engine:
        yield engine


def _configured(directory: Path) -> tuple[Path, str]:
    for place in (directory, *directory.parents):
        path = place / "pyproject.toml"
        if path.is_file():
            _refuse_strangers(path)
            return place, _app_of(path)
    raise UsageError(f"no application was named: give {_FORM}, or [tool.fluxaorm] app in a pyproject.toml")


def _refuse_strangers(path: Path) -> None:
    """It names code that is run, and nobody asked for this file: it lay at or above the working directory."""
    for each in (path, path.parent):
        status = each.stat()
        if status.st_uid not in (0, os.getuid()):
            raise UsageError(f"{each} belongs to somebody else, so the application it names is not run: give {_FORM}")
        # in a sticky directory, as /tmp, nobody replaces the files of others
        sticky = each == path.parent and status.st_mode & stat.S_ISVTX
        if status.st_mode & stat.S_IWOTH and not sticky:
            raise UsageError(f"everybody may write to {each}, so the application it names is not run: give {_FORM}")


def _app_of(path: Path) -> str:
    try:
        found: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    for key in ("tool", "fluxaorm", "app"):
        try:
            found = found[key]
        except (KeyError, TypeError, IndexError):
            # what is no table holds no key
            found = None
    if not isinstance(found, str):
        raise UsageError(f'no application was named: give {_FORM}, or [tool.fluxaorm] app = "..." in {path}')
    return found


def _attribute(name: str) -> Any:
    module_name, colon, path = name.partition(":")
    if not colon or not module_name or not path:
        raise UsageError(f"'{name}' is not {_FORM}")
    if not all(part.isidentifier() for part in module_name.split(".")) or Path(module_name).is_file():
        raise UsageError(f"'{name}': a module is named as an import names it, '{module_name}' is not: give {_FORM}")
    value: Any = _imported(module_name)
    for part in path.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise UsageError(f"'{name}': {module_name} has no '{path}'") from None
    return value


def _imported(module_name: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # a module that the user's module misses is another matter than a name that is wrong
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise
        raise UsageError(f"there is no module '{error.name}' in {Path.cwd()} or on the path") from None


def _called(value: Any, name: str) -> Registry | Engine:
    if callable(value) and not isinstance(value, type):
        value = _result(value, name)
    if isinstance(value, Registry | Engine):
        return value
    raise UsageError(
        f"'{name}' is no Registry, no Engine and no function that returns one, but of type {type(value).__name__}"
    )


def _result(function: Callable[[], Any], name: str) -> Any:
    if inspect.iscoroutinefunction(function):
        raise UsageError(f"'{name}' is a coroutine function; name a plain one that returns a Registry or an Engine")
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise UsageError(f"'{name}' cannot be called without arguments: {error}") from None
    except ValueError:
        pass  # it does not tell its parameters
    return function()
