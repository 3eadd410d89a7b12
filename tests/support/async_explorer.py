"""The explorer with asynchronous flushes in the mix: a log, consumers that apply it, a Redis that loses its memory.

The plans are the real ones: announcing, publishing and confirming; applying and taking out; laying over; waiting. What
is promised besides **P1** to **P3**: a reader never sees a **torn** row, with one column of a write and not the other;
a write is never **overtaken** by one that had returned before it began; each is applied **once**; none is **lost**, not
even when MySQL has lost its transaction; and, where nothing fails, nothing is **stuck**: nobody waits for what cannot
come, and nothing without a deadline stays on a key once all is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fluxaorm.errors import CommitUnknownError, FluxaError, PostCommitError
from fluxaorm.options.kafka import AsyncFlushOptions
from fluxaorm.plans.cache.many_rows import read_rows_plan
from fluxaorm.plans.cache.one_row import read_row_plan
from fluxaorm.plans.effects import Plan, Sleep
from fluxaorm.plans.flush.flush import flush_plan
from fluxaorm.plans.state.keys import decode_row
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.streams.applying import LostPartitionError
from fluxaorm.plans.streams.async_state import AsyncFlushState
from fluxaorm.plans.streams.flush_async import flush_async_plan
from fluxaorm.plans.streams.topic_effects import TopicInfo
from tests.support.async_consumer import TakeRecord, consume_plan
from tests.support.async_states import (
    TOPIC_ID,
    AsyncState,
    Weakness,
    fed,
    items_in,
    pair_of,
    pending_content,
    shortened,
    world_of,
)
from tests.support.async_world import AsyncWorld, at_record, is_look
from tests.support.explorer_states import (
    ENDED,
    ID,
    FixedTokens,
    Process,
    Reply,
    Send,
    State,
    abandon,
    changed,
    with_process,
)
from tests.unit.plans.world import ThingProvider


class AsyncExplorer(AsyncWorld):
    """Kinds besides those of ``Explorer``: ``flush async``, of one column, ``flush async note``, of the other, ``flush
    async both``, and ``flush async later``, which look-ups see when it is applied; ``consume``.

    ``losses``: how often Redis may lose its memory; ``rewinds``: how often MySQL its last transaction, while nobody is
    in one; ``faults``: how many steps may fail and processes die.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        send: Send,
        weakness: Weakness | None = None,
        *,
        losses: int = 0,
        rewinds: int = 0,
        faults: float = 0,
    ) -> None:
        super().__init__(kinds, send, weakness or Weakness(), losses=losses, rewinds=rewinds)
        self._faults = faults
        self._later = frozenset(number + 1 for number, kind in enumerate(self._kinds) if kind.endswith("later"))

    def _is_writer(self, number: int) -> bool:
        return not self._kinds[number].startswith("read")

    def _start(self) -> AsyncState:
        return AsyncState(tuple(Process() for _ in self._kinds), faults=self._faults)

    # what is promised

    def _stale(self, state: State) -> list[str]:
        assert isinstance(state, AsyncState)
        broken = [state.flaw] if state.flaw else []
        if state.applied < len(state.log):
            return [*broken, "lost"] if self._is_passed_over(state) else broken
        if any(self._is_at_work(number, process) for number, process in enumerate(state.processes)):
            return broken
        kept = self._kept(state)
        if kept is not None and kept != self._row(state.committed):
            broken.append("P3")
        readers = any(process.status in ("ready", "running") for process in self._readers(state))
        if not self._faults and not readers and any(item.kind == "e" for item in items_in(state.content)):
            broken.append("stuck")
        return broken

    def _readers(self, state: AsyncState) -> list[Process]:
        return [process for number, process in enumerate(state.processes) if not self._is_writer(number)]

    def _is_at_work(self, number: int, process: Process) -> bool:
        """Whether a writer has begun and is not through; a consumer, whether it has a record in hand."""
        if self._kinds[number] == "consume":
            return any(kind == "record" for kind, _ in process.replies)
        return process.status in ("ready", "running") and self._is_writer(number)

    def _is_passed_over(self, state: AsyncState) -> bool:
        """Whether a consumer that began since MySQL last lost something waits behind what is not applied."""
        if state.applied_locked_by is not None:
            return False
        return any(
            self._kinds[number] == "consume"
            and process.status == "running"
            and process.floors == state.rewinds
            and isinstance(taking := self._position(number, process.replies)[1], TakeRecord)
            and taking.offset >= len(state.log)
            for number, process in enumerate(state.processes)
        )

    def _kept(self, state: AsyncState) -> tuple[int, int] | None:
        content = state.content
        if content is None or content[:1] in b"LWP":
            return None
        row: Any = decode_row(content, self._stamps[state.run], 3)
        return None if row is None else pair_of(row)

    def _floors(self, state: State, number: int) -> Any:
        """What a process must know of the world as it was when it began."""
        assert isinstance(state, AsyncState)
        kind = self._kinds[number]
        if kind == "consume":
            return state.rewinds
        if kind.startswith("write"):
            return state.returned
        return (state.returned, state.seen_row, frozenset(state.committed)) if kind.startswith("read") else None

    def _settled(self, state: State, number: int, process: Process) -> tuple[State, list[str]]:
        assert isinstance(state, AsyncState)
        what, value = self._position(number, process.replies)
        if what == "effect":
            if isinstance(value, TakeRecord):
                process = at_record(process, value)
            elif isinstance(value, Sleep):
                process = process._replace(replies=shortened(process.replies))
            elif process.slept is not None and not is_look(value):
                process = process._replace(replies=self._since_wait(number, process), slept=None)
            return with_process(state, number, process), []
        state = self._unlocked(state, number)
        if what == "raise" and isinstance(value, LostPartitionError | CommitUnknownError) and self._is_consumer(number):
            anew = Process(status="running", floors=self._floors(state, number))
            return with_process(state, number, anew), []
        if self._is_writer(number):
            returned = what == "return" or (self._kinds[number].startswith("write") and _is_there(value))
            if returned:
                state = changed(state, returned=state.returned | {number + 1})
        elif what == "return":
            return self._read(state, number, process, value)
        # else a reader that waited in vain
        return with_process(state, number, ENDED), []

    def _since_wait(self, number: int, process: Process) -> tuple[Reply, ...]:
        """What a process remembers once it waits no more: a synchronous write begins as if it had never begun.

        Its patience begins anew, too: it may give up at any time all the same.
        """
        return () if self._kinds[number].startswith("write") else process.replies

    def _is_consumer(self, number: int) -> bool:
        return self._kinds[number] == "consume"

    def _read(self, state: AsyncState, number: int, process: Process, pair: tuple[int, int]) -> tuple[State, list[str]]:
        """What a reader was given. One that Redis has not answered goes on with what is applied, and is told so."""
        order = state.order
        at = [order.index(each) for each in pair]
        returned, seen, committed = process.floors
        returned -= self._later - committed
        if ("raise", "lost") in process.replies:
            returned, seen = returned & committed, tuple(each if each in committed else 0 for each in seen)
        broken: list[str] = []
        if any(order.index(each) > at[column] for each in returned - state.rewound for column in self._columns[each]):
            broken.append("P1")
        if any(order.index(each) > at[column] for column, each in enumerate(seen) if each not in state.rewound):
            broken.append("P2")
        if any(len(self._columns[each]) == 2 and min(at) < order.index(each) for each in pair):
            broken.append("torn")
        newest = [max(pair[column], state.seen_row[column], key=order.index) for column in (0, 1)]
        after = with_process(state, number, ENDED)
        return changed(after, seen_row=(newest[0], newest[1])), broken

    # plans

    def _replayed(self, number: int, replies: tuple[Reply, ...]) -> tuple[str, Any]:
        engine = self._engines[number]
        engine.now = 1_000.0
        engine.steps.clear()
        engine.held.clear()
        state = AsyncFlushState("events", AsyncFlushOptions())
        state._info = TopicInfo(TOPIC_ID, 1)
        state.databases = {"default": "db"}
        state.foreign_keys_asked.add("default")
        state.marked.add(("default", self._mark_prefix, self._runs[0]))
        engine.async_flush = state
        begun = replies[0][1] if replies and replies[0][0] == "begun" else None
        plan = self._plan_from(number, begun)
        try:
            effect = next(plan)
            for reply in replies if begun is None else replies[1:]:
                if reply == ("slept", "late"):
                    engine.now += 1_000_000
                effect = fed(plan, reply)
        except StopIteration as stop:
            return "return", stop.value
        except (FluxaError, LostPartitionError) as error:
            return "raise", error
        abandon(plan)
        return "effect", effect

    def _plan_from(self, number: int, begun: tuple[int, int] | None) -> Plan[Any]:
        """``begun``: where a consumer is that has begun: offset and applied."""
        engine, kind = self._engines[number], self._kinds[number]
        unit_of_work = UnitOfWork(engine)
        if kind == "consume":
            return consume_plan(unit_of_work, self._values, begun, at_group=self._weak.begun_at_group)
        if kind.startswith("read"):
            return read_plan(unit_of_work, engine.binding(None), many=kind == "read many")
        identity_map = unit_of_work._identity_map_of(ThingProvider())
        for id in (ID, ID + 1) if kind == "write two" else (ID,):
            thing = identity_map.entity_from_row((id, b"", b""), identity_map.writes_seen)
            for column in self._columns[number + 1]:
                thing._assign(column + 1, f"{number + 1}")
            unit_of_work._held = dict(unit_of_work._pending)
        if kind.startswith("flush async"):
            return flush_async_plan(unit_of_work, not kind.endswith("later"))
        return flush_plan(unit_of_work)

    def _values(self, writer: int) -> dict[str, str]:
        return {("name", "note")[column]: str(writer) for column in self._columns[writer]}

    # the world

    def _steps(self, state: State) -> Iterator[tuple[str, State, list[str]]]:
        """Who may wake does so at once: nobody else notices, and it need not look at once.

        Where no step is left but to give up waiting, something is stuck.
        """
        assert isinstance(state, AsyncState)
        waiting = [number for number, process in enumerate(state.processes) if self._waits(number, process)]
        for number in waiting:
            if state.processes[number].slept != world_of(state):
                yield from self._process_steps(state, number, state.processes[number])
                return
        goes_on = False
        for label, after, broken in super()._steps(state):
            goes_on = goes_on or not label.endswith(" too long")
            yield label, after, broken
        if state.run < self._losses:
            after = changed(state, content=None, run=state.run + 1, marked=False)
            yield "Redis loses its memory", after, []
        if state.rewinds < self._rewinds and self._is_last_applied(state):
            yield "MySQL loses its last transaction", _rewound(state), []
        if waiting and not goes_on and not self._faults:
            yield "all wait", state, ["stuck"]

    def _waits(self, number: int, process: Process) -> bool:
        return process.status == "running" and isinstance(self._position(number, process.replies)[1], Sleep)

    @staticmethod
    def _is_last_applied(state: AsyncState) -> bool:
        """Whether MySQL's last transaction is a consumer's, and nobody is in one."""
        if state.locked_by is not None or state.applied_locked_by is not None or not state.applied:
            return False
        return state.log[state.applied - 1] == state.committed[-1]

    def _expiries(self, state: State) -> Iterator[tuple[str, bytes | None]]:
        content = state.content
        if content is None or content[:1] != b"P":
            yield from super()._expiries(state)
            return
        items = items_in(content)
        for number, process in enumerate(state.processes):
            token = FixedTokens(number + 1).take()
            mine = [item for item in items if item.token == token and item.kind != "e"]
            if mine and process.status not in ("ready", "running"):
                yield f"the marks of {number} expire", pending_content([item for item in items if item not in mine])

    def _process_steps(self, state: State, number: int, process: Process) -> Iterator[tuple[str, State, list[str]]]:
        assert isinstance(state, AsyncState)
        effect = self._position(number, process.replies)[1]
        if process.slept is None and not self._is_consumer(number) and is_look(effect):
            process = process._replace(slept=world_of(state))
        for label, after, broken in super()._process_steps(state, number, process):
            assert isinstance(after, AsyncState)
            if label.endswith(" crashes"):
                if not state.faults:
                    continue
                after = changed(after, faults=state.faults - 1)
            if isinstance(effect, Sleep) and after.processes[number].slept is not None:
                # it looks again, and waits for what differs from now on
                after = with_process(after, number, after.processes[number]._replace(slept=world_of(state)))
            yield label, after, broken

    def _relevant(self, state: State) -> State:
        """Without what only those would ask for who have yet to begin."""
        assert isinstance(state, AsyncState)
        if not (state.returned or state.seen_row != (0, 0)):
            return state
        kinds = [self._kinds[number] for number, each in enumerate(state.processes) if each.status == "ready"]
        readers = any(kind.startswith("read") for kind in kinds)
        writers = any(kind.startswith("write") for kind in kinds)
        returned = state.returned if readers or writers else frozenset[int]()
        seen = state.seen_row if readers else (0, 0)
        return changed(state, returned=returned, seen_row=seen)


def _is_there(error: object) -> bool:
    """Whether a synchronous write was told that its rows are there, although not all went well."""
    return isinstance(error, PostCommitError)


def _rewound(state: AsyncState) -> AsyncState:
    writer = state.committed[-1]
    return changed(
        state,
        committed=state.committed[:-1],
        applied=state.applied - 1,
        rewinds=state.rewinds + 1,
        rewound=state.rewound | {writer},
    )


def read_plan(unit_of_work: UnitOfWork, binding: Any, *, many: bool) -> Plan[tuple[int, int]]:
    engine, target = unit_of_work._engine, unit_of_work._target(binding.mysql_pool)
    row: Any
    if many:
        row = (yield from read_rows_plan(engine, target, binding, [ID]))[ID]
    else:
        row = yield from read_row_plan(engine, target, binding, ID)
    return pair_of(row)
