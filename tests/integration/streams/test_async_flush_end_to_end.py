"""From ``flush_async`` to the row: what a context publishes is what the consumer applies."""

from __future__ import annotations

from typing import Any

import fluxaorm as fx
from tests.support.flush_records import CounterEntity, Flushes, NoteEntity, OpenFlushes


def _flush(flushes: Flushes, ctx: Any, *, immediate: bool) -> None:
    flushes.shell.do(ctx.flush_async(immediate))


def test_what_is_flushed_is_applied_and_read_as_it_was_written(open_flushes: OpenFlushes) -> None:
    """Inserts, changes, soft deletes and removals of several tables, by several flushes: rows and caches agree."""
    flushes = open_flushes(partitions=2)
    do, ctx = flushes.shell.do, flushes.shell.context(flushes.engine)
    counters, notes = flushes.engine.provider(CounterEntity), flushes.engine.provider(NoteEntity)
    first, second = do(counters.new(ctx, name="a")), do(counters.new(ctx, name="b", number=2))
    note = do(notes.new(ctx, text="it's"))
    _flush(flushes, ctx, immediate=True)
    first.number = 7
    note.text = "said"
    _flush(flushes, ctx, immediate=False)
    first.number = 8
    first.name = "z"
    second.delete()
    _flush(flushes, ctx, immediate=True)
    before = do(counters.get_by_name(flushes.shell.context(flushes.engine), "z"))
    consumer = flushes.consumer()
    flushes.consume_until(
        consumer,
        lambda: [(first.id, "z", 8, 0), (second.id, "b", 2, second.id)] == flushes.rows(),
        "all of it to be applied",
    )
    flushes.consume_until(
        consumer,
        lambda: [(note.id, "said")] == flushes.database.execute("SELECT id, text FROM NoteEntity"),
        "the note to be applied",
    )
    reader = flushes.shell.context(flushes.engine)

    assert before is not None
    assert 8 == before.number
    assert 8 == do(counters.get_by_name(reader, "z")).number
    assert do(counters.get_by_name(reader, "b")) is None
    assert [] == flushes.dead_letters()
    kept = [key for key in flushes.valkey.keys() if not key.endswith(":id")]
    assert [] == [key for key in kept if (flushes.valkey.text(key) or "").startswith("P")]


def test_a_flush_that_cannot_be_applied_leaves_readers_what_mysql_has(open_flushes: OpenFlushes) -> None:
    """Its entry was seen by readers: it must not be served any more once it has become a dead letter."""
    flushes = open_flushes()
    do, ctx = flushes.shell.do, flushes.shell.context(flushes.engine)
    counters = flushes.engine.provider(CounterEntity)
    taken = do(counters.new(ctx, name="a"))
    do(ctx.flush())
    other = flushes.shell.context(flushes.engine)
    twice = do(counters.new(other, name="a", number=1))
    _flush(flushes, other, immediate=True)
    seen = do(counters.get_by_id(flushes.shell.context(flushes.engine), twice.id))
    consumer = flushes.consumer()
    flushes.consume_until(consumer, lambda: bool(flushes.dead_letters()), "the dead letter")
    flushes.consume_until(consumer, lambda: flushes.applied() >= 1, "its offset")
    reader = flushes.shell.context(flushes.engine)

    assert 1 == seen.number
    assert do(counters.get_by_id(reader, twice.id)) is None
    assert taken.id == do(counters.get_by_name(reader, "a")).id


def test_a_synchronous_write_waits_until_the_consumer_is_there(open_flushes: OpenFlushes) -> None:
    """A write of a row with an asynchronous one before it comes behind it, or says that it cannot."""
    flushes = open_flushes(pending_timeout=0.3)
    do, ctx = flushes.shell.do, flushes.shell.context(flushes.engine)
    counters = flushes.engine.provider(CounterEntity)
    row = do(counters.new(ctx, name="a"))
    _flush(flushes, ctx, immediate=True)
    row.number = 5

    refused = False
    try:
        do(ctx.flush())
    except fx.PendingAsyncWriteError:
        refused = True
    consumer = flushes.consumer()
    flushes.work(consumer, 1)
    do(ctx.flush())

    assert refused
    assert [(row.id, "a", 5, 0)] == flushes.rows()
