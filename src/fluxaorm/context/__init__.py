"""``Context`` and ``AsyncContext``, their transactions, and SQL of the user's own."""

from fluxaorm.context.async_context import AsyncContext
from fluxaorm.context.context import Context

__all__ = ["AsyncContext", "Context"]
