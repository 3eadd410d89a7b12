"""Options travel with the engine."""

from __future__ import annotations

import fluxaorm as fx

registry = fx.Registry()
registry.set_option("app_name", "my-service")

with registry.validate(connect=False) as engine:
    assert "my-service" == engine.option("app_name")
    assert engine.option("another") is None
