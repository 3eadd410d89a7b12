"""Readers and writers of registers in one process, threads or tasks, that check what is read against what was written.

What it decides: that a read which began after a flush had returned, or after another read had, gives nothing older; and
which errors may be met: a write may fail as the design says when the cache cannot be told, a read never fails.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from fluxaorm.engine import Engine
from fluxaorm.errors import CacheUnavailableError, PostCommitError
from tests.support.killed_workers import RegisterEntity

PAUSE: Final = 0.002
READERS: Final = 3


class RegisterLoad:
    """Work on rows with ids from 1. ``wrong``: what should not be; ``refused``: writes that the cache hindered."""

    def __init__(self, engine: Engine, rows: int, *, batches: bool = True) -> None:
        """``batches``: every third read is one of all rows."""
        self._batches = batches
        self._engine = engine
        self._provider: Any = engine.provider(RegisterEntity)
        self._rows = range(1, rows + 1)
        self._floors = dict.fromkeys(self._rows, 0)
        self._values = dict.fromkeys(self._rows, 0)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.wrong: list[str] = []
        self.reads = 0
        self.writes = 0
        self.refused = 0

    @contextmanager
    def running(self, shell: str) -> Iterator[None]:
        """While the block runs, so do the workers; the engine is closed afterwards."""
        threads = (
            self._sync_threads() if shell == "sync" else [threading.Thread(target=asyncio.run, args=[self._main()])]
        )
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
            self._engine.close()

    def wait_for(self, reads: int, writes: int, seconds: float = 30.0) -> None:
        """Return when so many more were done."""
        reads, writes = self.reads + reads, self.writes + writes
        deadline = time.monotonic() + seconds
        while self.reads < reads or self.writes < writes:
            assert time.monotonic() < deadline, f"{self.reads} of {reads} reads, {self.writes} of {writes} writes"
            time.sleep(0.01)

    def _sync_threads(self) -> list[threading.Thread]:
        readers = [threading.Thread(target=self._guarded, args=[self._read_on]) for _ in range(READERS)]
        return [*readers, threading.Thread(target=self._guarded, args=[self._write_on])]

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test says that there is none
            self.wrong.append(f"{work.__name__}: {error!r}")

    async def _guarded_async(self, work: Any) -> None:
        try:
            await work()
        except BaseException as error:  # noqa: BLE001 - the test says that there is none
            self.wrong.append(f"{work.__name__}: {error!r}")

    async def _main(self) -> None:
        await asyncio.gather(
            self._guarded_async(self._write_on_async),
            *(self._guarded_async(self._read_on_async) for _ in range(READERS)),
        )
        await self._engine.aclose()

    # what was read and written

    def _look(self) -> dict[int, int]:
        with self._lock:
            return dict(self._floors)

    def _saw(self, floors: dict[int, int], found: list[Any]) -> None:
        for register in found:
            if register.value < floors[register.id]:
                self.wrong.append(f"row {register.id}: read {register.value} after {floors[register.id]}")
            self._raise_floor(register.id, register.value)
        self.reads += 1

    def _raise_floor(self, row: int, value: int) -> None:
        with self._lock:
            self._floors[row] = max(self._floors[row], value)

    def _next(self, turn: int) -> tuple[int, int]:
        row = self._rows[turn % len(self._rows)]
        self._values[row] += 1
        return row, self._values[row]

    # threads

    def _read_on(self) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            floors = self._look()
            with self._engine.new_context() as ctx:
                if turn % 3 or not self._batches:
                    self._saw(floors, [self._provider.must_get_by_id(ctx, self._rows[turn % len(self._rows)])])
                else:
                    self._saw(floors, self._provider.get_by_ids(ctx, *self._rows))
            time.sleep(PAUSE)

    def _write_on(self) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            row, value = self._next(turn)
            with self._engine.new_context() as ctx:
                self._provider.must_get_by_id(ctx, row).value = value
                try:
                    ctx.flush()
                except CacheUnavailableError:
                    # rolled back
                    self.refused += 1
                    ctx.clear_flush()
                    continue
                except PostCommitError:
                    # written, and the release goes on being tried
                    self.refused += 1
            self._raise_floor(row, value)
            self.writes += 1
            time.sleep(PAUSE)

    # tasks

    async def _read_on_async(self) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            floors = self._look()
            async with self._engine.new_async_context() as ctx:
                if turn % 3 or not self._batches:
                    row = self._rows[turn % len(self._rows)]
                    self._saw(floors, [await self._provider.must_get_by_id(ctx, row)])
                else:
                    self._saw(floors, await self._provider.get_by_ids(ctx, *self._rows))
            await asyncio.sleep(PAUSE)

    async def _write_on_async(self) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            row, value = self._next(turn)
            async with self._engine.new_async_context() as ctx:
                (await self._provider.must_get_by_id(ctx, row)).value = value
                try:
                    await ctx.flush()
                except CacheUnavailableError:
                    # rolled back
                    self.refused += 1
                    ctx.clear_flush()
                    continue
                except PostCommitError:
                    # written, and the release goes on being tried
                    self.refused += 1
            self._raise_floor(row, value)
            self.writes += 1
            await asyncio.sleep(PAUSE)
