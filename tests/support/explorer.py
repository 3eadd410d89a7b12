"""Every interleaving of readers and writers of one cached row: the real plans, the real functions on a real server.

What it decides: which steps are possible in a state, and whether one breaks what is promised: **P1** no read is older
than a flush that had returned before it began, **P2** reads never go backwards, **P3** nothing stale stays once no
writer is in flight. The database is a model of three lines: one row, what was committed in order, who has it locked.

A state is small and hashable. A plan is brought back to where it was by feeding it the replies it had; what a command
does to a key's content is asked of the server once for each pair of them, and remembered, like the plans' steps.

Steps that nobody else can notice, or be kept from by waiting for them, are not steps of their own: they are taken
together with the one before, since no order of theirs among the others' steps could show anything more.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fluxaorm.errors import FluxaError, PostCommitError
from fluxaorm.plans.cache.many_rows import read_rows_plan
from fluxaorm.plans.cache.one_row import read_row_plan
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
)
from fluxaorm.plans.flush.flush import flush_plan
from fluxaorm.plans.state.keys import decode_row
from fluxaorm.plans.state.unit_of_work import UnitOfWork
from fluxaorm.pools.redis.wire import IDENTITY_COMMANDS, identity_from
from tests.support.explorer_states import (
    ENDED,
    ID,
    NEVER,
    RETURNED,
    FixedTokens,
    Process,
    Reply,
    Send,
    State,
    abandon,
    canonical,
    changed,
    fed,
    hashable,
    intents_of,
    tokens_in,
    with_process,
)
from tests.unit.plans.world import StateOnlyEngine, ThingProvider, thing_schema


@dataclass(slots=True)
class Found:
    """What an exploration came across."""

    states: int = 0
    steps: int = 0
    asked: int = 0
    """Distinct pairs of content and commands that the server was asked about."""
    broken: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Property -> the steps that lead to its first violation."""


class Explorer:
    """``kinds`` of the processes: ``read``, ``read many``, ``write`` (a lone statement), ``write two`` (a transaction).

    ``send`` performs commands on the server in one round trip; ``mutate`` replaces the commands of the protocol by
    others, to show what they would break. Every step may fail, and every writer crash, any number of times.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        send: Send,
        mutate: Callable[[RedisCommand], list[RedisCommand]] | None = None,
    ) -> None:
        self._kinds = tuple(kinds)
        self._send = send
        self._mutate = mutate
        self._engines = [self._engine(number) for number in range(len(kinds))]
        binding = self._engines[0].binding(None)
        self._key = binding.row_key(ID)
        self._server = identity_from(send(IDENTITY_COMMANDS))
        """The functions ask who the server is."""
        self._stamp = binding.stamp(self._server)
        self._next: dict[tuple[int, tuple[Reply, ...]], tuple[str, Any]] = {}
        self._done: dict[tuple[bytes | None, tuple[RedisCommand, ...]], tuple[tuple[Any, ...], bytes | None]] = {}

    @staticmethod
    def _engine(number: int) -> StateOnlyEngine:
        engine = StateOnlyEngine(thing_schema())
        tokens: Any = FixedTokens(number + 1)
        engine.tokens = tokens
        return engine

    def _is_writer(self, number: int) -> bool:
        return self._kinds[number].startswith("write")

    def _start(self) -> State:
        return State(tuple(Process() for _ in self._kinds))

    # the search

    def explore(self, until: str | None = None) -> Found:
        """All states, breadth first; or until a property is broken."""
        start = self._start()
        found = Found(states=1)
        parents: dict[State, tuple[State, str] | None] = {start: None}
        waiting = deque([start])
        while waiting:
            state = waiting.popleft()
            for name, after, broken in self._steps(state):
                found.steps += 1
                step = (state, name)
                if parents.setdefault(after, step) is step:
                    found.states += 1
                    waiting.append(after)
                    broken = [*broken, *self._stale(after)]
                for each in broken:
                    found.broken.setdefault(each, [*_path(parents, state), name])
            if until is not None and until in found.broken:
                break
        found.asked = len(self._done)
        return found

    def _stale(self, state: State) -> list[str]:
        writing = any(
            process.status in ("ready", "running") and self._is_writer(number)
            for number, process in enumerate(state.processes)
        )
        version = self._version_in(state.content)
        return ["P3"] if not writing and version not in (None, state.committed[-1]) else []

    def _version_in(self, content: bytes | None) -> int | None:
        if content is None or content[:1] in b"LW":
            return None
        row: Any = decode_row(content, self._stamp, 3)
        return int(row[1])

    def _steps(self, state: State) -> Iterator[tuple[str, State, list[str]]]:
        for number, process in enumerate(state.processes):
            if process.status in ("ready", "running"):
                yield from self._process_steps(state, number, process)
        for name, content in self._expiries(state):
            yield name, changed(state, content=content), []

    def _expiries(self, state: State) -> Iterator[tuple[str, bytes | None]]:
        """A lease may end at any time; intents only when their writer no longer works, for it would renew them."""
        content = state.content
        if content is not None and content[:1] == b"L":
            yield "the lease expires", None
        if content is not None and content[:1] == b"W":
            tokens = tokens_in(content)
            for number, process in enumerate(state.processes):
                token = FixedTokens(number + 1).take()
                if token in tokens and process.status not in ("ready", "running"):
                    yield f"the intents of {number} expire", intents_of([each for each in tokens if each != token])

    def _process_steps(self, state: State, number: int, process: Process) -> Iterator[tuple[str, State, list[str]]]:
        if process.status == "ready":
            process = process._replace(status="running", floors=self._floors(state, number))
        state, _, process = self._over_quiet(state, number, process)
        if process is not state.processes[number]:
            state = with_process(state, number, process)
        what, effect = self._position(number, process.replies)
        assert what == "effect"
        label = f"{number} ({self._kinds[number]}): {_name(effect)}"
        for suffix, reply, after in self._performed(state, number, effect):
            after, broken = self._moved(after, number, process.told(reply))
            yield label + suffix, self._relevant(after), broken
        if self._is_writer(number):
            crashed = with_process(self._unlocked(state, number), number, ENDED)
            yield f"{number} crashes", self._relevant(crashed), []

    def _relevant(self, state: State) -> State:
        """Without what only those would ask for who have yet to begin."""
        readers = [process for number, process in enumerate(state.processes) if not self._is_writer(number)]
        if any(process.status == "ready" for process in readers):
            return state
        processes = tuple(ENDED if process.status == "returned" else process for process in state.processes)
        committed = state.committed if any(process.status == "running" for process in readers) else state.committed[-1:]
        return changed(state, processes=processes, committed=committed, seen=0)

    def _moved(self, state: State, number: int, process: Process) -> tuple[State, list[str]]:
        """The state with a process moved on, as far as others can notice."""
        return self._settled(*self._over_quiet(state, number, process))

    def _over_quiet(self, state: State, number: int, process: Process) -> tuple[State, int, Process]:
        """Before the next effect of a process that is a step of its own, or at its end."""
        while True:
            what, effect = self._position(number, process.replies)
            quiet = self._quiet(state, number, process, effect) if what == "effect" else None
            if quiet is None:
                return state, number, process
            state, process = quiet

    def _quiet(self, state: State, number: int, process: Process, effect: Effect[Any]) -> tuple[State, Process] | None:
        """State and process after an effect that is no step of its own: it can always be had, and in one way.

        Who lets a lock go only makes others' steps possible: those that come first without it may as well come after.
        """
        if isinstance(effect, Begin):
            return state, process.told(("value", None))
        if isinstance(effect, Rollback):
            return self._unlocked(state, number), process.told(("value", None))
        return None

    def _unlocked(self, state: State, number: int) -> State:
        return changed(state, locked_by=None) if state.locked_by == number else state

    def _floors(self, state: State, number: int) -> Any:
        returned = [
            position
            for position, writer in enumerate(state.committed)
            if writer and state.processes[writer - 1].status == "returned"
        ]
        return max(returned, default=0), state.seen

    def _settled(self, state: State, number: int, process: Process) -> tuple[State, list[str]]:
        """The state with a process moved on; when its plan ended, with what that means."""
        what, value = self._position(number, process.replies)
        if what == "effect":
            return with_process(state, number, process), []
        if self._is_writer(number):
            returned = what == "return" or isinstance(value, PostCommitError)
            return with_process(state, number, RETURNED if returned else ENDED), []
        assert what == "return", f"a reader failed: {value!r}"
        position = state.committed.index(value)
        broken = [name for name, floor in zip(("P1", "P2"), process.floors, strict=True) if position < floor]
        state = changed(state, seen=max(state.seen, position))
        return with_process(state, number, RETURNED), broken

    # plans

    def _position(self, number: int, replies: tuple[Reply, ...]) -> tuple[str, Any]:
        """What a plan does after these replies: its next effect, or how it ended."""
        key = (number, replies)
        if key not in self._next:
            self._next[key] = self._replayed(number, replies)
        return self._next[key]

    def _replayed(self, number: int, replies: tuple[Reply, ...]) -> tuple[str, Any]:
        plan = self._plan(number)
        try:
            effect = next(plan)
            for reply in replies:
                effect = fed(plan, reply, self._server)
        except StopIteration as stop:
            return "return", stop.value
        except FluxaError as error:
            return "raise", error
        abandon(plan)
        return "effect", effect

    def _plan(self, number: int) -> Plan[Any]:
        engine, kind = self._engines[number], self._kinds[number]
        unit_of_work = UnitOfWork(engine)
        if self._is_writer(number):
            identity_map = unit_of_work._identity_map_of(ThingProvider())
            for id in (ID, ID + 1) if kind == "write two" else (ID,):
                identity_map.entity_from_row((id, b"", b""), identity_map.writes_seen).name = f"{number + 1}" + (
                    "" if id == ID else " other"
                )
                unit_of_work._held = dict(unit_of_work._pending)
            return flush_plan(unit_of_work)
        return _read(unit_of_work, engine.binding(None), many=kind == "read many")

    # the world

    def _performed(self, state: State, number: int, effect: Effect[Any]) -> Iterator[tuple[str, Reply, State]]:
        """Every way an effect may go: what is added to its name, the reply, the state afterwards."""
        if isinstance(effect, RedisRoundTrip):
            yield from self._on_redis(state, effect)
        elif isinstance(effect, FetchRows):
            yield "", ("rows", state.committed[-1]), state
        elif isinstance(effect, Execute):
            yield from self._lone(state, number)
        elif isinstance(effect, ExecuteBatch):
            if state.locked_by is None:
                yield "", ("done", 2), changed(state, locked_by=number)
            yield ", refused", ("raise", "refused"), state
        else:
            assert isinstance(effect, Commit)
            done = changed(state, committed=(*state.committed, number + 1), locked_by=None)
            yield "", ("value", None), done
            yield ", refused", ("raise", "refused"), changed(state, locked_by=None)
            yield ", done and lost", ("raise", "unknown"), done

    def _lone(self, state: State, number: int) -> Iterator[tuple[str, Reply, State]]:
        if state.locked_by is None:
            done = changed(state, committed=(*state.committed, number + 1))
            yield "", ("done", 1), done
            yield ", done and lost", ("raise", "unknown"), done
        yield ", refused", ("raise", "refused"), state

    def _on_redis(self, state: State, effect: RedisRoundTrip) -> Iterator[tuple[str, Reply, State]]:
        values, content = self._asked(state.content, tuple(effect.commands))
        after = changed(state, content=content)
        yield "", ("redis", values), after
        yield ", lost before", ("raise", "lost"), state
        yield ", lost after", ("raise", "lost"), after

    def _asked(self, content: bytes | None, commands: tuple[RedisCommand, ...]) -> tuple[tuple[Any, ...], bytes | None]:
        key = (content, commands)
        if key not in self._done:
            self._done[key] = self._ask(content, commands)
        return self._done[key]

    def _ask(self, content: bytes | None, commands: tuple[RedisCommand, ...]) -> tuple[tuple[Any, ...], bytes | None]:
        """Put the content there, perform the commands, see what is there."""
        sent: list[RedisCommand] = [("DEL", self._key)]
        if content is not None:
            alive = str(int(time.time() * 1000) + 30_000).encode()
            sent.append(("SET", self._key, content.replace(NEVER.encode(), alive)))
        answers: list[int | None] = []
        for command in commands:
            if self._key not in command:
                answers.append(None)
                continue
            sent += self._mutate(command) if self._mutate else [command]
            answers.append(len(sent) - 1)
        replies = self._send([*sent, ("GET", self._key)])
        values = tuple("ok" if at is None else hashable(replies[at]) for at in answers)
        return values, canonical(replies[-1])


def _read(unit_of_work: UnitOfWork, binding: Any, *, many: bool) -> Plan[int]:
    row: Any
    if many:
        row = (
            yield from read_rows_plan(unit_of_work._engine, unit_of_work._target(binding.mysql_pool), binding, [ID])
        )[ID]
    else:
        row = yield from read_row_plan(unit_of_work._engine, unit_of_work._target(binding.mysql_pool), binding, ID)
    return int(row[1])


def _name(effect: Effect[Any]) -> str:
    if isinstance(effect, RedisRoundTrip):
        return "+".join(str(command[1] if command[0] == "FCALL" else command[0]) for command in effect.commands)
    return type(effect).__name__


def _path(parents: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    names: list[str] = []
    while (step := parents[state]) is not None:
        state, name = step
        names.append(name)
    return names[::-1]
