"""The same provider on asyncio: many look-ups at once, through an engine of the event loop's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from fluxaorm.cli.demo.tally import Tally
from fluxaorm.engine import Engine

TOGETHER: Final = 200


def read_together(
    make_engine: Callable[[], Engine], provider: Any, ids: Sequence[int], tally: Tally
) -> list[list[int]]:
    """Look up every id at once, first with nothing cached, then from Redis; the ids found each time, in order."""
    return asyncio.run(_read_twice(make_engine, provider, ids, tally))


async def _read_twice(
    make_engine: Callable[[], Engine], provider: Any, ids: Sequence[int], tally: Tally
) -> list[list[int]]:
    found: list[list[int]] = []
    async with make_engine() as engine:
        for name in ("nothing cached", "from Redis"):
            async with engine.new_async_context() as ctx:
                tally.watch(ctx)
                with tally.step(f"{len(ids)} planes at once (asyncio), {name}", len(ids)):
                    planes = await asyncio.gather(*(provider.must_get_by_id(ctx, id) for id in ids))
                found.append([plane.id for plane in planes])
    return found
