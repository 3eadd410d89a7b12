"""How commands end: the exit codes, and which error means which."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from fluxaorm.cli.terminal import lines
from fluxaorm.errors import (
    CodegenError,
    ConfigError,
    FluxaError,
    KafkaUnavailableError,
    MissingExtraError,
    MySQLConnectionError,
    PoolConnectError,
    RedisConnectionError,
    RegistryError,
    UnknownPoolError,
)

DONE: Final = 0
FOUND: Final = 1
"""With --check: something is out of date, pending or wrong. Otherwise: the command failed half-way."""
USAGE: Final = 2
UNREACHABLE: Final = 3


class UsageError(FluxaError):
    """The command was called in a way that makes no sense; the message says what to write instead."""


_USAGE_ERRORS: Final = (UsageError, ConfigError, RegistryError, MissingExtraError, CodegenError, UnknownPoolError)
_UNREACHABLE_ERRORS: Final = (PoolConnectError, MySQLConnectionError, RedisConnectionError, KafkaUnavailableError)


def exit_code(error: FluxaError) -> int:
    """The exit code of a command that ended with this error."""
    if isinstance(error, _UNREACHABLE_ERRORS):
        return UNREACHABLE
    return USAGE if isinstance(error, _USAGE_ERRORS) else FOUND


@contextmanager
def errors_as_exits() -> Generator[None]:
    """Print an error of the library on stderr and exit with its code; other errors keep their traceback."""
    try:
        yield
    except FluxaError as error:
        notes: list[str] = getattr(error, "__notes__", [])
        print(lines("\n".join([f"fluxaorm: {error}", *notes])), file=sys.stderr)
        sys.exit(exit_code(error))
