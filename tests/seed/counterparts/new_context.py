"""An engine gives contexts, for threads and for asyncio."""

from __future__ import annotations

import fluxaorm as fx
from tests.seed.registries import engine_of_the_page

with engine_of_the_page() as engine, engine.new_context() as ctx:
    assert isinstance(ctx, fx.Context)
    assert isinstance(engine.new_async_context(), fx.AsyncContext)
