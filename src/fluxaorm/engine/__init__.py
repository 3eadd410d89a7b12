"""``Engine``, and what lives as long as it."""

from fluxaorm.engine.engine import Engine
from fluxaorm.engine.value_caches import CacheUsage, LocalCache

__all__ = ["CacheUsage", "Engine", "LocalCache"]
