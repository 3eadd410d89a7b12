"""Connections without a server, and a clock that the test moves."""

from __future__ import annotations

from typing import Any

from fluxaorm.errors import MySQLConnectionError, PoolTimeoutError


class FakeConnection:
    """Fit for use unless the test says otherwise."""

    def __init__(self, name: str = "", expires: float = 1000.0) -> None:
        self.name = name
        self.usable = True
        self.touched = False
        self.expires = expires
        self.taken = 0.0
        self.alive = True
        self.looks = 0
        self.closed = False

    def __repr__(self) -> str:
        return self.name

    def is_alive(self) -> bool:
        self.looks += 1
        return self.alive

    def close(self) -> None:
        self.closed = True


class Clock:
    """Seconds, by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Factory:
    """Opens connections ``c1``, ``c2``...; ``failure`` is raised instead while it is set."""

    def __init__(self) -> None:
        self.made: list[FakeConnection] = []
        self.failure: Exception | None = None

    def __call__(self, seconds: float | None = None) -> FakeConnection:
        if self.failure is not None:
            raise self.failure
        connection = FakeConnection(f"c{len(self.made) + 1}", float("inf"))
        self.made.append(connection)
        return connection

    async def opened(self) -> FakeConnection:
        return self()


def refusal(reason: str, timed_out: bool) -> Any:
    """The errors of a MySQL pool."""
    return (PoolTimeoutError if timed_out else MySQLConnectionError)(reason, pool="default")
