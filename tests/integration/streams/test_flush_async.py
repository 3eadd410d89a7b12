"""What an asynchronous flush means on real brokers: who sees what before it is applied, and what its failures leave."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm import KafkaError, KafkaUnavailableError, NotSupportedError
from fluxaorm.engine import Engine
from tests.support.async_apps import (
    UNREACHABLE,
    AuthorEntity,
    BookEntity,
    OpenApp,
    PlainEntity,
    RevisedEntity,
)
from tests.support.cached import MemberEntity, SeatEntity, ShelfEntity
from tests.support.insides import core, pending
from tests.support.kafka_brokers import Kafka
from tests.support.waiting import wait_until


@pytest.mark.parametrize("immediate", [True, False])
def test_look_ups_by_id_see_it_at_once_or_when_it_is_applied(open_app: OpenApp, immediate: bool) -> None:
    """It is what the argument says; MySQL, and so every search, has nothing before a consumer was there."""
    app = open_app()
    old = app.stored(ShelfEntity, name="before")
    ctx = app.context()
    changed = app.do(app.provider(ShelfEntity).must_get_by_id(ctx, old))
    changed.name = "after"
    new = app.do(app.provider(ShelfEntity).new(ctx, name="new"))

    result = app.do(ctx.flush_async(immediate))

    assert fx.FlushResult(inserted=1, updated=1) == result
    assert [] == pending(ctx)
    seen = [app.found(ShelfEntity, id) for id in (old, new.id)]
    assert (["after", "new"] if immediate else ["before", None]) == [each and each.name for each in seen]
    assert ["before", None] == [(row := app.in_mysql(ShelfEntity, id)) and row.name for id in (old, new.id)]


def test_a_look_up_by_a_cached_unique_value_follows(open_app: OpenApp) -> None:
    """A value that was given away finds nobody, and its new owner is found."""
    app = open_app()
    members = app.provider(MemberEntity)
    id = app.stored(MemberEntity, email="old@example.com", number=1)
    ctx = app.context()
    app.do(members.must_get_by_id(ctx, id)).email = "new@example.com"

    app.do(ctx.flush_async(True))

    found = app.do(members.get_by_email(app.context(), "new@example.com"))
    assert id == found.id
    assert app.do(members.get_by_email(app.context(), "old@example.com")) is None


def test_a_soft_deleted_row_is_gone_from_look_ups_and_lists(open_app: OpenApp) -> None:
    """To mark a row is a change of a column, which look-ups understand."""
    app = open_app()
    shelves = app.provider(ShelfEntity)
    kept, deleted = app.stored(ShelfEntity, name="a"), app.stored(ShelfEntity, name="b")
    assert {kept, deleted} == {shelf.id for shelf in app.do(shelves.get_all(app.context()))}
    ctx = app.context()
    app.do(shelves.must_get_by_id(ctx, deleted)).delete()
    new = app.do(shelves.new(ctx, name="c"))

    app.do(ctx.flush_async(True))

    assert app.found(ShelfEntity, deleted) is None
    assert {kept, new.id} == {shelf.id for shelf in app.do(shelves.get_all(app.context()))}


def test_processes_that_keep_rows_of_their_own_are_told(open_app: OpenApp) -> None:
    """A local cache would serve the old row for as long as it lives."""
    here, there = open_app(), open_app()
    id = here.stored(SeatEntity, row="A")
    assert ["A", "A"] == [app.found(SeatEntity, id).row for app in (here, there)]
    ctx = here.context()
    here.do(here.provider(SeatEntity).must_get_by_id(ctx, id)).row = "B"

    here.do(ctx.flush_async(True))

    assert "B" == here.found(SeatEntity, id).row
    wait_until(lambda: "B" == there.found(SeatEntity, id).row, "the other process to see it")


def test_without_a_shared_cache_it_is_seen_when_it_is_applied(open_app: OpenApp) -> None:
    """There is nobody who could lay it over the row."""
    app = open_app()
    ctx = app.context()
    new = app.do(app.provider(PlainEntity).new(ctx, text="a"))

    app.do(ctx.flush_async(True))

    assert app.found(PlainEntity, new.id) is None
    (record,) = app.records()
    assert ("PlainEntity", {}) == (record.table, record.keys)
    assert {"id": new.id, "text": "a"} == record.changes[0].values


def test_several_flushes_of_a_row_are_seen_together(open_app: OpenApp) -> None:
    """Each says what it changes, so none hides another, whichever context or process it came from."""
    app = open_app()
    id = app.stored(SeatEntity, row="A")
    for values in ({"row": "B"}, {"taken_by": 7}, {"row": "C"}):
        ctx = app.context()
        app.do(app.provider(SeatEntity).must_get_by_id(ctx, id)).set(**values)
        app.do(ctx.flush_async(True))

    seat = app.found(SeatEntity, id)

    assert ("C", 7) == (seat.row, seat.taken_by)
    assert [{"row": "B"}, {"taken_by": 7}, {"row": "C"}] == [record.changes[0].values for record in app.records()]


def test_a_flush_over_several_tables_is_published_whole(open_app: OpenApp) -> None:
    """One record a table, in one transaction of Kafka's, each with the metadata of the context."""
    app = open_app()
    ctx = app.context()
    ctx.set_meta_data("request", "r1")
    app.do(app.provider(PlainEntity).new(ctx, text="a"))
    app.do(app.provider(ShelfEntity).new(ctx, name="a"))

    result = app.do(ctx.flush_async(True))

    records = app.records()
    assert fx.FlushResult(inserted=2) == result
    assert 2 == len(records) == len({record.table for record in records}) == len({record.token for record in records})
    assert [{"request": "r1"}] * 2 == [record.meta for record in records]


def test_what_is_too_large_publishes_nothing_at_all(open_app: OpenApp) -> None:
    """Neither the record that fits, nor a mark in a cache."""
    app = open_app()
    ctx = app.context()
    shelf = app.do(app.provider(ShelfEntity).new(ctx, name="a"))
    app.do(app.provider(PlainEntity).new(ctx, text="x" * 1_000_000))

    with pytest.raises(KafkaError, match=r"PlainEntity .*: as a record this change has"):
        app.do(ctx.flush_async(True))

    assert [] == app.records()
    assert app.found(ShelfEntity, shelf.id) is None
    assert 2 == len(pending(ctx))


def test_a_long_flush_is_several_records(open_app: OpenApp) -> None:
    """Whoever writes much at once need not know what a broker takes."""
    app = open_app()
    ctx = app.context()
    for _ in range(5):
        app.do(app.provider(PlainEntity).new(ctx, text="x" * 400_000))

    app.do(ctx.flush_async(True))

    assert [2, 2, 1] == [len(record.changes) for record in app.records()]


def test_brokers_that_are_away_leave_everything_as_it_was(open_app: OpenApp) -> None:
    """The request may be tried again, or write at once; no reader is kept from the cache."""
    app, cut_off = open_app(), open_app(UNREACHABLE)
    id = app.stored(ShelfEntity, name="before")
    ctx = cut_off.context()
    core(cut_off.engine).async_flush.marked |= core(app.engine).async_flush.marked  # type: ignore[union-attr]  # is set
    cut_off.do(cut_off.provider(ShelfEntity).must_get_by_id(ctx, id)).name = "after"

    with pytest.raises(KafkaUnavailableError):
        cut_off.do(ctx.flush_async(True))

    assert "before" == app.found(ShelfEntity, id).name
    assert 1 == len(pending(ctx))
    cut_off.do(ctx.flush())
    assert "after" == app.found(ShelfEntity, id).name


def test_inside_a_transaction_it_is_refused(open_app: OpenApp) -> None:
    """It could not be rolled back with the rest."""
    app = open_app()

    if app.shell.name == "sync":
        with app.engine.new_context() as ctx, ctx.transaction():
            app.provider(PlainEntity).new(ctx, text="a")
            with pytest.raises(fx.ContextMisuseError, match="cannot be a part of a transaction"):
                ctx.flush_async(True)
            ctx.clear_flush()
        return

    async def flush_inside() -> None:
        async with app.engine.new_async_context() as ctx, ctx.transaction():
            await app.provider(PlainEntity).new(ctx, text="a")
            with pytest.raises(fx.ContextMisuseError, match="cannot be a part of a transaction"):
                await ctx.flush_async(True)
            ctx.clear_flush()

    app.do(flush_inside())


def test_what_is_queued_in_a_pipeline_is_refused(open_app: OpenApp) -> None:
    """What a statement changes in the caches nobody can say."""
    app = open_app()
    ctx = app.context()
    ctx.mysql_pipeline().add("DELETE FROM nothing")

    with pytest.raises(NotSupportedError, match="pipeline"):
        app.do(ctx.flush_async(True))

    assert [] == app.records()


def test_an_entity_with_a_version_is_refused(open_app: OpenApp) -> None:
    """A conflict is found when it is applied, and nobody is left then to be told."""
    app = open_app()
    ctx = app.context()
    app.do(app.provider(RevisedEntity).new(ctx))

    with pytest.raises(NotSupportedError, match=r"RevisedEntity: an entity with a version \(revision\)"):
        app.do(ctx.flush_async(True))

    assert [] == app.records()


def test_the_query_log_shows_what_is_published(open_app: OpenApp) -> None:
    """Who looks why a request was slow sees the broker beside the databases."""
    app = open_app()
    ctx = app.context()
    told: list[fx.QueryLogEntry] = []
    app.do(app.provider(PlainEntity).new(ctx, text="a"))
    ctx.register_query_logger(lambda _, entry: told.append(entry))

    app.do(ctx.flush_async(True))

    published = [entry for entry in told if entry.operation == "PUBLISH"]
    assert [("kafka", "events")] == [(entry.store, entry.pool) for entry in published]


def test_tables_that_a_foreign_key_joins_are_applied_in_the_order_of_the_flush(open_app: OpenApp) -> None:
    """The database refuses a book before its author, and an author before its last book is gone."""
    app = open_app()
    with app.engine.new_context() as ctx:
        _ = ctx.mysql().exec(
            "ALTER TABLE BookEntity ADD CONSTRAINT written_by FOREIGN KEY (author) REFERENCES AuthorEntity (id)"
        )
    ctx = app.context()
    author = app.do(app.provider(AuthorEntity).new(ctx, name="a"))
    book = app.do(app.provider(BookEntity).new(ctx, author=author))
    app.do(ctx.flush_async(True))
    book.delete()
    author.delete()
    app.do(ctx.flush_async(True))

    found = [(record.table, record.changes[0].operation) for record in app.records()]
    dead_letters = app.apply(4)

    assert [("AuthorEntity", "i"), ("BookEntity", "i"), ("BookEntity", "d"), ("AuthorEntity", "d")] == found
    assert 0 == dead_letters


def cancel(task: asyncio.Task[Any], entry: fx.QueryLogEntry) -> None:
    if "fx_announce" in entry.query:
        _ = task.cancel()


def test_a_cancelled_flush_that_is_under_way_is_published_to_its_end(open_app: OpenApp) -> None:
    """Like a COMMIT: whoever cancels may come too late, but must not leave a record that nobody knows of."""
    app = open_app()
    if app.shell.name == "sync":
        pytest.skip("a thread cannot be cancelled")
    id = app.stored(SeatEntity, row="A")

    async def flush_and_go_on() -> bool:
        task = asyncio.current_task()
        assert task is not None
        async with app.engine.new_async_context() as ctx:
            seat = await app.provider(SeatEntity).must_get_by_id(ctx, id)
            seat.row = "B"
            # told of the announcement, the last thing before the publish
            ctx.register_query_logger(lambda _, entry: cancel(task, entry))
            result = await ctx.flush_async(True)
            assert fx.FlushResult(updated=1) == result
            assert not seat.is_dirty
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                return True
        return False

    assert app.do(flush_and_go_on())
    assert 1 == len(app.records())
    assert "B" == app.found(SeatEntity, id).row


def test_handlers_before_run_here_and_handlers_after_when_it_is_applied(open_app: OpenApp) -> None:
    """Before-handlers decide what is written; what follows a write must not come before it."""
    told: list[str] = []

    def register(engine: Engine) -> None:
        provider: Any = engine.provider(ShelfEntity)
        provider.on_before_insert(engine, lambda ctx, shelf: setattr(shelf, "name", shelf.name.upper()))
        provider.on_after_insert(engine, lambda ctx, row: told.append(row.name))

    app = open_app(prepare=register)
    shelves, ctx = app.provider(ShelfEntity), app.context()
    app.do(shelves.new(ctx, name="a"))
    app.do(ctx.flush_async(True))
    before_it_is_applied = [*told]

    dead_letters = app.apply(1)

    assert [[], ["A"], 0] == [before_it_is_applied, told, dead_letters]


def test_a_topic_that_was_not_made_is_told(open_app: OpenApp, kafka: Kafka) -> None:
    """Nothing of ours makes topics in passing; the error says what does."""
    app = open_app()
    kafka.drop(*kafka.topics())
    ctx = app.context()
    app.do(app.provider(PlainEntity).new(ctx, text="a"))

    with pytest.raises(KafkaError, match="the topic is not there: make it, or run the alters"):
        app.do(ctx.flush_async(True))

    assert 1 == len(pending(ctx))
