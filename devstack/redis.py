"""Redis 7.0, the oldest supported, from Debian 12's packages, or an installed `redis-server` where those cannot be had.

What it decides: that nothing is saved, and when a Redis-like server counts as up (INFO names this very process).
What it never does: read the system's configuration.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from devstack.apt import BOOKWORM, AptError, Root, unpacked
from devstack.errors import UnobtainableError
from devstack.server import Server
from devstack.wire import WireError, redis_info

NAME = "redis"
BASE_OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--databases", "64")
_PROGRAM = "usr/bin/redis-server"


def fetch() -> Root:
    """Its program: unpacked from the cache, fetched now, or the installed one; raises UnobtainableError."""
    try:
        return unpacked(BOOKWORM)
    except AptError as error:
        if shutil.which("redis-server") == f"/{_PROGRAM}":
            return Root(Path("/"))
        raise UnobtainableError(NAME, str(error)) from error


def program() -> list[str]:
    """How `redis-server` is started, before its options."""
    return fetch().command(_PROGRAM)


def server(directory: Path, port: int, name: str = NAME, options: Sequence[str] = ()) -> Server:
    """A Redis server, ready to start; `options` are further redis-server options."""
    return Server(name, [*program(), *BASE_OPTIONS, "--port", str(port), *options], directory, port, answer)


def answer(server: Server) -> str:
    """The version that INFO tells; WireError when it loads data still or the server at the port is not this one."""
    info = redis_info(server.host, server.port, "server")
    if info["process_id"] != str(server.pid):
        raise WireError(f"port {server.port} belongs to process {info['process_id']}")
    return info.get("valkey_version") or info["redis_version"]
