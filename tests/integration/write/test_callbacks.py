"""Callbacks: handlers run inside or after the flush, with what was written, whatever some of them raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.engine import Engine
from fluxaorm.errors import (
    ContextMisuseError,
    DuplicateKeyError,
    PostCommitError,
    ReadOnlyEntityError,
    ReentrantFlushError,
    RegistryError,
)
from tests.support import shop as entities
from tests.support.blocks import Undo, block
from tests.support.redis_servers import RedisServer
from tests.support.shop_engines import Shop

Step = Callable[[Any, Any], Any]


@dataclass(slots=True)
class Heard:
    """What handlers were called with, in order; each test adds its own steps to them."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    steps: dict[str, Step] = field(default_factory=dict)
    shop: Shop | None = None

    def prepare(self, engine: Engine) -> None:
        """Listen to everything of users and products."""
        for definition in (entities.UserEntity, entities.ProductEntity):
            provider = engine.provider(definition)
            for event in ("insert", "update", "delete"):
                getattr(provider, f"on_before_{event}")(engine, self._handler(f"before_{event}"))
                getattr(provider, f"on_after_{event}")(engine, self._handler(f"after_{event}"))

    def _handler(self, name: str) -> Callable[..., Any]:
        def handler(ctx: Any, entity: Any, *more: Any) -> Any:
            self.events.append((name, entity.name, *more))
            return self.steps[name](ctx, entity) if name in self.steps else None

        return handler

    def taken(self) -> list[tuple[Any, ...]]:
        """What was heard since the last time."""
        events, self.events = self.events, []
        return events


@pytest.fixture
def heard() -> Heard:
    """Collects what handlers hear."""
    return Heard()


@pytest.fixture
def listening(make_shop: Any, valkey: RedisServer, heard: Heard) -> Shop:
    """A shop whose users and products have every handler."""
    made: Shop = make_shop(valkey.host_port, valkey.namespace, prepare=heard.prepare)
    return made


def add_user(shop: Shop, ctx: Any, name: str = "Alice") -> Any:
    return shop.do(shop.users.new(ctx, name=name, email=f"{name.lower()}@example.com"))


def test_handlers_hear_of_each_write_once_before_and_after_it(listening: Shop, heard: Heard) -> None:
    """An insert, an update and a delete are one event each, told inside the flush and after it."""
    ctx = listening.context()
    user = add_user(listening, ctx)
    listening.do(ctx.flush())
    inserted = heard.taken()
    user.name = "Alicia"
    listening.do(ctx.flush())
    updated = heard.taken()
    user.delete()
    listening.do(ctx.flush())

    assert [("before_insert", "Alice"), ("after_insert", "Alice")] == inserted
    assert [
        ("before_update", "Alicia"),
        ("after_update", "Alicia", {"name": fx.Change("Alice", "Alicia")}),
    ] == updated
    assert [("before_delete", "Alicia"), ("after_delete", "Alicia")] == heard.taken()


def test_what_a_before_handler_changes_is_part_of_the_statement(listening: Shop, heard: Heard) -> None:
    """A handler may fill in what is required, or derive a field; the same INSERT and UPDATE write it."""

    def fill(_: Any, user: Any) -> None:
        user.email = f"{user.name}@filled.example.com"

    heard.steps = {"before_insert": fill, "before_update": lambda _, user: user.set(age=user.age + 1)}
    ctx = listening.context()
    user = listening.do(listening.users.new(ctx, name="bob"))

    listening.do(ctx.flush())
    user.name = "bobby"
    result = listening.do(ctx.flush())

    assert fx.FlushResult(updated=1) == result
    assert [("bobby", "bob@filled.example.com", "1")] == listening.sql("SELECT name, email, age FROM UserEntity")


def test_a_before_handler_that_raises_ends_the_flush_with_nothing_written(listening: Shop, heard: Heard) -> None:
    """A handler can refuse a write: its own error comes out, everything stays pending, no after-handler runs."""

    def refuse(_: Any, user: Any) -> None:
        if user.name == "Eve":
            raise ValueError("Eve is not welcome")

    heard.steps = {"before_insert": refuse}
    ctx = listening.context()
    add_user(listening, ctx)
    eve = add_user(listening, ctx, "Eve")

    with pytest.raises(ValueError, match="not welcome"):
        listening.do(ctx.flush())
    rows = listening.sql("SELECT id FROM UserEntity")
    told = [name for name, *_ in heard.taken()]
    eve.name = "Evelyn"
    result = listening.do(ctx.flush())

    assert ([], ["before_insert"] * 2) == (rows, told)
    assert fx.FlushResult(inserted=2) == result


def test_other_entities_that_a_before_handler_changes_are_written_with_their_own_handlers(
    listening: Shop, heard: Heard
) -> None:
    """A total kept beside its parts is saved by the same flush, not forgotten until the next."""
    ctx = listening.context()
    total = add_user(listening, ctx, "Total")
    listening.do(ctx.flush())
    heard.taken()
    heard.steps = {"before_insert": lambda _, __: total.set(age=total.age + 1)}
    add_user(listening, ctx, "Part")

    result = listening.do(ctx.flush())

    assert fx.FlushResult(inserted=1, updated=1) == result
    assert [("before_insert", "Part"), ("before_update", "Total")] == heard.taken()[:2]
    assert [("1",)] == listening.sql("SELECT age FROM UserEntity WHERE name = 'Total'")


def test_a_change_that_a_before_handler_turns_into_another_event_is_told_as_that_one(
    listening: Shop, heard: Heard
) -> None:
    """A handler that deletes what was only changed makes a delete, with the handlers of deletes."""
    heard.steps = {"before_update": lambda _, user: user.delete()}
    ctx = listening.context()
    user = add_user(listening, ctx)
    listening.do(ctx.flush())
    heard.taken()
    user.name = "Changed"

    result = listening.do(ctx.flush())

    assert fx.FlushResult(deleted=1) == result
    assert ["before_update", "before_delete", "after_delete"] == [name for name, *_ in heard.events]
    assert ("after_delete", "Alice") == heard.events[-1]


def test_a_soft_delete_is_told_as_a_delete_with_the_row_as_it_was(listening: Shop, heard: Heard) -> None:
    """What marks a row deleted is no update to anybody who follows deletions; a restore is an update without fields."""
    kept: list[Any] = []
    heard.steps = {"after_delete": lambda _, row: kept.append(row)}
    ctx = listening.context()
    product = listening.do(listening.products.new(ctx, name="Novel", attributes={"pages": "300"}))
    listening.do(ctx.flush())
    heard.taken()
    product.name = "Renamed"
    product.delete()
    listening.do(ctx.flush())
    deleted = heard.taken()
    product.restore()
    listening.do(ctx.flush())

    assert [("before_delete", "Renamed"), ("after_delete", "Novel")] == deleted
    assert [("before_update", "Renamed"), ("after_update", "Renamed", {})] == heard.taken()
    assert [(False, {"pages": "300"})] == [(row.is_deleted, row.attributes) for row in kept]


def test_rows_of_after_handlers_are_snapshots_that_nothing_changes(listening: Shop, heard: Heard) -> None:
    """What a handler was told stays true: later changes of the entity, also inside JSON, do not reach it."""
    kept: list[Any] = []
    heard.steps = {"after_insert": lambda _, row: kept.append(row)}
    ctx = listening.context()
    product = listening.do(listening.products.new(ctx, name="Novel", attributes={"pages": "300"}))
    listening.do(ctx.flush())
    (row,) = kept

    product.name = "Changed"
    product.attributes["pages"] = "1"
    for change in (lambda: setattr(row, "name", "x"), row.delete, row.force_delete):
        with pytest.raises(ReadOnlyEntityError, match="read-only snapshot"):
            change()

    assert ("Novel", {"pages": "300"}, product.id) == (row.name, row.attributes, row.id)
    assert (False, False, False) == (row.is_new, row.is_dirty, row.is_deleted)
    ctx.clear_flush()


def test_changes_tell_json_that_was_changed_in_place_and_leave_out_automatic_timestamps(
    listening: Shop, heard: Heard
) -> None:
    """Old and new value are both there although the program only ever had one dict."""
    ctx = listening.context()
    product = listening.do(listening.products.new(ctx, name="Novel", attributes={"pages": "300"}))
    user = add_user(listening, ctx)
    listening.do(ctx.flush())
    heard.taken()
    product.attributes["pages"] = "310"
    user.age = 3

    listening.do(ctx.flush())

    changes = {name: more[0] for event, name, *more in heard.events if event == "after_update"}
    assert {
        "Novel": {"attributes": fx.Change({"pages": "300"}, {"pages": "310"})},
        "Alice": {"age": fx.Change(0, 3)},
    } == changes


def test_changes_tell_a_value_that_was_null_and_one_that_becomes_it(listening: Shop, heard: Heard) -> None:
    """NULL is a value like others: who reports what changed must be able to say that there was nothing before."""
    ctx = listening.context()
    category = listening.do(listening.categories.new(ctx, name="Books"))
    product = listening.do(listening.products.new(ctx, name="Novel", aliases=["a", None, None]))
    listening.do(ctx.flush())
    before: list[Any] = []
    heard.steps = {"before_update": lambda _, entity: before.append(entity.changes())}
    heard.taken()

    product.set(category=category, aliases=[None, "b", None])
    listening.do(ctx.flush())
    product.delete()
    product.name = "Roman"
    listening.do(ctx.flush())
    product.restore()
    product.aliases_2 = None
    listening.do(ctx.flush())

    expected = [
        {
            "category_id": fx.Change(None, category.id),
            "aliases_1": fx.Change("a", None),
            "aliases_2": fx.Change(None, "b"),
        },
        {"aliases_2": fx.Change("b", None)},
    ]
    assert expected == [more[0] for event, _, *more in heard.taken() if event == "after_update"]
    assert [expected[0], expected[1] | {"fake_delete": fx.Change(product.id, 0)}] == before


def test_changes_tell_an_embedded_value_by_its_columns_and_no_version(make_shop: Any, valkey: RedisServer) -> None:
    """What the flush sets by itself is no news to a handler."""
    heard: list[Any] = []

    def prepare(engine: Engine) -> None:
        for definition in (entities.UserEntity, entities.CounterEntity):
            engine.provider(definition).on_after_update(engine, lambda ctx, row, changes: heard.append(changes))

    made: Shop = make_shop(valkey.host_port, valkey.namespace, prepare=prepare)
    ctx = made.context()
    user, counter = add_user(made, ctx), made.do(made.counters.new(ctx, label="a"))
    made.do(ctx.flush())

    user.home = type(user.home)(country="PL", city="")
    counter.hits = 1
    made.do(ctx.flush())

    assert [{"home_country": fx.Change("", "PL")}, {"hits": fx.Change(0, 1)}] == sorted(heard, key=str, reverse=True)


def test_after_handlers_find_what_was_committed(listening: Shop, heard: Heard) -> None:
    """They run after the commit and after the caches: any look-up shows the new row."""
    seen: list[Any] = []

    def look(_: Any, row: Any) -> None:
        seen.append(listening.sql("SELECT name FROM UserEntity WHERE id = ?", row.id))

    heard.steps = {"after_insert": look, "after_update": look}
    ctx = listening.context()
    user = add_user(listening, ctx)
    listening.do(ctx.flush())
    user.name = "Alicia"
    listening.do(ctx.flush())

    assert [[("Alice",)], [("Alicia",)]] == seen


def test_all_after_handlers_run_and_every_failure_is_in_the_error(listening: Shop, heard: Heard) -> None:
    """One broken handler neither hides the rows that are durable nor keeps the others from running."""

    def fail(_: Any, row: Any) -> None:
        raise ValueError(f"no mail to {row.name}")

    heard.steps = {"after_insert": fail}
    ctx = listening.context()
    users = [add_user(listening, ctx, name) for name in ("A", "B", "C")]

    with pytest.raises(PostCommitError, match="3 callbacks failed") as caught:
        listening.do(ctx.flush())

    assert ["no mail to A", "no mail to B", "no mail to C"] == [str(failure) for failure in caught.value.failures]
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert caught.value.failures == caught.value.__cause__.exceptions
    assert [False] * 3 == [user.is_new for user in users]
    assert fx.FlushResult() == listening.do(ctx.flush())


def test_a_failed_flush_calls_no_after_handler(listening: Shop, heard: Heard) -> None:
    """Nothing was written, so there is nothing to tell; the retry tells it once."""
    ctx = listening.context()
    add_user(listening, ctx)
    listening.do(ctx.flush())
    heard.taken()
    other = listening.do(listening.users.new(ctx, name="Other", email="alice@example.com"))

    with pytest.raises(DuplicateKeyError):
        listening.do(ctx.flush())
    failed = heard.taken()
    other.email = "other@example.com"
    listening.do(ctx.flush())

    assert [("before_insert", "Other")] == failed
    assert [("before_insert", "Other"), ("after_insert", "Other")] == heard.taken()


def test_after_handlers_wait_for_the_commit_of_a_transaction_with_the_values_of_each_write(
    listening: Shop, heard: Heard
) -> None:
    """Nobody is told of rows that may still vanish; each flush of a transaction, that of its end too, is an event."""
    ctx = listening.context()
    with block(listening, ctx):
        user = add_user(listening, ctx)
        listening.do(ctx.flush())
        user.name = "Alicia"
        listening.do(ctx.flush())
        user.name = "Alix"
        inside = heard.taken()

    assert [("before_insert", "Alice"), ("before_update", "Alicia")] == inside
    assert [
        ("before_update", "Alix"),
        ("after_insert", "Alice"),
        ("after_update", "Alicia", {"name": fx.Change("Alice", "Alicia")}),
        ("after_update", "Alix", {"name": fx.Change("Alicia", "Alix")}),
    ] == heard.taken()


def test_a_rollback_drops_what_after_handlers_would_have_heard(listening: Shop, heard: Heard) -> None:
    """Of a nested block only what it wrote is dropped, of the outermost everything."""
    ctx = listening.context()
    with block(listening, ctx):
        add_user(listening, ctx, "Kept")
        listening.do(ctx.flush())
        with block(listening, ctx):
            add_user(listening, ctx, "Undone")
            listening.do(ctx.flush())
            raise Undo
    ctx.clear_flush()
    kept = heard.taken()
    with block(listening, ctx):
        add_user(listening, ctx, "Undone")
        listening.do(ctx.flush())
        raise Undo
    ctx.clear_flush()

    assert ("after_insert", "Kept") == kept[-1]
    assert ["before_insert", "before_insert", "after_insert"] == [name for name, *_ in kept]
    assert [("before_insert", "Undone")] == heard.taken()


def test_several_handlers_run_in_the_order_registered(make_shop: Any, valkey: RedisServer) -> None:
    """What one prepares the next may rely on."""
    order: list[str] = []

    def prepare(engine: Engine) -> None:
        users: Any = engine.provider(entities.UserEntity)
        for name in ("first", "second"):
            users.on_before_insert(engine, lambda _, __, name=name: order.append(f"before {name}"))
            users.on_after_insert(engine, lambda _, __, name=name: order.append(f"after {name}"))

    shop = make_shop(valkey.host_port, valkey.namespace, prepare=prepare)
    ctx = shop.context()
    add_user(shop, ctx)

    shop.do(ctx.flush())

    assert ["before first", "before second", "after first", "after second"] == order


def test_coroutine_handlers_are_awaited_on_asyncio_and_refused_elsewhere(make_shop: Any, valkey: RedisServer) -> None:
    """An async handler does its own I/O; a blocking flush cannot await it and says so."""
    seen: list[str] = []

    def prepare(engine: Engine) -> None:
        users: Any = engine.provider(entities.UserEntity)

        async def before(_: Any, user: Any) -> None:
            user.name = user.name.upper()

        async def after(ctx: Any, row: Any) -> None:
            found = await users.get_by_id(ctx.clone(), row.id)
            seen.append(found.name)

        users.on_before_insert(engine, before)
        users.on_after_insert(engine, after)

    shop = make_shop(valkey.host_port, valkey.namespace, prepare=prepare)
    ctx = shop.context()
    add_user(shop, ctx)

    if shop.shell.name == "asyncio":
        shop.do(ctx.flush())
    else:
        with pytest.raises(ContextMisuseError, match="use an AsyncContext"):
            ctx.flush()
        ctx.clear_flush()

    assert (["ALICE"] if shop.shell.name == "asyncio" else []) == seen


def test_a_handler_writes_through_a_clone_and_not_through_its_flushs_context(
    make_shop: Any, valkey: RedisServer
) -> None:
    """Flushing a context in the middle of its flush would write things twice; the error says what to do instead."""
    refused: list[str] = []

    def use(step: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ReentrantFlushError as error:
            refused.append(f"{step}: {'ctx.clone()' in str(error)}")

    def prepare(engine: Engine) -> None:
        users: Any = engine.provider(entities.UserEntity)
        categories: Any = engine.provider(entities.CategoryEntity)

        async def before_async(ctx: Any, user: Any) -> None:
            for step in (ctx.flush, lambda: categories.get_by_id(ctx, 1), lambda: categories.new(ctx), ctx.aclose):
                try:
                    await step()
                except ReentrantFlushError as error:
                    refused.append(f"before: {'ctx.clone()' in str(error)}")

        async def after_async(ctx: Any, row: Any) -> None:
            assert row.name == (await users.get_by_id(ctx, row.id)).name
            try:
                await ctx.flush()
            except ReentrantFlushError as error:
                refused.append(f"after: {'ctx.clone()' in str(error)}")
            clone = ctx.clone()
            await categories.new(clone, name="From a handler")
            await clone.flush()

        def before(ctx: Any, user: Any) -> Any:
            if isinstance(ctx, fx.AsyncContext):
                return before_async(ctx, user)
            for step in (ctx.flush, lambda: categories.get_by_id(ctx, 1), lambda: categories.new(ctx), ctx.close):
                use("before", step)
            return None

        def after(ctx: Any, row: Any) -> Any:
            if isinstance(ctx, fx.AsyncContext):
                return after_async(ctx, row)
            assert row.name == users.get_by_id(ctx, row.id).name
            use("after", ctx.flush)
            clone = ctx.clone()
            categories.new(clone, name="From a handler")
            clone.flush()
            return None

        users.on_before_insert(engine, before)
        users.on_after_insert(engine, after)

    shop = make_shop(valkey.host_port, valkey.namespace, prepare=prepare)
    ctx = shop.context()
    add_user(shop, ctx)

    shop.do(ctx.flush())

    assert ["before: True"] * 4 + ["after: True"] == refused
    assert [("From a handler",)] == shop.sql("SELECT name FROM CategoryEntity")
    assert fx.FlushResult() == shop.do(ctx.flush())


def test_handlers_are_taken_until_the_engines_first_context(cached_shop: Shop) -> None:
    """One registered later would miss flushes that are under way; the error names the entity and the event."""
    engine = cached_shop.engine

    with pytest.raises(RegistryError, match=r"UserEntity\.on_after_insert: the engine has a context already"):
        cached_shop.users.on_after_insert(engine, print)
    with pytest.raises(RegistryError, match="before_update"):
        cached_shop.users.on_before_update(engine, print)
