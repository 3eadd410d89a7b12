"""Plausible slips in the settings of a context and of a transaction: refused where they are made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import Engine, Entity, Field, Registry, UInt64
from tests.support.shells import Shell


class NoteEntity(Entity):
    """Has a time that the library sets."""

    id: UInt64
    text: str = Field(default="", length=10)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine that is connected to nothing: what is refused asks no server."""
    registry = Registry()
    registry.register_mysql("root@/app")
    registry.register_entity(NoteEntity)
    with registry.validate(connect=False) as made:
        yield made


def _notes(engine: Engine) -> Any:
    return engine.provider(NoteEntity)


@pytest.mark.parametrize("ttl", ["x", -1, -0.5, math.nan, [], True - 2])
def test_a_ttl_of_the_context_cache_is_a_number_of_seconds(engine: Engine, shell: Shell, ttl: Any) -> None:
    """It was taken, and the next look-up failed; a look-up afterwards works as before."""
    ctx = shell.context(engine)
    note = shell.do(_notes(engine).new_with_id(ctx, 1))

    with pytest.raises(fx.ContextMisuseError, match="a TTL is a number of seconds, at least 0, or None, got "):
        ctx.set_context_cache_ttl(ttl)

    assert note is shell.do(_notes(engine).get_by_id(ctx, 1))


@pytest.mark.parametrize(("logger", "shown"), [(None, "None"), ("print", "a str"), (3, "an int")])
def test_a_query_logger_is_a_function(engine: Engine, shell: Shell, logger: Any, shown: str) -> None:
    """One that is none would be told in the log with the first query, once."""
    ctx = shell.context(engine)

    with pytest.raises(fx.ContextMisuseError) as caught:
        ctx.register_query_logger(logger)

    assert f"a query logger is a function of (ctx, entry), not {shown}" == str(caught.value)


@pytest.mark.parametrize("code", [[], {}, ["default"], None])
def test_what_is_no_code_is_no_pool(engine: Engine, shell: Shell, code: Any) -> None:
    """A list cannot be looked for, and is an unknown code like any other."""
    ctx = shell.context(engine)

    for ask in (ctx.mysql, ctx.mysql_pipeline, ctx.redis_pipeline, engine.mysql, engine.redis, engine.local_cache):
        with pytest.raises(fx.UnknownPoolError, match=r"no .* pool '.*'; known: "):
            ask(code)


def test_a_block_that_was_never_entered_is_not_left(engine: Engine, shell: Shell) -> None:
    """Who calls __exit__ by hand gets to know what is missing."""
    ctx = shell.context(engine)
    block = ctx.transaction()

    with pytest.raises(fx.ContextMisuseError, match="never entered"):
        _ = block.__exit__(None, None, None) if shell.name == "sync" else shell.do(block.__aexit__(None, None, None))

    assert not ctx.in_transaction


@pytest.mark.parametrize(
    ("now", "shown"),
    [(lambda: "now", "a str"), (lambda: None, "None"), (datetime(2026, 1, 1, tzinfo=UTC).date, "a date")],
)
def test_a_clock_gives_a_datetime(engine: Engine, shell: Shell, now: Any, shown: str) -> None:
    """A flush that cannot tell the time writes nothing, and says whose fault it is."""
    engine.clock = now
    ctx = shell.context(engine)
    note = shell.do(_notes(engine).new_with_id(ctx, 1))

    with pytest.raises(fx.RegistryError) as caught:
        shell.do(ctx.flush())

    assert (f"engine.clock gives {shown}, not a datetime",) == caught.value.problems
    assert note.is_new
    assert note.is_dirty
