"""What a subject of the benchmark must do: the same work in its own fastest idiomatic form.

Each method does one piece of work and returns plain values, which the harness compares with the floor's before it
measures. Work a subject cannot do is simply not defined on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.table import Row


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are. ``database`` exists and holds ``product`` with its rows."""

    host: str
    port: int
    user: str
    password: str
    database: str
    redis_host: str
    redis_port: int


class Subject(Protocol):
    """One way to reach the database."""

    name: str

    def open(self, servers: Servers) -> None:
        """Connect, and warm up what a long-running process has warm."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...

    def get_mysql(self, id: int) -> tuple[int, str, Any]:
        """One row by id from MySQL, as an object: its id, name and price."""
        ...

    def get100_mysql(self, ids: Sequence[int]) -> list[tuple[int, str]]:
        """100 rows by id from MySQL, as objects; two columns are read."""
        ...

    def page20(self, price: Any) -> list[int]:
        """Ids of the first 20 objects with a higher price, oldest first."""
        ...

    def insert1000(self, rows: Sequence[Row]) -> int:
        """1,000 new objects written in one unit of work; how many were written."""
        ...

    def update100(self, ids: Sequence[int], stock: int) -> int:
        """100 objects loaded before, one field of each changed to ``stock`` plus its position, written together."""
        ...

    def prepare_update(self, ids: Sequence[int]) -> None:
        """Load the objects that ``update100`` will change; not measured."""
        ...
