"""The Registry: what is registered, how it is checked, how the Engine is made of it."""

from __future__ import annotations

from fluxaorm.registry.registrations import DEFAULT_POOL_CODE
from fluxaorm.registry.registry import Registry

__all__ = ["DEFAULT_POOL_CODE", "Registry"]
