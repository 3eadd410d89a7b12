"""Readers and writers at full speed in this process, as threads or as tasks, who check what they see as they go.

Each row is one writer's, which counts it up: so a reader knows the least value that it may see, and the writer the very
value. What it never does: end by itself.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from fluxaorm.engine import Engine
from fluxaorm.errors import CacheUnavailableError, PostCommitError
from tests.support.insides import core
from tests.support.killed_workers import RegisterEntity

Work = Callable[[], Coroutine[Any, Any, None]]


class Load:
    """Load on the registers of an engine. ``asynchronous``: tasks of one loop in place of threads.

    ``refused`` and ``written`` count flushes, ``reads`` look-ups; ``wrong`` and ``errors`` are what must not be.
    """

    def __init__(self, engine: Engine, rows: int, *, asynchronous: bool) -> None:
        self.engine = engine
        self.provider: Any = engine.provider(RegisterEntity)
        self.counts = core(engine).binding(self.provider).counts
        self.last = dict.fromkeys(range(1, rows + 1), 0)
        """Row -> what is in the database."""
        self.refused = self.written = self.reads = 0
        self.wrong: list[str] = []
        self.errors: list[BaseException] = []
        self._promised = dict(self.last)
        """Row -> the value of the last flush that returned."""
        self._asynchronous = asynchronous
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, readers: int, writers: int) -> None:
        """Begin."""
        rows = sorted(self.last)
        work: list[Work] = [self._read] * readers
        work += [partial(self._write, rows[number::writers]) for number in range(writers)]
        if self._asynchronous:
            self._threads = [threading.Thread(target=lambda: asyncio.run(self._together(work)))]
        else:
            self._threads = [threading.Thread(target=_driven, args=(self._guarded(each),)) for each in work]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End it, and close the engine."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        if not self._asynchronous:
            self.engine.close()

    async def _together(self, work: list[Work]) -> None:
        await asyncio.gather(*map(self._guarded, work))
        await self.engine.aclose()
        # transports that were aborted end in the next turns of the loop
        for _ in range(3):
            await asyncio.sleep(0)

    async def _guarded(self, work: Work) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
            self.errors.append(error)

    def _context(self) -> Any:
        return self.engine.new_async_context() if self._asynchronous else self.engine.new_context()

    async def _read(self) -> None:
        rows = sorted(self.last)
        while not self._ending.is_set():
            for at, row in enumerate(rows):
                least = self._promised[row]
                if at % 2:
                    found = await _settled(self.provider.must_get_by_id(self._context(), row))
                else:
                    (found,) = await _settled(self.provider.get_by_ids(self._context(), row))
                self.reads += 1
                if found.value < least:
                    self.wrong.append(f"row {row} is {found.value}, after a flush of {least}")

    async def _write(self, rows: list[int]) -> None:
        while not self._ending.is_set():
            for row in rows:
                await self._count_up(row)

    async def _count_up(self, row: int) -> None:
        ctx = self._context()
        register = await _settled(self.provider.must_get_by_id(ctx, row))
        if register.value != self.last[row]:
            self.wrong.append(f"row {row} is {register.value} for its writer, who left it at {self.last[row]}")
        value = register.value = self.last[row] + 1
        try:
            await _settled(ctx.flush())
        except CacheUnavailableError:
            self.refused += 1
            ctx.clear_flush()
        except PostCommitError:
            # in the database, and from what moment readers see it nobody has promised
            self.last[row] = value
        else:
            self.last[row] = self._promised[row] = value
            self.written += 1


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _driven(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits for a loop."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("a blocking call gave something to wait for")
