"""Keeps a cancellation away from what must run to its end, and delivers it afterwards. For one plan of one task."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Shield:
    """``cancelled``: whether a cancellation was kept back and is still to be delivered."""

    # one is made for every plan, and most never use it
    cancelled = False

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result, however often the task is cancelled meanwhile."""
        inner = asyncio.ensure_future(coroutine)
        while not inner.done():
            try:
                await asyncio.wait((inner,))
            except asyncio.CancelledError:
                self.cancelled = True
        return inner.result()

    def deliver(self) -> None:
        """Raise what was kept back."""
        self.cancelled = False
        raise asyncio.CancelledError

    def deliver_later(self) -> None:
        """Cancel the task at its next ``await``, unless whoever asked for it has taken it back by then.

        A timeout around the plan takes its cancellation back when its block ends: then nothing is left to deliver.
        """
        self.cancelled = False
        task = asyncio.current_task()
        assert task is not None, "a plan runs in a task"
        asyncio.get_running_loop().call_soon(_cancel_again, task)


def _cancel_again(task: asyncio.Task[Any]) -> None:
    if task.cancelling() and not task.done():
        # the number of requests stays what it is: this is the same one
        task.uncancel()
        task.cancel()
