"""Both ways to run the library, so that each behaviour is tested once: a plain call, or a coroutine on an event loop.

``shell.do(Provider.get_by_id(ctx, 1))`` gives the result in either; what it never does is decide anything about the
test.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

from fluxaorm.context import AsyncContext, Context
from fluxaorm.engine import Engine


class Shell(Protocol):
    """One way to run the library."""

    name: str

    def context(self, engine: Engine) -> Any:
        """A fresh context."""
        ...

    def do(self, value: Any) -> Any:
        """The result of a call that blocked, or of the coroutine it gave."""
        ...

    def together(self, values: list[Any]) -> list[Any]:
        """The results of several calls, made concurrently where the shell can."""
        ...

    def close(self, engine: Engine) -> None:
        """Close an engine."""
        ...

    def end(self) -> None:
        """Drop what contexts were left with: a test that is about something else need not flush."""
        ...


class ThreadShell:
    """Calls block."""

    name = "sync"

    def __init__(self) -> None:
        self._contexts: list[Context] = []

    def context(self, engine: Engine) -> Context:
        self._contexts.append(made := engine.new_context())
        return made

    def end(self) -> None:
        for ctx in self._contexts:
            ctx.clear_flush()

    def do(self, value: Any) -> Any:
        assert not inspect.iscoroutine(value), "a Context gave a coroutine"
        return value

    def together(self, values: list[Any]) -> list[Any]:
        return values

    def close(self, engine: Engine) -> None:
        engine.close()


class AsyncioShell:
    """Calls give coroutines, run on a loop of the test's own."""

    name = "asyncio"

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._contexts: list[AsyncContext] = []

    def context(self, engine: Engine) -> AsyncContext:
        self._contexts.append(made := engine.new_async_context())
        return made

    def end(self) -> None:
        for ctx in self._contexts:
            ctx.clear_flush()

    def do(self, value: Any) -> Any:
        assert inspect.iscoroutine(value), f"an AsyncContext gave {value!r}, not a coroutine"
        return self._loop.run_until_complete(value)

    def together(self, values: list[Any]) -> list[Any]:
        async def gathered() -> list[Any]:
            return list(await asyncio.gather(*values))

        return self._loop.run_until_complete(gathered())

    def close(self, engine: Engine) -> None:
        async def closed() -> None:
            await engine.aclose()
            # transports that were aborted end in the next turns of the loop
            for _ in range(3):
                await asyncio.sleep(0)

        self._loop.run_until_complete(closed())


@contextmanager
def open_shell(name: str) -> Iterator[Shell]:
    """A shell by its name, ``sync`` or ``asyncio``."""
    loop = None if name == "sync" else asyncio.new_event_loop()
    opened: Shell = ThreadShell() if loop is None else AsyncioShell(loop)
    try:
        yield opened
    finally:
        opened.end()
        if loop is not None:
            loop.close()


@pytest.fixture(params=["sync", "asyncio"])
def shell(request: pytest.FixtureRequest) -> Iterator[Shell]:
    """Each test runs blocking, then on asyncio."""
    with open_shell(request.param) as opened:
        yield opened
