"""In which order ``save_many`` writes its rows: by key. Pure.

So two who save the same rows meet at the first, not crosswise. Only where the order cannot be seen in the result: no
two rows may have a key in common, and each row must have one key alone, the id where there is no unique index, else the
only unique index of rows without an id. A row with two keys may meet what another of the call leaves behind. Texts are
compared by collations that the server knows and this does not: those of printable ASCII differ at most in case and
spaces at the end, others keep the rows in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from fluxaorm.entity.schema import UNSET

if TYPE_CHECKING:
    from fluxaorm.entity.schema import IndexSchema
    from fluxaorm.plans.state.tracked import TrackedEntity

T = TypeVar("T")
Key: TypeAlias = "tuple[Any, ...]"


def key_of(entity: TrackedEntity, has_own_id: bool, uniques: Sequence[IndexSchema]) -> Key | None:
    """The only key of a row to be saved; None: there is none, or another besides.

    In a form that is equal where the server may find it equal.
    """
    if has_own_id or len(uniques) != 1:
        return (entity._row[0],) if has_own_id and not uniques else None
    parts: list[Any] = []
    for position in uniques[0].positions:
        value = entity._current(position)
        if isinstance(value, str):
            value = _comparable(value)
        if value is None or value is UNSET:
            return None
        parts.append(value)
    return tuple(parts)


def _comparable(text: str) -> str | None:
    return text.lower().rstrip(" ") if text.isascii() and text.isprintable() else None


def in_lock_order(rows: Sequence[T], keys: Sequence[Key | None], sets: Sequence[Any]) -> Sequence[T]:
    """The rows as they are to be written. ``sets``: sortable, of which one statement has rows of one only."""
    known = [key for key in keys if key is not None]
    if len(known) < len(rows) or len(set(known)) < len(rows):
        return rows
    order = sorted(range(len(rows)), key=lambda at: (sets[at], known[at]))
    return [rows[at] for at in order]
