"""``fluxaorm dead-letters``: the async flushes that could not be applied, and what becomes of them."""

from __future__ import annotations

import json as json_module
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from fluxaorm.cli.application import open_engine
from fluxaorm.cli.exits import UsageError
from fluxaorm.cli.terminal import lines, one_line
from fluxaorm.errors import RegistryError
from fluxaorm.plans.streams.async_record import statements_of
from fluxaorm.plans.streams.dead_letters import FailedFlush, chosen, dead_letters_plan, resolve_plan


def list_all(words: Sequence[str], *, json: bool) -> None:
    """Those that wait for a decision, a line each. KafkaError, RegistryError, UsageError."""
    name, ids = _parted(words)
    if ids:
        raise UsageError(f"dead-letters list takes an application only, not {ids[0]!r}")
    with _opened(name) as (_, ctx, state):
        letters: list[FailedFlush] = ctx._run(dead_letters_plan(state))
    if json:
        print(json_module.dumps([letter.as_json() for letter in letters], indent=2))
        return
    for letter in letters:
        print(f"{letter.id}  {_when(letter)}  {_what(letter)}  {one_line(letter.error)}")
    if not letters:
        print("no dead letter waits for a decision")


def show(words: Sequence[str], *, json: bool) -> None:
    """All that is known of one, without its values. KafkaError, RegistryError, UsageError."""
    name, ids = _parted(words)
    if len(ids) != 1:
        raise UsageError("dead-letters show takes the id of one, as dead-letters list prints it")
    with _opened(name) as (_, ctx, state):
        [letter] = chosen(ctx._run(dead_letters_plan(state)), ids, state.kafka_pool)
    told = letter.as_json()
    if json:
        print(json_module.dumps(told, indent=2))
        return
    changes, statements = told.pop("changes"), told.pop("statements")
    for key, value in told.items():
        print(lines(f"{key}: {_when(letter) if key == 'failed_at' else value}"))
    for change in changes:
        print(one_line(f"change: {change['operation']} {change['id']} {', '.join(change['columns'])}"))
    for statement in statements:
        print(one_line(f"SQL: {statement['sql']}"))


def resolve(words: Sequence[str], resolution: Literal["retried", "dropped"], *, every: bool, json: bool) -> None:
    """Publish some again, or give them up. KafkaError, RegistryError, UsageError."""
    name, ids = _parted(words)
    if every is bool(ids):
        raise UsageError("say which: the ids that dead-letters list prints, or --all")
    with _opened(name) as (engine, ctx, state):
        letters: list[FailedFlush] = ctx._run(dead_letters_plan(state))
        if not every:
            letters = chosen(letters, ids, state.kafka_pool)
        ctx._run(resolve_plan(state, letters, resolution, engine.clock))
    if json:
        print(json_module.dumps({resolution: [letter.id for letter in letters]}))
    else:
        print(f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'} {resolution}")


@contextmanager
def _opened(name: str | None) -> Generator[tuple[Any, Any, Any]]:
    with open_engine(name, connect=True) as engine:
        state = engine._core.async_flush
        if state is None:
            raise RegistryError(["async flush is not registered: registry.register_async_flush(kafka_pool)"])
        with engine.new_context() as ctx:
            yield engine, ctx, state


def _parted(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The application, which has a colon, and ids, which have none."""
    names = [word for word in words if ":" in word]
    if len(names) > 1:
        raise UsageError(f"one application, not {len(names)}: {', '.join(names)}")
    return (names[0] if names else None), [word for word in words if ":" not in word]


def _when(letter: FailedFlush) -> str:
    return datetime.fromtimestamp(letter.failed_at / 1000, UTC).isoformat(" ", "seconds")


def _what(letter: FailedFlush) -> str:
    if letter.record is None:
        return "unreadable"
    count, statements = len(letter.record.changes), len(statements_of(letter.record))
    sql = f", {statements} of SQL" if statements else ""
    return one_line(f"{letter.record.table} ({count} row{'' if count == 1 else 's'}{sql})")
