"""Queries: what a user asks for, as values. No I/O, no driver; ``sql`` compiles them to SQL."""

from fluxaorm.query.query import Query

__all__ = ["Query"]
