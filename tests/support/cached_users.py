"""Users of the shop that every cache holds, what other contexts see of them, and writers that work at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.shop_engines import Shop


def add_users(shop: Shop, *names: str) -> list[int]:
    """Stored users, in every cache that would keep them."""
    ctx = shop.context()
    users = shop.do(shop.users.new_many(ctx, len(names)))
    for user, name in zip(users, names, strict=True):
        user.set(name=name, email=f"{name.lower()}@example.com")
    shop.do(ctx.flush())
    ids = [int(user.id) for user in users]
    shop.do(shop.users.get_by_ids(shop.context(), *ids))
    return ids


def at_once(shop: Shop, times: int, call: Callable[[Any, int], Any]) -> list[Any]:
    """The results of ``call(ctx, turn)``, each with a context of its own, in threads or as tasks of one loop."""
    if shop.shell.name == "asyncio":
        return shop.shell.together([call(shop.context(), turn) for turn in range(times)])

    def one(turn: int) -> Any:
        with shop.engine.new_context() as ctx:
            return call(ctx, turn)

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, range(times)))


def ages(shop: Shop, ids: list[int]) -> list[int]:
    """As any other context sees them, through the caches."""
    return [user.age for user in shop.do(shop.users.get_by_ids(shop.context(), *ids))]


# save_many
