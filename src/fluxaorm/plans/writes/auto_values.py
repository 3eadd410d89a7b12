"""What a flush sets by itself in the rows it writes, one reading of the clock for all of them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fluxaorm.errors import RegistryError, described

if TYPE_CHECKING:
    from fluxaorm.plans.state.bound_entity import BoundEntity


class AutoValues:
    """Times and first versions, worked out once an entity."""

    def __init__(self, now: datetime) -> None:
        try:
            self._now = now.astimezone(UTC)
        except (AttributeError, TypeError):
            raise RegistryError([f"engine.clock gives {described(now)}, not a datetime"]) from None
        self._inserted: dict[BoundEntity, list[tuple[int, Any]]] = {}
        self._updated: dict[BoundEntity, list[tuple[int, Any]]] = {}

    def inserted(self, binding: BoundEntity) -> list[tuple[int, Any]]:
        """(position, value) of what a new row gets that has none."""
        values = self._inserted.get(binding)
        if values is None:
            schema = binding.schema
            values = self._inserted[binding] = self._times(binding, schema.created_at_position)
            values += self.updated(binding)
            if schema.version_position is not None:
                values.append((schema.version_position, 1))
        return values

    def updated(self, binding: BoundEntity) -> list[tuple[int, Any]]:
        """(position, value) of what a changed row gets unless the user set it."""
        values = self._updated.get(binding)
        if values is None:
            values = self._updated[binding] = self._times(binding, binding.schema.updated_at_position)
        return values

    def _times(self, binding: BoundEntity, position: int | None) -> list[tuple[int, Any]]:
        return [] if position is None else [(position, binding.schema.columns[position].check(self._now))]
