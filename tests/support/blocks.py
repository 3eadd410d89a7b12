"""Transactions of either shell in a plain ``with``, so that a test of one reads like an application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.support.shop_engines import Shop


class Undo(Exception):
    """Leaves a block the way an application's own failure would; ``block`` keeps it from the test."""


def block(shop: Shop, ctx: Any, opened: Any = None, **options: Any) -> AbstractContextManager[Any, bool]:
    """``with ctx.transaction(...)`` or ``async with``, as the shell wants. ``opened``: another block to enter."""
    entered: Any = _entered(shop, opened or ctx.transaction(**options))
    given: AbstractContextManager[Any, bool] = entered
    return given


@contextmanager
def _entered(shop: Shop, opened: Any) -> Iterator[Any]:
    blocking = shop.shell.name == "sync"

    def leave(kind: Any, error: Any) -> None:
        if blocking:
            opened.__exit__(kind, error, None)
        else:
            shop.do(opened.__aexit__(kind, error, None))

    given = opened.__enter__() if blocking else shop.do(opened.__aenter__())
    try:
        yield given
    except Undo as error:
        leave(Undo, error)
    except BaseException as error:
        leave(type(error), error)
        raise
    else:
        leave(None, None)


def flush(shop: Shop, ctx: Any, explicit: bool) -> None:
    """Alone, or ``explicit``: in a block of its own."""
    if not explicit:
        shop.do(ctx.flush())
        return
    with block(shop, ctx):
        shop.do(ctx.flush())
