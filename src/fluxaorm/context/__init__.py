"""``Context`` and ``AsyncContext``, their transactions, and SQL of the user's own."""

from fluxaorm.context.context import AsyncContext, Context

__all__ = ["AsyncContext", "Context"]
