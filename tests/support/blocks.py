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
    given = opened.__enter__() if shop.shell.name == "sync" else shop.do(opened.__aenter__())
    try:
        yield given
    except BaseException as error:
        leave(shop, opened, error)
        if not isinstance(error, Undo):
            raise
    else:
        leave(shop, opened)


def enter(shop: Shop, opened: Any) -> Any:
    """Enter a block by hand; it is to be left by ``leave``."""
    opened.__enter__() if shop.shell.name == "sync" else shop.do(opened.__aenter__())
    return opened


def leave(shop: Shop, opened: Any, error: BaseException | None = None) -> None:
    """Leave a block by hand, ``error`` being on its way."""
    kind = None if error is None else type(error)
    if shop.shell.name == "sync":
        opened.__exit__(kind, error, None)
    else:
        shop.do(opened.__aexit__(kind, error, None))


def close(shop: Shop, ctx: Any) -> None:
    """Close a context."""
    shop.do(ctx.aclose()) if shop.shell.name == "asyncio" else ctx.close()


def flush(shop: Shop, ctx: Any, explicit: bool) -> None:
    """Alone, or ``explicit``: in a block of its own."""
    if not explicit:
        shop.do(ctx.flush())
        return
    with block(shop, ctx):
        shop.do(ctx.flush())
