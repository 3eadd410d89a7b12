"""Ids that a caller gives: which can be one at all. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fluxaorm.errors import QueryError, shown_value
from fluxaorm.plans.state.unit_of_work import IdentityMap

LARGEST_ID: Final = 2**64 - 1
"""No row has a larger one, and no driver binds one: it is not asked for."""


def checked_ids(identity_map: IdentityMap, ids: Sequence[Any]) -> list[int]:
    """Those of ids that a row may have. QueryError as ``check_id``."""
    for id in ids:
        check_id(identity_map, id)
    return [id for id in ids if id <= LARGEST_ID]


def check_id(identity_map: IdentityMap, id: Any) -> None:
    """Refuse what cannot be an id: QueryError names the entity and the value."""
    if type(id) is not int and (isinstance(id, bool) or not isinstance(id, int)):
        raise QueryError(f"{identity_map.schema.name}: an id is an int, not {type(id).__name__} {shown_value(id)}")
    # no minimum is positive
    if id < 0 and id < (least := identity_map.schema.id_minimum):
        told = f"is at least {least}" if least else "is not negative"
        raise QueryError(f"{identity_map.schema.name}: an id {told}, got {shown_value(id)}")
