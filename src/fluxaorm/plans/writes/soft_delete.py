"""The one row that soft delete cannot mark. Decides; no I/O."""

from __future__ import annotations

from fluxaorm.errors import NotSupportedError


def zero_id_error(entity: str) -> NotSupportedError:
    """What is told when the row with the id 0 is to be marked deleted: the mark is the id, and 0 means alive."""
    return NotSupportedError(
        f"{entity}: the row with id 0 cannot be marked deleted, since the mark is the id and 0 means alive;"
        " force_delete() and delete_where(force=True) remove it"
    )
