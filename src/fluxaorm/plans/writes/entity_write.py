"""One entity's part in a flush, and what a statement of it is about. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fluxaorm.plans.state.bound_entity import BoundEntity
from fluxaorm.plans.state.tracked import TrackedEntity


@dataclass(frozen=True, slots=True)
class StatementTag:
    """What a statement of a flush is about, to tell its errors."""

    binding: BoundEntity
    verb: str
    entities: Sequence[TrackedEntity]
    ids_made: bool = False
    """Whether an INSERT that may also update refuses rows whose ids are taken, since nobody chose them."""


@dataclass(slots=True)
class EntityWrite:
    """One entity's part in a flush: the values that its row will have where they differ from now."""

    entity: TrackedEntity
    binding: BoundEntity
    verb: str
    values: dict[int, Any] = field(default_factory=dict[int, Any])
    """Position -> Python form of what is written."""
