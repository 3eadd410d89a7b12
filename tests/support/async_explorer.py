"""The explorer with asynchronous flushes in the mix: a log, consumers that apply it, a Redis that loses its memory.

The plans are the real ones: announcing, publishing and confirming; applying and taking out; laying over; waiting. The
log is a list of writers, ``applied`` a number beside the committed row. A row has two columns, and each writer sets one
of them, or both. What is promised besides **P1** to **P3**: a reader never sees a **torn** row, with one column of a
write and not the other; a write is never **overtaken** by one that had returned before it began; each is applied
**once**.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from fluxaorm.dialects.async_offsets import ALL_APPLIED, APPLIED
from fluxaorm.errors import FluxaError, PostCommitError
from fluxaorm.options.kafka import AsyncFlushOptions
from fluxaorm.plans.cache.pending_items import items_of, short_identity
from fluxaorm.plans.effects import (
    Begin,
    Commit,
    Effect,
    Execute,
    ExecuteBatch,
    FetchRows,
    Plan,
    RedisCommand,
    RedisRoundTrip,
    Rollback,
    Sleep,
)
from fluxaorm.plans.flush.flush import flush_plan
from fluxaorm.plans.state.keys import decode_row
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.plans.streams.applying import Account, Applier, LostPartitionError, TopicPartition
from fluxaorm.plans.streams.arrivals import Arrival, Destination
from fluxaorm.plans.streams.async_record import AsyncRecord, RowChange
from fluxaorm.plans.streams.async_state import AsyncFlushState
from fluxaorm.plans.streams.effects import PublishRecords
from fluxaorm.plans.streams.flush_async import flush_async_plan
from fluxaorm.plans.streams.records import KafkaRecord
from fluxaorm.plans.streams.rendering import RenderedTable
from fluxaorm.plans.streams.topic_effects import HighWatermarks, TopicInfo
from tests.support import explorer
from tests.support.async_states import (
    ELSEWHERE,
    TOPIC_ID,
    AsyncState,
    TakeRecord,
    Weakness,
    canonical_items,
    fed,
    pair_of,
    pending_content,
    read_plan,
    unlocked,
    world_of,
)
from tests.support.explorer import ID, Explorer, FixedTokens, Process, Reply, Send
from tests.unit.plans.world import ThingProvider


class AsyncExplorer(Explorer):
    """Kinds besides those of ``Explorer``: ``flush async``, of one column, ``flush async note``, of the other, ``flush
    async both``; ``consume``.

    ``losses``: how often Redis may lose its memory; ``faults``: whether steps fail, and processes die, at all.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        send: Send,
        weakness: Weakness | None = None,
        *,
        losses: int = 0,
        faults: bool = True,
    ) -> None:
        super().__init__(kinds, send)
        self._weak = weakness or Weakness()
        self._losses, self._faults = losses, faults
        self._runs = [self._server, *(bytes([49 + run]) * 40 + b" " + b"0" * 40 for run in range(losses))]
        binding = self._engines[0].binding(None)
        self._stamps = [binding.stamp(server) for server in self._runs]
        self._mark_prefix = binding.mark_prefix
        self._columns = {
            number + 1: (1,) if "note" in kind else (0, 1) if "both" in kind else (0,)
            for number, kind in enumerate(self._kinds)
        } | {0: (0, 1)}
        """Writer -> the columns that it sets, 0 and 1."""

    def _is_writer(self, number: int) -> bool:
        return not self._kinds[number].startswith("read")

    def _start(self) -> AsyncState:
        return AsyncState(tuple(Process() for _ in self._kinds))

    # what is promised

    def _row(self, order: Sequence[int]) -> tuple[int, int]:
        """Name and note after these writes."""
        name, note = ([each for each in order if column in self._columns[each]][-1] for column in (0, 1))
        return name, note

    def _stale(self, state: explorer.State) -> list[str]:
        assert isinstance(state, AsyncState)
        broken = [state.flaw] if state.flaw else []
        at_work = any(self._is_at_work(number, process) for number, process in enumerate(state.processes))
        if not at_work and state.applied == len(state.log):
            kept = self._kept(state)
            if kept is not None and kept != self._row(state.committed):
                broken.append("P3")
        return broken

    def _is_at_work(self, number: int, process: Process) -> bool:
        """Whether a writer has begun and is not through; a consumer, whether it has a record in hand."""
        if self._kinds[number] == "consume":
            taken = process.status == "running" and any(kind == "record" for kind, _ in process.replies)
            return taken and not isinstance(self._position(number, process.replies)[1], TakeRecord)
        return process.status in ("ready", "running") and self._is_writer(number)

    def _kept(self, state: AsyncState) -> tuple[int, int] | None:
        content = state.content
        if content is None or content[:1] in b"LWP":
            return None
        row: Any = decode_row(content, self._stamps[state.run], 3)
        return None if row is None else pair_of(row)

    def _floors(self, state: explorer.State) -> Any:
        assert isinstance(state, AsyncState)
        return state.returned, state.seen_row, frozenset(state.committed)

    def _settled(self, state: explorer.State, number: int, process: Process) -> tuple[explorer.State, list[str]]:
        assert isinstance(state, AsyncState)
        what, value = self._position(number, process.replies)
        if what == "effect":
            slept = world_of(state) if isinstance(value, Sleep) else process.slept
            return explorer._with(state, number, replace(process, slept=slept)), []
        if self._is_writer(number):
            returned = what == "return" or (self._kinds[number] == "write" and isinstance(value, PostCommitError))
            if returned and self._kinds[number] != "consume":
                state = replace(state, returned=state.returned | {number + 1})
            return explorer._with(state, number, Process(status="returned" if returned else "failed")), []
        if what == "raise":
            # waited in vain
            return explorer._with(state, number, Process(status="failed")), []
        return self._read(state, number, process, value)

    def _read(
        self, state: AsyncState, number: int, process: Process, pair: tuple[int, int]
    ) -> tuple[AsyncState, list[str]]:
        """What a reader was given. One that Redis has not answered goes on with what is applied, and is told so."""
        order = state.order
        after = explorer._with(state, number, Process(status="returned"))
        assert isinstance(after, AsyncState)
        at = [order.index(each) for each in pair]
        returned, seen, committed = process.floors
        if ("raise", "lost") in process.replies:
            returned, seen = returned & committed, tuple(each if each in committed else 0 for each in seen)
        broken: list[str] = []
        if any(order.index(each) > at[column] for each in returned for column in self._columns[each]):
            broken.append("P1")
        if any(order.index(each) > at[column] for column, each in enumerate(seen)):
            broken.append("P2")
        if any(len(self._columns[each]) == 2 and min(at) < order.index(each) for each in pair):
            broken.append("torn")
        newest = [max(pair[column], state.seen_row[column], key=order.index) for column in (0, 1)]
        return replace(after, seen_row=(newest[0], newest[1])), broken

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
        plan = self._plan(number)
        try:
            effect = next(plan)
            for reply in replies:
                if reply == ("slept", "late"):
                    engine.now += 1_000_000
                effect = fed(plan, effect, reply)
        except StopIteration as stop:
            return "return", stop.value
        except (FluxaError, LostPartitionError) as error:
            return "raise", error
        explorer._abandon(plan)
        return "effect", effect

    def _plan(self, number: int) -> Plan[Any]:
        engine, kind = self._engines[number], self._kinds[number]
        unit_of_work = UnitOfWork(engine)
        if kind == "consume":
            return self._consume_plan(number, unit_of_work)
        if not self._is_writer(number):
            return read_plan(unit_of_work, engine.binding(None), many=kind == "read many")
        identity_map = unit_of_work._identity_map_of(ThingProvider())
        thing = identity_map.entity_from_row((ID, b"", b""), identity_map.writes_seen)
        for column in self._columns[number + 1]:
            thing._assign(column + 1, f"{number + 1}")
        unit_of_work._held = dict(unit_of_work._pending)
        return flush_async_plan(unit_of_work, True) if kind.startswith("flush async") else flush_plan(unit_of_work)

    def _consume_plan(self, number: int, unit_of_work: UnitOfWork) -> Plan[None]:
        engine: Any = self._engines[number]
        binding = engine.binding(None)
        destination = Destination(binding.schema, RenderedTable(binding.schema, binding.dialect), "thing")
        place = TopicPartition(engine.async_flush.topic, TOPIC_ID, 0)
        applier = Applier(engine, unit_of_work, place)
        rows = yield from FetchRows("default", ALL_APPLIED, place.args[:2])
        account = Account(int(rows[0][1]))
        for _ in range(self._records):
            writer = yield from TakeRecord(account.applied)
            arrival = self._arrival(account.applied, writer, destination)
            yield from applier.apply_plan("default", account, [arrival], account.applied + 1)

    @property
    def _records(self) -> int:
        """How many there can be."""
        return sum(kind.startswith("flush async") for kind in self._kinds)

    def _arrival(self, offset: int, writer: int, destination: Destination) -> Arrival:
        values = {("name", "note")[column]: str(writer) for column in self._columns[writer]}
        record = AsyncRecord(
            database="db",
            pool="default",
            table="thing",
            token=FixedTokens(writer).take(),
            at=0,
            changes=[RowChange("u", ID, values)],
            keys={"default": [self._key]},
            meta={},
        )
        source = KafkaRecord("log", key=b"thing", value=b"", partition=0, offset=offset)
        return Arrival(
            source=source, offset=offset, pool="default", record=record, destination=destination, lane=b"thing"
        )

    # the world

    def _steps(self, state: explorer.State) -> Iterator[tuple[str, explorer.State, list[str]]]:
        assert isinstance(state, AsyncState)
        yield from super()._steps(state)
        if state.run < self._losses:
            yield "Redis loses its memory", replace(state, content=None, run=state.run + 1, marked=False), []

    def _expiries(self, state: explorer.State) -> Iterator[tuple[str, bytes | None]]:
        content = state.content
        if content is None or content[:1] != b"P":
            yield from super()._expiries(state)
            return
        items = items_of(content)
        for number, process in enumerate(state.processes):
            token = FixedTokens(number + 1).take()
            mine = [item for item in items if item.token == token and item.kind != "e"]
            if mine and process.status not in ("ready", "running"):
                yield f"the marks of {number} expire", pending_content([item for item in items if item not in mine])

    def _process_steps(
        self, state: explorer.State, number: int, process: Process
    ) -> Iterator[tuple[str, explorer.State, list[str]]]:
        for label, after, broken in super()._process_steps(state, number, process):
            assert isinstance(after, AsyncState)
            crashed = after.processes[number].status == "crashed"
            if crashed and not self._faults:
                continue
            ended = after.processes[number].status not in ("ready", "running")
            if ended and after.applied_locked_by == number:
                after = replace(after, applied_locked_by=None)
            yield label, after, broken

    def _performed(
        self, state: explorer.State, number: int, effect: Effect[Any]
    ) -> Iterator[tuple[str, Reply, explorer.State]]:
        assert isinstance(state, AsyncState)
        for suffix, reply, after in self._all_performed(state, number, effect):
            if self._faults or not suffix.startswith(", "):
                yield suffix, reply, after

    def _all_performed(
        self, state: AsyncState, number: int, effect: Effect[Any]
    ) -> Iterator[tuple[str, Reply, AsyncState]]:
        if isinstance(effect, RedisRoundTrip):
            yield from self._on_redis_run(state, number, effect)
        elif isinstance(effect, FetchRows):
            yield from self._fetched(state, number, effect)
        elif isinstance(effect, Begin):
            yield "", ("value", None), state
        elif isinstance(effect, Rollback):
            yield "", ("value", None), unlocked(state, number)
        elif isinstance(effect, Execute):
            if state.locked_by is None:
                done = self._committed(state, number, number + 1)
                yield "", ("done", 1), done
                yield ", done and lost", ("raise", "unknown"), done
            yield ", refused", ("raise", "refused"), state
        elif isinstance(effect, ExecuteBatch):
            if state.locked_by is None:
                yield "", ("results", len(effect.statements)), replace(state, locked_by=number)
            if self._kinds[number] != "consume":
                yield ", refused", ("raise", "refused"), state
        elif isinstance(effect, Commit):
            done = unlocked(self._commit(state, number), number)
            yield "", ("value", None), done
            yield ", refused", ("raise", "refused"), unlocked(state, number)
            yield ", done and lost", ("raise", "unknown"), done
        elif isinstance(effect, Sleep):
            if state.processes[number].slept != world_of(state):
                yield "", ("slept", "for a while"), state
            yield " too long", ("slept", "late"), state
        else:
            yield from self._on_log(state, number, effect)

    def _on_log(self, state: AsyncState, number: int, effect: Effect[Any]) -> Iterator[tuple[str, Reply, AsyncState]]:
        if isinstance(effect, PublishRecords):
            stored = replace(state, log=(*state.log, number + 1))
            yield "", ("value", ((0, len(state.log)),)), stored
            yield ", refused", ("raise", "no broker"), state
            yield ", stored and lost", ("raise", "unknown publish"), stored
        elif isinstance(effect, HighWatermarks):
            yield "", ("watermarks", len(state.log)), state
        else:
            assert isinstance(effect, TakeRecord)
            if effect.offset < len(state.log):
                yield "", ("record", (effect.offset, state.log[effect.offset])), state

    def _fetched(self, state: AsyncState, number: int, effect: FetchRows) -> Iterator[tuple[str, Reply, AsyncState]]:
        row = tuple(str(each).encode() for each in (ID, *self._row(state.committed)))
        if effect.sql == ALL_APPLIED:
            yield "", ("rows", ((0, state.applied, ""),)), state
        elif effect.sql == APPLIED:
            yield "", ("rows", ((state.applied,),)), state
        elif "FOR UPDATE" in effect.sql:
            if self._weak.applied_unlocked:
                yield "", ("rows", ((self._taken(state, number)[0], ""),)), state
            elif state.applied_locked_by is None:
                yield "", ("rows", ((state.applied, ""),)), replace(state, applied_locked_by=number)
        elif APPLIED in effect.sql:
            applied = 0 if self._weak.applied_unread else state.applied
            yield "", ("rows", ((*row, applied),)), state
        else:
            yield "", ("rows", (row,)), state

    @staticmethod
    def _taken(state: AsyncState, number: int) -> tuple[int, int]:
        """Offset and writer of the record that a consumer has in hand."""
        taken: tuple[int, int] = [value for kind, value in state.processes[number].replies if kind == "record"][-1]
        return taken

    def _commit(self, state: AsyncState, number: int) -> AsyncState:
        if self._kinds[number] != "consume":
            return self._committed(state, number, number + 1)
        offset, writer = self._taken(state, number)
        flaw = "once" if writer in state.committed else state.flaw
        return replace(state, committed=(*state.committed, writer), applied=offset + 1, flaw=flaw)

    def _committed(self, state: AsyncState, number: int, writer: int) -> AsyncState:
        """A synchronous write is there; what had returned before it began must be there already."""
        returned = state.processes[number].floors[0] if state.processes[number].status == "running" else state.returned
        ahead: Any = returned
        flaw = "overtaken" if any(each not in state.committed for each in ahead) else state.flaw
        return replace(state, committed=(*state.committed, writer), flaw=flaw)

    def _on_redis_run(
        self, state: AsyncState, number: int, effect: RedisRoundTrip
    ) -> Iterator[tuple[str, Reply, AsyncState]]:
        server, key = self._runs[state.run], str(effect.commands[0][1])
        if key.startswith(self._mark_prefix):
            mine = key == f"{self._mark_prefix}{short_identity(server)}"
            if effect.commands[0][0] == "GET":
                is_marked = (state.marked and mine) or self._weak.always_marked
                yield "", ("redis", ((b"1" if is_marked else None,), server)), state
            else:
                yield "", ("redis", ((b"OK",), server)), replace(state, marked=state.marked or mine)
            return
        commands = tuple(
            tuple(self._on_this_run(word, server) for word in command)
            for each in effect.commands
            for command in self._sent(number, each)
        )
        values, content = self._asked(state.content, commands)
        told = tuple(self._told(value, server) for value in values[-len(effect.commands) :])
        after = replace(state, content=content)
        yield "", ("redis", (told, server)), after
        yield ", lost before", ("raise", "lost"), state
        yield ", lost after", ("raise", "lost"), after

    def _sent(self, number: int, command: RedisCommand) -> list[RedisCommand]:
        return [command] if self._weak.mutate is None else self._weak.mutate(number, command)

    def _on_this_run(self, word: Any, server: bytes) -> Any:
        """The real server has one identity; what another run's was is nobody's."""
        if word in self._runs:
            return self._server if word == server else ELSEWHERE
        return word

    def _told(self, value: Any, server: bytes) -> Any:
        if isinstance(value, tuple):
            return tuple(self._told(each, server) for each in value)
        return server if value == self._server else value

    def _ask(self, content: bytes | None, commands: tuple[RedisCommand, ...]) -> tuple[tuple[Any, ...], bytes | None]:
        values, after = super()._ask(content, commands)
        return tuple(map(canonical_items, values)), canonical_items(after)
