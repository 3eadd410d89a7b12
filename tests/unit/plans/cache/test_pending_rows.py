"""What a reader makes of the pending changes of a row, and what it asks for that."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fluxaorm.errors import RedisConnectionError, RedisError
from fluxaorm.plans.cache.functions import TAKE_OUT
from fluxaorm.plans.cache.pending_rows import PendingChange, PendingKey, change_payload, ids_in, ids_payload, lay_over
from fluxaorm.plans.effects import FetchRows, RedisRoundTrip, Sleep
from fluxaorm.plans.reads.by_id import get_by_id_plan, get_by_ids_plan
from tests.support.async_flushes import KnownFlushes
from tests.support.insides import row_of
from tests.unit.plans.world import SERVER, World, replies, run, words

ROW = (b"7", b"seven", b"")
TOKEN = "ab" * 12


def entry(offset: int, payload: bytes, partition: int = 0, server: str = "1") -> bytes:
    return f"e{TOKEN}:{partition}:{offset}:{server}:{len(payload)};".encode() + payload


def flushing_world(**options: Any) -> World:
    world = World(**options)
    world.engine.async_flush = KnownFlushes()
    world.engine.async_flush.marked.add(("default", "fx:db:_fluxa_async:", SERVER))
    return world


texts = st.text(max_size=3)
changes = st.one_of(
    st.builds(lambda name, note: PendingChange("i", {"name": name, "note": note}), texts, texts),
    st.builds(lambda values: PendingChange("u", values), st.dictionaries(st.sampled_from(["name", "note"]), texts)),
    st.just(PendingChange("d")),
)


def applied_to(row: dict[str, str] | None, change: PendingChange) -> dict[str, str] | None:
    """As a database does it."""
    if change.operation == "d":
        return None
    if change.operation == "i":
        return dict(change.values)
    return None if row is None else {**row, **change.values}


@given(st.lists(changes, max_size=6), st.integers(0, 6))
def test_laying_over_what_is_ahead_equals_applying_all(made: list[PendingChange], applied: int) -> None:
    """However far the consumer has come, every reader sees the same row."""
    binding = World().identity_map.binding
    stored: dict[str, str] | None = {"name": "seven", "note": ""}
    for change in made[:applied]:
        stored = applied_to(stored, change)
    whole = stored
    for change in made[applied:]:
        whole = applied_to(whole, change)

    seen = lay_over(binding, 7, None if stored is None else [7, stored["name"], stored["note"]], made[applied:])

    assert (None if whole is None else [7, whole["name"], whole["note"]]) == seen


def test_row_and_position_come_from_one_statement() -> None:
    """Read apart, a change could be in neither, or in both."""
    world = flushing_world(local_limit=10)
    held = b"P" + entry(5, change_payload("u", {"name": "new", "unknown": 1}), partition=3)

    thing, effects = run(
        get_by_id_plan(world.identity_map, 7), (RedisRoundTrip, replies(held)), (FetchRows, [(*ROW, 5)])
    )

    assert "new" == thing.name
    assert ("_fluxa_async_sql", "topic1", 3, 7) == effects[1].args
    assert 0 == len(world.identity_map.binding.local or ())


def test_a_missing_row_and_a_missing_position_are_no_obstacle() -> None:
    """A new row is in neither table until the first record is applied."""
    world = flushing_world()
    held = b"P" + entry(0, change_payload("i", {"name": "new"}))

    thing, _ = run(
        get_by_id_plan(world.identity_map, 7), (RedisRoundTrip, replies(held)), (FetchRows, [(None, None, None, None)])
    )

    assert [7, "new", ""] == row_of(thing)


def test_entries_of_several_rows_cost_one_statement_and_one_sweep() -> None:
    """A list of busy rows must not cost a round trip for each."""
    world = flushing_world()
    ahead = b"P" + entry(9, change_payload("d", {}))
    behind = b"P" + entry(4, change_payload("u", {"name": "old"}), partition=1)

    things, effects = run(
        get_by_ids_plan(world.identity_map, [7, 8]),
        (RedisRoundTrip, replies([ahead, behind])),
        (FetchRows, [(*ROW, 9, 5), (b"8", b"eight", b"", 9, 5)]),
        (RedisRoundTrip, replies(b"ok")),
    )

    assert ["eight"] == [thing.name for thing in things]
    assert ("FCALL", TAKE_OUT, 1, "fx:db:thing:8", "", 1, 5) == tuple(words(effects[2]))


def test_a_sweep_that_fails_costs_the_reader_nothing() -> None:
    """The row was read already."""
    world = flushing_world()
    held = b"P" + entry(4, change_payload("u", {"name": "old"}))

    thing, _ = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(held)),
        (FetchRows, [(*ROW, 5)]),
        (RedisRoundTrip, RedisConnectionError("gone", pool="default")),
    )

    assert "seven" == thing.name
    assert ["default"] == world.engine.outages


def test_what_no_flush_has_written_is_taken_for_a_mark() -> None:
    """Nonsense in a shared Redis, or a payload of a later version, must not become a row."""
    world = flushing_world()
    for payload in (b"\xc1", b"\x92\xa1x\x80", b"\x91\x01", ids_payload([7])):
        held = b"P" + entry(5, payload)
        thing, _ = run(get_by_id_plan(world.identity_map, 7), (RedisRoundTrip, replies(held)), (FetchRows, [(*ROW, 5)]))
        assert "seven" == thing.name
        world.fresh_unit_of_work()

    assert [] == ids_in(PendingKey(b"P" + entry(5, change_payload("d", {})), SERVER))


def test_without_asynchronous_flushes_a_mark_is_what_others_left() -> None:
    """An older part of an application goes on reading while a newer one publishes."""
    world = World()
    held = b"P" + entry(5, change_payload("u", {"name": "new"}))

    thing, _ = run(get_by_id_plan(world.identity_map, 7), (RedisRoundTrip, replies(held)), (FetchRows, [ROW]))

    assert "seven" == thing.name


def test_a_server_that_is_not_known_is_asked_once() -> None:
    """Its mark says that it has missed nothing; from then on a miss costs what it did."""
    world = World()
    world.engine.async_flush = KnownFlushes()

    _, effects = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (RedisRoundTrip, replies(b"1")),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(1)),
    )
    world.fresh_unit_of_work()
    run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(1)),
    )

    assert ("GET", "fx:db:_fluxa_async:run1repl1") == tuple(words(effects[1]))


def test_a_mark_is_set_when_the_log_is_applied_as_far_as_it_went() -> None:
    """What is published while a reader waits is in Redis, and keeps nobody."""
    world = World()
    flushes = world.engine.async_flush = KnownFlushes({0: 3, 2: 1})

    _, effects = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (RedisRoundTrip, replies(None)),
        (FetchRows, [(0, 3, "")]),
        (Sleep, None),
        (FetchRows, [(0, 3, ""), (2, 1, "")]),
        (RedisRoundTrip, replies(b"OK")),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(1)),
    )

    assert 1 == flushes.asked
    assert ("SET", "fx:db:_fluxa_async:run1repl1", b"1", "EX") == tuple(words(effects[5]))[:4]


def test_a_redis_that_refuses_the_mark_is_gone_without() -> None:
    """Readers go on without Redis, as ever."""
    world = World()
    world.engine.async_flush = KnownFlushes()

    thing, _ = run(
        get_by_id_plan(world.identity_map, 7),
        (RedisRoundTrip, replies(None)),
        (RedisRoundTrip, replies(RedisError("LOADING", pool="default"))),
        (FetchRows, [ROW]),
        (RedisRoundTrip, replies(0)),
    )

    assert "seven" == thing.name
