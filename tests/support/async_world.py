"""What becomes of the effects of plans among asynchronous flushes: a database, a log, a Redis of several runs.

The log is a list of writers, ``applied`` a number beside the committed row. A row has two columns, and each writer sets
one of them, or both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fluxaorm.dialects.async_offsets import ALL_APPLIED, APPLIED
from fluxaorm.plans.cache.functions import TAKE_OUT
from fluxaorm.plans.cache.pending_items import short_identity
from fluxaorm.plans.effects import (
    Commit,
    Effect,
    Execute,
    ExecuteBatch,
    FetchRows,
    RedisCommand,
    RedisRoundTrip,
    Rollback,
    Sleep,
)
from fluxaorm.plans.streams.effects import PublishRecords
from fluxaorm.plans.streams.topic_effects import HighWatermarks
from tests.support.async_consumer import AskGroup, CommitGroup, TakeRecord
from tests.support.async_states import ELSEWHERE, AsyncState, Weakness, canonical_items, world_of
from tests.support.explorer import Explorer
from tests.support.explorer_states import ID, Process, Reply, Send, State, changed

Outcome = tuple[str, Reply, AsyncState]


class AsyncWorld(Explorer):
    """``losses``: how often Redis may lose its memory; ``rewinds``: how often MySQL its last transaction."""

    def __init__(self, kinds: Sequence[str], send: Send, weakness: Weakness, *, losses: int, rewinds: int) -> None:
        super().__init__(kinds, send)
        self._weak, self._losses, self._rewinds = weakness, losses, rewinds
        self._is_sole = not rewinds and self._kinds.count("consume") == 1
        """Whether nobody but the one consumer asks or changes how far the log is applied with a lock, or the group."""
        self._runs = [self._server, *(bytes([49 + run]) * 40 + b" " + b"0" * 40 for run in range(losses))]
        binding = self._engines[0].binding(None)
        self._stamps = [binding.stamp(server) for server in self._runs]
        self._mark_prefix = binding.mark_prefix
        self._columns = {
            number + 1: (1,) if "note" in kind else (0, 1) if "both" in kind else (0,)
            for number, kind in enumerate(self._kinds)
        } | {0: (0, 1)}
        """Writer -> the columns that it sets, 0 and 1."""
        self._answers: dict[Any, tuple[tuple[Any, ...], bytes | None]] = {}

    def _row(self, order: Sequence[int]) -> tuple[int, int]:
        """Name and note after these writes."""
        name, note = ([each for each in order if column in self._columns[each]][-1] for column in (0, 1))
        return name, note

    def _unlocked(self, state: State, number: int) -> AsyncState:
        assert isinstance(state, AsyncState)
        if state.applied_locked_by == number:
            state = changed(state, applied_locked_by=None)
        return changed(state, locked_by=None) if state.locked_by == number else state

    # steps that nobody notices

    def _quiet(self, state: State, number: int, process: Process, effect: Effect[Any]) -> tuple[State, Process] | None:
        """Also taking a record, once it is there: it stays the same; and what is only between consumers."""
        assert isinstance(state, AsyncState)
        if isinstance(effect, TakeRecord):
            if effect.offset >= len(state.log):
                return None
            return state, at_record(process, effect).told(("record", (effect.offset, state.log[effect.offset])))
        if self._is_sole and self._kinds[number] == "consume" and is_of_consumers(effect):
            ((_, reply, after),) = self._all_performed(state, number, effect)
            return after, process.told(reply)
        if isinstance(effect, Rollback) and self._weak.waits_locked and self._kinds[number].startswith("write"):
            return state, process.told(("value", None))
        return super()._quiet(state, number, process, effect)

    # what effects do

    def _performed(self, state: State, number: int, effect: Effect[Any]) -> Iterator[Outcome]:
        """As it should go, and every other way for which there are faults left."""
        assert isinstance(state, AsyncState)
        for suffix, reply, after in self._all_performed(state, number, effect):
            if not suffix.startswith(", "):
                yield suffix, reply, after
            elif state.faults:
                yield suffix, reply, changed(after, faults=after.faults - 1)

    def _all_performed(self, state: AsyncState, number: int, effect: Effect[Any]) -> Iterator[Outcome]:
        if isinstance(effect, RedisRoundTrip):
            yield from self._on_redis_run(state, number, effect)
        elif isinstance(effect, FetchRows):
            yield from self._fetched(state, number, effect)
        elif isinstance(effect, Execute):
            if state.locked_by is None:
                done = self._committed(state, number)
                yield "", ("done", 1), done
                yield ", done and lost", ("raise", "unknown"), done
            yield ", refused", ("raise", "refused"), state
        elif isinstance(effect, ExecuteBatch):
            if state.locked_by in (None, number):
                yield "", ("results", len(effect.statements)), changed(state, locked_by=number)
            if self._kinds[number] != "consume":
                yield ", refused", ("raise", "refused"), state
        elif isinstance(effect, Commit):
            done = self._unlocked(self._commit(state, number), number)
            yield "", ("value", None), done
            yield ", refused", ("raise", "refused"), self._unlocked(state, number)
            yield ", done and lost", ("raise", "unknown"), done
        elif isinstance(effect, Sleep):
            if state.processes[number].slept != world_of(state):
                yield "", ("slept", "for a while"), state
            yield " too long", ("slept", "late"), state
        else:
            yield from self._on_log(state, number, effect)

    def _on_log(self, state: AsyncState, number: int, effect: Effect[Any]) -> Iterator[Outcome]:
        if isinstance(effect, PublishRecords):
            stored = changed(state, log=(*state.log, number + 1))
            yield "", ("value", ((0, len(state.log)),)), stored
            yield ", refused", ("raise", "no broker"), state
            yield ", stored and lost", ("raise", "unknown publish"), stored
        elif isinstance(effect, HighWatermarks):
            yield "", ("watermarks", len(state.log)), state
        elif isinstance(effect, AskGroup):
            yield "", ("value", state.group), state
        elif isinstance(effect, CommitGroup):
            yield "", ("value", None), changed(state, group=effect.offset)
        else:
            assert isinstance(effect, TakeRecord), effect
            if state.applied != effect.applied:
                yield " in vain for a minute", ("no record", None), state

    def _fetched(self, state: AsyncState, number: int, effect: FetchRows) -> Iterator[Outcome]:
        row = tuple(str(each).encode() for each in (ID, *self._row(state.committed)))
        if effect.sql == ALL_APPLIED:
            yield "", ("rows", ((0, state.applied, ""),)), state
        elif effect.sql == APPLIED:
            yield "", ("rows", ((state.applied,),)), state
        elif "FOR UPDATE" in effect.sql:
            if self._weak.applied_unlocked:
                yield "", ("rows", ((self._taken(state, number)[0], ""),)), state
            elif state.applied_locked_by is None:
                yield "", ("rows", ((state.applied, ""),)), changed(state, applied_locked_by=number)
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
            return self._committed(state, number)
        offset, writer = self._taken(state, number)
        flaw = "once" if writer in state.committed else state.flaw
        return changed(state, committed=(*state.committed, writer), applied=offset + 1, flaw=flaw)

    def _committed(self, state: AsyncState, number: int) -> AsyncState:
        """A synchronous write is there; what had returned before it began must be there already."""
        returned = state.processes[number].floors
        flaw = "overtaken" if returned - state.rewound - {*state.committed} else state.flaw
        return changed(state, committed=(*state.committed, number + 1), flaw=flaw)

    # Redis

    def _on_redis_run(self, state: AsyncState, number: int, effect: RedisRoundTrip) -> Iterator[Outcome]:
        server, key = self._runs[state.run], str(effect.commands[0][1])
        if key.startswith(self._mark_prefix):
            mine = key == f"{self._mark_prefix}{short_identity(server)}"
            if effect.commands[0][0] == "GET":
                is_marked = (state.marked and mine) or self._weak.always_marked
                yield "", ("redis", ((b"1" if is_marked else None,), server)), state
            else:
                yield "", ("redis", ((b"OK",), server)), changed(state, marked=state.marked or mine)
            return
        told, content = self._told_by(state, number, effect)
        after = changed(state, content=content)
        yield "", ("redis", (told, server)), after
        yield ", lost before", ("raise", "lost"), state
        yield ", lost after", ("raise", "lost"), after

    def _told_by(self, state: AsyncState, number: int, effect: RedisRoundTrip) -> tuple[tuple[Any, ...], bytes | None]:
        known = (state.run, state.content, number, *effect.commands)
        if known not in self._answers:
            server = self._runs[state.run]
            commands = tuple(
                tuple(self._on_this_run(word, server) for word in command)
                for each in effect.commands
                for command in self._sent(number, each)
            )
            values, content = self._asked(state.content, commands)
            told = tuple(self._of_run(value, server) for value in values[-len(effect.commands) :])
            self._answers[known] = told, content
        return self._answers[known]

    def _sent(self, number: int, command: RedisCommand) -> list[RedisCommand]:
        return [command] if self._weak.mutate is None else self._weak.mutate(number, command)

    def _on_this_run(self, word: Any, server: bytes) -> Any:
        """The real server has one identity; what another run's was is nobody's."""
        if word in self._runs:
            return self._server if word == server else ELSEWHERE
        return word

    def _of_run(self, value: Any, server: bytes) -> Any:
        if isinstance(value, tuple):
            return tuple(self._of_run(each, server) for each in value)
        return server if value == self._server else value

    def _ask(self, content: bytes | None, commands: tuple[RedisCommand, ...]) -> tuple[tuple[Any, ...], bytes | None]:
        values, after = super()._ask(content, commands)
        return tuple(map(canonical_items, values)), canonical_items(after)


def is_of_consumers(effect: Effect[Any]) -> bool:
    """Whether an effect, of a consumer, is about what only consumers change."""
    if isinstance(effect, FetchRows):
        return effect.sql == ALL_APPLIED or "FOR UPDATE" in effect.sql
    return isinstance(effect, AskGroup | CommitGroup)


def is_look(effect: object) -> bool:
    """Whether this looks at what is waited for, or comes of a look before the next sleep."""
    if isinstance(effect, RedisRoundTrip):
        command = effect.commands[0]
        return command[0] in ("MGET", "GET") or command[1] == TAKE_OUT
    return isinstance(effect, FetchRows) and effect.sql in (APPLIED, ALL_APPLIED)


def at_record(process: Process, effect: TakeRecord) -> Process:
    """A consumer before a record: of all before it remembers how far it is and what it expects of the database."""
    return process._replace(replies=(("begun", (effect.offset, effect.applied)),))
