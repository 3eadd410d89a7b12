"""What a subject of the benchmark must do: the same work in its own fastest idiomatic form.

A subject defines a method for each piece of work it can do, named as the work in ``works.py``, which says what is
passed and what comes back. Work it cannot do is not defined on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are. ``database`` exists and holds ``product`` and ``category`` with their rows."""

    host: str
    port: int
    user: str
    password: str
    database: str
    redis_host: str
    redis_port: int
    kafka: str = ""
    """Host and port of a broker; empty: there is none."""

    @property
    def url(self) -> str:
        """``user:password@host:port/database``."""
        password = f":{self.password}" if self.password else ""
        return f"{self.user}{password}@{self.host}:{self.port}/{self.database}"

    @property
    def redis_url(self) -> str:
        """Database 0."""
        return f"redis://{self.redis_host}:{self.redis_port}/0"


class Subject(Protocol):
    """One way to reach the servers."""

    name: str

    def open(self, servers: Servers) -> None:
        """Connect, and warm up what a long-running process has warm."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...
