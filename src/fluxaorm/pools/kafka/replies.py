"""What becomes of a publish, told once in whatever thread, and who waits for it: a thread, or tasks of a loop.

What the tasks of a loop publish in one round of it leaves together, so that the broker gets few requests rather than
one for each, and what it acknowledges together wakes the loop once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

Places: TypeAlias = "list[tuple[int, int]]"
"""(partition, offset) of each record."""


class Reply:
    """For one waiter. A lock and no condition: most flushes wait for one, and nothing of it is wanted but its end."""

    __slots__ = ("_error", "_places", "_tell", "_under_way", "done", "ended")

    def __init__(self, tell: Callable[[Reply], object] | None = None) -> None:
        """``tell``: called at its end, in the thread that knows of it; then nobody calls ``result`` before."""
        self.done = False
        self.ended: asyncio.Future[None] | None = None
        """What a task waits for, if it has come to that."""
        self._places: Places = []
        self._error: BaseException | None = None
        self._tell = tell
        self._under_way = threading.Lock()
        _ = self._under_way.acquire()

    def set_result(self, places: Places) -> None:
        """The records are stored."""
        self._places = places
        self._end()

    def set_exception(self, error: BaseException) -> None:
        """They are not, or nobody knows."""
        self._error = error
        self._end()

    def _end(self) -> None:
        self.done = True
        self._under_way.release()
        if self._tell is not None:
            _ = self._tell(self)

    def result(self, timeout: float = -1) -> Places:
        """Waits in this thread, as long as it takes or for ``timeout`` seconds; raises what it ended with.

        TimeoutError.
        """
        if not self.done and not self._under_way.acquire(timeout=timeout):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._places


class LoopPublishes:
    """Publishes of the tasks of one loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._leaving: list[tuple[Reply, Callable[[], object]]] = []
        self._come: deque[Reply] = deque()
        self._woken = False

    def send_soon(self, reply: Reply, send: Callable[[], object]) -> None:
        """Call ``send`` when the other tasks that can go on now have done so."""
        self._leaving.append((reply, send))
        if len(self._leaving) == 1:
            _ = self._loop.call_soon(self._send)

    def _send(self) -> None:
        leaving, self._leaving = self._leaving, []
        for reply, send in leaving:
            try:
                _ = send()
            except BaseException as error:  # noqa: BLE001 - whoever waits for it hears of it, and the others are sent
                reply.set_exception(error)

    def tell(self, reply: Reply) -> None:
        """It has ended; from any thread. Nobody waits in a loop that is closed."""
        self._come.append(reply)
        if not self._woken:
            self._woken = True
            try:
                _ = self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                return

    def _deliver(self) -> None:
        # first, so that whoever comes meanwhile wakes the loop again
        self._woken = False
        while self._come:
            ended = self._come.popleft().ended
            if ended is not None and not ended.done():
                ended.set_result(None)

    async def wait(self, reply: Reply) -> bool:
        """Until it has come, however often the task is cancelled meanwhile; whether it was."""
        cancelled = False
        while not reply.done:
            reply.ended = self._loop.create_future()
            try:
                await reply.ended
            except asyncio.CancelledError:
                cancelled = True
        return cancelled
