"""Merges look-ups that tasks of one event loop make in the same tick. Decides nothing of how rows are read.

The first task to ask gives the others a turn of the loop to join. When none did, it reads by itself; else a task of its
own reads for all of them, so that whoever is cancelled leaves the others alone. Who comes later waits for nobody: a
look-up that was sent may already hold rows older than what its caller has seen written.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from fluxaorm.plans.effects import LookUpRows, Plan, Row, RowReaderPort
from fluxaorm.runners.observer import Observer

Rows: TypeAlias = Mapping[int, Row]
RunPlan: TypeAlias = Callable[[Plan[Rows], "Observer | None"], Coroutine[Any, Any, Rows]]

_NOT_TOLD: Final = (None,)


class _Caller:
    """A task that waits for rows."""

    __slots__ = ("future", "ids", "observer")

    def __init__(self, ids: Sequence[int], observer: Observer | None, future: asyncio.Future[Rows]) -> None:
        self.ids = ids
        self.observer = observer
        self.future = future

    def fail(self, error: BaseException) -> None:
        """With an error object of its own, to which it may add what it likes."""
        if self.future.done():
            return
        if not isinstance(error, Exception):
            self.future.cancel()
            return
        own = copy.copy(error)
        own.__cause__ = error
        self.future.set_exception(own)


class LookUps:
    """The look-ups of one event loop; made while it runs. ``run`` drives a plan."""

    def __init__(self, run: RunPlan) -> None:
        self._run = run
        loop = asyncio.get_running_loop()
        self._future: Callable[[], asyncio.Future[Rows]] = loop.create_future
        # nobody waits for a turn in which nothing else will run, where the loop shows it; uvloop does not
        self._ready: Any = getattr(loop, "_ready", _NOT_TOLD)
        self._joined: dict[RowReaderPort, list[_Caller]] = {}
        """Who joined the first that asked, while that one waits for its turn to end."""
        self._sent: set[asyncio.Task[None]] = set()

    def rows(self, effect: LookUpRows, observer: Observer | None) -> Awaitable[Rows | None]:
        """The rows of its ids, and perhaps others'; None when nobody else asks."""
        joined = self._joined.get(effect.reader)
        return self._first(effect, observer) if joined is None else self._join(joined, effect.ids, observer)

    async def _first(self, effect: LookUpRows, observer: Observer | None) -> Rows | None:
        reader, joined = effect.reader, self._joined
        if not self._ready:
            return None
        joined[reader] = []
        try:
            await asyncio.sleep(0)
        except BaseException:
            self._send(reader, joined.pop(reader))
            raise
        callers = joined.pop(reader)
        if not callers:
            return None
        own = self._join(callers, effect.ids, observer)
        self._send(reader, callers)
        return await own

    def _join(self, callers: list[_Caller], ids: Sequence[int], observer: Observer | None) -> asyncio.Future[Rows]:
        future = self._future()
        callers.append(_Caller(ids, observer, future))
        return future

    def _send(self, reader: RowReaderPort, callers: Sequence[_Caller]) -> None:
        for group in _groups(callers, reader.most):
            task = asyncio.ensure_future(self._read(reader, group))
            # the loop itself holds tasks weakly
            self._sent.add(task)
            task.add_done_callback(self._sent.discard)

    async def _read(self, reader: RowReaderPort, callers: Sequence[_Caller]) -> None:
        ids = dict.fromkeys([id for caller in callers for id in caller.ids])
        shared = _shared_observer(callers)
        try:
            rows = await self._run(reader.plan(list(ids)), shared)
        except BaseException as error:
            for caller in callers:
                caller.fail(error)
            if not isinstance(error, Exception):
                raise
        else:
            _deliver(rows, callers)


def _groups(callers: Sequence[_Caller], most: int) -> Iterator[list[_Caller]]:
    """Callers whose ids fit into one read."""
    group: list[_Caller] = []
    size = 0
    for caller in callers:
        if group and size + len(caller.ids) > most:
            yield group
            group, size = [], 0
        group.append(caller)
        size += len(caller.ids)
    if group:
        yield group


def _shared_observer(callers: Sequence[_Caller]) -> Observer | None:
    """One for all contexts that are observed."""
    observers = list({id(caller.observer): caller.observer for caller in callers if caller.observer}.values())
    return observers[0].shared_with(observers[1:]) if observers else None


def _deliver(rows: Rows, callers: Sequence[_Caller]) -> None:
    for caller in callers:
        if not caller.future.done():
            caller.future.set_result(rows)
