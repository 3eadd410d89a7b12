"""``for_update``: rows locked until the transaction ends, read as they are now, into entities without other changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import fluxaorm as fx
from fluxaorm.errors import EntityNotFoundError, NotSupportedError, QueryError, UnsavedChangesError
from fluxaorm.query.aggregates import count
from tests.support.blocks import block
from tests.support.insides import core
from tests.support.shop_engines import Shop

Look = Callable[[Any, Any, int], Any]


def iterated(users: Any, ctx: Any) -> Any:
    """All users, each batch locked; to be awaited on asyncio."""
    iteration = users.iterate(ctx, fx.Query().for_update(), batch=1)

    async def listed() -> list[Any]:
        return [user async for user in iteration]

    return listed() if hasattr(iteration, "__aiter__") else list(iteration)


LOOK_UPS: dict[str, Look] = {
    "get_by_id": lambda users, ctx, id: users.get_by_id(ctx, id, for_update=True),
    "must_get_by_id": lambda users, ctx, id: users.must_get_by_id(ctx, id, for_update=True),
    "get_by_ids": lambda users, ctx, id: users.get_by_ids(ctx, id, for_update=True),
    "get_by_email": lambda users, ctx, _: users.get_by_email(ctx, "a@example.com", for_update=True),
    "must_get_by_email": lambda users, ctx, _: users.must_get_by_email(ctx, "a@example.com", for_update=True),
}
ENTITY_SEARCHES: dict[str, Look] = {
    "search_many": lambda users, ctx, _: users.search_many(ctx, fx.Query().for_update()),
    "search_one": lambda users, ctx, _: users.search_one(ctx, fx.Query().for_update()),
    "search_one by a key": lambda users, ctx, _: users.search_one(
        ctx, fx.Query().filter(users.fields.email == "a@example.com").for_update(nowait=True)
    ),
    "with total": lambda users, ctx, _: users.search_many_with_total(ctx, fx.Query().for_update()),
    "search_ids": lambda users, ctx, _: users.search_ids(ctx, fx.Query().for_update(skip_locked=True)),
    "ids with total": lambda users, ctx, _: users.search_ids_with_total(ctx, fx.Query().for_update()),
    "from_sql": lambda users, ctx, _: users.from_sql(ctx, "SELECT * FROM UserEntity FOR /* all */ UPDATE"),
    "iterate": lambda users, ctx, _: iterated(users, ctx),
}
"""Those after which entities of the context are as their locked rows."""
SEARCHES: dict[str, Look] = {
    **ENTITY_SEARCHES,
    "select": lambda users, ctx, _: users.select(ctx, fx.Query().for_update(skip_locked=True), users.fields.age),
    "count": lambda users, ctx, _: users.count(ctx, fx.Query().for_update()),
    "exists": lambda users, ctx, _: users.exists(ctx, fx.Query().for_update()),
    "aggregate": lambda users, ctx, _: users.aggregate(ctx, fx.Query().for_update(), n=count()),
}


def stored_user(shop: Shop) -> int:
    ctx = shop.context()
    user = shop.do(shop.users.new(ctx, name="Alice", email="a@example.com"))
    shop.do(ctx.flush())
    return int(user.id)


def has_row_locks(shop: Shop) -> bool:
    return bool(core(shop.engine).mysql_pools["default"].dialect.capabilities.row_locks)


@pytest.mark.parametrize("look", [*LOOK_UPS.values(), *SEARCHES.values()], ids=[*LOOK_UPS, *SEARCHES])
def test_a_lock_outside_a_transaction_is_refused(cached_shop: Shop, look: Look) -> None:
    """It would be gone with its own statement, and a read-modify-write that looks safe would lose updates."""
    id = stored_user(cached_shop)

    with pytest.raises(QueryError, match=r"UserEntity: for_update .* ctx\.transaction\(\)"):
        cached_shop.do(look(cached_shop.users, cached_shop.context(), id))


@pytest.mark.parametrize("look", LOOK_UPS.values(), ids=LOOK_UPS)
def test_a_locked_look_up_reads_past_every_cache_into_the_same_object(cached_shop: Shop, look: Look) -> None:
    """What it gives is what the table holds now, whatever the context or Redis had."""
    id = stored_user(cached_shop)
    ctx = cached_shop.context()

    with block(cached_shop, ctx):
        if not has_row_locks(cached_shop):
            with pytest.raises(NotSupportedError):
                cached_shop.do(look(cached_shop.users, ctx, id))
            return
        user = cached_shop.do(cached_shop.users.get_by_id(ctx, id))
        cached_shop.do(ctx.mysql().exec("UPDATE UserEntity SET age = 50")) if cached_shop.shell.name == "asyncio" else (
            ctx.mysql().exec("UPDATE UserEntity SET age = 50")
        )
        locked = cached_shop.do(look(cached_shop.users, ctx, id))

        assert 50 == user.age
        assert user is (locked[0] if isinstance(locked, list) else locked)


@pytest.mark.parametrize("look", ENTITY_SEARCHES.values(), ids=ENTITY_SEARCHES)
def test_a_locked_search_refreshes_what_the_context_has(cached_shop: Shop, look: Look) -> None:
    """Also one that gives no entities: what is computed from the object next is computed from the locked row."""
    id = stored_user(cached_shop)
    ctx = cached_shop.context()

    with block(cached_shop, ctx):
        if not has_row_locks(cached_shop):
            return
        user = cached_shop.do(cached_shop.users.get_by_id(ctx, id))
        # after the transaction's snapshot was made
        cached_shop.sql("UPDATE UserEntity SET age = 50")
        found = cached_shop.do(look(cached_shop.users, ctx, id))
        user.age += 1

    assert found
    assert [("51",)] == cached_shop.sql("SELECT age FROM UserEntity")


@pytest.mark.parametrize("look", [*LOOK_UPS.values(), *ENTITY_SEARCHES.values()], ids=[*LOOK_UPS, *ENTITY_SEARCHES])
@pytest.mark.parametrize("change", ["set", "delete"])
def test_a_locked_look_up_refuses_an_entity_with_unsaved_changes(cached_shop: Shop, look: Look, change: str) -> None:
    """They were computed from an older row: the lock would guard a lost update."""
    id = stored_user(cached_shop)
    ctx = cached_shop.context()

    with block(cached_shop, ctx):
        if not has_row_locks(cached_shop):
            return
        user = cached_shop.do(cached_shop.users.get_by_id(ctx, id))
        user.set(age=9) if change == "set" else user.delete()
        with pytest.raises(UnsavedChangesError):
            cached_shop.do(look(cached_shop.users, ctx, id))
        ctx.clear_flush()
        assert 0 == cached_shop.do(cached_shop.users.get_by_id(ctx, id, for_update=True)).age


def test_a_locked_look_up_leaves_deleted_rows_out(cached_shop: Shop) -> None:
    """Like the others."""
    ctx = cached_shop.context()
    product = cached_shop.do(cached_shop.products.new(ctx, name="Dune"))
    cached_shop.do(ctx.flush())
    product.delete()
    cached_shop.do(ctx.flush())

    with block(cached_shop, ctx):
        if not has_row_locks(cached_shop):
            return
        assert None is cached_shop.do(cached_shop.products.get_by_id(ctx, product.id, for_update=True))
        with pytest.raises(EntityNotFoundError):
            cached_shop.do(cached_shop.products.must_get_by_id(ctx, product.id, for_update=True))
        both: Any = {"for_update": True, "include_deleted": True}
        assert [product] == cached_shop.do(cached_shop.products.get_by_ids(ctx, product.id, **both))
