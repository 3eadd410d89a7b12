"""What every generated look-up takes beside the values it looks for."""

from __future__ import annotations

from typing import TypedDict


class LookUp(TypedDict, total=False):
    """Keywords of look-ups; all are False unless given."""

    for_update: bool
    """Lock the row until the open transaction ends, and read it past every cache.

    QueryError outside a transaction, UnsavedChangesError for an entity that has some, NotSupportedError where the
    server has no row locks.
    """
    include_deleted: bool
    """Find also what is deleted, or waits to be by a flush; a living row goes before deleted ones."""
