"""Local caches with and without a limit."""

from __future__ import annotations

import fluxaorm as fx

registry = fx.Registry()
registry.register_local_cache(fx.DEFAULT_POOL_CODE, 100_000)
registry.register_local_cache("static_data", 0)

with registry.validate(connect=False) as engine:
    assert [100_000, 0] == [engine.local_cache().limit, engine.local_cache("static_data").limit]
